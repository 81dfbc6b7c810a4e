from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from kiosk.base.refused import Refused
from kiosk.cli.center.people import COMMAND
from kiosk.sorting_center.desk import people
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import (
    MAX_AGE,
    MAX_IDLE,
    MAX_PASSWORD,
    MAX_PER_PERSON,
    MEMORY_KIB,
    TIME_COST,
    StaffMember,
    StaffRole,
    check_password,
)
from kiosk.sorting_center.desk.shared import cases
from kiosk.sorting_center.desk.shared.schema import session
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
    names = {cases.SYSTEM_USER, records.LEDGER_USER, COMMAND}
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


@pytest.fixture
def who(desk: CenterDesk) -> StaffMember:
    return desk.people.add("gulnar", StaffRole.OPERATOR, "melon and almond", NOW)


def test_a_token_opens_what_it_was_given_for_and_nothing_else(desk: CenterDesk, who: StaffMember) -> None:
    token = desk.sessions.begin(who, "center.example", NOW)
    found = desk.sessions.find(token, "center.example", NOW)
    assert found is not None
    assert found.person == who
    assert desk.sessions.find(token, "evil.example", NOW) is None, "a session does not move to another host"
    for wrong in ("", "x", token[:-1], token + "A", token.swapcase(), "\ud800"):
        assert desk.sessions.find(wrong, "center.example", NOW) is None


def test_a_session_does_not_begin_with_a_password_of_before(desk: CenterDesk, who: StaffMember) -> None:
    """Somebody who knows it tries again and again: one attempt is always under way when it is reset."""
    looked_at = desk.people.verify("gulnar", "melon and almond")
    assert looked_at is not None
    desk.people.set_password("gulnar", "walnut and apricot", NOW + timedelta(seconds=1))
    with pytest.raises(Refused) as refused:
        desk.sessions.begin(looked_at, "c", NOW)
    assert refused.value.code == "wrong_password"
    assert desk.sessions.end_all("gulnar") == 0
    again = desk.people.verify("gulnar", "walnut and apricot")
    assert again is not None
    assert desk.sessions.begin(again, "c", NOW)


def test_each_session_has_a_word_of_its_own_for_its_forms(desk: CenterDesk, who: StaffMember) -> None:
    tokens = [desk.sessions.begin(who, "c", NOW) for _ in range(2)]
    words = {found.csrf for token in tokens if (found := desk.sessions.find(token, "c", NOW))}
    assert len(words) == 2
    again = desk.sessions.find(tokens[0], "c", NOW + timedelta(minutes=5))
    assert again is not None
    assert again.csrf in words


def test_who_reads_the_database_is_not_signed_in(desk: CenterDesk, who: StaffMember, ledger_url: str) -> None:
    token = desk.sessions.begin(who, "c", NOW)
    with desk.database.reading() as connection:
        (row,) = connection.execute(select(session)).all()
    assert token not in [str(value) for value in row]
    assert desk.sessions.find(row.token_sha256, "c", NOW) is None


def test_a_session_ends_when_nobody_used_it_and_after_a_day_of_work(desk: CenterDesk, who: StaffMember) -> None:
    idle = desk.sessions.begin(who, "c", NOW)
    assert desk.sessions.find(idle, "c", NOW + MAX_IDLE) is not None
    used = desk.sessions.begin(who, "c", NOW)
    at, step = NOW, MAX_IDLE - timedelta(minutes=2)
    while at + step < NOW + MAX_AGE:
        at += step
        assert desk.sessions.find(used, "c", at) is not None, at
    assert desk.sessions.find(used, "c", NOW + MAX_AGE + timedelta(seconds=1)) is None
    assert desk.sessions.find(idle, "c", NOW + 2 * MAX_IDLE + timedelta(minutes=2)) is None
    assert desk.sessions.find(idle, "c", NOW + timedelta(minutes=1)) is None, (
        "over is over, also when a clock goes back"
    )


def test_a_clock_that_was_set_back_ends_a_session(desk: CenterDesk, who: StaffMember) -> None:
    token = desk.sessions.begin(who, "c", NOW)
    assert desk.sessions.find(token, "c", NOW - timedelta(seconds=30)) is not None
    assert desk.sessions.find(token, "c", NOW - timedelta(days=1)) is None


def test_signing_out_here_and_everywhere(desk: CenterDesk, who: StaffMember) -> None:
    tokens = [desk.sessions.begin(who, "c", NOW + timedelta(seconds=number)) for number in range(3)]
    desk.sessions.end(tokens[0])
    assert [desk.sessions.find(token, "c", NOW) is not None for token in tokens] == [False, True, True]
    assert desk.sessions.end_all("gulnar") == 2
    assert not any(desk.sessions.find(token, "c", NOW) for token in tokens)


def test_one_person_has_a_bounded_number_of_sessions_and_the_newest_stay(desk: CenterDesk, who: StaffMember) -> None:
    tokens = [desk.sessions.begin(who, "c", NOW + timedelta(seconds=number)) for number in range(MAX_PER_PERSON + 3)]
    good = [desk.sessions.find(token, "c", NOW) is not None for token in tokens]
    assert good == [False] * 3 + [True] * MAX_PER_PERSON


def test_a_new_role_and_language_are_seen_at_once(desk: CenterDesk, who: StaffMember) -> None:
    token = desk.sessions.begin(who, "c", NOW)
    desk.people.set_language("gulnar", "zh")
    found = desk.sessions.find(token, "c", NOW)
    assert found is not None
    assert found.person.language == "zh"
