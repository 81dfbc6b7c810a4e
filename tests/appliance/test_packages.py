"""Each package on a bare Debian: installed, booted, asked, and removed again. Nobody else's state changes."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.appliance.bare_debian import (
    BOOTING,
    INSTALL,
    MINE,
    QUIETLY,
    UNPACKED_S,
    Machine,
    built,
    done,
    machine,
    paths,
    relations,
    state,
    units,
)
from tests.systemd.box import STATION, Booted, wait_for
from tree import BOX, CENTER, MASKED, enabled_units
from tree import STATION as STATION_PACKAGE
from wheels import wheels_for

DATA = (
    "./etc/kiosk",
    "./etc/sorting-center",
    "./var/lib/kiosk",
    "./var/lib/kiosk-keys",
    "./var/lib/mosquitto",
    "./var/lib/private",
    "./var/lib/sorting-center",
)
"""What stays when a package is purged, and what the broker stores, which stays installed."""

CENTER_SETTINGS = """\
broker = "mqtt://127.0.0.1:1883"
ledger = "sqlite:////var/lib/sorting-center/ledger.db"
http = "127.0.0.1:8090"
"""
OF_THE_CENTER = {
    "sorting-center-backup.service": "static",
    "sorting-center-backup.timer": "disabled",
    "sorting-center-renew.service": "static",
    "sorting-center-renew.timer": "disabled",
    "sorting-center-storefront.service": "disabled",
    "sorting-center-certificates.path": "disabled",
    "sorting-center-certificates.service": "static",
    "sorting-center-photos.service": "disabled",
    "sorting-center-photos.socket": "disabled",
}
"""Beside the first one: a person enables them."""


@pytest.fixture(scope="module")
def packages() -> dict[str, Path]:
    return built()


def settled(booted: Booted) -> None:
    """Everything has started, and nothing has failed."""
    wait_for(lambda: state(booted) not in BOOTING, booted.console)
    failed = booted.call("systemctl", "--failed", "--plain", "--no-legend").stdout
    assert (state(booted), failed) == ("running", ""), booted.console()


class Trial:
    """One machine that gets ``names``, boots with them, and loses them again."""

    def __init__(self, on: Machine, packages: dict[str, Path], names: tuple[str, ...]) -> None:
        self._on, self._names = on, names
        self._packages = [packages[name] for name in names]
        self.before: dict[str, str] = {}
        self.files: set[str] = set()

    def install(self) -> None:
        """First what they want of Debian, which is not ours to judge."""
        with self._on.boot(self._packages) as booted:
            settled(booted)
            wanted = ", ".join(relations(name) for name in self._names)
            done(booted.call(*INSTALL, "satisfy", wanted, timeout_s=UNPACKED_S))
            self.before, self.files = units(booted), paths(self._on.root)
            begun = time.monotonic()
            files = [f"/opt/{name}.deb" for name in self._names]
            done(booted.call(*INSTALL, "install", *files, timeout_s=UNPACKED_S))
            print(f"{' and '.join(self._names)}: installed in {time.monotonic() - begun:.1f} s")

    def changed(self, booted: Booted) -> dict[str, str]:
        """Units that were not there, or were in another state."""
        return {name: state for name, state in units(booted).items() if self.before.get(name) != state}

    def purge(self, booted: Booted) -> None:
        done(booted.call(*QUIETLY, "apt-get", "--yes", "--quiet", "purge", *self._names, timeout_s=UNPACKED_S))
        assert units(booted) == self.before
        settled(booted)
        left = {path for path in paths(self._on.root) - self.files if not path.startswith(DATA)}
        assert left == set(), sorted(left)


def enabled_by(changed: dict[str, str]) -> set[str]:
    return {name for name, state in changed.items() if state == "enabled"}


def page_of_the_station(booted: Booted) -> None:
    assert "<html" in booted.page("/setup"), booted.journal(STATION)
    print(f"boot to first page: {time.monotonic() - booted.started:.1f} s")


def test_the_station_alone_runs_without_a_screen_and_leaves_the_console(packages: dict[str, Path]) -> None:
    with machine() as on:
        trial = Trial(on, packages, (STATION_PACKAGE,))
        trial.install()
        with on.boot([]) as booted:
            settled(booted)
            changed = trial.changed(booted)
            assert all(name.startswith("kiosk-") for name in changed), changed
            assert enabled_by(changed) == set(enabled_units(STATION_PACKAGE))
            page_of_the_station(booted)
            assert done(booted.call("kiosk", "--version")).startswith("kiosk, version ")
            booted.call("kiosk", "doctor")  # as root, who could leave something beside the program
            trial.purge(booted)


def test_the_box_shows_its_splash_and_has_no_console_from_the_next_start_on(packages: dict[str, Path]) -> None:
    with machine() as on:
        trial = Trial(on, packages, (STATION_PACKAGE, BOX))
        trial.install()
        with on.boot([]) as booted:
            settled(booted)
            changed = trial.changed(booted)
            ours = {name for name in changed if name.startswith("kiosk-")}
            assert {name: changed[name] for name in changed.keys() - ours} == dict.fromkeys(MASKED, "masked")
            assert enabled_by(changed) == {*enabled_units(STATION_PACKAGE), *enabled_units(BOX)}
            page_of_the_station(booted)
            assert '"station": "http://127.0.0.1:8080/"' in booted.page("/state", port=8079)
            assert booted.property("kiosk-browser.service", "ConditionResult") == "no", "there is no screen"
            assert booted.property("getty@tty1.service", "LoadState") == "masked"
            trial.purge(booted)


def test_the_sorting_center_is_enabled_by_its_set_up_or_a_person_and_stays_so(packages: dict[str, Path]) -> None:
    with machine() as on:
        trial = Trial(on, packages, (CENTER,))
        trial.install()
        with on.boot([packages[CENTER]]) as booted:
            settled(booted)
            assert trial.changed(booted) == {**OF_THE_CENTER, "sorting-center.service": "disabled"}
            trial.purge(booted)
            done(booted.call("sh", "-c", f"printf '%s' '{CENTER_SETTINGS}' > /etc/sorting-center/settings.toml"))
            install = (*INSTALL, "--reinstall", "install", f"/opt/{CENTER}.deb")
            done(booted.call(*install, timeout_s=UNPACKED_S))
            done(booted.call("systemctl", "enable", "sorting-center.service"))
            done(booted.call(*install, timeout_s=UNPACKED_S))
            assert trial.changed(booted) == {**OF_THE_CENTER, "sorting-center.service": "enabled"}
            assert "<html" in booted.page("/sign-in", port=8090), booted.journal("sorting-center.service")
            wait_for(
                lambda: "broker mqtt://127.0.0.1:1883" in booted.property("sorting-center.service", "StatusText"),
                lambda: booted.journal("sorting-center.service"),
            )
            trial.purge(booted)


def test_the_same_commit_makes_the_same_bytes_of_a_whole_program(packages: dict[str, Path]) -> None:
    again = built(MINE / "again", CENTER)[CENTER]
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (packages[CENTER], again))
    shutil.rmtree(again.parent)
    assert first == second


ELF, AARCH64, X86_64 = b"\x7fELF", 183, 62


def test_every_compiled_library_is_of_the_architecture_it_is_packed_for() -> None:
    for architecture, machine_number in (("amd64", X86_64), ("arm64", AARCH64)):
        seen = 0
        for wheel in {*wheels_for(STATION_PACKAGE, architecture), *wheels_for(CENTER, architecture)}:
            with ZipFile(wheel) as archive:
                for entry in archive.infolist():
                    with archive.open(entry) as file:
                        head = file.read(20)
                    if head[:4] == ELF:
                        seen += 1
                        assert int.from_bytes(head[18:20], "little") == machine_number, (wheel.name, entry.filename)
        assert seen > 50, architecture
