"""``kiosk verify`` of what members get: the strip of a station, and the statement of the county as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.messaging.contract.slip import statement_text
from tests.cli.test_verify import by_kiosk, by_node, faults, verdicts
from tests.messaging.contract.paper_vectors import HOST, KEY, KEYS, LOG, OLDER, OTHER_STATION, REVOKED, UNKNOWN
from tests.messaging.contract.test_slip import STATEMENT
from tests.messaging.contract.test_statement import MADE
from tests.station.papers_signed import changed


def strip(key: Any = KEY) -> bytes:
    return statement_text(HOST, key, STATEMENT).encode()


def statement(key: Any = LOG, **fields: Any) -> bytes:
    """As the county signs it, and ``fields`` set afterwards."""
    content = MADE.encode(key.public, key.sign(MADE.message))
    return json.dumps({**json.loads(content), **fields}, separators=(",", ":"), sort_keys=True).encode()


def without(**changes: Any) -> PublicKeys:
    fields = {name: getattr(KEYS, name) for name in KEYS.__struct_fields__}
    return PublicKeys(**fields | changes)


def test_what_a_strip_and_a_statement_are_worth(tmp_path: Path, subtests: pytest.Subtests) -> None:
    lines = json.loads(statement())["lines"]
    lighter = [{**lines[0], "net_g": 1}, *lines[1:]]
    for name, content, keys, verdict, failed in (
        ("strip", strip(), KEYS, "valid", []),
        ("by the key before", strip(OLDER), KEYS, "valid", []),
        ("a digit differs", changed(strip().decode()).encode(), KEYS, "changed", ["signature"]),
        ("by another station", strip(OTHER_STATION), KEYS, "unknown_key", ["key_known"]),
        ("by a stolen key", strip(REVOKED), KEYS, "unknown_key", ["key_state"]),
        ("elsewhere", strip(), without(region="yarkant"), "unknown_key", ["county"]),
        ("half of a strip", strip()[:99], KEYS, "unreadable", ["canonical", "form"]),
        ("statement", statement(), KEYS, "valid", []),
        ("by a key of another year", statement(), without(log=KEYS.log[2:]), "valid", []),
        ("a figure differs", statement(lines=lighter), KEYS, "changed", ["sums", "signature"]),
        ("a line twice", statement(lines=[*lines, lines[0]]), KEYS, "changed", ["lines", "sums", "signature"]),
        ("another member", statement(member="M-00018"), KEYS, "changed", ["signature"]),
        ("not signed", statement(signature=""), KEYS, "changed", ["signature"]),
        ("by somebody", statement(UNKNOWN), KEYS, "unknown_key", ["key_known"]),
        ("by a station", statement(KEY), KEYS, "unknown_key", ["key_known"]),
        ("no key of the log", statement(), without(log=()), "unknown_key", ["key_known"]),
        ("of another county", statement(), without(region="yarkant"), "unknown_key", ["region"]),
        ("half of it", statement()[:300], KEYS, "unreadable", ["form"]),
        ("something more", statement(gift=1), KEYS, "unreadable", ["form"]),
    ):  # fmt: skip
        with subtests.test(name):
            (tmp_path / "keys.json").write_bytes(keys.encode())
            (tmp_path / "paper").write_bytes(content)
            (found,) = by_kiosk([tmp_path / "paper"], tmp_path / "keys.json")
            assert found["verdict"] == verdict
            assert set(faults(found)) <= set(failed) and bool(faults(found)) == bool(failed)
            if verdict in ("valid", "changed"):
                assert (found["kind"], faults(found)) == ("statement", sorted(failed))
            assert by_kiosk(["-"], tmp_path / "keys.json", content)[0]["checks"] == found["checks"]


def test_what_a_strip_says_is_shown(tmp_path: Path) -> None:
    (tmp_path / "strip").write_bytes(strip() + b"\n")
    says = by_kiosk([tmp_path / "strip"])[0]["says"]
    sums = says["sums"]
    assert (says["station"], says["member"], says["first"]) == ("S0147", "M-00017", "0147-A-000012")
    assert (sums["receipts"], sums["purchase_fen"]) == (STATEMENT.sums.receipts, STATEMENT.sums.purchase_fen)


def test_no_byte_of_either_can_be_changed(tmp_path: Path) -> None:
    files = []
    for name, content, start in (("strip", strip(), strip().index(b"/s#")), ("statement", statement(), 0)):
        for place in range(start, len(content)):
            flipped = bytes([content[place] ^ 1 << place % 7])
            files += [tmp_path / f"{name}-{place}", tmp_path / f"{name}-{place}-cut"]
            files[-2].write_bytes(content[:place] + flipped + content[place + 1 :])
            files[-1].write_bytes(content[:place])
    assert "valid" not in verdicts(by_kiosk(files))


def test_the_second_checker_calls_neither_valid(tmp_path: Path) -> None:
    """It reads slips, proofs and exports."""
    for name, content in (("strip", strip()), ("statement", statement())):
        (tmp_path / name).write_bytes(content)
    assert verdicts(by_node([tmp_path / "strip", tmp_path / "statement"])) == ["unreadable", "unreadable"]
