"""What county is asked for, and what each of its stations is there to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from kiosk.domain.identifiers import check_region
from kiosk.messaging.relay.shared.settings import Endpoint
from kiosk.simulators.fleet.plan import Share

MAX_STATIONS: Final = 1000
MAX_WEEKS: Final = 52
_FIRST: Final = 1001  # Station S1001: far from the one with the bench


class StationKind(StrEnum):
    """What a person at the county has to see of a station."""

    USUAL = "usual"
    QUIET = "quiet"  # Nobody has brought anything for days, and it is switched off
    SLOW_LINE = "slow_line"  # Its line passes so little that days are waiting
    GAP = "gap"  # One of its events is lost on the way, again and again: what came later waits behind the gap
    CLOCK = "clock"  # It worked a day in 1970 after a power cut
    CLONED = "cloned"  # Its card was copied, and both machines work: a fork, and two that send by turns
    OLD_SOFTWARE = "old_software"
    RESTORED = "restored"  # Its card came back older than what the sorting center has: a new epoch


SPECIAL: Final = tuple(kind for kind in StationKind if kind is not StationKind.USUAL)
_MANY: Final = 25  # One more special station for so many


_ALL: Final = Share()


@dataclass(frozen=True, slots=True)
class CountyPlan:
    """``weeks`` of life end at ``until``; the same plan gives the same events. Without ``broker_url`` nothing is sent.

    Raises ValueError with what is allowed.
    """

    folder: Path
    stations: int
    weeks: int
    seed: int
    until: datetime
    broker_url: str = ""
    region: str = "county"
    share: Share = _ALL

    def __post_init__(self) -> None:
        if not 1 <= self.stations <= MAX_STATIONS:
            raise ValueError(f"a county has 1 to {MAX_STATIONS} stations")
        if not 1 <= self.weeks <= MAX_WEEKS:
            raise ValueError(f"a county has lived for 1 to {MAX_WEEKS} weeks")
        if self.until.tzinfo is not UTC:
            raise ValueError("the end of a county's life is in UTC")
        check_region(self.region)
        if self.broker_url:
            Endpoint.parse(self.broker_url)

    @property
    def since(self) -> datetime:
        return self.until - timedelta(weeks=self.weeks)

    @property
    def names(self) -> list[str]:
        """Every station of the county, whoever's share it is."""
        return [f"S{_FIRST + number}" for number in range(self.stations)]

    @property
    def own_stations(self) -> dict[str, StationKind]:
        """The stations of this share, and what each is there for; half of them at most is special."""
        special = min(self.stations // 2, len(SPECIAL) + self.stations // _MANY)
        chosen = Random(self.seed).sample(self.names, special)  # noqa: S311  a simulator
        kinds = {name: SPECIAL[number % len(SPECIAL)] for number, name in enumerate(chosen)}
        return {name: kinds.get(name, StationKind.USUAL) for name in self.names[self.share.first :: self.share.of]}
