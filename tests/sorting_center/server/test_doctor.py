"""What the doctor of a server finds, and how its certificates renew themselves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kiosk.sorting_center.server.certificates import ServerCertificates
from kiosk.sorting_center.server.checks import ServerVerdict
from kiosk.sorting_center.server.doctor import ServerDoctor
from kiosk.sorting_center.server.toml_document import TomlDocument
from kiosk.sorting_center.stations.authority import SERVER_LIFETIME
from tests.sorting_center.server.stand_in import NOW, StandInMachine
from tests.sorting_center.server.test_setup import setting_up


@pytest.fixture
def machine(tmp_path: Path) -> StandInMachine:
    made = StandInMachine(tmp_path)
    list(setting_up(made).steps())
    made.operations.clear()
    return made


def findings(machine: StandInMachine, **tables: Any) -> dict[str, tuple[str, str]]:
    settings = TomlDocument.read(machine.layout.settings).tables | tables
    rows = ServerDoctor(machine, machine.layout, settings).findings()
    return {row.name: (row.verdict.value, row.reason) for row in rows if row.verdict is not ServerVerdict.OK}


ALWAYS = {"photos", "clock", "backup", "authority's copy"}
"""The socket is systemd's; the clock, the backup and the stick are not the set-up's."""


def test_after_the_set_up_nothing_is_broken_but_what_only_a_person_can_do(machine: StandInMachine) -> None:
    assert set(findings(machine)) == ALWAYS


def test_what_is_broken_is_named(machine: StandInMachine) -> None:
    place = machine.layout
    machine.active.remove("nginx.service")
    del machine.served[8443]
    machine.broker_trouble = "The broker does not answer"
    place.broker_clients.chmod(0o644)
    place.authority_key.unlink()
    place.configuration_key.unlink()
    place.backup.parent.mkdir(parents=True, exist_ok=True)
    place.backup.write_text('{"at": "2026-11-20T03:00:00Z", "where": "/mnt/disk"}')
    found = findings(machine)
    assert found["nginx.service"] == ("fail", "failed")
    assert found["TLS at port 8443"][0] == "fail"
    assert "others can read" in found["dynamic security"][1]
    assert found["center, broker"] == ("fail", "The broker does not answer")
    assert found["key of the configuration"] == ("warn", f"{place.configuration_key}: No such file or directory")
    assert found["authority"] == ("fail", f"{place.authority_key} is missing")
    assert found["backup"] == ("warn", "the last one is 10 days old, in /mnt/disk")
    assert set(found) == ALWAYS | {
        "nginx.service",
        "TLS at port 8443",
        "authority",
        "center, broker",
        "dynamic security",
        "key of the configuration",
    }


def test_a_broker_that_nobody_keeps_is_told(machine: StandInMachine) -> None:
    assert "does not keep" in findings(machine, broker_access="none")["dynamic security"][1]


def test_a_certificate_is_renewed_60_days_before_its_end_and_reported_30_days_before(machine: StandInMachine) -> None:
    certificates = ServerCertificates(machine.layout, machine)
    names, before = certificates.names(), machine.layout.pairs()[0][0].read_bytes()
    machine.moment = NOW + SERVER_LIFETIME - timedelta(days=61)
    assert not certificates.renew()
    assert machine.operations == []
    machine.moment = NOW + SERVER_LIFETIME - timedelta(days=29)
    assert "ends in 29 days" in findings(machine)["certificates"][1]
    assert certificates.renew()
    assert machine.layout.pairs()[0][0].read_bytes() != before
    assert certificates.names() == names == ["center.county.example"]
    assert certificates.problem(names) == ""
    assert all(certificates.is_served(port) for port in (8883, 8443, 8843, 443)), "they show the new one"
    assert "certificates" not in findings(machine)


def test_a_key_that_does_not_fit_its_certificate_is_found_and_mended(machine: StandInMachine) -> None:
    certificates = ServerCertificates(machine.layout, machine)
    one, other = machine.layout.pairs()[0][1], machine.layout.servers_key
    one.write_bytes(other.read_bytes())
    assert "is not the key of" in certificates.problem()
    assert certificates.renew()
    assert certificates.problem() == ""
