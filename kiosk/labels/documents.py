"""What stands on the papers, as plain data: everything is decided before anything is drawn.

``zone`` is the IANA name of the time zone; beside a time it is printed as the distance from UTC. Fields with a default
may be left out.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Literal

from kiosk.domain.day import DayTotals

Mode = Literal["purchase", "consignment"]

# What a paper shows of a waybill or a phone number: enough to compare, too little to use (GB/T 35273-2020, 7.2).
_TAIL_CHARACTERS = 4

_PICKUP_CODE = re.compile(r"[0-9]{6}")
_HEAD = re.compile(r"[0-9a-f]{64}")


class DocumentProblem(ValueError):
    """The figures do not add up: such a paper must not exist. The text names the figures."""


@dataclass(frozen=True, slots=True)
class BagLabel:
    """One bag. Mass in grams; ``date`` as "2026-11-25", None while the clock is unset. Raises DocumentProblem.

    ``in_store`` is the number for the till of a shop, thirteen digits.

    ``bag_code`` is the bag's own internal code (type B). ``producer`` is a member number or the village shop,
    ``seller`` a shop name; ``harvest`` is "2026" or "2026-09". ``gs1`` is a bracketed element string, ``link`` a
    Digital Link. ``copy_no`` counts reprints; 0 beside ``copy`` means that nobody counted.
    """

    goods_ug: str
    goods_zh: str
    goods_en: str
    net_g: int
    date: str | None
    zone: str
    lot_code: str
    receipt: str
    station: str
    bag: int
    bags: int
    mode: Mode
    copy: bool = False
    not_for_trade: bool = False
    village: str = ""
    county: str = ""
    bag_code: str = ""
    producer: str = ""
    seller: str = ""
    grade_ug: str = ""
    grade_zh: str = ""
    grade_en: str = ""
    harvest: str = ""
    gs1: str = ""
    link: str = ""
    copy_no: int = 0
    in_store: str = ""

    def __post_init__(self) -> None:
        _check_weight("net", self.net_g)
        _check_copy(self.copy_no)
        if not 1 <= self.bag <= self.bags:
            raise DocumentProblem(f"bag {self.bag} of {self.bags} does not exist")


@dataclass(frozen=True, slots=True)
class CrateLabel:
    """A crate or pallet of one lot, 100 x 150 mm. ``code`` is what its bars say; mass in grams. Raises DocumentProblem.

    With ``sscc``, 18 digits, the bars say that one.
    ``gross_g`` and ``bags`` are 0 when nobody weighed or counted. The others are as on a BagLabel.
    """

    goods_ug: str
    goods_zh: str
    goods_en: str
    net_g: int
    date: str | None
    zone: str
    code: str
    lot_code: str
    station: str
    gross_g: int = 0
    bags: int = 0
    receipt: str = ""
    not_for_trade: bool = False
    village: str = ""
    county: str = ""
    producer: str = ""
    seller: str = ""
    grade_ug: str = ""
    grade_zh: str = ""
    grade_en: str = ""
    harvest: str = ""
    gs1: str = ""
    link: str = ""
    copy: bool = False
    copy_no: int = 0
    sscc: str = ""
    crate: int = 0  # The number of the crate in its lot

    def __post_init__(self) -> None:
        _check_weight("net", self.net_g)
        _check_copy(self.copy_no)
        if self.bags < 0:
            raise DocumentProblem(f"a crate cannot hold {self.bags} bags")
        if self.gross_g and self.gross_g < self.net_g:
            raise DocumentProblem(f"gross {self.gross_g} g is less than net {self.net_g} g")


@dataclass(frozen=True, slots=True)
class MemberCard:
    """What a member shows instead of saying a number. No name and no telephone: a lost card tells nobody whose it is.

    ``member`` is the number people say, ``code`` its internal code (type P); ``date`` the day of issue.
    """

    member: str
    code: str
    station: str
    date: str | None
    zone: str
    village: str = ""
    county: str = ""
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        _check_copy(self.copy_no)


@dataclass(frozen=True, slots=True)
class ToteTag:
    """A tote on its way to the sorting center. ``code`` is its internal code (type T), ``tote`` what people read."""

    tote: str
    code: str
    station: str
    date: str | None
    zone: str
    destination: str = ""
    village: str = ""
    county: str = ""
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        _check_copy(self.copy_no)


@dataclass(frozen=True, slots=True)
class SealTag:
    """The seal of a tote. ``code`` is its internal code (type Z), ``seal`` what people read; no seal has a copy."""

    seal: str
    code: str
    station: str
    date: str | None
    zone: str
    tote: str = ""
    village: str = ""
    county: str = ""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One tote: its seal, the bags or parcels in it, their net weight in grams. Raises DocumentProblem."""

    tote: str
    seal: str
    items: int
    net_g: int = 0

    def __post_init__(self) -> None:
        _check_weight("net", self.net_g)
        if self.items < 0:
            raise DocumentProblem(f"tote {self.tote}: {self.items} items are not possible")


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """What goes to the sorting center in one van. ``code`` is its internal code (type M). Raises DocumentProblem.

    ``items`` and ``net_g`` are sums of all rows; ``sheet`` is the one to print where one has no room for all.
    """

    manifest: str
    code: str
    station: str
    rows: tuple[ManifestRow, ...]
    items: int
    net_g: int
    date: str | None
    time: str | None
    zone: str
    destination: str = ""
    carrier: str = ""
    actor: str = ""
    software: str = ""
    village: str = ""
    county: str = ""
    copy: bool = False
    copy_no: int = 0
    sheet: int = 1

    def __post_init__(self) -> None:
        _check_copy(self.copy_no)
        if not self.rows:
            raise DocumentProblem("a manifest needs at least one tote")
        for name, total, due in (
            ("items", self.items, sum(row.items for row in self.rows)),
            ("net_g", self.net_g, sum(row.net_g for row in self.rows)),
        ):
            if total != due:
                raise DocumentProblem(f"{name} is {total}, but the rows add up to {due}")


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One bag on a receipt: gross − tare = net, in grams; price in fen per kg; amount in fen.

    ``price_fen_per_kg`` is 0 when no price was agreed (consignment). Raises DocumentProblem.
    """

    goods_ug: str
    goods_zh: str
    goods_en: str
    bag: int
    gross_g: int
    container_ug: str
    container_zh: str
    container_en: str
    tare_g: int
    net_g: int
    price_fen_per_kg: int
    amount_fen: int

    def __post_init__(self) -> None:
        if min(self.tare_g, self.net_g, self.price_fen_per_kg, self.amount_fen) < 0:
            raise DocumentProblem(f"bag {self.bag}: weights and money cannot be negative on a receipt")
        if self.gross_g - self.tare_g != self.net_g:
            raise DocumentProblem(f"bag {self.bag}: {self.gross_g} g − {self.tare_g} g is not {self.net_g} g")


@dataclass(frozen=True, slots=True)
class ReceiptDocument:
    """One intake. ``party`` is a member number or "non_member"; ``time`` as "14:32"; totals are sums of the lines.

    ``certificate`` is kind and reference, or "none" with the reason ("none: own use"). ``scale_marks`` are the words of
    what the scale was not worth when this was weighed, worst first; ``counters`` its event counters as "3-12-5" (scale
    profile, tare library, clock), ``scale_no`` the serial number on its plate, ``verified_until`` the date on its seal.
    ``head`` is the hash of the last event of the journal; a ``void`` receipt is printed only to show that it is void.
    ``copy_no`` counts reprints; 0 beside ``copy`` means that nobody counted. Raises DocumentProblem.
    """

    receipt: str
    receipt_code: str
    station: str
    village: str
    party: str
    mode: Mode
    lines: tuple[ReceiptLine, ...]
    net_g: int
    amount_fen: int
    date: str | None
    time: str | None
    zone: str
    certificate: str
    lot_code: str
    software: str
    metrology: str
    copy: bool = False
    counters: str = ""
    scale_marks: tuple[str, ...] = ()
    scale_no: str = ""
    county: str = ""
    head: str = ""
    verified_until: str = ""
    void: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        _check_copy(self.copy_no)
        if self.head:
            _check_head(self.head)
        if not self.lines:
            raise DocumentProblem("a receipt needs at least one bag")
        net_g, amount_fen = sum(line.net_g for line in self.lines), sum(line.amount_fen for line in self.lines)
        for name, total, due in (("net_g", self.net_g, net_g), ("amount_fen", self.amount_fen, amount_fen)):
            if total != due:
                raise DocumentProblem(f"{name} is {total}, but the lines add up to {due}")


@dataclass(frozen=True, slots=True)
class ParcelLabel:
    """What is stuck on a parcel: where it stands. No pickup code, no name: everyone in the shop can read it.

    ``code`` is the internal code of the shelf slot (type H); ``date`` the day it arrived. Raises DocumentProblem.
    """

    shelf: str
    number: str
    carrier: str
    waybill_last4: str
    code: str
    date: str | None
    zone: str
    station: str
    copy: bool = False
    village: str = ""
    county: str = ""

    def __post_init__(self) -> None:
        _check_tail("waybill", self.waybill_last4)


@dataclass(frozen=True, slots=True)
class PickupSlip:
    """What its addressee brings back. There is no copy of it: a lost slip gets a new code.

    ``code`` is six digits, ``slip_code`` the internal code (type K) that holds them; ``overdue_days`` is counted from
    ``date``. Raises DocumentProblem.
    """

    shelf: str
    number: str
    code: str = field(repr=False)
    slip_code: str = field(repr=False)
    waybill_last4: str
    phone_last4: str | None
    date: str | None
    zone: str
    station: str
    village: str
    overdue_days: int
    county: str = ""

    def __post_init__(self) -> None:
        _check_tail("waybill", self.waybill_last4)
        _check_tail("phone number", self.phone_last4 or "")
        if not _PICKUP_CODE.fullmatch(self.code):
            raise DocumentProblem("a pickup code is six digits")
        if self.overdue_days < 0:
            raise DocumentProblem(f"a parcel cannot wait {self.overdue_days} days")


@dataclass(frozen=True, slots=True)
class DaySlip:
    """The close of a day; ``head`` is the hash of event ``seq``, the last one of the day. Raises DocumentProblem."""

    station: str
    village: str
    date: str | None
    time: str | None
    zone: str
    totals: DayTotals
    head: str
    seq: int
    actor: str
    software: str
    copy: bool = False
    county: str = ""

    def __post_init__(self) -> None:
        negative = [name for name, figure in asdict(self.totals).items() if figure < 0]
        if negative or self.seq < 0:
            raise DocumentProblem(f"{negative[0] if negative else 'seq'} cannot be negative on a day slip")
        _check_head(self.head)


@dataclass(frozen=True, slots=True)
class TestLabel:
    """A label that shows whether the label printer is well: every dot of the head, three scripts, bars.

    With ``sample`` it is a label of that kind with sample data, by the layout that is used for it.
    """

    station: str
    date: str | None
    zone: str
    software: str
    village: str = ""
    county: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class TestReceipt:
    """The same for the receipt printer."""

    station: str
    village: str
    date: str | None
    time: str | None
    zone: str
    software: str
    county: str = ""


def _check_head(head: str) -> None:
    if not _HEAD.fullmatch(head):
        raise DocumentProblem(f"the head of the journal is 64 lower-case hex digits, not {head!r}")


def _check_weight(what: str, grams: int) -> None:
    if grams < 0:
        raise DocumentProblem(f"the {what} weight is {grams} g: a label needs a weight of 0 or more")


def _check_copy(number: int) -> None:
    if number < 0:
        raise DocumentProblem(f"a paper cannot be copy {number}")


def _check_tail(what: str, text: str) -> None:
    if len(text) > _TAIL_CHARACTERS:
        raise DocumentProblem(f"a paper shows the last four characters of a {what}, not {len(text)}")
