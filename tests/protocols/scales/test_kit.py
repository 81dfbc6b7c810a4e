"""The kit for other people's parsers: the station's own passes, broken ones fail where they are broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kiosk.protocols.scales import registry
from tests.protocols.scales.kit import Parser, main, rows

_OWN = f"{sys.executable} -m kiosk.cli.kiosk scale decode --protocol {{id}}"
_BROKEN = """
import json, sys
from decimal import Decimal
for line in sys.stdin:
    data = bytes.fromhex(line)
    readings = []
    for part in data.split(b"\\x02")[1:]:
        if len(part) > 7 and part[:1] in (b"+", b"-") and part[1:8].isdigit():
            weight = Decimal(int(part[:7])).scaleb(-int(part[7:8]))
            readings.append({"weight": format(weight, "f")})
    print(json.dumps({"readings": readings, "records": [], "rejected": []}))
"""
"""The mistakes people make: the check is not looked at, the end is not looked for, refusals are not told."""


def _parser(folder: Path, program: str) -> Parser:
    path = folder / "parser.py"
    path.write_text(program)
    return Parser(f"{sys.executable} {path} --protocol {{id}}")


@pytest.mark.parametrize("protocol", ["xk3190_tf0", "st_gs_csv"])
def test_the_stations_own_parser_passes(protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--command", _OWN, "--protocol", protocol]) == 0
    told = capsys.readouterr().out
    assert " 0 failed" in told
    assert "FAIL" not in told
    assert "a lost byte" in told


def test_a_parser_that_ignores_the_check_fails_there_and_passes_elsewhere(tmp_path: Path) -> None:
    table = {row.what: row for row in rows(_parser(tmp_path, _BROKEN), "xk3190_tf0")}
    assert table["two decimals"].passed
    assert not table["checksum wrong by one bit"].passed
    assert "45.67" in table["checksum wrong by one bit"].why
    assert not table["a wrong checksum"].passed
    assert not table["one bit turned over"].passed
    assert table["garbage after a frame"].passed


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; sys.exit(3)", "exit 3"),
        ("print('{}')", "1 answers for"),
        ("import sys\nfor line in sys.stdin: print('x')", "no JSON"),
        ("import sys\nfor line in sys.stdin: print('{\"readings\": 5}')", "needs the lists"),
    ],
)
def test_a_parser_that_does_not_keep_to_the_interface_is_told_so(tmp_path: Path, program: str, why: str) -> None:
    (row,) = rows(_parser(tmp_path, program), "xk3190_tf0")
    assert not row.passed
    assert why in row.why


def test_a_parser_that_is_not_there() -> None:
    (row,) = rows(Parser("/nonexistent/parser {id}"), "xk3190_tf0")
    assert not row.passed
    assert "nonexistent" in row.why


def test_the_table_of_a_broken_parser_ends_with_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = _parser(tmp_path, _BROKEN).command
    assert main(["--command", command, "--protocol", "xk3190_tf0", "--failed"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert all(line.startswith("FAIL  xk3190_tf0") for line in told[:-1])
    assert registry.get("xk3190_tf0").id in told[0]
