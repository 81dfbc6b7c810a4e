"""``sorting-center proof``, ``consistency`` and ``log`` as people call them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.sorting_center import main
from kiosk.messaging.contract.checkpoint import BadCheckpoint, parse_checkpoint, parse_consistency, parse_proof
from kiosk.messaging.contract.merkle import is_consistent, leaf_hash, root_of_inclusion
from tests.sorting_center.log.county_log_rig import LogRig
from tests.sorting_center.station_journal import Station


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def refused(*arguments: str) -> str:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1]


@pytest.fixture
def rig(ledger_url: str, tmp_path: Path) -> Iterator[LogRig]:
    """Two days of 20 and 10 events, and one event of today."""
    rig = LogRig(ledger_url, tmp_path)
    with rig.opened() as ledger:
        for day, count in (("2026-12-01", 20), ("2026-12-03", 10)):
            rig.intakes(ledger, count)
            rig.checkpoint(ledger, day)
        rig.intakes(ledger, 1)
        rig.follow(ledger)
    yield rig


def test_a_proof_of_each_receipt(rig: LogRig, tmp_path: Path) -> None:
    out = tmp_path / "receipt.tlog-proof"
    for counter in (1, 7, 29):
        result = call("proof", f"0147-A-{counter:06d}", "--ledger", rig.url, "--out", str(out))
        assert result.exit_code == 0, result.stderr
        assert str(out) in result.stderr
        proof = parse_proof(out.read_text(encoding="utf-8"))
        checkpoint = parse_checkpoint(proof.note).checkpoint
        leaf = leaf_hash(bytes.fromhex(rig.station.sealed[counter].sha256))
        assert checkpoint.size == 30
        assert root_of_inclusion(leaf, proof.index, checkpoint.size, proof.path) == checkpoint.root
        assert call("proof", f"0147-A-{counter:06d}", "--ledger", rig.url).stdout == proof.text


def test_what_has_no_proof(rig: LogRig) -> None:
    assert "from tomorrow on" in refused("proof", "0147-A-000030", "--ledger", rig.url)
    assert "no receipt 0147-A-000099" in refused("proof", "0147-A-000099", "--ledger", rig.url)
    assert "like 0147-A-000381" in refused("proof", "381", "--ledger", rig.url)
    with rig.opened() as ledger:
        rig.intakes(ledger, 1)
    assert "in a minute" in refused("proof", "0147-A-000031", "--ledger", rig.url)
    rig.sql("UPDATE log_checkpoint SET root = :root", root="0" * 64)
    result = call("proof", "0147-A-000001", "--ledger", rig.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "log verify" in result.stderr


def test_that_the_log_only_grew(rig: LogRig) -> None:
    texts = [
        call("consistency", *days, "--ledger", rig.url).stdout
        for days in (("2026-12-01", "2026-12-03"), ("2026-12-31", "2026-12-02"), ("2026-12-01", "2026-12-02"))
    ]
    assert texts[0] == texts[1]
    for text, sizes in zip(texts[1:], ((20, 30), (20, 20)), strict=True):
        proof = parse_consistency(text)
        old, new = (parse_checkpoint(note).checkpoint for note in (proof.old, proof.new))
        assert proof.text == text
        assert (old.size, new.size) == sizes
        assert is_consistent(old.size, old.root, new.size, new.root, proof.path)
    for damaged in ("", texts[0][:-200], texts[0].replace("@v1", "@v2"), texts[0] + "\n\n"):
        with pytest.raises(BadCheckpoint):
            parse_checkpoint(parse_consistency(damaged).new)


def test_days_without_a_proof(rig: LogRig) -> None:
    assert "of 2026-11-30 or before" in refused("consistency", "2026-11-30", "2026-12-03", "--ledger", rig.url)
    assert "like 2026-12-01" in refused("consistency", "yesterday", "2026-12-03", "--ledger", rig.url)
    rig.days(40)
    with rig.opened() as ledger:
        rig.intakes(ledger, 1)
        rig.checkpoint(ledger, "2027-01-10")
        rig.accept(ledger, Station("S0300").start(), region="kashgar")
        rig.follow(ledger)
    days = ("2026-12-03", "2027-01-10", "--ledger", rig.url)
    assert "--region" in refused("consistency", *days)
    assert "two logs" in refused("consistency", *days, "--region", "shache")


def test_verify(rig: LogRig) -> None:
    result = call("log", "verify", "--ledger", rig.url)
    assert result.exit_code == 0
    figures = {"events": 31, "checkpoints": 2, "witnesses": 0, "faults": 0}
    assert json.loads(result.stdout) == figures
    rig.sql("DELETE FROM event WHERE feedseq = 9")
    result = call("log", "verify", "--ledger", rig.url)
    assert result.exit_code == 1
    fault, summary = map(json.loads, result.stdout.splitlines())
    assert fault == {"origin": "shache/2026", "kind": "deleted", "about": "feedseq 9"}
    assert summary == {**figures, "faults": 1}
