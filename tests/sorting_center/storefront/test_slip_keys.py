"""The keys that telephones check receipts with: as the newest document has them, in the page and as a file."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.checkpoint import Checkpoint
from kiosk.messaging.contract.configuration import (
    CheckpointRow,
    CheckpointsPart,
    KeyRow,
    KeysPart,
    VoidsPart,
    encode_part,
    to_base64,
)
from kiosk.messaging.contract.paper_checks import check_text
from kiosk.messaging.contract.public_keys import KeyRing, PublicKeys, parse_public_keys
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.slip_keys import SlipKeys
from tests.sorting_center.listings.centers import REGION
from tests.sorting_center.listings.centers import TIME as NOW
from tests.sorting_center.storefront.shops import Shop

HOST: Final = "slip.shache.example.cn"
KEY, STOLEN, NEIGHBOUR, NOBODYS = (Ed25519Key(bytes([number]) * 32) for number in range(1, 5))
VOID: Final = "0147-A-000382"
SLIP: Final = Slip(
    REGION,
    ReceiptNumber("S0147", "A", 381),
    29_865_600,  # 2026-10-14 00:00 UTC
    ClockQuality.SYNCED,
    "BADAM",
    3,
    1_061_200,
    3_200,
    3_395_840,
    Mode.PURCHASE,
    (3, 12, 5),
    0,
    bytes(range(8)),
)
KEYS: Final = PublicKeys(
    REGION,
    tuple(
        KeyRow(station, to_base64(key.public), state)
        for station, key, state in (("S0147", KEY, ""), ("S0147", STOLEN, "revoked"), ("S0148", NEIGHBOUR, ""))
    ),
    (VOID,),
)
HOSTILE: Final = "</script><script>alert(1)</script>"


def goods(**names: str) -> bytes:
    words = {"ug": "بادام", "zh": "巴旦木", "en": "Almonds"}
    rows = [{"code": code, "names": words | {"en": name}, "picture": "badam"} for code, name in names.items()]
    return json.dumps({"products": rows}).encode()


def publish(desk: CenterDesk, keys: PublicKeys = KEYS, later_s: int = 0, **names: str) -> None:
    """The documents of two stations, of which one has goods that the other has not."""
    at = NOW + timedelta(seconds=later_s)
    authority = CountyAuthority.create(keys.region, NOW)
    key = ConfigurationKey(authority.issue_configuration_key(keys.region, 1, NOW))
    parts = {
        "keys": encode_part(KeysPart(keys.keys)),
        "voids": encode_part(VoidsPart(keys.voids)),
        "goods": goods(BADAM="Almonds"),
    }
    desk.documents.issue(key, 0, [PartsOfStation("S0148", parts | {"goods": goods(**names)})], at)
    desk.documents.issue(key, 0, [PartsOfStation("S0147", parts)], at)


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="keys" type="application/json">(.*?)</script>', page)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_and_the_file_have_what_the_newest_document_has(shop: Shop) -> None:
    client = shop.buyer()
    assert embedded(client.asks("/s").text)["counties"] == []
    assert client.asks("/keys.json").status_code == 404, "of no county"
    publish(shop.center.desk, WALNUT=HOSTILE)
    for _ in range(2):
        answer = client.asks("/keys.json")
        assert (parse_public_keys(answer.data), answer.mimetype) == (KEYS, "application/json")
        page = client.asks("/s")
        data = embedded(page.text)
        assert data["counties"] == [json.loads(answer.data)]
        assert data["goods"][REGION]["BADAM"] == ["بادام", "巴旦木", "Almonds"]
        assert data["goods"][REGION]["WALNUT"][2] == HOSTILE
        for kept in (page, answer, client.asks("/static/slip.js")):
            assert kept.headers["Cache-Control"] == "public, max-age=86400"
        assert client.asks("/s", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    voided = replace_keys(voids=(*KEYS.voids, "0148-A-000001"))
    publish(shop.center.desk, voided, later_s=1)
    assert parse_public_keys(client.asks("/keys.json").data) == voided


def replace_keys(**changes: Any) -> PublicKeys:
    return PublicKeys(**{name: getattr(KEYS, name) for name in PublicKeys.__struct_fields__} | changes)


def test_each_of_two_counties_has_its_own_keys(shop: Shop) -> None:
    other = replace_keys(region="hotan", voids=())
    for keys in (KEYS, other):
        publish(shop.center.desk, keys)
    client = shop.buyer()
    assert [one["region"] for one in embedded(client.asks("/s").text)["counties"]] == ["hotan", REGION]
    assert client.asks("/keys.json").status_code == 404, "which of the two?"
    for keys in (KEYS, other):
        assert parse_public_keys(client.asks(f"/keys.json?region={keys.region}").data) == keys


def test_the_file_checks_checkpoints_of_the_log(shop: Shop) -> None:
    """As the newest document has them: of this year, and of the one before."""
    key = ConfigurationKey(CountyAuthority.create(REGION, NOW).issue_configuration_key(REGION, 1, NOW))
    notes = [key.note_of(Checkpoint(f"{REGION}/{year}", 5, bytes(32))) for year in (2026, 2027)]
    rows = tuple(CheckpointRow(note, 0, ()) for note in notes)
    parts = {"keys": encode_part(KeysPart(KEYS.keys)), "checkpoints": encode_part(CheckpointsPart(rows))}
    shop.center.desk.documents.issue(key, 0, [PartsOfStation("S0147", parts)], NOW)
    keys = shop.buyer().asks("/keys.json").data
    for note in notes:
        assert check_text(note, KeyRing(parse_public_keys(keys))).verdict == "valid"
    stranger = ConfigurationKey(CountyAuthority.create(REGION, NOW).issue_configuration_key(REGION, 1, NOW))
    other = stranger.note_of(Checkpoint(f"{REGION}/2026", 5, bytes(32)))
    assert check_text(other, KeyRing(parse_public_keys(keys))).verdict == "unknown_key"


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_only_this_page_may_run_a_script_and_it_may_send_nothing(shop: Shop, tmp_path: Path) -> None:
    """`Buyer` looks at the policy of each answer."""
    policy = shop.buyer().asks("/s").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    with closing(DeskReader(f"sqlite:///{tmp_path / 'nothing' / 'county.db'}")) as reader:
        buyer = shop.buyer(slips=SlipKeys(reader))
        answer = buyer.asks("/s", headers={"Accept-Language": "en"})
        assert (answer.status_code, "Any station can check them" in answer.text) == (503, True)
        assert buyer.told("/keys.json") == 503


def slip(**changes: Any) -> Slip:
    return replace(SLIP, **changes)
