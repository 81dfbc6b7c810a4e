"""What a demo puts at the desk of its sorting center: people in every role, and what its county expects to hear."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import kiosk.sorting_center
from kiosk.app.demo import PASSWORDS, demo_access, lock_up
from kiosk.base.refused import Refused
from kiosk.simulators.county import CountyPlan
from kiosk.simulators.village import REGION, STATION
from kiosk.sorting_center.configuration.keys import load_key
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import registry_coverage


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_three_people_sign_in_with_words_one_can_type_until_the_demo_ends(ledger_url: str) -> None:
    first, second = demo_access(ledger_url), demo_access(ledger_url)
    assert [person.name for person in second.people] == ["demo", "operator", "viewer"]
    with CenterDesk.open(ledger_url) as desk:
        found = [desk.people.verify(person.name, person.password) for person in second.people]
        assert [person.role for person in found if person is not None] == [
            StaffRole.ADMIN,
            StaffRole.OPERATOR,
            StaffRole.VIEWER,
        ]
        assert first.people == second.people
        assert all(len(person.password) <= 13 and person.password.islower() for person in first.people)
        assert [token.revoked_at is None for token in desk.tokens.all()].count(True) == 1
    assert all(person.password not in repr(second) for person in second.people)
    lock_up(ledger_url)
    with CenterDesk.open(ledger_url) as desk:
        assert [desk.people.verify(person.name, person.password) for person in second.people] == [None] * 3


def test_its_county_has_the_same_key_at_every_start(ledger_url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    found = [(demo_access(ledger_url, (), keys).keys, (keys / "configuration.key").read_bytes()) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0][0] == keys
    certified = load_key(keys / "configuration.key")
    assert (certified.subject.region, certified.subject.generation) == (REGION, 1)


def test_nobody_else_can_choose_a_password_of_the_demo(ledger_url: str) -> None:
    now = datetime.now(UTC)
    with CenterDesk.open(ledger_url) as desk:
        desk.people.add("aygul", StaffRole.VIEWER, "grey horse at noon", now)
        for number, word in enumerate(PASSWORDS.values()):
            with pytest.raises(Refused) as refused:
                desk.people.add(f"clerk{number}", StaffRole.VIEWER, word, now)
            assert refused.value.code == "guessed_password"
            with pytest.raises(Refused):
                desk.people.set_password("aygul", word, now)


def test_the_sorting_center_knows_nothing_of_the_demo() -> None:
    """The words stand in one list of its own, that of what it refuses."""
    package = Path(kiosk.sorting_center.__file__).parents[1]
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.suffix in (".py", ".txt", ".toml", ".html", ".po") and "almond-basket" in path.read_text("utf-8")
    }
    assert found == {"app/demo.py", "sorting_center/desk/common_passwords.txt"}


def test_a_person_of_an_earlier_run_is_let_in_again(ledger_url: str) -> None:
    demo_access(ledger_url)
    now = datetime.now(UTC)
    with CenterDesk.open(ledger_url) as desk:
        desk.people.set_role("viewer", StaffRole.OPERATOR, now)
        desk.people.set_disabled("viewer", True, now)
    viewer = demo_access(ledger_url).people[-1]
    with CenterDesk.open(ledger_url) as desk:
        found = desk.people.verify(viewer.name, viewer.password)
        assert found is not None and found.role is StaffRole.VIEWER


@pytest.mark.parametrize("count", [1, 8, 200])
def test_the_county_is_not_quite_what_is_expected(ledger_url: str, tmp_path: Path, count: int) -> None:
    now = datetime.now(UTC)
    county = CountyPlan(tmp_path, count, 1, 1, now, region=REGION)
    demo_access(ledger_url, county.names)
    with CenterDesk.open(ledger_url) as desk:
        register = desk.registry.current()
    heard = registry_coverage(register, [(REGION, name) for name in (*county.names, STATION)])
    assert len(heard.never) == 3
    assert heard.unexpected == ((REGION, county.names[-1]),)
    today = now.date().isoformat()
    assert sum(row.valid_until < today for row in register.stations.values()) == 1
    for key, row in register.stations.items():
        assert row.verified_on < row.valid_until and row.village and row.contact and row.scale
        township = register.township_of(key)
        assert township is not None and any(township.hours.week)


def test_without_a_county_the_demos_own_station_is_expected(ledger_url: str) -> None:
    demo_access(ledger_url)
    with CenterDesk.open(ledger_url) as desk:
        assert list(desk.registry.current().stations) == [(REGION, STATION)]
