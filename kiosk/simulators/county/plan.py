"""The parameters of a county, and what each of its stations is there to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from kiosk.domain.identifiers import check_region
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.relay.shared.settings import Endpoint
from kiosk.simulators.fleet.plan import Share

MAX_STATIONS: Final = 1000
MAX_WEEKS: Final = 52
_FIRST: Final = 1001  # Station S1001: far from the one with the bench


class StationKind(StrEnum):
    """What the staff of the county must see of a station."""

    USUAL = "usual"
    PAPER_OUT = "paper_out"  # Its label printer has no paper
    QUIET = "quiet"  # Nothing has been brought for days, and it is switched off
    CLONED = "cloned"  # Its card was copied, and both machines work: a fork, and two that send by turns
    GAP = "gap"  # One of its events is repeatedly lost in transit: what came later waits behind the gap
    CLOCK = "clock"  # Since a power cut its clock counts from 1970
    DISK_LOW = "disk_low"  # Its card is nearly full
    CONTRADICTION = "contradiction"  # It reports a receipt once more, with figures that contradict each other
    DAY_DIFFERS = "day_differs"  # It voided a receipt of a day that was closed
    SLOW_LINE = "slow_line"  # Its line passes so little that days are waiting
    OLD_SOFTWARE = "old_software"
    RESTORED = "restored"  # Its card came back older than what the sorting center has: a new epoch


SPECIAL: Final = tuple(kind for kind in StationKind if kind is not StationKind.USUAL)
_FIRST_VILLAGES: Final = slice(2, 39)  # Villages with one of each kind, in a large county too
_MANY: Final = 25  # One more special station for so many others

_ALL: Final = Share()


@dataclass(frozen=True, slots=True)
class CountyPlan:
    """``weeks`` of life end at ``until``; the same plan gives the same events. Without ``broker_url`` nothing is sent,
    and without ``photos_url`` nothing is offered for sale.

    Raises ValueError with what is allowed.
    """

    folder: Path
    stations: int
    weeks: int
    seed: int
    until: datetime
    broker_url: str = ""
    photos_url: str = ""
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
        random = Random(self.seed)  # noqa: S311  a simulator
        first, others = self.names[_FIRST_VILLAGES], self.names[_FIRST_VILLAGES.stop :]
        chosen = random.sample(first, min(len(SPECIAL), len(first), self.stations // 2))
        chosen += random.sample(others, len(others) // _MANY)
        kinds = {name: SPECIAL[number % len(SPECIAL)] for number, name in enumerate(chosen)}
        return {name: kinds.get(name, StationKind.USUAL) for name in self.names[self.share.first :: self.share.of]}


ZONE: Final = "Asia/Shanghai"
_OFFSET: Final = timedelta(hours=8)
_SUNDAY: Final = 6
_TRUCK_DAYS: Final = (1, 3, 5)
# Morning and afternoon; a village keeps to one of them.
_HOURS: Final = (((9, 13), (15, 19)), ((10, 14), (16, 20)), ((10, 13), (15, 21)))
_QUIET_DAYS: Final = 5
_QUIET_INTAKES: Final = 2
# On a line that passes little much waits only where much happens, and the newest of it is old when it comes.
_WAITING_INTAKES, _LATE_DAYS = 40, 2


class StationAct(StrEnum):
    """What may happen at a station."""

    CHECK = "check"
    TRUCK = "truck"
    INTAKE = "intake"
    LEAVE = "leave"
    VOID = "void"
    HANDOVER = "handover"
    UNBOOKED = "unbooked"
    SWEEP = "sweep"
    CLOSE = "close"
    CONTRADICT = "contradict"
    VOID_LATE = "void_late"


_FAULTS: Final = {
    StationKind.CONTRADICTION: StationAct.CONTRADICT,
    StationKind.DAY_DIFFERS: StationAct.VOID_LATE,
}
# What happens on some days only, and on how many of them.
_MORE: Final = ((StationAct.LEAVE, 0.25), (StationAct.VOID, 0.1), (StationAct.UNBOOKED, 0.2))


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A day of a station, which starts once a day. ``acts`` are in the order of their times, in UTC."""

    date: date
    boot_id: str
    acts: tuple[tuple[datetime, StationAct], ...]

    def after(self, monotonic_ms: int) -> DayPlan:
        """Return the day without the acts of its first ``monotonic_ms`` milliseconds."""
        return replace(self, acts=tuple(act for act in self.acts if self._running_ms(act[0]) > monotonic_ms))

    def moment(self, at: datetime, *, unset: bool = False) -> Moment:
        """Return the station's clock at a time of this day; an ``unset`` one counts from 1970."""
        quality, ms = ClockQuality.SYNCED, self._running_ms(at)
        if unset:
            at, quality = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms), ClockQuality.UNSET
        return Moment(at, ZONE, _OFFSET // timedelta(minutes=1), quality, self.boot_id, ms)

    def _running_ms(self, at: datetime) -> int:
        return (at - _utc(self.date, time(0))) // timedelta(milliseconds=1)


def day_of(plan: CountyPlan, station: str, date: date) -> DayPlan:
    """Return a day without acts: a Sunday, or today."""
    return DayPlan(date, Random(f"{plan.seed} boot {station} {date}").randbytes(8).hex(), ())  # noqa: S311  a simulator


def local_date(utc: datetime) -> date:
    return (utc + _OFFSET).date()


def lived_days(plan: CountyPlan, station: str, kind: StationKind) -> list[DayPlan]:
    """Return every day of a station's life, the oldest first; the last one only with its past acts."""
    village = Random(f"{plan.seed} {station}")  # noqa: S311  a simulator
    hours, busy = village.choice(_HOURS), village.randint(4, 14)
    last = local_date(plan.until)
    if kind is StationKind.QUIET:
        last, busy = last - timedelta(days=_QUIET_DAYS), _QUIET_INTAKES
    if kind is StationKind.SLOW_LINE:
        last, busy = last - timedelta(days=_LATE_DAYS), _WAITING_INTAKES
    date, found = local_date(plan.since), []
    while date <= last:
        random = Random(f"{plan.seed} {station} {date}")  # noqa: S311  a simulator
        acts = sorted(_acts(date, hours, busy, random)) if date.weekday() != _SUNDAY else []
        past = tuple(act for act in acts if plan.since <= act[0] <= plan.until)
        found.append(replace(day_of(plan, station, date), acts=past))
        date += timedelta(days=1)
    return _with_fault(found, _FAULTS[kind]) if kind in _FAULTS else found


def _with_fault(days: list[DayPlan], fault: StationAct) -> list[DayPlan]:
    """Insert ``fault`` around the close of the newest closed day."""
    for number in reversed(range(len(days))):
        closed = days[number].acts
        if closed and closed[-1][1] is StationAct.CLOSE:
            minutes = 1 if fault is StationAct.VOID_LATE else -1
            at = closed[-1][0] + timedelta(minutes=minutes)
            days[number] = replace(days[number], acts=tuple(sorted([*closed, (at, fault)])))
            break
    return days


def _acts(
    day: date, hours: tuple[tuple[int, int], ...], busy: int, random: Random
) -> Iterator[tuple[datetime, StationAct]]:
    opens, closes = hours[0][0], hours[-1][1]
    yield _utc(day, time(opens, 2)), StationAct.CHECK
    yield _utc(day, time(closes, 5)), StationAct.SWEEP
    yield _utc(day, time(closes, 10)), StationAct.CLOSE
    if day.weekday() in _TRUCK_DAYS:
        yield _utc(day, time(opens + 1, 30)), StationAct.TRUCK
    often = [StationAct.INTAKE] * random.randint(busy // 2, busy + busy // 2) + [StationAct.HANDOVER] * random.randint(
        0, 3
    )
    for act in [*often, *(act for act, share in _MORE if random.random() < share)]:
        first, last = random.choice(hours)
        seconds = random.randrange(300, (last - first) * 3600)
        yield _utc(day, time(first)) + timedelta(seconds=seconds, milliseconds=random.randrange(1000)), act


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, UTC) - _OFFSET
