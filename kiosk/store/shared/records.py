"""What goes into the store and comes out of it: frozen rows, integers in grams and fen."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kiosk.domain.clerk import Clerk, Role
from kiosk.domain.events import ListingSubmitted, PictureData
from kiosk.domain.identifiers import SerialNumber
from kiosk.domain.metrology.pan import Hold
from kiosk.domain.moment import Moment
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, ParcelState, Proof
from kiosk.domain.verdict import Finding, Measures, Verdict
from kiosk.store.shared.software import metrology

MAX_WAYBILL: Final = 64
_WAYBILL = re.compile(rf"[0-9A-Z][0-9A-Z-]{{0,{MAX_WAYBILL - 1}}}")
_LAST4 = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Stamp:
    """When, where and by which software something is written; the store itself has no clock and no settings.

    ``region`` is the station's, "" where it is not known. ``metrology`` is the digits of the legally relevant part,
    those of this program unless an older event is reissued; "" for an event without them. ``sign`` makes the signature
    of an event's hash, "" while the key fails; None where there is no key.
    """

    moment: Moment
    software: str
    region: str = ""
    metrology: str = field(default_factory=metrology)
    sign: Callable[[str], str] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ConfirmedRow:
    """A confirmed intake as it was agreed on. ``epoch`` and ``seq`` are those of its event now.

    ``acknowledged``: the sorting center has it. ``repeated``: this is the first result of a token used again.
    """

    receipt: str
    lot: str
    product: str
    party: str
    mode: str
    gross_g: int
    tare_g: int
    net_g: int
    amount_fen: int
    seq: int
    epoch: str
    confirmed_at: str
    acknowledged: bool
    voided: bool
    repeated: bool = False
    bags: int = 0


@dataclass(frozen=True, slots=True)
class NewPaper:
    """A paper to print: ``document`` is one of those that the table ``print_job`` knows, ``printer`` label or receipt,
    ``body`` its JSON. The body of a pickup slip is erased as soon as the slip is out, or its fate unknown.
    """

    document: str
    printer: str
    body: bytes = field(repr=False)
    about: str = ""  # What it is about, where one act makes papers about several things
    bag: int = 0  # The number of the bag or crate it is stuck on, 0 for none
    to_scan: bool = False  # Once it is stuck, the screen asks for it under the scanner


@dataclass(frozen=True, slots=True)
class CrateBag:
    bag: int
    net_g: int
    crate: int


@dataclass(frozen=True, slots=True)
class PackedCrate:
    number: SerialNumber
    place: int
    bags: tuple[int, ...]
    net_g: int


@dataclass(frozen=True, slots=True)
class ToteRow:
    number: SerialNumber
    seal: SerialNumber
    parcels: tuple[ParcelNumber, ...]


@dataclass(frozen=True, slots=True)
class CratePaper:
    """``sscc`` has 18 digits, "" for none."""

    sscc: str
    label: NewPaper


# The papers of an intake, of the hash of its event: it is known once the event is sealed, in the same transaction.
IntakePapers = Callable[[str], Sequence[NewPaper]]


@dataclass(frozen=True, slots=True)
class PrintJob:
    """A paper and how far it got: ``state`` is queued, sending, printed, unknown or cancelled.

    ``copy_no`` counts the reprints of this paper, 0 for the first one. ``void``: its intake was voided. ``scanned``: it
    is the label of a bag that was scanned after sticking. ``about`` is the receipt number, the parcel or member number,
    or ``day-...`` or ``test-...``; ``receipt`` is empty for a paper that is no intake's.
    """

    id: int
    receipt: str
    document: str
    printer: str
    bag: int
    body: bytes = field(repr=False)
    state: str
    attempts: int
    copy_no: int
    about: str = ""
    void: bool = False
    scanned: bool = False


@dataclass(frozen=True, slots=True)
class ListingPictures:
    master: PictureData
    natural: PictureData
    measures: Measures
    likeness: str = ""  # As `GoodsShot.likeness`


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A shot of a lot that was accepted, or that ``actor`` overruled, and the product its listing draft is for.

    ``others`` are further pictures of it that buyers see, in their order.
    """

    lot: str
    product: str
    pictures: ListingPictures
    overruled: tuple[Finding, ...] = ()
    actor: str | None = None
    others: tuple[PictureData, ...] = ()

    def __post_init__(self) -> None:
        if self.overruled and not Verdict(self.overruled).may_be_overruled:
            raise ValueError("nobody decides against these reasons")


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """A shot of a lot; its pictures are files named by their hashes. ``sent``: the sorting center has both."""

    pictures: ListingPictures
    sent: bool
    overruled: tuple[Finding, ...]
    actor: str | None

    @property
    def sha256(self) -> str:
        return self.pictures.master.sha256


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """The place of a shot in the order of all: by its intake's number, then by its place among the shots of the lot.

    ``may_leave``: its files are no longer needed on this card, because the sorting center has them.
    """

    intake: int
    shot: int
    sha256: str
    natural_sha256: str
    may_leave: bool


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """An accepted shot, by its master, in a listing. ``likeness`` is that of ``GoodsShot.likeness``.

    ``quarantined``: the sorting center has quarantined the event of the shot for a person, and takes neither of its
    pictures.
    """

    sha256: str
    left_out: bool
    likeness: str
    quarantined: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class SeenShot:
    lot: str
    sha256: str
    likeness: str


@dataclass(frozen=True, slots=True)
class SubmittedListing:
    """The content of the newest offer of a lot, when it was recorded, and whether the sorting center has it.

    ``quarantined``: it has it, and keeps it apart for a person; it does not count until that person accepts it.
    """

    data: ListingSubmitted
    at: str
    acknowledged: bool = field(compare=False)
    quarantined: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ListingRow:
    """Everything that an offer of a lot is made of. ``drafted`` is false before the first shot or choice.

    ``agreed_version`` is the catalog version of the intake, ``catalog_version`` the one in force. ``photos`` are in the
    order in which buyers see them. ``pack_g`` and ``grade`` are None when not chosen.
    """

    lot: str
    product: str
    net_g: int
    agreed_version: int
    catalog_version: int
    voided: bool
    drafted: bool
    photos: tuple[ListedPhoto, ...]
    pack_g: int | None
    grade: str | None
    submitted: SubmittedListing | None


@dataclass(frozen=True, slots=True)
class EventTotals:
    """Of all epochs: rows of the journal, and those acknowledged. A reissued event has a row in each of its epochs."""

    written: int
    acknowledged: int


@dataclass(frozen=True, slots=True)
class ExpectedParcel:
    """A line of the list of a delivery. ``waybill`` is normalized; ``phone_last4`` only to find it on the screen."""

    waybill: str = field(repr=False)
    carrier: str
    phone_last4: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_waybill(self.waybill)
        if self.phone_last4 is not None and not _LAST4.fullmatch(self.phone_last4):
            raise ValueError("phone_last4 is four digits: no more of a phone number is kept")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A parcel being accepted. ``waybill`` is normalized; a ``damaged`` one is not accepted before its photo.

    ``another``: the clerk stated that it is one more package of a known waybill.
    """

    waybill: str = field(repr=False)
    carrier: str
    consent: Consent
    damaged: bool
    actor: str
    another: bool = False

    def __post_init__(self) -> None:
        check_waybill(self.waybill)


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """The current state of a parcel.

    ``shelf`` is the slot it is in, of a lost one the slot it was in, else None. ``waybill`` is empty once it was
    erased. ``code_no`` counts its pickup codes. ``arrived_at``, ``shelf_since``, ``closed_at``: the clock's time.
    ``repeated``: this waybill was here before and nothing was written.
    """

    number: ParcelNumber
    waybill: str = field(repr=False)
    carrier: str
    state: ParcelState
    shelf: str | None
    consent: str | None
    expected: bool
    surplus: bool
    damaged: bool
    phone_last4: str | None = field(repr=False)
    photo_sha256: str | None
    code_no: int
    arrived_at: str | None
    closed_at: str | None
    shelf_since: str | None
    repeated: bool = False


# Makes a new pickup code and gives its keyed hash, never the code itself; called again when that hash is in use.
CodeMaker = Callable[[ParcelNumber], bytes]

# The papers of a parcel that has its slot and its code; called inside the transaction, so it only computes.
PaperMaker = Callable[[ParcelRow], Sequence[NewPaper]]


@dataclass(frozen=True, slots=True)
class SlotAssignment:
    """What a parcel that stays needs: the first free one of ``slots``, a code, papers."""

    slots: Sequence[str]
    code_mac: CodeMaker
    papers: PaperMaker


@dataclass(frozen=True, slots=True)
class NewCode:
    """Another code for a parcel that waits, and the papers that carry it."""

    code_mac: CodeMaker
    papers: PaperMaker


@dataclass(frozen=True, slots=True)
class DamageEvidence:
    """The photo of a damage on arrival, "" when none was taken; ``actor`` takes the parcel in all the same."""

    photo_sha256: str
    actor: str


@dataclass(frozen=True, slots=True)
class HandoverProof:
    """What a parcel is handed over on. Proof CODE wants the ``mac`` of the code that is valid now; PROXY wants
    ``proxy_name``, which is kept until it is erased.
    """

    proof: Proof
    by: CollectedBy
    mac: bytes | None = field(repr=False)
    proxy_name: str | None = field(repr=False)
    actor: str


@dataclass(frozen=True, slots=True)
class ClerkRow:
    """A clerk; ``pin_hash`` is the result of the password hash function, empty when no PIN is set."""

    number: str
    name: str
    role: Role
    pin_hash: str = field(repr=False)
    active: bool

    @property
    def actor(self) -> str:
        return Clerk(self.number, self.name, self.role).actor


@dataclass(frozen=True, slots=True)
class ScaleContent:
    """The scale as it is set up. ``sha256`` is over all of it: protocol, parameters, line, unit, e, Max, trade."""

    sha256: str
    protocol: str
    e_g: int
    max_g: int
    unit: str
    trade: bool


@dataclass(frozen=True, slots=True)
class NewCheck:
    """The check weight as it was read: passed when it differs by at most ``allowed_g`` from ``expected_g``."""

    expected_g: int
    allowed_g: int
    hold: Hold
    actor: str


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check with the check weight. ``clock`` says how far ``checked_at`` may be believed."""

    number: int
    expected_g: int
    read_g: int
    allowed_g: int
    passed: bool
    actor: str
    frames_sha256: str | None
    checked_at: str
    local_date: str | None
    clock: str
    boot_id: str
    monotonic_ms: int


@dataclass(frozen=True, slots=True)
class LoadRow:
    """A load that settled and left unbooked, or ``loads`` of them, the heaviest in grams.

    ``why`` is a word of ``UnbookedWhy``; ``receipt`` the abandoned intake it was fixed for, else "".
    """

    number: int
    peak_g: int
    why: str
    loads: int
    settled_ms: int
    at: str
    clock: str
    receipt: str


@dataclass(frozen=True, slots=True)
class FramesCheck:
    """How many bags have raw frames, and the first of those whose frames are not what was sealed."""

    bags: int
    broken: tuple[str, ...]


def check_waybill(text: str) -> str:
    """Return the normalized waybill unchanged. Raises ValueError; the text is not repeated in the message."""
    if not _WAYBILL.fullmatch(text):
        raise ValueError(f"a normalized waybill is 1 to {MAX_WAYBILL} of 0-9, A-Z and -")
    return text
