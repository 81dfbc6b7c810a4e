"""What stations get of the updates, through the real nginx with real certificates."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.downloads import UPDATES, DownloadPath
from kiosk.messaging.contract.updates import MAX_LIST_BYTES, UpdateOffers, parse_offers
from kiosk.sorting_center.photos.server import MAX_DOWNLOADS
from kiosk.sorting_center.updates.downloads import DownloadRequest, DownloadResponse, Downloads
from kiosk.sorting_center.updates.folder import OfferFolder
from tests.messaging.authority import Authority
from tests.sorting_center.photos.conftest import authority, receiving
from tests.sorting_center.photos.lanes import SOON_S, STATION, Listening, Receiving, head, shots
from tests.sorting_center.updates.bundles import bundle, command, offer
from tests.station.update.machine import NEW

__all__ = ["authority", "receiving"]

SHA = "0123456789abcdef" * 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "updates"


@pytest.fixture
def center(receiving: Receiving, authority: Authority, folder: Path) -> Iterator[Listening]:
    log = RateLimitedLog(logging.getLogger("test.updates"), time.monotonic, 300.0)
    with Listening(receiving, authority, Downloads(OfferFolder(folder), log)) as listening:
        yield listening


def get(client: http.client.HTTPConnection, path: object, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    client.request("GET", str(path), headers={name.replace("_", "-"): text for name, text in headers.items()})
    answer = client.getresponse()
    return answer.status, answer.headers, answer.read()


def test_a_station_is_told_and_given_what_is_offered_to_it(center: Listening, folder: Path, tmp_path: Path) -> None:
    list_of, mine = DownloadPath(UPDATES, STATION), DownloadPath(UPDATES, STATION, SHA)
    with closing(center.client()) as client:
        assert get(client, list_of)[2] == b'{"offers":[]}', "no folder yet"
        raw = (made := bundle(tmp_path)).read_bytes()
        sha256, other = offer(folder, made), offer(folder, bundle(tmp_path, "0.9.2"), "S0148")
        mine, etag, size = DownloadPath(UPDATES, STATION, sha256), f'"{sha256}"', len(raw)
        status, headers, body = get(client, list_of)
        (one,) = parse_offers(body)
        assert (status, headers["Content-Type"], one.version, one.size_bytes) == (200, "application/json", NEW, size)
        status, headers, body = get(client, mine, Range="bytes=100-199", If_Range=etag)
        assert (status, headers["ETag"], headers["Content-Range"]) == (206, etag, f"bytes 100-199/{size}")
        assert body == raw[100:200]
        assert get(client, mine, Range=f"bytes={size - 5}-{size + 50}")[2] == raw[-5:]
        beyond = get(client, mine, Range=f"bytes={size}-{size + 1}")
        assert (beyond[0], beyond[1]["Content-Range"]) == (416, f"bytes */{size}")
        for whole in ({}, {"Range": "bytes=0-9", "If_Range": '"other"'}, {"Range": "bytes=9-0"}, {"Range": "lines=1"}):
            assert get(client, mine, **whole)[::2] == (200, raw), whole
        assert get(client, DownloadPath(UPDATES, STATION, other))[0] == 404
        assert get(client, DownloadPath(UPDATES, "S0148"))[0] == 403
        command(folder, "remove", sha256)
        assert get(client, mine, Range="bytes=0-9")[0] == 404
    with closing(center.client(center.context("S0148"))) as client:
        assert [one.version for one in parse_offers(get(client, DownloadPath(UPDATES, "S0148"))[2])] == ["0.9.2"]


def test_what_is_wrong_is_answered(center: Listening, folder: Path, tmp_path: Path) -> None:
    path = DownloadPath(UPDATES, STATION, offer(folder, bundle(tmp_path)))
    with closing(center.client()) as client:
        client.request("PUT", str(path), body=b"x")
        answer = client.getresponse()
        answer.read()
        assert answer.status == 405
    for strange in ("/updates/", f"/updates/{STATION}/..", f"/updates/{STATION}/{SHA}/", "/updates/%2e"):
        with closing(center.client()) as client:
            assert get(client, strange)[0] == 404
    about, file = folder / f"{path.sha256}.json", folder / f"{path.sha256}.kioskupdate"
    file.write_bytes(file.read_bytes()[:-1])
    with closing(center.client()) as client:
        short = get(client, path)
        assert (short[0], short[1]["Retry-After"]) == (503, "600")
        about.write_bytes(b"{")
        assert get(client, path)[0] == 404


def test_a_disk_that_fails_in_the_middle_ends_the_answer_too_early(
    center: Listening, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = DownloadPath(UPDATES, STATION, offer(folder, bundle(tmp_path)))
    file = folder / f"{path.sha256}.kioskupdate"
    whole = file.read_bytes()
    file.write_bytes(whole[:40_000])
    monkeypatch.setattr(OfferFolder, "require_whole", lambda *_: None)
    with closing(center.client()) as client, pytest.raises(http.client.IncompleteRead):
        get(client, path, Range="bytes=0-49999")
    with closing(center.client()) as client:
        assert get(client, path, Range="bytes=0-9")[2] == whole[:10]


MUCH = b"a" * 200_000


class Held(Downloads):
    """Answers whose last byte waits; the others are more than servers keep back."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def respond(self, request: DownloadRequest) -> DownloadResponse:
        return DownloadResponse(200, (), len(MUCH) + 1, self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        yield MUCH
        self.over.wait(SOON_S)
        yield b"b"


def test_updates_leave_room_for_pictures(receiving: Receiving, authority: Authority) -> None:
    held = Held()
    with Listening(receiving, authority, held) as center, ExitStack() as ends:
        answers = []
        for number in range(1, MAX_DOWNLOADS + 1):
            station = f"S{number:04d}"
            client = ends.enter_context(closing(center.client(center.context(station))))
            client.request("GET", str(DownloadPath(UPDATES, station, SHA)))
            answers.append(client.getresponse())
        assert [answer.status for answer in answers] == [200] * MAX_DOWNLOADS
        with closing(center.client(center.context("S0300"))) as late:
            status, headers, _ = get(late, DownloadPath(UPDATES, "S0300", SHA))
            assert (status, headers["Retry-After"]) == (503, "30")
            (shot,) = shots(1)
            assert head(late, shot.name("S0300")).status == 404, "it is asked about, and nobody was told of it"
        held.over.set()
        assert [answer.read() for answer in answers] == [MUCH + b"b"] * MAX_DOWNLOADS


def test_without_a_folder_there_are_no_updates(receiving: Receiving, authority: Authority) -> None:
    with Listening(receiving, authority) as listening, closing(listening.client()) as client:
        assert get(client, DownloadPath(UPDATES, STATION))[0] == 404


GOOD = {
    "version": "0.9.1+g2d3aa88",
    "architecture": "all",
    "python": "3.13",
    "libraries": SHA,
    "brings_libraries": False,
    "size_bytes": 5,
    "sha256": SHA,
}


def test_a_list_that_is_none(subtests: pytest.Subtests) -> None:
    for changed in [
        {"version": "1"},
        {"version": "../1.0"},
        {"version": "1.0\n"},
        {"sha256": SHA[:-1]},
        {"sha256": SHA.upper()},
        {"sha256": f"{SHA}\n"},
        {"size_bytes": 0},
        {"size_bytes": 2**40},
        {"size_bytes": "5"},
        {"architecture": "../x"},
        {"python": "2.7"},
        {"brings_libraries": 1},
    ]:
        with subtests.test(changed=changed):
            assert len(parse_offers(json.dumps({"offers": [GOOD, GOOD]}).encode())) == 2
            with pytest.raises(ValueError, match="no list of updates"):
                parse_offers(json.dumps({"offers": [GOOD | changed]}).encode())


def test_a_list_that_is_too_long_or_no_list() -> None:
    for raw in (b"", b"[]", b"{}", b"<html>", json.dumps({"offers": [GOOD] * 9}).encode()):
        with pytest.raises(ValueError, match="no list of updates"):
            parse_offers(raw)
    with pytest.raises(ValueError, match="not so long"):
        parse_offers(b" " * (MAX_LIST_BYTES + 1))
    assert UpdateOffers(()).offers == ()
