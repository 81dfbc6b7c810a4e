"""What the counter shows: frozen values, made anew whenever something changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kiosk.station.clerk.people import Person
from kiosk.station.desk.view import PhotoView
from kiosk.store.shared.records import ParcelRow

NO_PHOTO: Final = PhotoView()
# What a scanned waybill means: it arrives, it is looked for to be handed out, or it is only looked up.
IN, OUT, NO_MODE = "in", "out", ""
BOOKED: Final = frozenset({"parcel_in", "parcel_damaged"})  # Kinds of a scan that brought a parcel in
CHOOSE_CARRIER: Final = "choose_carrier"
ANOTHER_PACKAGE: Final = "another_package"
# Refusals a clerk may decide about: one touch of a carrier books the parcel after all.
CHOICES: Final = frozenset({CHOOSE_CARRIER, ANOTHER_PACKAGE})


@dataclass(frozen=True, slots=True)
class WaybillOffer:
    """A waybill that one touch takes in after all. ``id`` names this very scan of it: a page that is older has another.

    ``waybill`` and ``carriers`` are as a scan in mode "in" would book them, the likeliest carrier first.
    """

    id: str
    waybill: str = field(repr=False)
    carriers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan was and what came of it.

        kind              word            what it is
        parcel_in         shelved         booked by this scan: it has its slot
        parcel_damaged    damaged         booked by this scan: it waits for its shot and a decision
        parcel_known      waiting, undecided, lost, expected, collected, closed
                                          this waybill was here before: ``parcel`` tells when and where
        parcel_out        code_right      a pickup slip: the parcel is up for the handover
        parcel_out        waiting         the waybill of a parcel that waits, in mode "out"
        shelf             shelf, shelf_empty
        intake            intake          receipt
        lot               lot, bag, crate lot; a bag or crate of it, whose number is in ``values``
        member            member
        tote              tote            a tote that waits for the driver, or its seal
        manifest          manifest        the totes a driver has taken
        refused           a refusal's word

    ``path`` is where the counter's page goes, "" to stay. ``shown`` is the scan as plain text, at most 64 printable
    characters; "" for what belongs to a person. ``carriers`` are those to choose from: of a booked parcel while it can
    be taken back (the booked one first), of a refused one with word choose_carrier or another_package. ``offer`` is
    there when the scan said no direction and the waybill may come in: with kind ``refused`` (unknown_parcel) or
    ``parcel_known`` (expected); once it was taken it stays with the parcel it booked.
    """

    kind: str
    word: str
    path: str = ""
    parcel: ParcelRow | None = field(default=None, repr=False)
    receipt: str | None = None
    shown: str = field(default="", repr=False)
    carriers: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    wait_s: int = 0
    at_monotonic: float = 0.0
    offer: WaybillOffer | None = None


@dataclass(frozen=True, slots=True)
class CounterView:
    """Everything a counter page needs beside the lists it reads itself. Times are monotonic seconds.

    ``shot_of`` is the parcel or lot whose shot ``photo`` tells of. ``pending_prints`` counts papers that are
    queued, being sent or unknown. ``unfinished`` is the receipt of an intake that was left with bags on it.
    """

    revision: int = 1
    mode: str = NO_MODE
    consent: str = ""
    damaged_next: bool = False
    last: ScanResult | None = None
    undo_until: float | None = None
    handover: ParcelRow | None = field(default=None, repr=False)
    waiting_handovers: int = 0
    shot_of: str = ""
    photo: PhotoView = NO_PHOTO
    pending_prints: int = 0
    unfinished: str = ""
    unlocked_as: Person | None = None
