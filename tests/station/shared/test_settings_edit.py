"""A section is changed where it stands and nothing else is: comments, plate, order, other sections stay."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.protocols.scales.probe.known_weight import IdentifiedProfile
from kiosk.protocols.scales.probe.proposals import Candidate
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.station.scale.teach import settings_of
from kiosk.station.shared.settings_edit import NotWritten, lines, rewrite, with_values, writable
from tests.depth import many

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
REVERSED = IdentifiedProfile(Candidate("xk3190_eq_reversed", (("width", "8"),), LineSettings(4800, 7, "E")), "kg")
PORT = "/dev/serial/by-id/usb-new"


def with_scale(text: str, values: dict[str, Any]) -> str:
    return with_values(text, "scale", values)


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
    assert 'params = { width = "8" }' in changed


def test_a_polled_format_keeps_its_interval_and_no_parameters_leave_none() -> None:
    polled = IdentifiedProfile(Candidate("mt_sics", (), LineSettings()), None)
    changed = scale(with_scale(FILE, settings_of(polled, PORT)))
    assert changed["poll_s"] == 0.2
    assert "params" not in changed
    assert "unit" not in changed


@pytest.mark.parametrize(
    "section",
    [
        "[scale]\nprotocol = 'a'\n[scale.params]\nchecksum = 'off'\n# end\n[web]\nport = 1\n",
        "[scale]\nprotocol = 'a'\nparams.checksum = 'off'\nparams.width = '7' # seen\n",
        "[scale]\nprotocol = 'a'",
        "[ scale ] # the scale\nprotocol = 'a'\n\n\n",
        "[web]\nport = 1\n[scale]\nprotocol='a'\r\n[scale.params]\nwidth='7'\n",
        "scale = { protocol = 'a' } # short\n[web]\nport = 1\n",
        "['scale']\nprotocol = 'a'\n",
        "scale.protocol = 'a' # dotted\nscale.params.width = '7'\nweb.port = 1\n",
        "[scale.params]\nwidth = '7'\n[web]\nport = 1\n[scale] # apart\nprotocol = 'a'\n",
        "[scale]\nprotocol = 'a'\n[web]\nport = 1\n[scale.params]\nwidth = '7'\n",
        "  [scale]\n  protocol = 'a'\n    # deeper\n",
        "[scale]\n# nothing yet\n",
    ],
)
@pytest.mark.parametrize("profile", [REVERSED, IdentifiedProfile(Candidate("st_gs_csv", (), LineSettings()), "kg")])
def test_however_it_is_written(section: str, profile: IdentifiedProfile) -> None:
    values = settings_of(profile, PORT)
    changed = with_scale(section, values)
    before, after = tomllib.loads(section), tomllib.loads(changed)
    assert {key: after["scale"].get(key) or None for key in values} == values
    assert {name: value for name, value in after.items() if name != "scale"} == {
        name: value for name, value in before.items() if name != "scale"
    }
    assert [
        row for row in section.splitlines() if row.strip().startswith("#") and row not in changed.splitlines()
    ] == []


@pytest.mark.parametrize("text", ["", "[web]\nport = 1\n", "scale = 7\n", "[[scale]]\nport = 'a'\n"])
def test_a_section_that_is_not_there_is_written_by_a_person(text: str) -> None:
    with pytest.raises(ValueError, match=r"no section \[scale\]: a person has to write it"):
        with_scale(text, settings_of(REVERSED, PORT))


def test_what_the_library_would_get_wrong_is_left_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tomlkit.parse
    monkeypatch.setattr(tomlkit, "parse", lambda text: real(text.replace("8080", "80")))
    with pytest.raises(ValueError, match=r'only a person can change: unit = "kg"; baud = 4800'):
        with_scale(FILE, {"unit": "kg", "baud": 4800})


def test_a_hostile_port_stays_a_string() -> None:
    port = '/dev/"]\n[web]\nport = 1\n\x7f'
    assert scale(with_scale(FILE, settings_of(REVERSED, port)))["port"] == port


def test_the_lines_are_toml() -> None:
    table = settings_of(REVERSED, PORT)
    assert tomllib.loads("\n".join(lines(table))) == {key: value for key, value in table.items() if value is not None}


# --- any file a person may have written -------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-9, 99_999),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    WORDS,
    st.lists(st.integers(0, 9), max_size=3),
)
KEYS = st.sampled_from(["port", "uuid", "e_g", "params", "unit", "note", 'a "b"', "ئا", "x.y"])
GAPS = st.sampled_from(["", "", "\n", "# above\n", "\n  # apart\n\n"])
TAILS = st.sampled_from(["\n", "  # beside\n", "\t# beside\n", "\r\n"])


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {written(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@st.composite
def rows(draw: st.DrawFn, prefix: str = "") -> str:
    """Keys of one table, each once, in any order, with or without comments and blank lines."""
    made = []
    for key in draw(st.lists(KEYS, unique=True, max_size=5)):
        bare = (
            key if re.fullmatch(r"\w+", key, re.ASCII) and draw(st.booleans()) else json.dumps(key, ensure_ascii=False)
        )
        value = draw(VALUES | st.dictionaries(KEYS, WORDS, max_size=2))
        equals = draw(st.sampled_from(["=", " = ", "   = "]))
        made.append(draw(GAPS) + prefix + bare + equals + written(value) + draw(TAILS))
    return "".join(made) + draw(GAPS)


@st.composite
def files(draw: st.DrawFn) -> str:
    """``[scale]`` as a table, an inline table, dotted keys or not at all, between other sections."""
    inline = draw(st.dictionaries(KEYS, WORDS, max_size=3))
    top = {
        "table": "",
        "none": "",
        "inline": f"scale = {written(inline)}{draw(TAILS)}",
        "dotted": draw(rows(prefix="scale.")),
    }
    shape = draw(st.sampled_from(sorted(top)))
    tables = [draw(GAPS) + f"[{name}]{draw(TAILS)}{draw(rows())}" for name in ("station", "web.deep", "printer.label")]
    if shape == "table":
        header = draw(st.sampled_from(["[scale]", "[ scale ]", '["scale"]', "  [scale]"]))
        tables.insert(draw(st.integers(0, 3)), f"{header}{draw(TAILS)}{draw(rows())}")
        if draw(st.booleans()):
            tables.insert(draw(st.integers(0, 4)), f"[scale.deep]{draw(TAILS)}{draw(rows())}")
    text = "".join([top[shape], *tables])
    return text if draw(st.booleans()) else text.rstrip("\r\n")


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"# (?:above|apart)$", text, re.MULTILINE))


@settings(max_examples=many(100, torture=900), deadline=None)
@given(files(), st.dictionaries(KEYS, st.none() | VALUES | st.dictionaries(KEYS, WORDS, max_size=2), max_size=4))
def test_any_file_keeps_all_else(text: str, values: dict[str, Any]) -> None:
    before = tomllib.loads(text)
    try:
        changed = with_scale(text, values)
    except ValueError as error:
        assert "scale" not in before or "person" in str(error)
        return
    after = tomllib.loads(changed)
    wanted = {**before["scale"], **values}
    assert {key: value for key, value in after.get("scale", {}).items() if value != {}} == {
        key: value for key, value in wanted.items() if value not in (None, {})
    }
    assert {**after, "scale": None} == {**before, "scale": None}
    assert comments(changed) == comments(text)
    if text.endswith("\n") and "scale" not in text.partition("[station]")[0]:
        assert changed.partition("[scale")[0].startswith(text.partition("[")[0])


@settings(max_examples=many(40, torture=300), deadline=None)
@given(files(), st.from_regex(r"[0-9A-F]{4}-[0-9A-F]{4}", fullmatch=True))
def test_one_more_key_changes_one_line(text: str, uuid: str) -> None:
    """Every row a person wrote is still there, in its order."""
    text = text.partition("[station]")[2] and "[station]" + text.partition("[station]")[2].split("[scale")[0]
    text = text.rstrip("\n") + f'\n[backup]\nfolder = "/mnt"\n{"" if len(text) % 2 else "# end"}\n'
    changed = with_values(text, "backup", {"uuid": uuid})
    assert changed.splitlines() == [
        row for old in text.splitlines() for row in ([old, f'uuid = "{uuid}"'] if old == 'folder = "/mnt"' else [old])
    ]


# --- the file on the disk ---------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o640)
    return path


def test_the_file_is_replaced_and_the_former_one_kept(file: Path) -> None:
    seen: list[str] = []
    copy = rewrite(file, "scale", settings_of(REVERSED, PORT), lambda path: seen.append(path.read_text("utf-8")))
    assert seen == [file.read_text("utf-8")], "it was read as the station will, before it took the place"
    assert scale(file.read_text("utf-8"))["protocol"] == "xk3190_eq_reversed"
    assert copy.read_text("utf-8") == FILE
    assert {path.stat().st_mode & 0o777 for path in (file, copy)} == {0o640}
    assert sorted(path.name for path in file.parent.iterdir()) == ["station.toml", "station.toml.before"]


def test_a_file_that_the_station_would_refuse_is_not_written(file: Path) -> None:
    def refuse(path: Path) -> None:
        raise ValueError("e_g is odd")

    with pytest.raises(NotWritten, match="e_g is odd"):
        rewrite(file, "scale", settings_of(REVERSED, PORT), refuse)
    assert file.read_text("utf-8") == FILE
    assert sorted(path.name for path in file.parent.iterdir()) == ["station.toml"]


@pytest.mark.parametrize("name", ["fsync", "fchmod"])
def test_a_full_card_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, name, full)
    with pytest.raises(NotWritten, match="No space"):
        rewrite(file, "scale", settings_of(REVERSED, PORT), lambda path: None)
    monkeypatch.undo()
    assert file.read_text("utf-8") == FILE
    assert sorted(path.name for path in file.parent.iterdir()) == ["station.toml"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert not writable(None)
    assert not writable(tmp_path / "none")
    with pytest.raises(NotWritten):
        rewrite(tmp_path / "none", "scale", settings_of(REVERSED, PORT), lambda path: None)


def test_whether_it_can_be_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert writable(file)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not writable(file)
