"""What stations get of what the county gives them, through the real nginx with real certificates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from kiosk.messaging.contract.downloads import CONFIGURATION, DownloadPath
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from tests.messaging.authority import Authority
from tests.sorting_center.photos.conftest import authority, receiving
from tests.sorting_center.photos.lanes import REGION, STATION, Listening, Receiving
from tests.sorting_center.updates.test_downloads import get

__all__ = ["authority", "receiving"]

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
OTHER = "S0148"
MEMBERS, CLERKS = b'{"members":[%s]}' % (b'["M-00001","A",""],' * 5000)[:-1], b'{"clerks":[]}'


@pytest.fixture
def center(receiving: Receiving, authority: Authority) -> Iterator[Listening]:
    with Listening(receiving, authority) as listening:
        yield listening


def test_a_station_gets_its_document_and_the_parts_that_it_names(center: Listening, ledger: Ledger) -> None:
    key = ConfigurationKey(CountyAuthority.create(REGION, NOW).issue_configuration_key(REGION, 1, NOW))
    own = PartsOfStation(STATION, {"members": MEMBERS})
    other = PartsOfStation(OTHER, {"members": MEMBERS, "clerks": CLERKS})
    with closing(center.client()) as client, CenterDesk.open(ledger.url) as desk:
        assert get(client, DownloadPath(CONFIGURATION, STATION))[0] == 404, "there is none yet"
        made, _ = desk.documents.issue(key, 0, [own, other], NOW)
        status, headers, body = get(client, DownloadPath(CONFIGURATION, STATION))
        assert (status, headers["Content-Type"], body) == (200, "application/json", made.content)
        path = DownloadPath(CONFIGURATION, STATION, json.loads(body)["parts"]["members"]["sha256"])
        status, headers, body = get(client, path, Range="bytes=100-199", If_Range=f'"{path.sha256}"')
        assert (status, headers["Content-Range"]) == (206, f"bytes 100-199/{len(MEMBERS)}")
        assert body == MEMBERS[100:200]
        assert get(client, path)[::2] == (200, MEMBERS)
        assert get(client, path, Range=f"bytes={len(MEMBERS)}-{len(MEMBERS) + 9}")[0] == 416
        foreign = DownloadPath(CONFIGURATION, STATION, other.names["clerks"].sha256)
        assert get(client, foreign)[0] == 404, "of another station alone"
        for wrong in (DownloadPath(CONFIGURATION, OTHER), DownloadPath(CONFIGURATION, OTHER, path.sha256)):
            assert get(client, wrong)[0] == 403
        for text in (f"/configuration/{STATION}/", f"/configuration/{STATION}/{'A' * 64}", "/configuration/S1/x/y"):
            assert get(client, text)[0] == 404
        client.request("PUT", str(path), body=b"x")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (405, b"")
        desk.documents.issue(key, 0, [PartsOfStation(STATION, {"clerks": CLERKS})], NOW)
        assert get(client, path)[0] == 404, "the part is cached, and no longer this station's"
    with closing(center.client(center.context(OTHER))) as client:
        assert get(client, DownloadPath(CONFIGURATION, OTHER, path.sha256))[::2] == (200, MEMBERS)
