"""What every station is given of keys and voids, and the file of them that anyone may have."""

from __future__ import annotations

import pytest

from kiosk.messaging.contract.configuration import KeysPart, VoidsPart, parse_part, to_base64
from kiosk.messaging.contract.public_keys import parse_public_keys
from kiosk.sorting_center.configuration import ledger_parts
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.signing_station import SigningStation, key_of
from tests.sorting_center.station_journal import NOW, Station, confirmed

REGION = "shache"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, ledger_url: str) -> str:
    return ledger_url if request.param == "sqlite" else str(request.getfixturevalue("postgres_ledger_url"))


def public(name: str) -> str:
    return to_base64(key_of(name).public)


def test_keys_and_voids_of_a_region(ledger: Ledger, numbered_at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Station("S0150", "00112233445566bb")
    ledger.accept([*plain.run(3), plain.void(1)], REGION, NOW)
    assert ledger_parts.ledger_parts(ledger, REGION) == {}, "who has no key has no slip to be checked"
    for number, region in (("S0201", REGION), ("S0147", REGION), ("S0147", "hotan")):
        station = SigningStation(number, f"{region}{number}".encode().hex()[:16])
        events = [station.start(), station.make_key(f"{region} {number}")]
        events += [station.add(confirmed(number, receipt)) for receipt in (1, 2, 3)]
        ledger.accept([*events, station.void(3), station.void(1)], region, NOW)
    made = ledger_parts.ledger_parts(ledger, REGION)
    keys, voids = (parse_part(name, made[name]) for name in ("keys", "voids"))
    assert isinstance(keys, KeysPart) and isinstance(voids, VoidsPart)
    assert [(row.station, row.public, row.state) for row in keys.keys] == [
        ("S0147", public("shache S0147"), ""),
        ("S0201", public("shache S0201"), ""),
    ]
    receipts = ("0150-A-000001", "0201-A-000001", "0201-A-000003", "0147-A-000001", "0147-A-000003")
    assert voids.receipts == receipts, "in the order of the receipts, the newest last"
    assert ledger_parts.ledger_parts(ledger, REGION) == made
    file = parse_public_keys(ledger_parts.public_keys(ledger, REGION, []).encode())
    assert (file.region, file.keys, file.voids, file.log) == (REGION, keys.keys, receipts, ())
    monkeypatch.setattr(ledger_parts, "_MAX_VOIDS", 2)
    newest = parse_part("voids", ledger_parts.ledger_parts(ledger, REGION)["voids"])
    assert isinstance(newest, VoidsPart) and newest.receipts == receipts[-2:]
