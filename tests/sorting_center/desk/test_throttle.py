from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from kiosk.sorting_center.desk import throttle as module
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.schema import throttle
from kiosk.sorting_center.desk.throttle import ADDRESS_RULE, NAME_RULE, PERSON_PINS, STATION_PINS, AttemptTime
from tests.depth import TORTURE

HOME, OFFICE = "203.0.113.9", "198.51.100.7"


def at(seconds: float, boot: str = "boot-1") -> AttemptTime:
    return AttemptTime(boot, int(seconds * 1000), datetime(2026, 11, 27, tzinfo=UTC) + timedelta(seconds=seconds))


def tried(
    desk: CenterDesk, name: str, address: str, times: int, start: float = 1000.0, step: float = 20.0
) -> list[int]:
    return [desk.throttle.attempt(name, address, at(start + number * step)) for number in range(times)]


def test_five_wrong_ones_from_one_place_lock_that_place_and_name_for_a_while(desk: CenterDesk) -> None:
    waits = tried(desk, "admin", HOME, 6)
    assert waits[:5] == [0] * 5
    assert 0 < waits[5] <= NAME_RULE.lockout_ms
    assert desk.throttle.attempt("admin", HOME, at(1000 + 4 * 20 + NAME_RULE.lockout_ms / 1000 + 1)) == 0


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"] if TORTURE else ["sqlite"], indirect=True)
def test_a_stranger_locks_nobody_out(desk: CenterDesk) -> None:
    """10,000 wrong passwords for an admin, from 500 places: the admin signs in from a place of his own."""
    for number in range(100):
        for _ in range(6):
            desk.throttle.attempt("admin", f"192.0.{number // 50}.{number % 50}", at(1000 + number))
    assert desk.throttle.attempt("admin", OFFICE, at(1200)) == 0


def test_pins_are_limited_by_station_and_by_person(desk: CenterDesk) -> None:
    """Each answer counts; a locked station locks nobody's sign-in, and another person waits for it as well."""
    waits = [desk.throttle.attempt_pin(f"person-{n}", "shache/S0147", at(1000)) for n in range(STATION_PINS.tries + 1)]
    assert waits == [0] * STATION_PINS.tries + [STATION_PINS.lockout_ms]
    waits = [desk.throttle.attempt_pin("gulnar", f"shache/S{n:04}", at(1000)) for n in range(PERSON_PINS.tries + 1)]
    assert waits == [0] * PERSON_PINS.tries + [PERSON_PINS.lockout_ms]
    assert desk.throttle.attempt("gulnar", HOME, at(1000)) == 0
    assert desk.throttle.attempt_pin("gulnar", "shache/S0147", at(1000 + STATION_PINS.lockout_ms / 1000)) == 0


def test_an_attempt_counts_before_it_is_looked_at(desk: CenterDesk) -> None:
    """Of twenty at one moment the first is looked at; what is looked at is what costs time and memory."""
    moment = at(1000)
    looked_at = [desk.throttle.attempt("admin", HOME, moment) for _ in range(20)].count(0)
    assert looked_at <= 2


def test_many_names_from_one_place_lock_the_place(desk: CenterDesk) -> None:
    waits = [
        desk.throttle.attempt(f"name{number}", HOME, at(1000 + number)) for number in range(ADDRESS_RULE.tries + 5)
    ]
    assert waits[: ADDRESS_RULE.tries] == [0] * ADDRESS_RULE.tries
    assert min(waits[ADDRESS_RULE.tries :]) > 0


def test_an_office_that_signs_in_well_is_never_locked(desk: CenterDesk) -> None:
    for number in range(100):
        moment = at(1000 + number)
        assert desk.throttle.attempt(f"name{number % 7}", OFFICE, moment) == 0
        desk.throttle.succeeded(f"name{number % 7}", OFFICE, moment)


def test_a_right_password_forgives_the_wrong_ones_before_it_but_not_those_of_others(desk: CenterDesk) -> None:
    for number in range(4):
        desk.throttle.attempt("gulnar", OFFICE, at(1000 + 20 * number))
    desk.throttle.attempt("gulnar", OFFICE, at(1100))
    desk.throttle.succeeded("gulnar", OFFICE, at(1100))
    assert tried(desk, "gulnar", OFFICE, 4, start=1200) == [0] * 4
    with desk.database.reading() as connection:
        ages = connection.execute(select(throttle.c.failures_ms).where(throttle.c.key == OFFICE)).scalar_one()
    assert len(ages.split()) == 8, "of the address nine attempts, one of them right"


def test_a_lock_outlives_the_program_and_a_clock_that_is_set(desk: CenterDesk, ledger_url: str) -> None:
    tried(desk, "admin", HOME, 6)
    with CenterDesk.open(ledger_url) as again:
        jumped = AttemptTime("boot-1", 1_110_000, datetime(2036, 1, 1, tzinfo=UTC))
        assert again.throttle.attempt("admin", HOME, jumped) > 0
        jumped = AttemptTime("boot-1", 1_120_000, datetime(1970, 1, 1, tzinfo=UTC))
        assert again.throttle.attempt("admin", HOME, jumped) > 0


def test_a_lock_counts_only_what_a_new_boot_has_lasted(desk: CenterDesk) -> None:
    tried(desk, "admin", HOME, 6)
    assert desk.throttle.attempt("admin", HOME, at(60, "boot-2")) > 0
    assert desk.throttle.attempt("admin", HOME, at(NAME_RULE.lockout_ms / 1000 + 1, "boot-2")) == 0


def test_a_line_of_ipv6_is_one_place_and_an_address_written_twice_is_one(desk: CenterDesk) -> None:
    waits = [desk.throttle.attempt("admin", f"2001:db8:1:2::{n:x}", at(1000 + 20 * n)) for n in range(1, 8)]
    assert waits[5] > 0
    assert desk.throttle.attempt("admin", "2001:db8:1:3::1", at(1200)) == 0
    tried(desk, "admin", "192.0.2.1", 6)
    assert desk.throttle.attempt("admin", "::ffff:192.0.2.1", at(1101)) > 0


def test_rows_are_bounded_and_what_somebody_typed_is_not_in_them(
    desk: CenterDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    for number in range(300):
        desk.throttle.attempt("secret-typed-as-a-name" * 300, f"10.0.{number // 250}.{number % 250}", at(1000))
    with desk.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(throttle)).scalar_one() <= 102
        keys = connection.execute(select(throttle.c.key)).scalars().all()
    assert not any("secret" in key or len(key) > 80 for key in keys)


def test_hostile_names_and_addresses_are_counted_like_any(desk: CenterDesk) -> None:
    for name, address in [("\ud800", "x"), ("' OR 1=1 --", "unknown"), ("\x00", "1.2.3.4\n"), ("", "")]:
        assert desk.throttle.attempt(name, address, at(1000)) == 0
        assert desk.throttle.attempt(name, address, at(1000.1)) >= 0
