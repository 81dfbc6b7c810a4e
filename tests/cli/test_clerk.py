"""``kiosk clerk``: people and PINs, asked for twice, never shown and never an argument."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.open_store import stamps
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions

PIN = "482913"
NOW = stamps(StationSettings("S0147", "shache", Path()))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


@pytest.fixture
def config(tmp_path: Path, template: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path}/data"\n')
    opened(path, template).close()
    return path


def opened(config: Path, template: Path | None = None) -> Store:
    return Store.open(
        config.parent / "data" / "station.db", "S0147", NOW(), OpenOptions(template=template, reserve_bytes=0)
    )


def run(config: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["clerk", *arguments, "--config", str(config)], input=stdin)


def unlocks(config: Path, number: str, pin: str) -> bool:
    with closing(opened(config)) as store:
        try:
            pins = PickupKey.from_existing(ParcelSettings(), config.parent / "data", {}).pins()
            Access(store, CounterSettings().lock_after_s, NOW, pins=pins).sign_in(number, pin)
        except CounterRefused as refusal:
            assert refusal.code in ("wrong_pin", "no_pin")
            return False
        return True


def test_somebody_is_taken_on_and_can_unlock(config: Path) -> None:
    done = run(config, "add", "Aygul", stdin=f"{PIN}\n{PIN}\n")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"number": "01", "name": "Aygul", "role": "clerk", "active": True, "pin": True}
    assert PIN not in done.output
    assert unlocks(config, "01", PIN)


def test_a_technician_is_one(config: Path) -> None:
    done = run(config, "add", "Tech", "--role", "technician", stdin=f"{PIN}\r\n{PIN}")
    assert json.loads(done.stdout)["role"] == "technician"


@pytest.mark.parametrize(
    ("name", "stdin", "word"),
    [
        ("Aygul", "", "a PIN is 6 digits"),
        ("Aygul", "48291\n48291\n", "a PIN is 6 digits"),
        ("Aygul", f"{PIN}\n", "not the same"),
        ("Aygul", f"{PIN}\n905172\n", "not the same"),
        ("Aygul", "777777\n777777\n", "guessed first"),
        ("13800138000", f"{PIN}\n{PIN}\n", "telephone"),
        ("", f"{PIN}\n{PIN}\n", "a name has"),
        ("\u202eabc", f"{PIN}\n{PIN}\n", "a name has"),
    ],
)
def test_what_is_refused_is_one_clear_line_and_nobody_is_taken_on(
    config: Path, name: str, stdin: str, word: str
) -> None:
    done = run(config, "add", name, stdin=stdin)
    assert done.exit_code == 2
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert PIN not in done.output
    assert run(config, "list").stdout == ""


def test_a_new_pin_takes_the_place_of_the_old_one(config: Path) -> None:
    run(config, "add", "Aygul", stdin=f"{PIN}\n{PIN}\n")
    assert run(config, "pin", "01", stdin="905172\n905172\n").exit_code == 0
    assert (unlocks(config, "01", "905172"), unlocks(config, "01", PIN)) == (True, False)
    unknown = run(config, "pin", "77", stdin=f"{PIN}\n{PIN}\n")
    assert unknown.exit_code == 3
    assert unknown.stderr


def test_who_is_retired_cannot_unlock_and_stays_on_the_list(config: Path) -> None:
    run(config, "add", "<b>Aygul</b>", stdin=f"{PIN}\n{PIN}\n")
    assert run(config, "retire", "01").exit_code == 0
    (row,) = [json.loads(line) for line in run(config, "list").stdout.splitlines()]
    assert (row["name"], row["active"]) == ("<b>Aygul</b>", False)
    assert not unlocks(config, "01", PIN)
    gone = run(config, "retire", "77")
    assert (gone.exit_code, len(gone.stderr.splitlines())) == (3, 1)


def test_on_a_terminal_the_pin_is_not_shown(config: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "kiosk.cli.kiosk", "clerk", "add", "Aygul", "--config", str(config)]
    with subprocess.Popen(
        command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        seen = b""
        for question in (b"digits", b"once more"):
            while question not in seen:
                assert select.select([master], [], [], 30)[0], seen
                seen += os.read(master, 1024)
            os.write(master, PIN.encode() + b"\n")
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    os.close(master)
    assert told["number"] == "01"
    assert PIN.encode() not in seen
