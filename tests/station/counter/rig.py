"""A counter over the real store, with a clock that moves when it is told to and a camera that clicks when asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from argon2 import PasswordHasher

from kiosk.devices.ports import Shot
from kiosk.domain.clerk import Role
from kiosk.domain.identifiers import internal_code
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.parcel import ParcelNumber
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.station.clerk import pin_hash
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.counter import ClerkCounter, CounterTools
from kiosk.station.counter.scans import ParsedScan
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.counter.state import CounterState, CounterView, ScanResult
from kiosk.station.desk.view import DeskRefused
from kiosk.station.papers.parcel import CounterPapers, WaitingSlip
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Stamp, Store
from kiosk.store.shared.records import ParcelRow, PrintJob
from tests.station.fakes import MOMENT
from tests.station.hardware import FakeLotCamera, asked

PIN, SECOND_PIN = "482913", "905172"
SETTINGS = StationSettings("S0147", "yarkant", Path("unused"), village="Test village")
PARCELS = ParcelSettings(shelves=("A-1:3", "B-2:2"))
CODES = CodesSettings()
KEY = PickupKey(bytes(range(32)), "a test")
PINS = KEY.pins()
with mock.patch.object(pin_hash, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)):
    HASHES = {pin: PINS.hash(pin) for pin in (PIN, SECOND_PIN)}
"""Argon2 is slow on purpose, at every check as the hash itself says: these cost next to nothing. What a station keeps
is judged in test_access.py and test_pin_hash.py.
"""


def waybill(number: int, carrier: str = "SF") -> str:
    """A number whose letters tell the carrier."""
    return f"SF1{number:012d}" if carrier == "SF" else f"YT{number:013d}"


def shot(text: bytes = b"dented") -> Shot:
    """A picture."""
    jpeg = b"\xff\xd8\xff" + text + b"\xff\xd9"
    return Shot(jpeg, hashlib.sha256(jpeg).hexdigest(), 640, 480)


@dataclass
class Clock:
    """The wall clock and the monotonic one, moved apart from each other at will."""

    moment: Moment = MOMENT
    software: str = "station-kiosk/test"

    def stamp(self) -> Stamp:
        return Stamp(self.moment, self.software)

    def wait(self, seconds: float) -> None:
        """Both clocks go on."""
        self.moment = replace(
            self.moment,
            utc=self.moment.utc + timedelta(seconds=seconds),
            monotonic_ms=self.moment.monotonic_ms + round(seconds * 1000),
        )

    def jump(self, days: float) -> None:
        """Only the wall clock is set."""
        self.moment = replace(self.moment, utc=self.moment.utc + timedelta(days=days))

    def reboot(self, boot_id: str = "next-boot") -> None:
        """The machine starts anew: its monotonic clock begins again."""
        self.moment = replace(self.moment, boot_id=boot_id, monotonic_ms=5_000)

    def quality(self, quality: ClockQuality) -> None:
        self.moment = replace(self.moment, quality=quality)


class NobodyLeft:
    """A desk where no intake is unfinished."""

    def unfinished(self) -> None:
        return None

    def take_up(self, receipt: str) -> None:
        raise DeskRefused("stale_page")


@dataclass
class CounterRig:
    """Clerk 01 and clerk 02 work here, technician 03 looks after the box; 01 has unlocked the counter."""

    store: Store
    folder: Path
    clock: Clock = field(default_factory=Clock)
    key: PickupKey = KEY
    printers: tuple[str, ...] = ("label", "receipt")
    parcels: ParcelSettings = PARCELS
    codes: CodesSettings = CODES
    take_people: bool = True
    signs: Mapping[str, Any] = field(default_factory=dict)  # What else the papers are made with

    def __post_init__(self) -> None:
        self.views: list[CounterView] = []
        self.wanted: list[ParcelNumber] = []
        self.lots = FakeLotCamera()
        self.events = 0
        self.photos = ParcelPhotos(self.folder / "parcel-photos")
        if self.take_people and not self.store.clerks.everyone():
            for name, role, pin in (
                ("Aygul", Role.CLERK, PIN),
                ("Memet", Role.CLERK, SECOND_PIN),
                ("Tech", Role.TECHNICIAN, PIN),
            ):
                self.store.clerks.add(name, role, HASHES[pin], self.clock.stamp())
        state = CounterState(CounterView(consent=self.parcels.consent.value), self.clock.stamp, self.views.append)
        self.access = Access(self.store, CounterSettings().lock_after_s, self.clock.stamp, state.access_changed, PINS)
        self.counter = ClerkCounter(state, self._tools())
        if self.take_people:
            self.session = self.access.sign_in("01", PIN)

    def _tools(self) -> CounterTools:
        return CounterTools(
            station="S0147",
            store=self.store,
            access=self.access,
            papers=CounterPapers(SETTINGS, self.parcels, self.key, self.printers, self.codes, **self.signs),
            photos=self.photos,
            slots=self.parcels.slots,
            undo_s=CounterSettings().undo_s,
            stamps=self.clock.stamp,
            desk=NobodyLeft(),
            on_event=self._event,
            on_parcel_photo=lambda asked, number: self.wanted.append(number),
            lots=self.lots,
        )

    def _event(self) -> None:
        self.events += 1

    # --- what a clerk does -----------------------------------------------------------------------------------------

    def scan(self, text: str) -> ScanResult:
        return self.counter.scans.scan(self.session, ParsedScan.of(text))

    def bring(self, number: int = 1) -> ParcelRow:
        """One parcel in."""
        self.counter.receiving.set_mode(self.session, "in")
        result = self.scan(waybill(number))
        assert result.kind == "parcel_in", result
        assert result.parcel is not None
        return result.parcel

    def bring_damaged(self, number: int = 1) -> ParcelRow:
        """One damaged parcel, not accepted yet."""
        self.counter.receiving.set_mode(self.session, "in")
        self.counter.receiving.damaged_next(self.session, True)
        result = self.scan(waybill(number))
        assert result.kind == "parcel_damaged", result
        assert result.parcel is not None
        return result.parcel

    def click(self, number: ParcelNumber, picture: bytes = b"dented") -> str:
        """The camera answers."""
        taken = shot(picture)
        self.photos.keep(number, taken)
        self.counter.state.photo_done(asked(str(number), self.counter.state.view().photo), taken.sha256)
        return taken.sha256

    # --- what lies on the table ------------------------------------------------------------------------------------

    def queued(self, document: str, about: str = "") -> list[PrintJob]:
        return [
            job for job in self.store.papers.open_jobs() if job.document == document and job.about.startswith(about)
        ]

    def code_of(self, row: ParcelRow) -> str:
        """The six digits as the villager reads them on the newest slip."""
        job = self.queued("pickup_slip", str(row.number))[-1]
        return msgspec.json.decode(job.body, type=WaitingSlip).slip(self.key).code

    def slip_of(self, row: ParcelRow) -> str:
        """What the scanner reads from that slip."""
        return row.number.slip_code(self.code_of(row))

    def wrong_code(self) -> str:
        """Six digits that open nothing."""
        return next(
            code for code in map("{:06d}".format, range(1000)) if not self.store.parcels.by_mac(self.key.mac(code))
        )


def refused(act: Callable[[], object]) -> CounterRefused:
    """The refusal an act must end in."""
    try:
        answer = act()
    except CounterRefused as refusal:
        return refusal
    raise AssertionError(f"not refused: {answer}")


def foreign(kind: str) -> str:
    """A code of another station."""
    return internal_code(kind, "0999A000381" + ("482913" if kind == "K" else ""))


def digits_in(text: str) -> list[str]:
    """Runs of six digits, as a pickup code or a PIN would show up in a log."""
    return re.findall(r"[0-9]{6}", text)
