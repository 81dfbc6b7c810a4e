"""A browser that cannot start: the doctor says so within a minute, the county hears it, and the station weighs on."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.appliance.cards import WITH_SCREEN, Card, Cards
from tests.appliance.center_beside import CenterBeside
from tests.appliance.visitor import Visitor
from tests.systemd.box import AS_ROOT, BROWSER, SETTINGS, STATION, Booted

BROWSER_FILE = "usr/bin/chromium"
WITHIN_S = 60.0
"""Promised from the moment the station is there."""
CASES = {
    "ends at once": "#!/bin/sh\nexit 1\n",
    "hangs": "#!/bin/sh\nexec sleep infinity\n",
    "is missing": "",
}


@pytest.fixture(scope="module")
def card(cards: Cards) -> Card:
    """Its scale is simulated; its screen is only in memory, and its session the real one."""
    return cards.new({**WITH_SCREEN, "etc/kiosk/station.toml": SETTINGS})


@contextmanager
def scale(booted: Booted, goods: str = "put 2.480kg") -> Iterator[Callable[[str], None]]:
    """Outside the station's process, on a pseudo-terminal of the box, with goods on it; what it gives takes further
    words.
    """
    command = ["kiosk", "scale", "simulate", "--protocol", "st_gs_csv", "--link", "/dev/kiosk/scale"]
    booted.call("mkdir", "-p", "/dev/kiosk")
    enter = [*AS_ROOT, "nsenter", f"--target={booted.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root"]
    with subprocess.Popen(
        [*enter, "--wd=/", "--", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as simulated:
        assert simulated.stdin is not None
        assert simulated.stdout is not None
        words = simulated.stdin

        def command(text: str) -> None:
            words.write(f"{text}\n".encode())
            words.flush()

        simulated.stdout.readline()
        booted.call("chmod", "-R", "a+rw", "/dev/pts")
        command(goods)
        try:
            yield command
        finally:
            words.close()
            simulated.terminate()


def rows(booted: Booted) -> dict[str, str]:
    told = json.loads(booted.call("kiosk", "doctor", "--json").stdout)
    return {row["device"]: row["word"] for row in told["rows"] if row["word"] != "fine"}


def weighs(booted: Booted) -> bool:
    """The station's own doctor has a reading."""
    return rows(booted).get("scale") is None


@pytest.mark.parametrize("case", CASES)
def test_the_county_hears_of_it_within_a_minute(card: Card, case: str, tmp_path: Path) -> None:
    card.run(f'[ -e "$ROOT/{BROWSER_FILE}.kept" ] || mv "$ROOT/{BROWSER_FILE}" "$ROOT/{BROWSER_FILE}.kept"')
    card.run(f'rm -f "$ROOT/{BROWSER_FILE}"')
    if CASES[case]:
        card.lay({BROWSER_FILE: CASES[case]})
    with card.boot() as booted, CenterBeside(booted, tmp_path) as center, scale(booted):
        booted.until(STATION, "StatusText", lambda text: text == "all parts are alive")
        begun = time.monotonic()
        here = county = 0.0
        while not (here and county) and time.monotonic() - begun < WITHIN_S:
            told, heard = rows(booted), center.doctor("S0147")
            if not here and told.keys() & {"page", "unit_browser"}:
                here = time.monotonic() - begun
            if not county and heard.keys() & {"page", "unit_browser"}:
                county = time.monotonic() - begun
            time.sleep(0.5)  # the promise is one of time: it is looked at until the minute is over
        print(f"a browser that {case}: the doctor after {here:.0f} s, the county after {county:.0f} s: {told} {heard}")
        assert here, (told, booted.journal(BROWSER))
        assert county, (heard, booted.journal(STATION))
        assert weighs(booted), rows(booted)
        assert booted.property(STATION, "NRestarts") == "0"
        assert Visitor(booted).get("/").status == 200
