"""The section of the scale is rewritten and nothing else: comments, plate, other sections stay."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kiosk.protocols.scales.probe.proposals import Candidate
from kiosk.protocols.scales.probe.weights import Profile
from kiosk.protocols.scales.protocol import LineSettings
from kiosk.station.scale import section as scale_section
from kiosk.station.scale.section import NotWritten, lines, rewrite, settings_of, with_scale, writable

FILE = """\
# station of the test village
[station]
station = "S0147"   # on the door

[scale]
port = "/dev/old"  # long table
protocol = "mt_sics"
e_g = 5       # plate
max_g = 60000 # plate
poll_s = 0.2
params = { width = "any" }

# the panel
[web]
port = 8080
"""
REVERSED = Profile(Candidate("xk3190_eq_reversed", (("width", "8"),), LineSettings(4800, 7, "E")), "kg")
PORT = "/dev/serial/by-id/usb-new"


def scale(text: str) -> dict[str, Any]:
    section: dict[str, Any] = tomllib.loads(text)["scale"]
    return section


def test_what_was_taught_replaces_what_was_there() -> None:
    changed = with_scale(FILE, settings_of(REVERSED, PORT))
    assert scale(changed) == {
        "port": PORT,
        "protocol": "xk3190_eq_reversed",
        "e_g": 5,
        "max_g": 60_000,
        "unit": "kg",
        "baud": 4800,
        "bytesize": 7,
        "parity": "E",
        "stopbits": 1,
        "params": {"width": "8"},
    }, "an interval of asking is not for a format that speaks by itself"
    kept = [row for row in FILE.splitlines() if not row.startswith(("port =", "protocol", "poll_s", "params"))]
    assert [row for row in kept if row not in changed.splitlines()] == []
    assert f'port = "{PORT}"  # long table' in changed
    assert changed.index("stopbits") < changed.index("# the panel"), "the comment stays with the section below it"


def test_a_polled_format_keeps_its_interval_and_no_parameters_leave_none() -> None:
    polled = Profile(Candidate("mt_sics", (), LineSettings()), None)
    changed = scale(with_scale(FILE, settings_of(polled, PORT)))
    assert changed["poll_s"] == 0.2
    assert "params" not in changed
    assert "unit" not in changed


@pytest.mark.parametrize(
    "section",
    [
        "[scale]\nprotocol = 'a'\n[scale.params]\nchecksum = 'off'\n# end\n[web]\nport = 1\n",
        "[scale]\nprotocol = 'a'\nparams.checksum = 'off'\n",
        "[scale]\nprotocol = 'a'",
        "[ scale ] # the scale\nprotocol = 'a'\n\n\n",
        "[web]\nport = 1\n[scale]\nprotocol='a'\r\n[scale.params]\nwidth='7'\n",
    ],
)
def test_other_ways_to_write_it(section: str) -> None:
    before, after = tomllib.loads(section), tomllib.loads(with_scale(section, settings_of(REVERSED, PORT)))
    assert after["scale"]["params"] == {"width": "8"}
    assert {name: value for name, value in after.items() if name != "scale"} == {
        name: value for name, value in before.items() if name != "scale"
    }


@pytest.mark.parametrize(
    "text", ["", "scale = { protocol = 'a' }\n", "['scale']\nprotocol = 'a'\n", "scale.protocol = 'a'\n"]
)
def test_what_only_a_person_can_change(text: str) -> None:
    with pytest.raises(ValueError, match="person"):
        with_scale(text, settings_of(REVERSED, PORT))


def test_a_hostile_port_stays_a_string() -> None:
    port = '/dev/"]\n[web]\nport = 1\n\x7f'
    assert scale(with_scale(FILE, settings_of(REVERSED, port)))["port"] == port


def test_the_lines_are_toml() -> None:
    table = settings_of(REVERSED, PORT)
    assert tomllib.loads("\n".join(lines(table))) == {key: value for key, value in table.items() if value is not None}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o640)
    return path


def test_the_file_is_replaced_and_the_former_one_kept(file: Path) -> None:
    seen: list[str] = []
    copy = rewrite(file, settings_of(REVERSED, PORT), lambda path: seen.append(path.read_text("utf-8")))
    assert seen == [file.read_text("utf-8")], "it was read as the station will, before it took the place"
    assert scale(file.read_text("utf-8"))["protocol"] == "xk3190_eq_reversed"
    assert copy.read_text("utf-8") == FILE
    assert {path.stat().st_mode & 0o777 for path in (file, copy)} == {0o640}
    assert sorted(path.name for path in file.parent.iterdir()) == ["station.toml", "station.toml.before"]


def test_a_file_that_the_station_would_refuse_is_not_written(file: Path) -> None:
    def refuse(path: Path) -> None:
        raise ValueError("e_g is odd")

    with pytest.raises(NotWritten, match="e_g is odd"):
        rewrite(file, settings_of(REVERSED, PORT), refuse)
    assert file.read_text("utf-8") == FILE
    assert sorted(path.name for path in file.parent.iterdir()) == ["station.toml"]


@pytest.mark.parametrize("name", ["fsync", "fchmod"])
def test_a_full_card_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scale_section.os, name, full)
    with pytest.raises(NotWritten, match="No space"):
        rewrite(file, settings_of(REVERSED, PORT), lambda path: None)
    monkeypatch.undo()
    assert file.read_text("utf-8") == FILE
    assert sorted(path.name for path in file.parent.iterdir()) == ["station.toml"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert not writable(None)
    assert not writable(tmp_path / "none")
    with pytest.raises(NotWritten):
        rewrite(tmp_path / "none", settings_of(REVERSED, PORT), lambda path: None)


def test_whether_it_can_be_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert writable(file)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not writable(file)
