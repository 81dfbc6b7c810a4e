"""What is wrong, as a table: what is seen, and which cases it makes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from kiosk.sorting_center.desk.registry import StationRegister
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.ledger.database.station_keys import UnsignedEvents
from kiosk.sorting_center.ledger.shares import HeldBack
from kiosk.sorting_center.reports.fleet import FleetRow, GapFacts
from kiosk.sorting_center.shared.alarm_texts import english_detail, format_detail
from kiosk.sorting_center.watch.conditions import ConditionGroup, CountySnapshot, conditions
from tests.sorting_center.watch.rows import NOW, RECENT, expected, heard, register

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def found(
    rows: Sequence[FleetRow] = (), of: StationRegister | None = None, **groups: Any
) -> list[tuple[str, str, str]]:
    """Kind, station and subject."""
    seen = CountySnapshot(rows, of or register(), groups.get("alarms", ()), groups.get("quarantined", ()), NOW)
    return [(one.kind, one.station, one.subject) for one in conditions(seen)]


def group(kind: str, epoch: str = "", day: str = "2026-11-25", number: int = 1) -> ConditionGroup:
    return ConditionGroup(kind, "shache", "S0001", epoch, day, number, "event 3 came twice")


ALARMS = ["fork", "twin", "broken_chain", "receipt_twice", "second_region", "too_many_epochs", "county_log"]


@pytest.mark.parametrize("kind", ALARMS)
def test_every_alarm_of_the_ledger_is_a_case(kind: str) -> None:
    assert found([heard()], alarms=[group(kind, "aa")]) == [(kind, "S0001", "aa 2026-11-25")]


def test_a_thousand_alarms_of_a_day_are_one_case_and_another_day_is_another() -> None:
    alarms = [group("fork", "aa", number=1000), group("fork", "aa", "2026-11-26"), group("fork", "bb")]
    assert found(alarms=alarms) == [
        ("fork", "S0001", "aa 2026-11-25"),
        ("fork", "S0001", "aa 2026-11-26"),
        ("fork", "S0001", "bb 2026-11-25"),
    ]
    first, *_ = conditions(CountySnapshot([], register(), alarms, (), NOW))
    assert english_detail(first.detail) == "1000 times; the first: event 3 came twice"


def test_what_is_set_apart_is_a_case_unless_an_alarm_says_so_already() -> None:
    reasons = ["fork", "broken_chain", "far_ahead", "unknown_type", "bad_data", "bad_signature"]
    assert found(quarantined=[group(reason) for reason in reasons]) == [
        ("quarantine", "S0001", f"{reason} 2026-11-25") for reason in reasons[2:]
    ]


@pytest.mark.parametrize(("days", "subjects"), [(0, []), (364, []), (365, [365]), (800, [730]), (-20_000, [])])
def test_a_key_that_was_not_tried_is_a_case_of_its_year(days: int, subjects: list[int]) -> None:
    tried = NOW - days * DAY
    found = conditions(CountySnapshot([], register(), (), (), NOW, keys={"shache": tried}))
    due = [(tried + one * DAY).date().isoformat() for one in subjects]
    assert [one.key for one in found] == [("key_untried", "shache", "", one) for one in due]
    assert all(english_detail(one.detail) == f"last tried on {tried.date()}" for one in found)


def test_a_station_that_sends_too_much_is_named() -> None:
    held = [HeldBack("S0001", "shache", 67_108_864, "share"), HeldBack("S0002", "shache", 3_000_000, "disk")]
    first, second = conditions(CountySnapshot([], register(), (), (), NOW, held_back=held))
    assert (first.key, english_detail(first.detail)) == (
        ("held_back", "shache", "S0001", ""),
        "67 MB were taken in today (UTC); the rest has to wait until tomorrow",
    )
    assert (second.station, english_detail(second.detail).partition(";")[0]) == (
        "S0002",
        "the disk of the sorting center is nearly full",
    )


def test_a_station_whose_key_fails_is_one_case() -> None:
    unsigned = [UnsignedEvents("shache", "S0001", 70, "2026-11-24T03:00:00.000Z")]
    (one,) = conditions(CountySnapshot([], register(), (), (), NOW, unsigned=unsigned))
    assert (one.key, english_detail(one.detail)) == (
        ("unsigned", "shache", "S0001", ""),
        "signature device failed: 70 events without a signature that is believed since 2026-11-24 03:00 UTC",
    )


TABLE = [
    ("well", heard(), []),
    ("quiet", heard(online=False, last_seen=RECENT - HOUR), [("quiet", "")]),
    ("much waits", heard(pending=100), [("backlog", "")]),
    ("a gap that stays", heard(gaps=GapFacts(2, 0, RECENT - HOUR)), [("gap", "")]),
    ("a gap that fills itself", heard(gaps=GapFacts(2, 0, RECENT)), []),
    ("a gap that a clock gone wrong has noted", heard(gaps=GapFacts(2, 0, RECENT + 3650 * DAY)), [("gap", "")]),
    ("lost with an epoch", heard(gaps=GapFacts(5, 5, RECENT - DAY)), [("gap", "lost")]),
    ("lost, and missing", heard(gaps=GapFacts(5, 2, RECENT - DAY)), [("gap", ""), ("gap", "lost")]),
    ("it complains", heard(complains="ahead"), [("reports", "ahead")]),
    ("alarms are grouped elsewhere", heard(alarms={"fork": 9}, quarantined={"bad_data": 9}), []),
    ("left behind", heard(software="1.0.0"), [("old_software", "")]),
]


@pytest.mark.parametrize(("row", "wrong"), [(row, wrong) for _, row, wrong in TABLE], ids=[name for name, *_ in TABLE])
def test_what_is_so_of_a_station(row: FleetRow, wrong: list[tuple[str, str]]) -> None:
    others = [heard(f"S{number:04}") for number in range(2, 9)]
    of = register(*(expected(one.station) for one in [row, *others]))
    assert found([row, *others], of) == [(kind, "S0001", subject) for kind, subject in wrong]


def test_what_the_registry_knows() -> None:
    over = expected("S0001", valid_until="2026-11-24", scale="XK3190-7")
    last_day = expected("S0002", valid_until="2026-11-25")
    assert found([heard()], register(over, last_day)) == [
        ("never_seen", "S0002", ""),
        ("verification_over", "S0001", "2026-11-24"),
    ]
    assert found([heard("S0009")], register()) == [], "who is not on the list is shown, and nobody's fault"


@pytest.mark.parametrize(
    ("hours", "quiet_min", "is_quiet"),
    [
        ("mon-fri 10:00-19:00", 60, True),
        ("mon-fri 10:00-19:00", 240, False),
        ("mon-fri 10:00-12:00", 60, False),
        ("wed 13:30-19:00", 90, True),
        ("sat 10:00-19:00", 60, False),
        ("", 60, False),
    ],
)
def test_quiet_goes_by_the_hours_of_the_township(hours: str, quiet_min: int, is_quiet: bool) -> None:
    """It was heard at 13:00 and it is 15:00 now."""
    row = heard(online=False, last_seen=NOW - 2 * HOUR)
    of = register(expected(), hours=hours, quiet_min=quiet_min)
    assert (("quiet", "S0001", "") in found([row], of)) is is_quiet


def test_each_condition_is_told_once_and_says_what_it_is_about() -> None:
    rows = [heard(), heard()]
    assert found(rows, register(), alarms=[group("fork", "aa"), group("fork", "aa")]) == [
        ("fork", "S0001", "aa 2026-11-25")
    ]
    seen = CountySnapshot([heard(gaps=GapFacts(2, 0, RECENT - HOUR), pending=170)], register(), (), (), NOW)
    assert conditions(seen) == [
        Condition("backlog", "shache", "S0001", "", format_detail("waiting", n=170)),
        Condition("gap", "shache", "S0001", "", format_detail("missing_since", n=2, at="2026-11-25 05:55 UTC")),
    ]
