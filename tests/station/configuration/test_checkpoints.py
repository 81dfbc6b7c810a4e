"""The station as a witness of the county's log: what it keeps, what it refuses, and that nothing waits for either."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.base.ed25519 import Ed25519Key
from kiosk.messaging.contract.checkpoint import MAX_PATH, Checkpoint, signed_note
from kiosk.messaging.contract.configuration import CheckpointRow, CheckpointsPart, to_base64
from kiosk.messaging.contract.merkle import SubtreeHash, consistency_path, leaf_hash, node_hash, range_hash
from kiosk.station.doctor.devices import county_log_finding
from kiosk.store import Store
from tests.station.configuration.rig import CERTIFICATE, GOODS, KEY, CountyRig, Sent, document, prices

ORIGIN = "yarkant/2026"


@pytest.fixture
def county(store: Store, tmp_path: Path) -> CountyRig:
    return CountyRig(store, tmp_path)


def subtree(variant: int = 0) -> SubtreeHash:
    """Of a log of any length; those of other variants have another leaf 4."""

    def of(start: int, end: int) -> bytes:
        if end - start == 1:
            return leaf_hash(start.to_bytes(31) + bytes([variant if start == 4 else 0]))
        middle = (start + end) // 2
        return node_hash(of(start, middle), of(middle, end))

    return of


def checkpoint(size: int, variant: int = 0, origin: str = ORIGIN) -> Checkpoint:
    return Checkpoint(origin, size, range_hash(0, size, subtree(variant)))


def row(size: int, from_size: int = 0, variant: int = 0, origin: str = ORIGIN, key: Ed25519Key = KEY) -> CheckpointRow:
    made = checkpoint(size, variant, origin)
    path = consistency_path(from_size, size, subtree(variant)) if 0 < from_size <= size else []
    note = signed_note(made, key.public, key.sign(made.text.encode()))
    return CheckpointRow(note, from_size, tuple(map(to_base64, path)))


class Sender:
    """The county's documents, each with a price of its number."""

    def __init__(self, rig: CountyRig) -> None:
        self.rig, self.number = rig, 0

    def __call__(self, *rows: CheckpointRow) -> None:
        self.rig.receive(self.document(*rows))
        assert self.rig.price() == self.number
        assert self.rig.refusals() == []

    def document(self, *rows: CheckpointRow) -> Sent:
        self.number += 1
        return document(self.number, goods=GOODS, prices=prices(self.number), checkpoints=CheckpointsPart(rows))


@pytest.fixture
def send(county: CountyRig) -> Sender:
    return Sender(county)


def kept(rig: CountyRig) -> list[tuple[str, int]]:
    return [(event["origin"], event["size"]) for event in rig.events("checkpoint.kept")]


def refused(rig: CountyRig) -> list[tuple[int, int, str]]:
    return [(one["size"], one["kept_size"], one["reason"]) for one in rig.events("checkpoint.refused")]


def test_each_that_continues_is_kept_once(county: CountyRig, send: Sender) -> None:
    for size, from_size in ((5, 0), (5, 0), (9, 5), (9, 5), (12, 9)):
        send(row(size, from_size))
    assert kept(county) == [(ORIGIN, 5), (ORIGIN, 9), (ORIGIN, 12)]
    assert refused(county) == []
    assert county.store.county_checkpoints.newest() == checkpoint(12)
    assert county_log_finding(county.county).ok
    county.step()
    county.start()
    county.step()
    assert len(kept(county)) == 3


OTHER = Ed25519Key(bytes([1] * 32))
LONG = CheckpointRow(row(12).note, 9, tuple([to_base64(bytes(32))] * MAX_PATH))


@pytest.mark.parametrize(
    ("offered", "size", "reason"),
    [
        (row(12, 9, variant=1), 12, "inconsistent"),
        (row(9, 9, variant=1), 9, "inconsistent"),
        (row(9, 5, variant=1), 9, "inconsistent"),
        (row(7), 7, "smaller"),
        (row(7, variant=1), 7, "smaller"),
        (row(12, 9, key=OTHER), 12, "signature"),
        (row(9, 5, key=OTHER), 9, "signature"),
        (row(12, 9, origin="kashgar/2026"), 12, "signature"),
        (LONG, 12, "inconsistent"),
        (CheckpointRow(row(12).note, 9, ()), 12, "inconsistent"),
    ],
)
def test_what_does_not_continue_is_refused_and_stays_as_evidence(
    county: CountyRig, send: Sender, offered: CheckpointRow, size: int, reason: str
) -> None:
    send(row(9))
    send(offered)
    kept_size = 0 if "kashgar" in offered.note else 9
    assert refused(county) == [(size, kept_size, reason)]
    assert kept(county) == [(ORIGIN, 9)]
    assert county.store.county_checkpoints.newest() == checkpoint(9)
    assert county_log_finding(county.county).word == "county_log_refused"
    send(offered)  # The same part in the next document: it was judged
    assert len(refused(county)) == 1
    send(row(14, 9))  # The log that it keeps goes on
    assert county.store.county_checkpoints.newest() == checkpoint(14)
    assert county_log_finding(county.county).ok


def test_a_giant_number_is_none(county: CountyRig, send: Sender) -> None:
    giant = Checkpoint(ORIGIN, 2**53 - 1, bytes(32))
    note = signed_note(giant, KEY.public, KEY.sign(giant.text.encode()))
    send(CheckpointRow(note, 0, ()))
    assert refused(county) == [(2**40, 0, "signature")]


def test_a_note_that_is_none_refuses_the_document(county: CountyRig) -> None:
    for number, part in enumerate((CheckpointRow("no note", 0, ()), CheckpointRow(row(9).note, 0, ("AA==",))), 1):
        county.receive(document(number, goods=GOODS, checkpoints=CheckpointsPart((part,))))
        county.later(1)
    assert county.refusals() == ["checkpoints", "checkpoints"]
    assert county.version() == ""


def test_a_report_that_was_lost_is_given_again(county: CountyRig, send: Sender) -> None:
    send(row(5))
    send(row(9, 3))
    send(row(9, 3))
    assert kept(county) == [(ORIGIN, 5), (ORIGIN, 5)]  # Once for each part
    assert refused(county) == []
    assert county.store.county_checkpoints.newest() == checkpoint(5)
    send(row(9, 5))
    assert kept(county)[-1] == (ORIGIN, 9)


def test_an_empty_station_keeps_what_comes_first(county: CountyRig, send: Sender) -> None:
    send(row(9, 5))
    assert kept(county) == [(ORIGIN, 9)]


def test_years_and_a_log_that_began_again_stand_side_by_side(county: CountyRig, send: Sender) -> None:
    send(row(5))
    send(row(9, 5), row(3, origin="yarkant/2027"))
    send(row(9, 5), row(4, 3, origin="yarkant/2027"))
    send(row(2, origin="yarkant/2027.2"))
    assert kept(county) == [
        (ORIGIN, 5),
        (ORIGIN, 9),
        ("yarkant/2027", 3),
        ("yarkant/2027", 4),
        ("yarkant/2027.2", 2),
    ]
    assert refused(county) == []


@pytest.mark.parametrize("certificate", [to_base64(b"no key"), to_base64(b"\x30\x2a" * 40)])
def test_a_certificate_without_a_key_in_sight_signs_nothing(
    county: CountyRig, send: Sender, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.station.configuration.rig.CERTIFICATE", certificate)
    send(row(9))
    assert refused(county) == [(9, 0, "signature")]
    assert certificate != CERTIFICATE
