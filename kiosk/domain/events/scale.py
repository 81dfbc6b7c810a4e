"""What the station tells about the scale itself: its settings, its check weight, and loads that nobody booked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData
from kiosk.domain.metrology.legal_status import CheckState, CounterValues, ScaleLegalStatus, Verification
from kiosk.domain.metrology.pan_journal import UnbookedWhy
from kiosk.domain.moment import ClockQuality


@dataclass(frozen=True, slots=True)
class CountersData:
    """The event counters; each counts the changes since the database was made, and never goes back."""

    scale_profile: int
    tare_library: int
    clock: int

    @classmethod
    def of(cls, values: CounterValues) -> CountersData:
        return cls(values.scale_profile, values.tare_library, values.clock)


@dataclass(frozen=True, slots=True)
class ScaleData:
    """What the scale was worth at the moment of an intake. ``trade`` is null when nobody has said."""

    trade: bool | None
    check: CheckState
    verification: Verification
    counters: CountersData

    @classmethod
    def of(cls, status: ScaleLegalStatus) -> ScaleData:
        return cls(status.trade, status.check, status.verification, CountersData.of(status.counters))


@dataclass(frozen=True, slots=True)
class ScaleEvent(EventData):
    """Of the scale itself."""


@dataclass(frozen=True, slots=True)
class ScaleChanged(ScaleEvent):
    """Another scale, or other settings of it. The hash is over the whole profile, passwords left out."""

    TYPE: ClassVar[str] = "station.scale.changed.v1"
    counter: int
    before_sha256: str
    sha256: str
    protocol: str
    e_g: int
    max_g: int
    unit: str
    trade: bool


@dataclass(frozen=True, slots=True)
class TaresChanged(ScaleEvent):
    """Another container, or another preset tare of one, came into force with this catalog version."""

    TYPE: ClassVar[str] = "station.tares.changed.v1"
    counter: int
    before_sha256: str
    sha256: str
    catalog_version: int
    containers: int


@dataclass(frozen=True, slots=True)
class ClockChanged(ScaleEvent):
    """The clock was set or became another quality. ``step_s`` is how far it jumped, in seconds, negative for back."""

    TYPE: ClassVar[str] = "station.clock.changed.v1"
    counter: int
    before: ClockQuality
    after: ClockQuality
    step_s: int


@dataclass(frozen=True, slots=True)
class ScaleChecked(ScaleEvent):
    """The check weight was put on the pan. ``passed`` is: read and expected differ by at most ``allowed_g``."""

    TYPE: ClassVar[str] = "station.scale.checked.v1"
    expected_g: int
    read_g: int
    allowed_g: int
    passed: bool
    reading: int
    load: int
    stable_ms: int
    frames_sha256: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class LoadLeft(ScaleEvent):
    """A load of more than 20 e settled on the pan and left without being booked.

    ``loads`` is above 1 when several were summed up: then ``peak_g`` is the greatest of them.
    """

    TYPE: ClassVar[str] = "station.load.left.v1"
    peak_g: int
    why: UnbookedWhy
    settled_ms: int
    loads: int
    receipt: str | None  # The abandoned intake it had been fixed for
