"""``kiosk gs1 check`` and ``kiosk digit`` as technicians and checks call them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli.kiosk import main


def said(arguments: list[str], lines: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, arguments, input=lines.encode())
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


GOOD = {
    "valid": True,
    "ais": [["01", "06901234567892"], ["10", "A"], ["21", "B"]],
    "element_string": "010690123456789210A\u001d21B",
    "error": None,
}


def test_a_label_in_each_way() -> None:
    lines = "(01)06901234567892(10)A(21)B\n^010690123456789210A^21B\r\n010690123456789210A^21B"
    assert said(["gs1", "check"], lines) == [GOOD] * 3


def test_every_line_has_its_answer() -> None:
    answers = said(["gs1", "check"], "\n(01)06901234567891\n(10)A\n(01)\x00\n")
    assert [(row["valid"], row["error"], row["ai"]) for row in answers] == [
        (False, "empty", None),
        (False, "check_digit", "01"),
        (False, "missing_ai", "10"),
        (False, "charset", "01"),
    ]
    assert answers[2]["ais"] == [["10", "A"]]
    assert answers[1]["element_string"] is None


def test_without_associations() -> None:
    """As in GS1's own engine: an invalid pair stays one."""
    for line in "(10)A", "(02)06901234567892", "(8030)AB":
        assert [row["valid"] for row in said(["gs1", "check"], line)] == [False]
        assert [row["valid"] for row in said(["gs1", "check", "--no-associations"], line)] == [True]
    for line, error in ("(10)A(10)B", "repeated_ai"), ("(21)A(235)B", "forbidden_ai"):
        assert said(["gs1", "check", "--no-associations"], line)[0]["error"] == error


def test_links_both_ways() -> None:
    label = "(01)06901234567892(10)A/B(3103)002480"
    there = said(["gs1", "link", "--domain", "id.example.org"], f"{label}\n(10)A\n(01)06901234567891\n\n")
    assert there[0]["link"] == "https://id.example.org/01/06901234567892/10/A%2FB?3103=002480"
    assert [row["error"] for row in there] == [None, "link", "check_digit", "empty"]
    back = said(["gs1", "link"], f"{there[0]['link']}\nhttps://id.example.org/x\nhttp://\n")
    assert sorted(back[0]["ais"]) == sorted(there[0]["ais"])
    assert [(row["valid"], row["error"]) for row in back] == [(True, None), (False, "link"), (False, "link")]
    assert back[0]["link"] is None


def test_a_digit_is_made_and_judged(subtests: pytest.Subtests) -> None:
    for kind, number, digit, full in [
        ("gtin", "690123456789", 2, "6901234567892"),
        ("gtin", "9638507", 4, "96385074"),
        ("sscc", "10614141234567890", 8, "106141412345678908"),
        ("gln", "690123456789", 2, "6901234567892"),
        ("s10", "47312482", 9, "473124829"),
        ("s10", "RA47312482GB", 9, "RA473124829GB"),
    ]:
        with subtests.test(kind=kind, number=number, digit=digit, full=full):
            assert said(["digit", "--kind", kind], number) == [{"check_digit": digit, "full": full}]
            wrong = full.replace(str(digit), str((digit + 1) % 10))
            answers = said(["digit", "--kind", kind, "--verify"], f"{full}\n{wrong}\n\nx\n٣")
            assert [row["valid"] for row in answers] == [True, False, False, False, False]


def test_what_gets_no_digit(subtests: pytest.Subtests) -> None:
    for number, error in [("", "charset"), ("12A", "charset"), ("٣٣٣٣٣٣٣", "charset"), ("123", "length")]:
        with subtests.test(number=number, error=error):
            assert said(["digit", "--kind", "gtin"], f"{number}\n") == [
                {"check_digit": None, "full": None, "error": error}
            ]


def test_wrong_usage_is_one_line() -> None:
    for arguments in (
        ["digit"],
        ["digit", "--kind", "isbn"],
        ["gs1", "read"],
        ["gs1", "link", "--domain", "https://id.example.org"],
    ):
        result = CliRunner().invoke(main, arguments, input=b"")
        assert result.exit_code == 2
        assert len(result.stderr.strip().splitlines()) == 1
