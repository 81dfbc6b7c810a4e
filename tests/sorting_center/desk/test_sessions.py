from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffMember, StaffRole
from kiosk.sorting_center.desk.sessions import MAX_AGE, MAX_IDLE, MAX_PER_PERSON
from kiosk.sorting_center.desk.shared.schema import session

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


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
