"""``kiosk scan parse`` and ``kiosk waybill identify`` as technicians and checks call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli.kiosk import main


def said(arguments: list[str], lines: bytes) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, arguments, input=lines)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


SCANS = b"]C1010690123456789210A\x1d21B\n\nY1P04412J\r\n\xff\xfe\nA\rB\n]C0SF1385123456789"


def test_a_scan_a_line_raw_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "scans"
    path.write_bytes(SCANS)
    answers = said(["scan", "parse"], SCANS)
    assert [(row["kind"], row["error"]) for row in answers] == [
        ("gs1", None),
        ("rejected", "empty"),
        ("member", None),
        ("rejected", "not_ascii"),
        ("rejected", "control"),
        ("waybill", None),
    ]
    assert answers[0] == {
        "kind": "gs1",
        "aim": "]C1",
        "symbology": "GS1_128",
        "data": "010690123456789210A\x1d21B",
        "ais": [["01", "06901234567892"], ["10", "A"], ["21", "B"]],
        "valid": True,
        "error": None,
        "in_store": None,
    }
    assert answers[2]["aim"] is None
    assert answers[2]["symbology"] is None
    assert said(["scan", "parse", "-"], SCANS) == answers
    assert said(["scan", "parse", str(path)], b"") == answers


def test_a_waybill_a_line() -> None:
    lines = "ＳＦ１３８５１２３４５６７８９\r\n\nEE 123 456 785 CN\n13812345678\n\ufeff755123456789".encode()
    answers = said(["waybill", "identify"], lines)
    assert answers[0] == {
        "normalized": "SF1385123456789",
        "candidates": ["SF"],
        "names": {"SF": {"ug": "شۈنفېڭ", "zh": "顺丰", "en": "SF Express"}},
        "accept": True,
        "s10": None,
        "why_not": None,
    }
    assert (answers[1]["accept"], answers[1]["why_not"]) == (False, "empty")
    assert answers[2]["s10"] == {"valid": True, "service": "EE", "country": "CN", "service_name": "ems"}
    assert (answers[3]["accept"], answers[3]["why_not"]) == (False, "phone_number")
    assert answers[4]["candidates"] == ["SF", "ZTO", "STO"]
    assert [name["zh"] for name in answers[4]["names"].values()] == ["顺丰", "中通", "申通"]


def test_numbers_of_a_shop_by_a_layout() -> None:
    layouts = ["--in-store", "20IIIIIWWWWWC", "--in-store", "21IIIIIWWWWWPPPPPC"]
    answers = said(["scan", "parse", *layouts], b"2012345024809\n211234502480047124\n6901234567892\n")
    assert [(row["kind"], row["in_store"]) for row in answers] == [
        ("product", {"item": "12345", "weight_g": 2480, "amount_fen": None}),
        ("product", {"item": "12345", "weight_g": 2480, "amount_fen": 4712}),
        ("product", None),
    ]


def test_nothing_in_nothing_out() -> None:
    assert said(["scan", "parse"], b"") == []
    assert said(["waybill", "identify", "-"], b"") == []


def test_each_answer_is_one_line_of_ascii_whatever_came() -> None:
    hostile = "<script>\u2028\u202e^XZ\x1b[31m\x85\n\x00\n".encode() + bytes(range(11, 256))
    result = CliRunner().invoke(main, ["scan", "parse"], input=hostile)
    assert len(result.stdout.splitlines()) == 3
    assert result.stdout.isascii()
    assert result.stdout.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "guess"],
        ["scan"],
        ["waybill"],
        ["scan", "parse", "--fast"],
        ["scan", "parse", "--in-store", "69IIIIIWWWWWC"],
        ["scan", "parse", "a", "b"],
        ["waybill", "identify", "/no/such/file"],
        ["waybill", "identify", "/"],
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
