"""The parameters of a fleet, and its result."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.shared.clock import software_id

REGION: Final = "fleet"
MAX_STATIONS: Final = 9999
MAX_DAYS: Final = 3650
MAX_PROCESSES: Final = 64


@dataclass(frozen=True, slots=True)
class Manner:
    """How a fleet goes about it. ``days``: its intakes are of the last so many days, 0: all are of now.

    ``faults`` is the seed of outages, wrong clocks, restored and cloned cards; None: none happen. ``durable``: each
    commit is on the disk before the next step, as at a station; without it a power cut may destroy the databases.
    ``stay_s``: stay connected for so many seconds, and take what the county gives.
    """

    days: int = 0
    faults: int | None = None
    processes: int = 1
    durable: bool = True
    stay_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.days <= MAX_DAYS:
            raise ValueError(f"a fleet works for 0 to {MAX_DAYS} days")
        if not 1 <= self.processes <= MAX_PROCESSES:
            raise ValueError(f"a fleet has 1 to {MAX_PROCESSES} processes")
        if not 0 <= self.stay_s <= threading.TIMEOUT_MAX:
            raise ValueError("a fleet stays connected for some seconds, 0 or more")


@dataclass(frozen=True, slots=True)
class Share:
    """Every ``of``-th station, beginning with number ``first``: what one of several processes does."""

    first: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """``intakes`` are confirmed per station and call; ``timeout_s`` is for the whole call."""

    stations: int
    intakes: int
    broker_url: str
    folder: Path
    seed: int
    timeout_s: float
    manner: Manner = Manner()
    share: Share = Share()

    def __post_init__(self) -> None:
        if not 1 <= self.stations <= MAX_STATIONS or self.intakes < 0:
            raise ValueError(f"a fleet has 1 to {MAX_STATIONS} stations and no negative intakes")
        if not (math.isfinite(self.timeout_s) and 0 < self.timeout_s <= threading.TIMEOUT_MAX):
            raise ValueError("a fleet has some time, and an end of it: give the seconds as a number above 0")
        self.relay_settings("S0001")

    @property
    def names(self) -> list[str]:
        """The station ids of the share, the lowest first."""
        return [f"S{number:04d}" for number in range(self.share.first + 1, self.stations + 1, self.share.of)]

    def database(self, station: str) -> Path:
        return self.folder / station / "station.sqlite"

    def relay_settings(self, station: str) -> RelaySettings:
        """Return the settings of a real station with shorter waits; raises ValueError for a bad broker URL."""
        return RelaySettings(
            self.broker_url, REGION, station, software_id(), reconnect_s=0.5, reconnect_max_s=5.0, resend_max_s=10.0
        )


def plan_argument(plan: object) -> str:
    """Encode the plan as the argument of a process that carries it out."""
    return msgspec.json.encode(plan, enc_hook=str).decode()


def parse_path(kind: type[Path], text: str) -> Path:
    """Decode paths, as the hook of a decoder that reads such an argument."""
    return kind(text)


@dataclass(frozen=True, slots=True)
class FleetResult:
    """Events of all stations and all their epochs: committed, acknowledged by the sorting center, and waiting.

    What a station sent again when it started a new epoch was written twice and is acknowledged under its new number
    only, so ``written`` may be more than the other two together.
    """

    written: int
    acknowledged: int
    pending: int
    seconds: float
    intakes: int  # Confirmed in this call
    intakes_per_s: float  # While they were written; with faults the time of sending in between counts, too
    synchronous: str  # SQLite's: `full`, or `off` for a fleet that is not durable


@dataclass(frozen=True, slots=True)
class Tally:
    """A part of the result: of one station, or of one process."""

    written: int = 0
    acknowledged: int = 0
    pending: int = 0
    intakes: int = 0
    writing_s: float = 0.0  # From the first to the last intake

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.written + other.written,
            self.acknowledged + other.acknowledged,
            self.pending + other.pending,
            self.intakes + other.intakes,
            max(self.writing_s, other.writing_s),
        )

    def result(self, plan: FleetPlan, seconds: float) -> FleetResult:
        rate = self.intakes / self.writing_s if self.writing_s else 0.0
        synchronous = "full" if plan.manner.durable else "off"
        return FleetResult(
            self.written, self.acknowledged, self.pending, round(seconds, 3), self.intakes, round(rate, 1), synchronous
        )
