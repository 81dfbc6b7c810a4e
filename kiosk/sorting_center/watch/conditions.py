"""What is wrong in the county, as conditions of cases: a pure function of what is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kiosk.sorting_center.desk.registry import StationRegister
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.desk.station_configurations import StationConfiguration, StationKey
from kiosk.sorting_center.ledger.database.station_keys import UnsignedEvents
from kiosk.sorting_center.ledger.shares import HeldBack
from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.reports.implausible import PRICE_KIND, ImplausibleFigure
from kiosk.sorting_center.reports.projection.applier import MASS_KIND
from kiosk.sorting_center.reports.shared.times import from_milliseconds as moment_of
from kiosk.sorting_center.shared.alarm_texts import format_detail, format_minute
from kiosk.sorting_center.watch.measure import Measure
from kiosk.sorting_center.watch.old_prices import OldPrice

# Events set apart for these reasons have an alarm of the ledger each: one case is enough.
COVERED_BY_ALARM: Final = frozenset({"fork", "broken_chain"})
KEY_TRIAL_TERM: Final = timedelta(days=365)
LOST_SUBJECT: Final = "lost"  # Subject of the gap that no sending again can fill


@dataclass(frozen=True, slots=True)
class ConditionGroup:
    """Alarms of one kind, or events set apart for one reason, of one station, of one epoch and day (YYYY-MM-DD, UTC).

    Of a copied card come thousands. A day of them is one case; what comes on another day is another case, so that one
    that was closed never hides what came later. ``epoch`` is "" of events set apart. ``detail`` is that of the first.
    """

    kind: str
    region: str
    station: str
    epoch: str
    day: str
    number: int
    detail: str


@dataclass(frozen=True, slots=True)
class CountySnapshot:
    """``now`` is on the wall clock of the county; ``keys``: when each region's recovery key was tried, or made."""

    rows: Sequence[FleetRow]
    register: StationRegister
    alarms: Sequence[ConditionGroup]
    quarantined: Sequence[ConditionGroup]
    now: datetime
    impossible: Sequence[ImplausibleFigure] = ()
    held_back: Sequence[HeldBack] = ()
    keys: Mapping[str, datetime] = field(default_factory=dict)
    configurations: Mapping[StationKey, StationConfiguration] = field(default_factory=dict)
    old_prices: Sequence[OldPrice] = ()
    unsigned: Sequence[UnsignedEvents] = ()


def conditions(seen: CountySnapshot) -> list[Condition]:
    measure = Measure.of(seen.rows, seen.register, seen.now)
    reporting = {(row.region, row.station) for row in seen.rows}
    silent = [expected for key, expected in seen.register.stations.items() if key not in reporting]
    found = [*_of_events(seen), *_of_documents(seen)]
    found += [condition for row in seen.rows for condition in _of_row(row, measure)]
    found += [Condition("never_seen", expected.region, expected.station) for expected in silent]
    for expected in filter(measure.is_verification_expired, seen.register.stations.values()):
        day = expected.valid_until
        detail = format_detail("valid_until", day=day)
        if expected.scale:
            detail = format_detail("scale_valid_until", text=expected.scale, day=day)
        found.append(Condition("verification_over", expected.region, expected.station, day, detail))
    return list({condition.key: condition for condition in found}.values())


def _of_events(seen: CountySnapshot) -> Iterator[Condition]:
    """Yield conditions of stations' events that were not accepted, or cannot be."""
    for group in seen.alarms:
        subject = " ".join(filter(None, (group.epoch, group.day)))
        detail = group.detail if group.number == 1 else format_detail("many_times", n=group.number, said=group.detail)
        yield Condition(group.kind, group.region, group.station, subject, detail)
    for group in seen.quarantined:
        if group.kind not in COVERED_BY_ALARM:
            detail = format_detail("set_apart", n=group.number, reason=group.kind)
            yield Condition("quarantine", group.region, group.station, f"{group.kind} {group.day}", detail)
    for one in seen.impossible:
        if one.kind == MASS_KIND:
            detail = format_detail("above_max", receipt=one.about, n=one.figure, most=one.limit)
        elif one.kind == PRICE_KIND:
            detail = format_detail("far_price", receipt=one.about, n=one.figure, most=one.limit)
        else:
            at, since = format_minute(moment_of(one.figure)), format_minute(moment_of(one.limit))
            detail = format_detail("early_clock", receipt=one.about, at=at, since=since)
        yield Condition(one.kind, one.region, one.station, one.day, detail)
    for held in seen.held_back:
        megabytes = held.size_bytes // 1_000_000
        detail = format_detail("too_much_today" if held.why == "share" else "little_disk", n=megabytes)
        yield Condition("held_back", held.region, held.station, "", detail)


def _of_documents(seen: CountySnapshot) -> Iterator[Condition]:
    """Yield conditions of the county's keys, documents and prices, and of what is not signed."""
    for region, tried in seen.keys.items():
        # A case each year: a closed one hides only the year in which it was opened.
        if years := max(0, (seen.now - tried) // KEY_TRIAL_TERM):
            subject = (tried + years * KEY_TRIAL_TERM).date().isoformat()
            detail = format_detail("key_untried", day=tried.date().isoformat())
            yield Condition("key_untried", region, "", subject, detail)
    for key, one in seen.configurations.items():
        if one.refused is not None:  # Over when the station applies a document after it
            version, at = str(one.refused.version), format_minute(datetime.fromisoformat(one.refused.at))
            detail = format_detail("document_refused", version=version, why=one.refused.reason, at=at)
            yield Condition("document_refused", *key, "", detail)
    for old in seen.old_prices:
        paid, since = old.paid, format_minute(old.since)
        if old.county_fen is None:
            detail = format_detail("not_bought", product=paid.product, n=paid.fen_per_kg, since=since)
        else:
            values: dict[str, str | int] = {"product": paid.product, "n": paid.fen_per_kg, "most": old.county_fen}
            detail = format_detail("old_price", **values, since=since)
        yield Condition("old_price", paid.region, paid.station, f"{paid.product} {paid.mode}", detail)
    for lack in seen.unsigned:  # Over when a later signature of the station covers them
        detail = format_detail("unsigned", n=lack.events, since=format_minute(datetime.fromisoformat(lack.since)))
        yield Condition("unsigned", lack.region, lack.station, "", detail)


def _of_row(row: FleetRow, measure: Measure) -> Iterator[Condition]:
    def of(kind: str, subject: str = "", detail: str = "") -> Condition:
        return Condition(kind, row.region, row.station, subject, detail)

    if row.complains:
        yield of("reports", row.complains)
    if measure.is_quiet(row) and row.last_seen is not None:
        yield of("quiet", "", format_detail("last_heard", at=format_minute(row.last_seen)))
    if measure.has_backlog(row):
        yield of("backlog", "", format_detail("waiting", n=row.pending or 0))
    if measure.has_gap(row):
        missing, since = row.gaps.missing - row.gaps.lost, row.gaps.since
        detail = format_detail("missing", n=missing)
        if since:
            detail = format_detail("missing_since", n=missing, at=format_minute(since))
        yield of("gap", "", detail)
    if row.gaps.lost:
        yield of("gap", LOST_SUBJECT, format_detail("never_came", n=row.gaps.lost))
    if measure.is_old(row):
        yield of("old_software", "", format_detail("software", text=row.software or ""))
