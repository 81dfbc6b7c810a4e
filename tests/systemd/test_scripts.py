"""The two small scripts of the units, with everything they look at given by hand."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SYSTEMCTL = """#!/bin/sh
# Stands for systemctl: STATION and BROWSER are the second since which a unit is active, or empty.
case "$*" in
*is-active*station*) [ -n "$STATION" ] ;;
*is-active*browser*) [ -n "$BROWSER" ] ;;
*show*station*) echo "${STATION}000123" ;;
*show*browser*) echo "${BROWSER}000123" ;;
*restart*) echo "$*" >>"$CALLS" ;;
esac
"""


class Screen:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        (folder / "bin").mkdir()
        systemctl = folder / "bin/systemctl"
        systemctl.write_text(SYSTEMCTL, encoding="ascii")
        systemctl.chmod(0o755)

    def look(self, now: float, alive: str | None, station: str = "10", browser: str = "10") -> bool:
        """Whether the browser is restarted."""
        mark = self.folder / "page-alive"
        mark.unlink(missing_ok=True)
        if alive is not None:
            mark.write_text(alive, encoding="ascii")
        (self.folder / "uptime").write_text(f"{now:.2f} 99.00\n", encoding="ascii")
        self.calls.write_text("", encoding="ascii")
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        environ = {"PATH": path, "KIOSK_RUNTIME": str(self.folder), "KIOSK_UPTIME": str(self.folder / "uptime")}
        subprocess.run(
            [str(ROOT / "systemd/browser-watch")],
            env={**environ, "STATION": station, "BROWSER": browser, "CALLS": str(self.calls)},
            check=True,
            capture_output=True,
        )
        called = self.calls.read_text(encoding="ascii")
        assert called in ("", "restart kiosk-browser.service\n")
        return called != ""


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    return Screen(tmp_path)


@pytest.mark.parametrize(
    ("now", "alive", "restarted"),
    [
        (1000.0, "995\n", False),
        (1000.0, "940\n", False),
        (1000.0, "939\n", True),
        (1000.0, None, True),  # a page that never came
        (60.0, None, False),  # the browser has 60 s to show it
        (70.9, None, False),
        (71.0, None, True),
        (1000.0, "", True),
        (1000.0, "rm -rf /\n", True),  # no number: no sign of life
        (1000.0, "-5\n", True),
        (1000.0, "99999\n", False),  # from before a restart of the machine that kept the file: never negative trouble
    ],
)
def test_sixty_seconds_without_a_sign_of_life(screen: Screen, now: float, alive: str | None, restarted: bool) -> None:
    assert screen.look(now, alive) is restarted


def test_a_browser_or_a_station_that_has_just_started_is_given_its_time(screen: Screen) -> None:
    assert not screen.look(1000.0, "100\n", browser="950")
    assert not screen.look(1000.0, "100\n", station="950")
    assert screen.look(1000.0, "100\n", browser="900", station="900")


def test_what_does_not_run_is_not_restarted(screen: Screen) -> None:
    assert not screen.look(1000.0, None, browser="")
    assert not screen.look(1000.0, None, station="")


# --- failures ---------------------------------------------------------------------------------------------------------


class Failing:
    """A unit that fails again and again. ``said`` is what its journal holds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.ring = self.data / "failures-kiosk-station.log"
        for name in ("bin", "data"):
            (folder / name).mkdir()
        self.journal("echo the last words")

    def journal(self, script: str) -> None:
        program = self.folder / "bin/journalctl"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        program.chmod(0o755)

    def fail(self, now: float, result: str = "watchdog") -> None:
        (self.folder / "uptime").write_text(f"{now:.2f} 99.00\n", encoding="ascii")
        environ = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "STATE_DIRECTORY": str(self.data),
            "KIOSK_UPTIME": str(self.folder / "uptime"),
            "KIOSK_SETTLE": "0",
            "SERVICE_RESULT": result,
            "EXIT_CODE": "killed",
            "EXIT_STATUS": "ABRT",
        }
        subprocess.run([str(ROOT / "systemd/keep-failure"), "kiosk-station"], env=environ, check=True)

    def kept(self) -> list[str]:
        text = self.ring.read_text(encoding="ascii")
        return re.findall(r"^== boot [0-9a-f-]{36}, (.*)$", text, re.MULTILINE)


@pytest.fixture
def failing(tmp_path: Path) -> Failing:
    return Failing(tmp_path)


def test_what_was_said_before_a_failure_is_kept_for_its_owner_only(failing: Failing) -> None:
    failing.fail(100.0)
    assert failing.kept() == ["100 s: watchdog killed ABRT"]
    assert failing.ring.read_text(encoding="ascii").endswith("\nthe last words\n")
    assert failing.ring.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in failing.data.iterdir()] == [failing.ring.name]


def test_a_good_end_is_no_failure(failing: Failing) -> None:
    failing.fail(100.0, result="success")
    assert not failing.ring.exists()


def test_a_unit_that_fails_every_two_seconds_does_not_wear_the_card_out(failing: Failing) -> None:
    for now in range(100, 1400, 2):
        if now % 100 in (0, 98):
            failing.fail(float(now))
    assert [row.partition(" ")[0] for row in failing.kept()] == ["100", "700", "1300"]


def test_the_next_boot_begins_anew(failing: Failing) -> None:
    failing.ring.write_text(f"== boot {'0' * 36}, 90 s: watchdog killed ABRT\n", encoding="ascii")
    failing.fail(100.0)
    assert len(failing.kept()) == 2


def test_the_file_never_grows_beyond_its_limit_and_is_cut_at_a_line(failing: Failing) -> None:
    failing.journal("i=0; while [ $i -lt 200 ]; do echo " + "x" * 150 + "; i=$((i + 1)); done")
    for turn in range(8):
        failing.fail(1000.0 * turn)
    assert 90_000 < failing.ring.stat().st_size <= 131_072
    rows = failing.ring.read_text(encoding="ascii").splitlines()
    assert {row for row in rows if not row.startswith("== ")} == {"x" * 150}
    assert failing.kept()[-1] == "7000 s: watchdog killed ABRT"


def test_a_failure_without_a_journal_is_kept_too(failing: Failing) -> None:
    failing.journal("exit 1")
    failing.fail(100.0)
    assert failing.ring.read_text(encoding="ascii").endswith("\nthe journal cannot be read\n")


# --- keys -------------------------------------------------------------------------------------------------------------


class Keys:
    def __init__(self, folder: Path) -> None:
        self.keys, self.data = folder / "keys", folder / "data"
        self.keys.mkdir()
        self.data.mkdir()

    def make(self, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "systemd/make-keys")],
            env={"PATH": os.environ["PATH"], "KIOSK_KEYS": str(self.keys), "KIOSK_DATA": str(self.data), **more},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def key(self) -> str:
        return (self.keys / "pickup-key").read_text(encoding="ascii")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_a_key_is_made_once_and_only_for_its_owner(keys: Keys) -> None:
    assert keys.make().returncode == 0
    first = keys.key
    assert re.fullmatch(r"[0-9a-f]{64}\n", first)
    assert (keys.keys / "pickup-key").stat().st_mode & 0o777 == 0o600
    assert keys.make().returncode == 0
    assert keys.key == first
    assert sorted(path.name for path in keys.keys.iterdir()) == ["made", "pickup-key"]


def test_two_stations_have_two_keys(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        station = Keys(tmp_path / name)
        station.make()
        made.append(station.key)
    assert made[0] != made[1]


def test_a_lost_key_is_not_replaced(keys: Keys) -> None:
    keys.make()
    (keys.keys / "pickup-key").unlink()
    done = keys.make()
    assert done.returncode == 1
    assert f"put it back at {keys.keys}/pickup-key" in done.stderr
    assert not (keys.keys / "pickup-key").exists()


def test_a_start_that_was_cut_off_is_made_good(keys: Keys) -> None:
    (keys.keys / "pickup-key.part").write_text("0" * 10, encoding="ascii")
    assert keys.make().returncode == 0
    assert len(keys.key) == 65
    (keys.keys / "made").unlink()
    assert keys.make().returncode == 0


def test_the_key_of_a_station_that_ran_by_hand_is_taken_over(keys: Keys) -> None:
    (keys.data / "pickup-key").write_text("ab" * 32 + "\n", encoding="ascii")
    assert keys.make().returncode == 0
    assert keys.key == "ab" * 32 + "\n"


def test_no_key_is_made_in_memory_for_data_that_stay(keys: Keys, tmp_path: Path) -> None:
    """A box whose folder of keys alone is not mounted would have another key after every start."""
    program = tmp_path / "bin" / "stat"
    program.parent.mkdir()
    path = f"{program.parent}:{os.environ['PATH']}"
    for keys_on, data_on, status in (("overlayfs", "ext2/ext3", 1), ("tmpfs", "tmpfs", 0), ("ext2/ext3", "tmpfs", 0)):
        program.write_text(f'#!/bin/sh\ncase "$*" in *{keys.keys}) echo {keys_on} ;; *) echo {data_on} ;; esac\n')
        program.chmod(0o755)
        done = keys.make(PATH=path, KIOSK_BOX="1")
        assert done.returncode == status, (keys_on, data_on, done.stderr)
        assert (keys.keys / "pickup-key").exists() == (status == 0)
    assert keys.make(PATH=path).returncode == 0, "off a box it is nobody's business"
