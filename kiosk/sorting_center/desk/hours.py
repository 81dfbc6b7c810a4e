"""Opening hours of a township, and whether a station has been quiet for too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from kiosk.base.refused import Refused

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN: Final = 24 * 60
_HOURS_PATTERN: Final = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)", re.ASCII
)
_QUIET_HORIZON: Final = timedelta(days=60)  # Quiet for so long is quiet, whatever the hours are

Span = tuple[int, int]  # Minutes since midnight, the second one not included


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """``week``: the open minutes from Monday to Sunday; None for a closed day."""

    week: tuple[Span | None, ...]

    def __post_init__(self) -> None:
        if len(self.week) != len(DAYS):
            raise ValueError("a week has seven days")

    @classmethod
    def parse(cls, text: str) -> OpeningHours:
        """Parse ``mon-fri 09:00-18:00; sat 10:00-24:00``; "" for always closed. Raises Refused."""
        week: list[Span | None] = [None] * len(DAYS)
        for part in filter(None, (piece.strip().lower() for piece in text.split(";"))):
            found = _HOURS_PATTERN.fullmatch(part)
            if found is None or found["first"] not in DAYS or (found["last"] or "mon") not in DAYS:
                raise Refused("hours_unreadable", values={"text": part[:40]})
            first = DAYS.index(found["first"])
            last = DAYS.index(found["last"]) if found["last"] else first
            span = (_minutes(found["from"]), _minutes(found["to"]))
            if span[0] >= span[1] or first > last:
                raise Refused("hours_backward", values={"text": part})
            for day in range(first, last + 1):
                if week[day] is not None:
                    raise Refused("hours_twice", values={"text": DAYS[day]})
                week[day] = span
        return cls(tuple(week))

    @property
    def runs(self) -> Iterator[tuple[tuple[int, ...], tuple[str, str]]]:
        """Yield each run of days with the same hours: its first and last day (0 is Monday; one for a single day), and
        the hours, like 09:00.
        """
        day = 0
        while day < len(DAYS):
            span, first = self.week[day], day
            while day + 1 < len(DAYS) and self.week[day + 1] == span:
                day += 1
            if span is not None:
                yield tuple(dict.fromkeys((first, day))), (_text(span[0]), _text(span[1]))
            day += 1

    def __str__(self) -> str:
        return "; ".join(f"{'-'.join(DAYS[day] for day in days)} {'-'.join(hours)}" for days, hours in self.runs)

    def is_open(self, local: datetime) -> bool:
        """Return whether it is open at ``local``, a moment on the wall clock of the county."""
        span = self.week[local.weekday()]
        return span is not None and span[0] <= local.hour * 60 + local.minute < span[1]

    def open_min(self, since: datetime, until: datetime) -> int:
        """Count whole minutes within the hours between two moments on the wall clock of the county."""
        total, day = 0, since.date()
        while day <= until.date():
            span = self.week[day.weekday()]
            if span is not None:
                total += max(0, min(span[1], _minute_of(until, day)) - max(span[0], _minute_of(since, day)))
            day += timedelta(days=1)
        return total


def is_quiet(hours: OpeningHours, quiet_min: int, last_seen_at: datetime | None, now: datetime) -> bool:
    """Return whether a station sent nothing for ``quiet_min`` minutes of its hours; False when it never sent anything,
    or when the clock was ahead. Both moments are in the zone of the county.
    """
    if last_seen_at is None or last_seen_at >= now:
        return False
    if now - last_seen_at > _QUIET_HORIZON:
        return True
    return hours.open_min(last_seen_at, now) >= quiet_min


def _minute_of(moment: datetime, day: date) -> int:
    """Return minutes since midnight of ``day``, limited to that day."""
    if moment.date() < day:
        return 0
    return DAY_MIN if moment.date() > day else moment.hour * 60 + moment.minute


def _minutes(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute > 59 or hour * 60 + minute > DAY_MIN:
        raise Refused("hours_no_time", values={"text": text})
    return hour * 60 + minute


def _text(minutes: int) -> str:
    return "24:00" if minutes == DAY_MIN else time(minutes // 60, minutes % 60).strftime("%H:%M")
