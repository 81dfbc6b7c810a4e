"""What a member brought, as a file: each check by its name, and none is left out after the first that fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kiosk.base.ed25519 import Ed25519Key
from kiosk.messaging.contract.checkpoint import verifier_line
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.messaging.contract.statement import StatementFile, StatementLine, check_statement, sums_of
from kiosk.messaging.contract.strict_json import canonical

KEY, OTHER = Ed25519Key(bytes(range(32))), Ed25519Key(bytes(32))
KEYS = PublicKeys("shache", log=("no line", verifier_line("shache/2025", OTHER.public)))
KNOWN = PublicKeys("shache", log=(*KEYS.log, verifier_line("shache/2026", KEY.public)))
LINES = [
    StatementLine(f"014{day}-A-000001", f"2026-11-0{day}", True, "BADAM", 2, 1000, 2400, 2400, mode, void, "a" * 64)
    for day, mode, void in ((1, "purchase", False), (2, "consignment", False), (3, "purchase", True))
]
MADE = StatementFile("statement", "shache", "M-00017", "2026-01-01", "2026-12-31", LINES, sums_of(LINES))
FILE = MADE.encode(KEY.public, KEY.sign(MADE.message))
Change = Callable[[dict[str, Any]], object]


def failing(content: bytes, keys: PublicKeys = KNOWN) -> list[str]:
    return [name for name, ok in check_statement(content, keys) if not ok]


def signed_anew(change: Change) -> bytes:
    """By whoever has the key and wants something else in it."""
    fields = json.loads(FILE)
    change(fields)
    made = StatementFile(
        **{
            {"from": "first", "until": "last"}.get(name, name): value
            for name, value in fields.items()
            if name != "lines"
        },
        lines=[StatementLine(**line) for line in fields["lines"]],
    )
    return made.encode(KEY.public, KEY.sign(made.message))


def test_what_the_county_signed_is_good() -> None:
    assert failing(FILE) == []
    assert [name for name, _ in check_statement(FILE, KNOWN)] == [
        "form", "region", "lines", "sums", "key_known", "signature",
    ]  # fmt: skip
    assert failing(json.dumps(json.loads(FILE), indent=2).encode()) == [], "spaces are nobody's lie"


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda file: file.update(region="yarkant"), ["region", "signature"]),
        (lambda file: file["lines"].pop(), ["sums", "signature"]),
        (lambda file: file["lines"].append(file["lines"][0]), ["lines", "sums", "signature"]),
        (lambda file: file["lines"][0].update(net_g=999), ["sums", "signature"]),
        (lambda file: file["lines"][0].update(product="FIG"), ["signature"]),
        (lambda file: file["lines"][2].update(void=False), ["sums", "signature"]),
        (lambda file: file["lines"][0].update(receipt="0147-A-1"), ["lines", "signature"]),
        (lambda file: file["lines"][0].update(day="2025-11-01"), ["lines", "signature"]),
        (lambda file: file["sums"].update(purchase_fen=2401), ["sums", "signature"]),
        (lambda file: file["sums"].update(gift=1), ["form"]),
        (lambda file: file["sums"].pop("voids"), ["form"]),
        (lambda file: file.update(signature=""), ["signature"]),
        (lambda file: file.update(signature="x" * 99), ["signature"]),
        (lambda file: file.update(kind="slip"), ["form"]),
        (lambda file: file["lines"][0].update(net_g=-1), ["form"]),
        (lambda file: file["lines"][0].update(name="Aygul"), ["form"]),
    ],
)
def test_each_change_is_named(change: Change, names: list[str]) -> None:
    fields = json.loads(FILE)
    change(fields)
    assert failing(canonical(fields)) == names


def test_sums_and_lines_are_checked_under_a_right_signature_too() -> None:
    assert failing(signed_anew(lambda file: file["lines"].pop())) == ["sums"]


def test_a_key_that_nobody_knows_says_nothing_of_the_file() -> None:
    assert failing(FILE, KEYS) == ["key_known"]
    assert failing(FILE, PublicKeys("yarkant", log=KNOWN.log)) == ["region"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", FILE[:-1], FILE + b"}", b"9" * 40, b"[" * 100_000])
def test_anything_else_has_no_form(content: bytes) -> None:
    assert check_statement(content, KNOWN) == [("form", False)]


def test_no_flipped_bit_is_good() -> None:
    for place in range(len(FILE)):
        changed = bytearray(FILE)
        changed[place] ^= 1 << place % 8
        assert failing(bytes(changed)), place
