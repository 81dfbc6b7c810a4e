from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.shared.health import CenterHealth
from tests.sorting_center.reports.ledgers import followed
from tests.sorting_center.staff import ZONE, viewer
from tests.sorting_center.station_journal import NOW, Station, believed

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 'z' * 9 }}",
    "^XZ\x1b[2J",
    "\u202eabc",
    "'--",
]
PAGES = ["/", "/live", "/feed", "/intakes.json", "/ledger/summary.json", "/health", "/?lang=zh"]


@pytest.fixture
def health() -> CenterHealth:
    health = CenterHealth()
    health.set_connected(True)
    return health


@pytest.fixture
def client(ledger: Ledger, health: CenterHealth) -> Iterator[FlaskClient]:
    with viewer(ledger, health) as client:
        yield client


def read_by_reports(ledger: Ledger) -> None:
    with Reports.open(ledger.url, ZONE) as reports:
        followed(ReportsFollower(ledger, reports))


def fill(ledger: Ledger, station: Station) -> None:
    ledger.accept([*station.run(4), station.void(2)], "shache", NOW)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_out_of_events_stays_text(client: FlaskClient, ledger: Ledger, station: Station, hostile: str) -> None:
    """Such text was taken in by earlier versions, and lies in their ledgers."""
    event = believed(station.intake(1, product=hostile, receipt=hostile, lot=hostile, mode=hostile))
    ledger.accept([event], "shache", NOW)
    for path in ("/", "/live"):
        page = client.get(path).text
        for piece in ("<script>alert", "<img src=x", "zzzzzzzzz", "\x1b", "\u202e"):
            assert piece not in page
    read_by_reports(ledger)
    (row,) = client.get("/intakes.json").get_json()["intakes"]
    assert row["product"] == hostile


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/static/center.css", "/feed?after=x"])
def test_every_answer_has_the_strict_policy(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_pages_need_nothing_the_policy_forbids(client: FlaskClient, ledger: Ledger, station: Station) -> None:
    fill(ledger, station)
    page = client.get("/").text
    assert " style=" not in page
    assert " onclick" not in page
    assert "<script>" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_looking_changes_nothing(client: FlaskClient, ledger: Ledger, station: Station, tmp_path: Path) -> None:
    fill(ledger, station)
    files = [tmp_path / "ledger.db", tmp_path / "ledger.db-wal"]
    before = [file.read_bytes() for file in files]
    for path in PAGES:
        client.get(path)
        assert client.post(path).status_code == 405
    assert [file.read_bytes() for file in files] == before


def test_the_feed_is_replayed_from_any_place(client: FlaskClient, ledger: Ledger, station: Station) -> None:
    events = station.run(5)
    ledger.accept(events, "shache", NOW)
    answer = client.get("/feed?after=1&limit=3").get_json()
    assert [event["feedseq"] for event in answer["events"]] == [2, 3, 4]
    assert answer["last"] == 4
    assert {**answer["events"][0], "feedseq": None} == {**json.loads(events[1].body), "feedseq": None}
    assert answer["generation"] == ledger.generation
    assert client.get("/feed?after=5").get_json() == {"events": [], "last": 5, "generation": ledger.generation}


def test_a_place_the_feed_has_not_is_told_not_waited_for(client: FlaskClient, ledger: Ledger, station: Station) -> None:
    assert client.get("/feed?after=0").status_code == 200
    ledger.accept(station.run(5), "shache", NOW)
    answer = client.get("/feed?after=6")
    said = answer.get_json()
    assert (answer.status_code, said["last"], said["generation"]) == (409, 5, ledger.generation)
    assert "after=6" in said["error"]
    assert "events" not in said
    assert client.get("/intakes.json").get_json()["generation"] == ledger.generation


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=", "limit=0", "after=1e3", "after=" + "9" * 30, "after=²"]
)
def test_a_bad_question_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/feed?{query}").status_code == 400


def test_intakes_are_paged_by_feedseq(client: FlaskClient, ledger: Ledger, station: Station) -> None:
    fill(ledger, station)
    empty = {"intakes": [], "last": 2, "generation": ledger.generation}
    assert client.get("/intakes.json?after_feedseq=2").get_json() == empty, "not before the reports know whose they are"
    read_by_reports(ledger)
    answer = client.get("/intakes.json?after_feedseq=2").get_json()
    assert [row["receipt"] for row in answer["intakes"]] == ["0147-A-000002", "0147-A-000003"]
    assert [row["voided"] for row in answer["intakes"]] == [True, False]
    assert answer["last"] == 4


def test_the_live_part_is_sent_only_when_it_changed(client: FlaskClient, ledger: Ledger, station: Station) -> None:
    fill(ledger, station)
    first = client.get("/live")
    again = client.get("/live", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_health_names_what_is_wrong(client: FlaskClient, health: CenterHealth) -> None:
    assert client.get("/health").status_code == 200
    health.set_fault("ledger", "the disk is full")
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()["ledger_trouble"]) == (503, "the disk is full")
    assert "数据库有故障" in client.get("/?lang=zh").text


@pytest.mark.parametrize(("accept", "lang"), [("zh-CN,zh;q=0.9", "zh"), ("en", "en"), ("fr", "en"), ("", "en")])
def test_the_language_follows_the_reader(client: FlaskClient, accept: str, lang: str) -> None:
    assert f'<html lang="{lang}"' in client.get("/", headers={"Accept-Language": accept}).text
    assert '<html lang="zh"' in client.get("/?lang=zh", headers={"Accept-Language": accept}).text


def test_prometheus_reads_figures_from_this_machine_alone(client: FlaskClient, health: CenterHealth) -> None:
    health.count(events=7)
    health.add_commit(0.25)
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    assert "sorting_center_events_total 7.0" in answer.text
    assert "sorting_center_commit_seconds_sum 0.25" in answer.text
    assert "sorting_center_ok 1.0" in answer.text
    assert "sorting_center_ledger_events 0.0" in answer.text
    health.set_fault("ledger", "full")
    assert "sorting_center_ok 0.0" in client.get("/metrics").text
    stranger = client.application.test_client()
    assert stranger.get("/metrics").status_code == 200
    for address in ("192.0.2.7", "2001:db8::7", None):
        assert stranger.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 401


PLACES = (
    "/alarms?state=closed&kind=fork",
    "/goods?month=2026-10&product=BADAM",
    "/search?q=%E6%A0%B8%E6%A1%83+%26lang%3Den%22%3E%3Cb%3E",
    "/fleet?state=fork&q=S0147&page=1",
    "/reconciliation?day=2026-11-24&page=2",
    "/quarantine?state=all&station=S0147",
    "/days?month=2026-10",
    "/registry?view=all&words=a%2Bb&words=c",
)


def test_another_language_shows_the_same_place(subtests: pytest.Subtests, client: FlaskClient) -> None:
    for place in PLACES:
        with subtests.test(place=place):
            page = client.get(place)
            assert page.status_code == 200
            ways = [unescape(way) for way in re.findall(r'href="(\?[^"]*lang=\w\w)"', page.text)]
            asked = parse_qs(urlsplit(place).query)
            assert [parse_qs(way[1:]) for way in ways] == [{**asked, "lang": [code]} for code in ("ug", "zh", "en")]
            again = [
                unescape(way) for way in re.findall(r'href="(\?[^"]*lang=\w\w)"', client.get(f"{place}&lang=zh").text)
            ]
            assert again == ways
