"""The list of certificates: one valid one for each machine, all or none, two at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
END = NOW + timedelta(days=14_600)
REGION, KIND = "yarkant", MachineKind.STATION


def add(desk: CenterDesk, *names: str, replacing: bool = False, sealed: bytes = b"sealed") -> list[MachineSubject]:
    subjects = desk.certificates.next_subjects(REGION, KIND, names)
    desk.certificates.add([(one, END, sealed) for one in subjects], NOW, replacing=replacing)
    return subjects


def test_a_machine_has_one_valid_certificate(desk: CenterDesk) -> None:
    first, other = add(desk, "S0147", "S0148")
    assert (first.generation, desk.certificates.is_valid(first)) == (1, True)
    with pytest.raises(Refused) as refused:
        add(desk, "S0149", "S0147")
    assert refused.value.code == "identity_exists"
    assert {one.subject.name for one in desk.certificates.all()} == {"S0147", "S0148"}, "all or none"
    (second,) = add(desk, "S0147", replacing=True)
    assert second.generation == 2
    assert [desk.certificates.is_valid(one) for one in (first, second, other)] == [False, True, True]
    revoked = desk.certificates.revoke(REGION, KIND, "S0147", "stolen", NOW)
    assert revoked == second and not desk.certificates.is_valid(second)
    with pytest.raises(Refused) as refused:
        desk.certificates.revoke(REGION, KIND, "S0147", "stolen", NOW)
    assert refused.value.code == "no_identity"
    (third,) = add(desk, "S0147")
    assert third.generation == 3 and desk.certificates.is_valid(third)
    states = [(one.subject.generation, one.reason) for one in desk.certificates.all() if one.subject.name == "S0147"]
    assert states == [(3, ""), (2, "stolen"), (1, "replaced")]


def test_of_two_people_who_make_one_identity_at_once_one_is_refused(desk: CenterDesk) -> None:
    subjects = desk.certificates.next_subjects(REGION, KIND, ["S0147"])
    add(desk, "S0147")
    with pytest.raises(Refused) as refused:
        desk.certificates.add([(subjects[0], END, b"")], NOW, replacing=True)
    assert refused.value.code == "changed_meanwhile"


def test_the_sealed_file_is_there_until_its_machine_has_it(desk: CenterDesk) -> None:
    first, other = add(desk, "S0147", "S0148", sealed=b"under a paper code")
    assert desk.certificates.sealed(first) == b"under a paper code"
    desk.certificates.discard_sealed(first)
    assert desk.certificates.sealed(first) is None and desk.certificates.is_valid(first)
    desk.certificates.revoke(REGION, KIND, "S0148", "lost", NOW)
    assert desk.certificates.sealed(other) is None
    assert not any(one.has_file for one in desk.certificates.all())


def test_one_number_of_two_counties_is_two_stations(desk: CenterDesk) -> None:
    (one,) = add(desk, "S0147")
    other = MachineSubject("shache", KIND, "S0147")
    assert desk.certificates.is_valid(one) and not desk.certificates.is_valid(other)
    with pytest.raises(Refused):
        desk.certificates.revoke("shache", KIND, "S0147", "lost", NOW)
