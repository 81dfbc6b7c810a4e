"""What the units promise on paper: exposure, devices by number, no waiting for time or network, a settings file."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from kiosk.station.shared.settings import StationSettings

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
GATES = {
    "kiosk-station.service": 13,
    "kiosk-relay.service": 11,
    "kiosk-browser.service": 35,
    "kiosk-splash.service": 9,
    "kiosk-browser-watch.service": 8,
    "kiosk-data.service": 8,
    "kiosk-backup.service": 6,
    "kiosk-keys.service": 10,
    "kiosk-identity.service": 15,
    "kiosk-recovery.service": 13,
    "kiosk-network.service": 14,
    "kiosk-media@.service": 12,
    "kiosk-bundle.service": 15,
    "kiosk-clock.service": 18,
    "kiosk-update.service": 12,
    "kiosk-printer-address.service": 16,
    "sorting-center.service": 12,
    "sorting-center-photos.service": 12,
    "sorting-center-storefront.service": 12,
    "sorting-center-certificates.service": 8,
    "sorting-center-backup.service": 21,
    "sorting-center-renew.service": 19,
}
"""Tenths of systemd's exposure level; a unit without a gate fails below."""


def text(name: str) -> str:
    return (UNITS / name).read_text(encoding="utf-8")


def test_a_timer_of_the_calendar_goes_by_the_clock_of_the_village() -> None:
    """A machine may run in UTC, and its night is then a morning of Xinjiang."""
    rules = [row for path in UNITS.glob("*.timer") for row in text(path.name).splitlines() if "OnCalendar=" in row]
    zone = next(field.default for field in fields(StationSettings) if field.name == "zone")
    assert rules
    for rule in rules:
        calendar = rule.removeprefix("OnCalendar=")
        assert calendar.endswith(f" {zone}"), rule
        done = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done


def test_a_relay_is_started_where_the_settings_have_one(subtests: pytest.Subtests) -> None:
    """A station without a county is no failed unit."""
    for settings, starts in [
        ('[station]\nstation = "S0147"\n\n[relay]\nbroker_url = "mqtts://mqtt.yarkant.example"\n', True),
        ("  [ relay ]  # of the county\n", True),
        ('[station]\nstation = "S0147"\n', False),
        ("# [relay]\n", False),
        ("[relays]\n", False),
    ]:
        with subtests.test(settings=settings, starts=starts):
            (rule,) = (row for row in text("kiosk-relay.service").splitlines() if row.startswith("ExecCondition="))
            command = shlex.split(rule.removeprefix("ExecCondition="))
            with NamedTemporaryFile("w") as file:
                file.write(settings)
                file.flush()
                done = subprocess.run([*command[:-1], file.name], check=False, capture_output=True)
            assert (command[-1], done.returncode == 0) == ("/etc/kiosk/station.toml", starts), done


def test_every_service_has_a_gate() -> None:
    assert {path.name for path in SERVICES} == set(GATES)


@pytest.mark.parametrize("name", sorted(GATES))
def test_the_exposure_is_below_its_gate(name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={GATES[name]}", str(UNITS / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_a_gate_can_fail() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=12", str(UNITS / "kiosk-station.service")],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1


def directives(name: str, key: str) -> list[str]:
    return [row.partition("=")[2] for row in text(name).splitlines() if row.startswith(f"{key}=")]


def test_devices_with_a_number_are_named_by_it() -> None:
    allowed = {row.split()[0] for row in directives("kiosk-station.service", "DeviceAllow")}
    assert {"char-188", "char-166", "char-180", "char-81", "char-13"} <= allowed
    by_name = {name for name in allowed if not name.removeprefix("char-").isdecimal()}
    assert by_name == {"char-gpiochip", "char-ttyAMA", "char-hidraw"}, "no number of their own"


def test_the_station_may_read_the_journal_and_the_relay_may_not() -> None:
    """The bundle needs it; who talks to the network does not."""
    may = {path.name for path in SERVICES if "systemd-journal" in _rules(path)}
    assert may == {"kiosk-station.service"}


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_nothing_waits_for_the_time_or_the_network(path: Path) -> None:
    assert not re.search(r"time-sync|time-set|network-online|wait-online", _rules(path))


def _rules(path: Path) -> str:
    return "\n".join(row for row in path.read_text(encoding="utf-8").splitlines() if not row.startswith("#"))


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_who_never_gives_up_pauses_before_the_next_start(path: Path) -> None:
    rules = _rules(path)
    if "Restart=always" in rules:
        assert "StartLimitIntervalSec=0" in rules
        assert re.search(r"^RestartSec=[1-9]", rules, re.MULTILINE)


def test_only_relay_and_center_reach_beyond_this_machine() -> None:
    open_ones = {path.name for path in SERVICES if "IPAddressDeny=any" not in _rules(path)}
    assert open_ones == {"kiosk-relay.service", "sorting-center.service"}


def test_a_key_that_is_gone_costs_the_kit_and_no_backup() -> None:
    """A credential that is loaded and missing fails a unit, unless the unit brings something to stand in for it."""
    unit = "kiosk-backup.service"
    loaded = {row.partition(":")[0] for row in directives(unit, "LoadCredential")}
    stands_in = dict(row.split(":") for row in directives(unit, "SetCredential"))
    assert loaded == set(stands_in) == {"pickup-key"}
    assert not re.fullmatch(r"[0-9a-f]{64}", stands_in["pickup-key"])
    assert directives(unit, "ImportCredential") == directives("kiosk-station.service", "ImportCredential")


def test_every_unit_that_starts_is_in_the_preset() -> None:
    preset = {tuple(row.split()) for row in text("80-kiosk.preset").splitlines()}
    installable = {
        path.name
        for path in UNITS.iterdir()
        if path.suffix in (".service", ".timer", ".path", ".socket") and "[Install]" in _rules(path)
    }
    assert {name for _, name in preset} == installable, "ours, and nobody else's: the machine keeps what it has"
    assert {name for word, name in preset if word == "disable"} == {
        name for name in installable if name.startswith("sorting-center")
    }


def test_nobody_is_told_to_preset_everything() -> None:
    """``preset-all`` enables strangers too: systemd-networkd with its wait-online holds the boot up for two minutes.
    The packages enable ours by name (tests/packaging).
    """
    for page in (ROOT / "docs").rglob("*.md"):
        assert re.findall(r"^ {4}.*systemctl preset-all", page.read_text(encoding="utf-8"), re.MULTILINE) == [], page


def test_the_watchdog_time_fits_the_hardware() -> None:
    manager = (ROOT / "firmware_config/manager/watchdog.conf").read_text(encoding="utf-8")
    seconds = int(re.search(r"^RuntimeWatchdogSec=(\d+)s$", manager, re.MULTILINE)[1])  # type: ignore[index]
    assert seconds <= 15


def test_the_watchdog_is_slower_than_what_feeds_it() -> None:
    from kiosk.station.shared.health import ALIVE_WITHIN_S, PROBE_EVERY_S

    (watchdog,) = directives("kiosk-station.service", "WatchdogSec")
    assert PROBE_EVERY_S * 3 < ALIVE_WITHIN_S < float(watchdog)
