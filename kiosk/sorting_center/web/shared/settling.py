"""What waits for a decision: open cases and days that do not add up, one row for each accident."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kiosk.sorting_center.desk.decisions import Decision, DecisionKind
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.cases import Case, CaseState
from kiosk.sorting_center.reports.closings import Closing, ClosingSnapshot
from kiosk.sorting_center.reports.reports import Reports

DAY_KIND: Final = "day"
_DAYS: Final = timedelta(days=14)  # A day that differs is listed this long; its own page shows it permanently
# The gravest first. Kinds of one line are signs of one accident; the first of them names it, in addresses too.
_ACCIDENTS: Final = (
    ("fork", "twin", "too_many_epochs", "broken_chain", "receipt_twice"),
    ("county_log",),
    ("second_region",),
    ("quarantine",),
    ("verification_over",),
    ("impossible_mass",),
    ("impossible_price",),
    ("impossible_clock",),
    ("old_price", "document_refused"),
    ("unsigned",),
    ("held_back",),
    (DAY_KIND,),
    ("reports",),
    ("gap", "quiet", "backlog"),
    ("never_seen",),
    ("old_software",),
)
_FIRST_KIND: Final = {kind: kinds[0] for kinds in _ACCIDENTS for kind in kinds}
_GRAVITY: Final = {kind: place for place, kind in enumerate(_FIRST_KIND)}
_MARK_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Accident:
    """What happened at one station: ``cases`` the gravest first, or ``days`` the oldest first."""

    name: str
    region: str
    station: str
    expected: ExpectedStation | None
    cases: tuple[Case, ...] = ()
    days: tuple[Closing, ...] = ()

    @property
    def kind(self) -> str:
        return self.cases[0].kind if self.cases else DAY_KIND

    @property
    def since(self) -> str:
        return min([case.opened_at for case in self.cases] or [self.days[0].day.isoformat()])

    @property
    def takers(self) -> Sequence[str]:
        return sorted({case.who for case in self.cases if case.state is CaseState.CLAIMED})

    @property
    def seen(self) -> str:
        """Its cases with their versions, for a form: nobody decides on others than those on the page."""
        return " ".join(f"{case.id}:{case.version}" for case in self.cases)

    def matches(self, words: str) -> bool:
        """Return whether a search for ``words``, in lower case, finds it."""
        place = (self.expected.village, self.expected.township) if self.expected is not None else ()
        return any(words in text.casefold() for text in (self.station, self.region, *place))


def open_accidents(desk: CenterDesk, reports: Reports, now: datetime) -> tuple[Accident, ...]:
    """Return the gravest first, then the oldest."""
    cases, days = defaultdict[_Key, list[Case]](list), defaultdict[_Key, list[Closing]](list)
    for case in sorted(desk.cases.all_open(), key=lambda case: (_gravity(case.kind), case.id)):
        cases[_accident_of(case), case.region, case.station].append(case)
    # Days that differ and are not accepted, or whose figures have changed since.
    today = reports.days.day_of(now)
    closings = {subject_of(closing): closing for closing in reports.closings.differing(today - _DAYS)}
    latest = desk.decisions.latest(DecisionKind.DAY, closings)
    for closing in [
        closing
        for subject, closing in closings.items()
        if subject not in latest or not ReviewItem(subject, [latest[subject]], closing.figures).is_settled
    ]:
        days[DAY_KIND, closing.region, closing.station].append(closing)
    stations = desk.registry.current().stations
    found = [Accident(*key, stations.get(key[1:]), cases=tuple(some)) for key, some in cases.items()]
    found += [Accident(*key, stations.get(key[1:]), days=tuple(some)) for key, some in days.items()]
    return tuple(sorted(found, key=lambda one: (_gravity(one.name), one.since, one.region, one.station)))


_Key = tuple[str, str, str]  # Name of the accident, region and station


def _accident_of(case: Case) -> str:
    if case.kind == "reports" and case.subject in _FIRST_KIND:
        return _FIRST_KIND[case.subject]
    return _FIRST_KIND.get(case.kind, case.kind)


def _gravity(kind: str) -> int:
    return _GRAVITY.get(kind, len(_GRAVITY))


def subject_of(closing: Closing) -> str:
    return f"{closing.region} {closing.station} {closing.epoch} {closing.seq}"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A matter that a person settles, and the decisions on it, oldest first. ``figures``: the current ones, or ""."""

    subject: str
    history: Sequence[Decision]
    figures: str = ""

    @property
    def is_settled(self) -> bool:
        """Asked back is not settled: the answer is still to come. Nor is what was decided on other figures."""
        return bool(self.history) and self.history[-1].act != "asked_back" and not self.has_changed

    @property
    def has_changed(self) -> bool:
        return bool(self.history) and self.history[-1].figures not in ("", self.figures)

    @property
    def mark(self) -> str:
        """Stands for the figures in a form: nobody decides on others than those on the page."""
        return hashlib.sha256(self.figures.encode()).hexdigest()[:_MARK_CHARACTERS]

    def closing_at(self, row: Decision) -> ClosingSnapshot | None:
        """Return the closing when that was decided; None when it is the same now, or when it is unknown."""
        return ClosingSnapshot.parse(row.figures) if row.figures != self.figures else None
