"""The papers of the counter: of a parcel, a tote and its seal, a manifest, a closed day, a member."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, fields

import msgspec

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.catalog import Member
from kiosk.domain.day import DayTotals
from kiosk.domain.identifiers import SerialNumber
from kiosk.domain.parcel import ParcelNumber, slot_code
from kiosk.labels.documents import Paper
from kiosk.labels.papers.day_slip import DaySlip
from kiosk.labels.papers.manifest import ManifestDocument, ManifestRow
from kiosk.labels.papers.member import MemberCode
from kiosk.labels.papers.parcel import ParcelLabel, PickupSlip
from kiosk.labels.papers.tags import MemberCard, SealTag, ToteTag
from kiosk.messaging.contract.checkpoint import Checkpoint
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.station.papers.papers import LABEL_PRINTER, RECEIPT_PRINTER, origin
from kiosk.station.parcels.pickup_key import PickupCode, PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.settings import StationSettings
from kiosk.store.parcels.totes import MANIFEST, SEAL, TOTE
from kiosk.store.shared.records import NewPaper, ParcelRow, Stamp, ToteRow

PARCEL_LABEL = "parcel_label"
PICKUP_SLIP = "pickup_slip"
DAY_SLIP = "day_slip"
MEMBER_CARD = "member_card"
MEMBER_STATEMENT = "member_statement"
MEMBER_CODE = "member_code"
TOTE_TAG = "tote_tag"
SEAL_TAG = "seal_tag"
MANIFEST_SHEET = "manifest"

NO_CODE = PickupCode("", "")

_TAIL = 4
_OF_THE_CODE = ("code", "slip_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSlip(Paper):
    """A pickup slip on its way to the printer: all but the code, which ``seed`` gives under the station's key.

    ``mac`` is what the database keeps of the code, in hex: under another key the seed would give digits that open
    nothing.
    """

    seed: str
    mac: str = field(repr=False)
    shelf: str
    number: str
    waybill_last4: str
    phone_last4: str | None
    overdue_days: int

    def slip(self, key: PickupKey) -> PickupSlip:
        """Build the paper with its code. Raises ValueError for a code issued under another key, CounterRefused."""
        code = key.code_of(self.seed)
        if not hmac.compare_digest(key.mac(code).hex(), self.mac):
            raise ValueError("this pickup slip was issued under another key: give the parcel a new code")
        same = {row.name: getattr(self, row.name) for row in fields(PickupSlip) if row.name not in _OF_THE_CODE}
        return PickupSlip(code=code, slip_code=ParcelNumber.parse(self.number).slip_code(code), **same)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCode(Paper):
    """A member's code on its way to the printer, as `WaitingSlip`."""

    seed: str
    mac: str = field(repr=False)
    member: str

    def slip(self, key: PickupKey) -> MemberCode:
        """Build the paper with its code. Raises ValueError for a code made under another key, CounterRefused."""
        code = key.code_of(self.seed)
        if not hmac.compare_digest(key.mac(f"{self.member} {code}").hex(), self.mac):
            raise ValueError("this code was made under another key: print a new one")
        same = {row.name: getattr(self, row.name) for row in fields(Paper)}
        return MemberCode(member=self.member, code=code, **same)


def no_key() -> None:
    """Return None: there is no key to sign with."""


@dataclass(frozen=True, slots=True)
class CounterPapers:
    """Makes the papers of the counter. One for which no printer is fitted would wait forever: it is left out."""

    settings: StationSettings
    parcels: ParcelSettings
    key: PickupKey
    printers: Container[str]
    codes: CodesSettings = field(default_factory=CodesSettings)
    # The printer of manifests: an office printer where one is set up, else 100 x 150 mm stock in the label printer.
    sheets: str = LABEL_PRINTER
    on_paper: Callable[[StationSettings], StationSettings] = lambda settings: settings  # With what the county sets
    signing_key: Callable[[], Ed25519Key | None] = no_key  # The station's; None: missing or failed

    def label(self, row: ParcelRow, stamp: Stamp) -> list[NewPaper]:
        """Build the label of the parcel: its shelf, and nothing that opens it."""
        shelf = row.shelf or ""
        label = ParcelLabel(
            shelf=shelf,
            number=str(row.number),
            carrier=row.carrier,
            waybill_last4=row.waybill[-_TAIL:],
            code=slot_code(shelf),
            **origin(self.settings, stamp),
        )
        return self._fitted(PARCEL_LABEL, LABEL_PRINTER, msgspec.json.encode(label))

    def slip(self, row: ParcelRow, code: PickupCode, stamp: Stamp) -> list[NewPaper]:
        """Build the slip that the addressee brings back. No database row holds its code: see WaitingSlip."""
        slip = WaitingSlip(
            seed=code.seed,
            mac=self.key.mac(code.code).hex(),
            shelf=row.shelf or "",
            number=str(row.number),
            waybill_last4=row.waybill[-_TAIL:],
            phone_last4=row.phone_last4,
            overdue_days=self.parcels.overdue_days,
            **origin(self.settings, stamp),
        )
        return self._fitted(PICKUP_SLIP, RECEIPT_PRINTER, msgspec.json.encode(slip))

    def day(
        self, totals: DayTotals, head: str, actor: str, stamp: Stamp, log: Checkpoint | None = None
    ) -> list[NewPaper]:
        """Build the day slip. ``log``: the newest checkpoint of the county's log."""
        slip = DaySlip(
            time=stamp.moment.local_time,
            totals=totals,
            head=head,
            seq=totals.last_seq,
            actor=actor,
            software=stamp.software,
            log_origin=log.origin if log is not None else "",
            log_size=log.size if log is not None else 0,
            log_root=log.root.hex() if log is not None else "",
            **origin(self.settings, stamp),
        )
        return self._fitted(DAY_SLIP, RECEIPT_PRINTER, msgspec.json.encode(slip))

    def card(self, member: Member, stamp: Stamp) -> list[NewPaper]:
        """Build the card that a member shows in place of a number, without a name; empty without a code."""
        if not member.card:
            return []
        card = MemberCard(
            member=member.number,
            code=member.card,
            **origin(self.settings, stamp),
        )
        return self._fitted(MEMBER_CARD, LABEL_PRINTER, msgspec.json.encode(card))

    def member_mac(self, member: str, code: str) -> bytes:
        """Compute what the database stores of a member's code. Raises CounterRefused ``no_key``."""
        return self.key.mac(f"{member} {code}")

    def member_code(self, member: str, stamp: Stamp) -> tuple[bytes, NewPaper]:
        """Make a new code; return its MAC for the database, and its paper. Raises CounterRefused ``no_key``."""
        new = self.key.new_code()
        mac = self.member_mac(member, new.code)
        slip = WaitingCode(seed=new.seed, mac=mac.hex(), member=member, **origin(self.settings, stamp))
        return mac, NewPaper(MEMBER_CODE, RECEIPT_PRINTER, msgspec.json.encode(slip))

    def _fitted(self, document: str, printer: str, body: bytes) -> list[NewPaper]:
        return [NewPaper(document, printer, body)] if printer in self.printers else []


@dataclass(slots=True)
class Issue:
    """One new pickup code on its way into the database and onto its slip.

    The store may ask for a code several times (two active parcels never have the same one, and a transaction may run
    twice): the last one given is the one that counts.
    """

    papers: CounterPapers
    stamp: Stamp
    issued: PickupCode = field(default=NO_CODE, init=False, repr=False)

    @property
    def code(self) -> str:
        return self.issued.code

    def code_mac(self, number: ParcelNumber) -> bytes:
        """Make a new code; return its MAC for the database. Raises CounterRefused ``no_key``."""
        self.issued = self.papers.key.new_code()
        return self.papers.key.mac(self.issued.code)

    def label_and_slip(self, row: ParcelRow) -> Sequence[NewPaper]:
        return [*self.papers.label(row, self.stamp), *self.slip(row)]

    def slip(self, row: ParcelRow) -> Sequence[NewPaper]:
        return self.papers.slip(row, self.issued, self.stamp)


def tags(settings: StationSettings, tote: ToteRow, stamp: Stamp) -> list[NewPaper]:
    number, seal, where = tote.number.text(TOTE), tote.seal.text(SEAL), origin(settings, stamp)
    tag = ToteTag(tote=number, code=tote.number.code(TOTE), **where)
    sealed = SealTag(seal=seal, code=tote.seal.code(SEAL), tote=number, **where)
    return [
        NewPaper(TOTE_TAG, LABEL_PRINTER, msgspec.json.encode(tag), number),
        NewPaper(SEAL_TAG, LABEL_PRINTER, msgspec.json.encode(sealed), seal),
    ]


def manifest(
    settings: StationSettings, number: SerialNumber, totes: Sequence[ToteRow], actor: str, stamp: Stamp
) -> ManifestDocument:
    """Build what the driver signs for. Parcels are not weighed, so it shows no weight."""
    rows = tuple(ManifestRow(tote.number.text(TOTE), tote.seal.text(SEAL), len(tote.parcels)) for tote in totes)
    return ManifestDocument(
        manifest=number.text(MANIFEST),
        code=number.code(MANIFEST),
        rows=rows,
        items=sum(row.items for row in rows),
        net_g=0,
        time=stamp.moment.local_time,
        actor=actor,
        software=stamp.software,
        **origin(settings, stamp),
    )
