from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from kiosk.base.refused import Refused
from kiosk.cli.center import user
from kiosk.sorting_center.desk import people
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import MAX_PASSWORD, MEMORY_KIB, TIME_COST, StaffMember, StaffRole, check_password
from kiosk.sorting_center.desk.shared import cases
from kiosk.sorting_center.listings import records

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
GOOD = "melon and almond"


def test_only_the_right_password_proves_a_person(desk: CenterDesk) -> None:
    added = desk.people.add("gulnar", StaffRole.OPERATOR, GOOD, NOW)
    assert desk.people.verify("gulnar", GOOD) == added == StaffMember("gulnar", StaffRole.OPERATOR)
    for name, password in [("gulnar", GOOD + "x"), ("gulnar", ""), ("nobody", GOOD), ("gulnar' --", GOOD), ("", "")]:
        assert desk.people.verify(name, password) is None


def test_a_password_is_never_stored_or_told(desk: CenterDesk) -> None:
    desk.people.add("gulnar", StaffRole.VIEWER, GOOD, NOW)
    with pytest.raises(Refused) as refused:
        desk.people.set_password("gulnar", "short-1", NOW)
    assert refused.value.code == "weak_password"
    assert "short-1" not in str(refused.value)
    assert GOOD not in repr(desk.people.all())


def test_a_person_who_is_disabled_is_let_in_no_more_and_again_when_enabled(desk: CenterDesk) -> None:
    desk.people.add("root", StaffRole.ADMIN, GOOD, NOW)
    desk.people.add("gulnar", StaffRole.VIEWER, GOOD, NOW)
    desk.people.set_disabled("gulnar", True, NOW)
    assert desk.people.verify("gulnar", GOOD) is None
    desk.people.set_disabled("gulnar", False, NOW)
    assert desk.people.verify("gulnar", GOOD) is not None


def test_the_last_admin_stays_one(desk: CenterDesk) -> None:
    desk.people.add("root", StaffRole.ADMIN, GOOD, NOW)
    with pytest.raises(Refused, match="only admin"):
        desk.people.set_disabled("root", True, NOW)
    with pytest.raises(Refused, match="only admin"):
        desk.people.set_role("root", StaffRole.VIEWER, NOW)
    assert desk.people.get("root") == StaffMember("root", StaffRole.ADMIN)
    desk.people.add("second", StaffRole.ADMIN, GOOD, NOW)
    desk.people.set_role("root", StaffRole.VIEWER, NOW)
    assert desk.people.get("root").role is StaffRole.VIEWER


def test_what_ends_the_sessions_of_a_person(desk: CenterDesk) -> None:
    desk.people.add("root", StaffRole.ADMIN, GOOD, NOW)
    who = desk.people.add("gulnar", StaffRole.VIEWER, GOOD, NOW)
    acts = {
        "password": lambda: desk.people.set_password("gulnar", GOOD + "!", NOW),
        "role": lambda: desk.people.set_role("gulnar", StaffRole.OPERATOR, NOW),
        "disabled": lambda: desk.people.set_disabled("gulnar", True, NOW),
        "enabled": lambda: desk.people.set_disabled("gulnar", False, NOW),
    }
    for name, act in acts.items():
        token = desk.sessions.begin(who, "center", NOW)
        act()
        assert desk.sessions.find(token, "center", NOW) is None, name


def test_names_and_passwords_that_are_refused(desk: CenterDesk) -> None:
    for name in ("", "a", "Gulnar", "gul nar", "1st", "x" * 41, "gul\nnar", "guln\u0430r", "../etc", "'; --"):
        with pytest.raises(Refused) as refused:
            desk.people.add(name, StaffRole.VIEWER, GOOD, NOW)
        assert refused.value.code == "bad_name", name
    for password in (
        "",
        "ninechars",
        "password123",
        "aaaaaaaaaaaa",
        "ababababababab",
        "my gulnar 1",
        "x" * (MAX_PASSWORD + 1),
    ):
        with pytest.raises(Refused) as refused:
            check_password(password, "gulnar", StaffRole.VIEWER)
        assert refused.value.code in ("weak_password", "guessed_password"), password
    check_password("ten chars!", "gulnar", StaffRole.OPERATOR)
    with pytest.raises(Refused, match="12 to"):
        check_password("ten chars!", "gulnar", StaffRole.ADMIN)


def test_a_name_is_given_once(desk: CenterDesk) -> None:
    desk.people.add("gulnar", StaffRole.VIEWER, GOOD, NOW)
    with pytest.raises(Refused) as refused:
        desk.people.add("gulnar", StaffRole.ADMIN, GOOD, NOW)
    assert refused.value.code == "name_taken"
    assert desk.people.get("gulnar").role is StaffRole.VIEWER


def test_nobody_is_called_as_the_program_calls_itself(desk: CenterDesk) -> None:
    """What such a person did would stand in histories and in the audit as done by nobody."""
    names = {cases.SYSTEM_USER, records.LEDGER_USER, user.COMMAND}
    for name in names:
        with pytest.raises(Refused, match="program itself") as refused:
            desk.people.add(name, StaffRole.ADMIN, GOOD, NOW)
        assert refused.value.code == "name_taken"
    assert names == people.RESERVED_NAMES
    assert desk.people.all() == []


def test_nobody_is_changed_by_a_wrong_name(desk: CenterDesk) -> None:
    for act in (
        lambda: desk.people.get("ghost"),
        lambda: desk.people.set_password("ghost", GOOD, NOW),
        lambda: desk.people.set_role("ghost", StaffRole.ADMIN, NOW),
        lambda: desk.people.set_disabled("ghost", True, NOW),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "no_such_person"


def test_a_language_is_one_of_the_houses(desk: CenterDesk) -> None:
    desk.people.add("gulnar", StaffRole.VIEWER, GOOD, NOW)
    desk.people.set_language("gulnar", "ug")
    assert desk.people.get("gulnar").language == "ug"
    with pytest.raises(Refused):
        desk.people.set_language("gulnar", "xx")


def test_a_password_costs_an_attacker_what_is_recommended(desk: CenterDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """OWASP's sheet on the storage of passwords; other tests have cheap hashes."""
    monkeypatch.setattr(people, "TIME_COST", TIME_COST)
    monkeypatch.setattr(people, "MEMORY_KIB", MEMORY_KIB)
    assert TIME_COST >= 2 and MEMORY_KIB >= 19 * 1024
    owner = people.People(desk.people._database)
    owner.add("gulnar", StaffRole.VIEWER, GOOD, NOW)
    with desk.people._database.reading() as connection:
        (hashed,) = connection.execute(text("SELECT password_hash FROM person")).one()
    assert hashed.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p=1$")
    assert owner.verify("gulnar", GOOD) is not None
