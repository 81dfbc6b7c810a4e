"""One text, as it was typed or scanned, and everything it may mean that is there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Select, select

from kiosk.domain.events import WordsData
from kiosk.domain.identifiers import (
    SERIES_LETTERS,
    BadIdentifier,
    InternalCode,
    ReceiptNumber,
    SerialNumber,
    bag_of,
    parse_internal_code,
)
from kiosk.domain.parcel import ParcelNumber, normalize, read_shelf, read_slip, waybill_digest
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import schema as ledger_schema
from kiosk.sorting_center.reports.members import regions_of
from kiosk.sorting_center.reports.parcels import ParcelReports
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import NameKind, event_subject, goods, name, newest, parcel

MAX_LENGTH: Final = 64  # Characters: no code of this trade is longer, and what is longer was not meant for this field
MAX_HITS: Final = 50
_MAX_GOODS: Final = 10
_STATIONS_PER_QUERY: Final = 500  # Of one question for a receipt that is named without its station

_RECEIPT: Final = re.compile(r"([0-9]{4})[- ]?([A-Z])[- ]?([0-9]{1,6})")
_SHORT_RECEIPT: Final = re.compile(r"([A-Z])(?:[- ]([0-9]{1,6})|([0-9]{6}))")
_PARCEL: Final = re.compile(r"P[- ]?([0-9]{4})[- ]?([A-Z])[- ]?([0-9]{1,6})")
_MEMBER: Final = re.compile(r"([0-9]{5})|M[- ]?([0-9]{1,5})")
_PRINTED_MEMBER: Final = re.compile(r"M-[0-9]{5}")
_SERIAL: Final = re.compile(r"[TZM]-[0-9]{4}-[A-Z]-[0-9]{6}")
_STATION: Final = re.compile(r"S?([0-9]{4})")
_DIGEST: Final = re.compile(r"[0-9A-F]{8}")
_WAYBILL: Final = re.compile(r"[0-9A-Z-]{8,40}")
_PRODUCT: Final = re.compile(r"[A-Z0-9._-]{2,40}")
_DAY: Final = (
    re.compile(r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})"),
    re.compile(r"(?P<year>20[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"),
    re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})"),
)
_AIM_IDENTIFIER: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
MAX_GOODS: Final = 5_000  # Names of goods that a search looks through; a county trades in some dozens


class HitKind(StrEnum):
    RECEIPT = "receipt"
    LOT = "lot"
    BAG = "bag"
    MEMBER = "member"
    WAYBILL = "waybill"  # A parcel whose waybill has the same digest: almost certainly the one searched for
    PARCEL = "parcel"
    DAY = "day"
    PRODUCT = "product"
    STATION = "station"
    SHELF = "shelf"  # A parcel in this slot
    TOTE = "tote"
    SEAL = "seal"
    MANIFEST = "manifest"  # Of these only the number is known, and so the station that gave it
    VILLAGE = "village"  # Its station
    TOWNSHIP = "township"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. ``key`` is the number or code of a receipt, a lot or a bag (their codes), a member, a parcel (also
    found by a waybill or a slot), a product or a station, or a day as YYYY-MM-DD. ``region`` and ``station`` are ""
    where it has none; ``name`` is its usual name, where the page has no text of its own for it.
    """

    kind: HitKind
    key: str
    region: str = ""
    station: str = ""
    name: str = ""


class GoodsNames:
    """What goods, grades and origins are called in three languages: the newest words that stations sent with offers.

    Raises a LedgerError when the database cannot be read.
    """

    def __init__(self, tables: ReportTables) -> None:
        self._tables = tables

    def of(self, code: str, kind: NameKind = NameKind.GOODS) -> WordsData | None:
        """Return the names of a code, "" in a language that has none; None while no offer has named it."""
        query = select(name.c.ug, name.c.zh, name.c.en).where(name.c.kind == kind.value, name.c.code == code)
        with self._tables.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else WordsData(row.ug or "", row.zh or "", row.en or "")

    def goods(self) -> list[tuple[str, WordsData]]:
        """Return the codes of goods with their names, in the order of the codes; at most MAX_GOODS."""
        query = select(name.c.code, name.c.ug, name.c.zh, name.c.en).where(name.c.kind == NameKind.GOODS.value)
        with self._tables.reading() as connection:
            rows = connection.execute(query.order_by(name.c.code).limit(MAX_GOODS)).all()
        return [(row.code, WordsData(row.ug or "", row.zh or "", row.en or "")) for row in rows]


class Search:
    """Search all reports. No query text raises an error; a LedgerError when one of the databases cannot be read."""

    def __init__(self, tables: ReportTables, ledger: Ledger, parcels: ParcelReports, names: GoodsNames) -> None:
        self._tables, self._ledger, self._parcels, self._names = tables, ledger, parcels, names

    def find(self, text: str) -> tuple[Hit, ...]:
        """Return what has this code or name, the surest first; empty for anything that cannot be either."""
        cleaned, found = _clean(text), list[Hit]()
        if cleaned:
            found += [*self._codes(cleaned), *self._numbers(cleaned), *self._waybills(cleaned), *_days(cleaned)]
            found += self._goods(cleaned)
        found += self._goods_by_name(fold_text(text))
        return tuple(dict.fromkeys(found))[:MAX_HITS]

    def _codes(self, cleaned: str) -> Sequence[Hit]:
        try:
            return list(self._of_code(parse_internal_code(cleaned), cleaned))
        except BadIdentifier:
            return ()

    def _of_code(self, code: InternalCode, cleaned: str) -> Iterator[Hit]:
        """Yield the hits of a code. Raises BadIdentifier."""
        match code.kind:
            case "R":
                yield from self._receipts(ReceiptNumber.of_body(code.body))
            case "L":
                for hit in self._receipts(ReceiptNumber.of_body(code.body)):
                    yield replace(hit, kind=HitKind.LOT, key=cleaned)
            case "B":
                yield from self._bag(cleaned)
            case "P":
                yield from self._members(code.body)
            case "K":
                yield from self._parcel(read_slip(code)[0])
            case "H":
                yield from self._on_shelf(read_shelf(code))
            case "T" | "Z" | "M":
                yield from self._serial(code.kind, cleaned)

    def _bag(self, cleaned: str) -> Iterator[Hit]:
        """Yield the bag; its receipt, when the event that lists its bags has not come yet or had no codes."""
        number, bag = bag_of(cleaned)
        c = ledger_schema.bag.c
        same_bag = (c.station == number.station) & (c.receipt == str(number)) & (c.bag == bag) & (c.code == cleaned)
        with self._ledger.reading() as connection:
            regions = connection.execute(select(c.region).where(same_bag).order_by(c.region)).scalars().all()
        found = [Hit(HitKind.BAG, cleaned, region, number.station) for region in regions]
        yield from found or self._receipts(number)

    def _on_shelf(self, slot: str) -> Iterator[Hit]:
        for row in self._parcels.on_shelf(slot):
            yield Hit(HitKind.SHELF, row.parcel, row.region, row.station)

    def _serial(self, kind: str, cleaned: str) -> Iterator[Hit]:
        """Yield hits for a tote, seal or manifest, as number or code: no event says more of it than its number."""
        try:
            number = SerialNumber.parse(kind, cleaned)
        except BadIdentifier:
            return
        for hit in self._stations(number.station):
            yield replace(hit, kind=_SERIALS[kind], key=number.text(kind))

    def _numbers(self, cleaned: str) -> Iterator[Hit]:
        if match := _RECEIPT.fullmatch(cleaned):
            number = _number(ReceiptNumber, match)
            yield from self._receipts(number) if number is not None else ()
        if match := _MEMBER.fullmatch(cleaned):
            yield from self._members(match[1] or match[2].zfill(5))
        # "M-04412" is a member as it is printed: of the receipts of that series, which a station reaches after a dozen
        # lost databases, all six digits are typed. They are looked for at every station.
        if (match := _SHORT_RECEIPT.fullmatch(cleaned)) and not _PRINTED_MEMBER.fullmatch(cleaned):
            yield from self._short_receipts(match[1], int(match[2] or match[3]))
        if match := _PARCEL.fullmatch(cleaned):
            parcel_number = _number(ParcelNumber, match)
            yield from self._parcel(parcel_number) if parcel_number is not None else ()
        if match := _STATION.fullmatch(cleaned):
            yield from self._stations(f"S{match[1]}")
        if _SERIAL.fullmatch(cleaned):
            yield from self._serial(cleaned[0], cleaned)
        yield from self._on_shelf(cleaned)

    def _receipts(self, number: ReceiptNumber) -> Iterator[Hit]:
        query = (
            select(event_subject.c.region)
            .where(event_subject.c.subject == str(number))
            .distinct()
            .order_by(event_subject.c.region)
        )
        for region in self._values(query):
            yield Hit(HitKind.RECEIPT, str(number), region, number.station)

    def _short_receipts(self, series: str, counter: int) -> Iterator[Hit]:
        """Search every known station: each receipt is looked up by its whole number."""
        if series not in SERIES_LETTERS:
            return
        left = MAX_HITS
        known_stations = self._values(select(newest.c.station).distinct().order_by(newest.c.station))
        for first in range(0, len(known_stations), _STATIONS_PER_QUERY):
            stations = known_stations[first : first + _STATIONS_PER_QUERY]
            numbers = [f"{station[1:]}-{series}-{counter:06d}" for station in stations]
            key = (event_subject.c.subject, event_subject.c.region)
            query = select(*key).where(event_subject.c.subject.in_(numbers)).distinct().order_by(*key).limit(left)
            with self._tables.reading() as connection:
                rows = connection.execute(query).all()
            yield from (Hit(HitKind.RECEIPT, row.subject, row.region, f"S{row.subject[:4]}") for row in rows)
            left -= len(rows)
            if not left:
                return

    def _members(self, digits: str) -> Iterator[Hit]:
        member = f"M-{digits}"
        for region in self._values(regions_of(member)):
            yield Hit(HitKind.MEMBER, member, region)

    def _parcel(self, number: ParcelNumber) -> Iterator[Hit]:
        c = parcel.c
        query = select(c.region).where(c.station == number.station, c.parcel == str(number)).order_by(c.region)
        for region in self._values(query):
            yield Hit(HitKind.PARCEL, str(number), region, number.station)

    def _stations(self, station: str) -> Iterator[Hit]:
        status = ledger_schema.station_status.c
        with self._ledger.reading() as connection:
            query = select(status.region).where(status.station == station).order_by(status.region)
            regions = connection.execute(query).scalars().all()
        yield from (Hit(HitKind.STATION, station, region, station) for region in regions)

    def _waybills(self, cleaned: str) -> Iterator[Hit]:
        if not _WAYBILL.fullmatch(cleaned.replace(" ", "")):
            return
        digests = [waybill_digest(normalize(cleaned)), *([cleaned.lower()] if _DIGEST.fullmatch(cleaned) else [])]
        for digest in digests:
            for row in self._parcels.with_digest(digest):
                yield Hit(HitKind.WAYBILL, row.parcel, row.region, row.station)

    def _goods(self, cleaned: str) -> Iterator[Hit]:
        """Yield codes with this prefix; an exact match comes first by its order."""
        if not _PRODUCT.fullmatch(cleaned):
            return
        c = goods.c.product
        begins = select(c).where(c >= cleaned, c < f"{cleaned}\x7f").order_by(c).limit(_MAX_GOODS)
        for product in self._values(begins):
            yield Hit(HitKind.PRODUCT, product)

    def _goods_by_name(self, words: str) -> Iterator[Hit]:
        if not words:
            return
        named = (
            code for code, names in self._names.goods() if words in fold_text(f"{names.ug}\n{names.zh}\n{names.en}")
        )
        yield from (Hit(HitKind.PRODUCT, code) for code in islice(named, _MAX_GOODS))

    def _values(self, query: Select[Any]) -> list[str]:
        with self._tables.reading() as connection:
            return list(connection.execute(query).scalars())


def _clean(text: str) -> str:
    """Return upper case, narrow forms, without what a scanner adds; "" for what is no code."""
    if len(text) > MAX_LENGTH:
        return ""
    narrow = _digits(unicodedata.normalize("NFKC", text)).removeprefix("\ufeff").strip(" \t\r\n")
    aim = _AIM_IDENTIFIER.match(narrow)
    cleaned = (narrow[aim.end() :] if aim else narrow).upper()
    return cleaned if cleaned.isascii() and cleaned.isprintable() else ""


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(char, char)) for char in text)


def fold_text(text: str) -> str:
    """Return words as names are compared: without regard to case, width, spaces and forms of Arabic letters; "" for
    what is too long or too short to search for.
    """
    if len(text) > MAX_LENGTH * 8:
        return ""
    plain = _digits(unicodedata.normalize("NFKC", text)).translate(_SAME_LETTERS).casefold()
    words = " ".join(plain.split())
    return words if len(words) > 1 or words > _IDEOGRAPHS else ""


_IDEOGRAPHS: Final = "\u2e80"  # From here on one sign is a word
_SAME_LETTERS: Final = {
    **dict.fromkeys((0x0640, 0x200C, 0x200D, 0xFEFF)),  # what stretches and joins letters
    **dict.fromkeys((0x06CC, 0x064A), 0x0649),  # one yeh: keyboards differ
    0x06A9: 0x0643,
    0x0647: 0x06D5,  # presentation forms have no other for the Uyghur letter
}

_SERIALS: Final = {"T": HitKind.TOTE, "Z": HitKind.SEAL, "M": HitKind.MANIFEST}

_Number = TypeVar("_Number", ReceiptNumber, ParcelNumber)


def _number(kind: type[_Number], match: re.Match[str]) -> _Number | None:
    try:
        return kind(f"S{match[1]}", match[2], int(match[3]))
    except BadIdentifier:
        return None


def _days(cleaned: str) -> Iterator[Hit]:
    for pattern in _DAY:
        if match := pattern.fullmatch(cleaned):
            try:
                day = date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                continue
            yield Hit(HitKind.DAY, day.isoformat())
