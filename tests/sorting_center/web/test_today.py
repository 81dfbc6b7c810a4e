"""The front page: what came today, beside yesterday and a week ago, and what needs a person."""

from __future__ import annotations

import csv
import random
import re
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.export import table
from kiosk.sorting_center.ledger import Delivery, Ledger, Sighting
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.server.layout import ServerLayout
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.stations.authority import SERVER_LIFETIME, CountyAuthority, ServerAuthority
from kiosk.sorting_center.web.shared import today
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff import today as front_page
from kiosk.texts.languages import LANGUAGES
from tests.depth import many
from tests.sorting_center.reports.counties import County, expected_days
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import NOON, ZONE, app_of, followed, looked_after, sign_in, stores_of
from tests.sorting_center.station_journal import NOW, Station, of_weight
from tests.sorting_center.web.looking import page


def bare(html: str) -> str:
    """As it is read: without markup, one space between words."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_what_came_today_is_added_up(stores: Stores, station: Station) -> None:
    stores.ledger.accept([*station.run(4), station.void(2)], "shache", NOW)
    text = bare(page(stores, "/"))
    for shown in (
        "0.02 t",
        "\u00a50.00",
        "≈ \u00a5597.60",
        "voided: 1",
        "0147-A-000003",
        "BADAM",
        "12.450 kg",
        "1 / 1",
    ):
        assert shown in text, shown


def test_a_certificate_that_did_not_renew_itself_is_told_to_administrators_30_days_before(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = ServerLayout(tmp_path)
    monkeypatch.setattr(front_page, "ServerLayout", lambda: layout)
    layout.tls.mkdir(parents=True)
    followed(stores)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk, StaffRole.ADMIN)
        assert "certificate" not in bare(client.get("/").text), "no set-up has made one"
        for days, shown in ((31, False), (30, True), (-1, True)):
            began = NOON + timedelta(days=days, hours=-1) - SERVER_LIFETIME
            authority = ServerAuthority(CountyAuthority.create("shache", began).issue_server_authority("shache", began))
            issued = authority.issue("shache", ["center.example"], began)
            layout.pairs()[0][0].write_text(issued.certificate)
            text = f"is valid for {max(days - 1, 0)} more days and did not renew itself"
            assert (text in bare(client.get("/").text)) == shown, days
    assert "certificate" not in bare(page(stores, "/")), "who looks only cannot do anything about it"


def test_a_ratio_is_read_from_left_to_right_as_a_whole(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(2), "shache", NOW)
    ratio = re.search(r'<p class="figure"><bdi dir="ltr">(.*/.*)</bdi></p>', page(stores, "/", lang="ug"))
    assert ratio is not None and bare(ratio[1]) == "1 / 1"


def test_a_day_stands_beside_the_same_hours_of_yesterday_and_a_week_ago(stores: Stores) -> None:
    """It is half past eight in the evening at the county: what came after eight does not count yet."""
    station = ClockedStation()
    station.at = NOON - timedelta(days=7, hours=2)
    events = [station.start(), station.intake(1, **of_weight(1_000))]
    station.at = NOON - timedelta(days=1, hours=2)
    events.append(station.intake(2, **of_weight(2_000)))
    station.at = NOON - timedelta(days=1, minutes=10)
    events.append(station.intake(3, **of_weight(500)))
    station.at = NOON - timedelta(minutes=10)
    events.append(station.intake(4, **of_weight(3_000)))
    stores.ledger.accept(events, "shache", NOON.isoformat().replace("+00:00", ".000Z"))
    text = bare(page(stores, "/"))
    assert "Net weight < 0.01 t Yesterday until now < 0.01 t A week ago until now < 0.01 t" in text.replace("&lt;", "<")
    estimates = [f"≈ \u00a5{yuan}.00" for yuan in (72, 48, 24)]
    assert "On consignment {} Yesterday until now {} A week ago until now {}".format(*estimates) in text
    assert "Intakes 1 Yesterday until now 1 A week ago until now 1" in text
    assert "Until now: up to 20:00" in text
    assert text.count(" late ") == 3, "those of earlier days came too late, and say so"


def test_who_came_late_or_without_a_time_is_marked(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(3), "shache", "2026-11-28T04:00:00.000Z")
    text = bare(page(stores, "/", now=NOON))
    assert "arrived more than a day late: 2" in text
    assert " late " in text


def test_what_needs_a_person_leads_to_the_stations(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(4), "shache", NOW)
    clone = station.clone()
    clone.sealed.pop()
    stores.ledger.accept([clone.intake(9, **of_weight(1000))], "shache", NOW)
    status = Status(online=True, pending=170, software="1.0.0", epoch=station.epoch, alarm="ahead")
    stores.ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", status)]), NOW)
    looked_after(stores)
    html = page(stores, "/")
    assert 'href="/fleet?state=fork"' in html
    text = bare(html)
    for shown in (
        "1 two machines",
        "Two machines send as this station 1",
        "Much waits there to be sent 1",
        "The station itself reports a fault 1",
        "In quarantine 1",
    ):
        assert shown in text, shown
    assert "Stations where all is well: 0 of 1" in text


def test_where_all_is_well_the_page_is_calm(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(2), "shache", "2026-11-25T12:25:00.000Z")
    text = bare(page(stores, "/"))
    assert "Nothing needs a person." in text
    assert "Stations where all is well: 1 of 1" in text


def test_nothing_yet_is_said(stores: Stores) -> None:
    assert "No intake has arrived yet." in bare(page(stores, "/"))


def test_health_says_what_is_wrong(stores: Stores) -> None:
    health = CenterHealth()
    assert "Not connected to the broker" in bare(page(stores, "/", health=health))
    health.set_connected(True)
    assert "All is working" in bare(page(stores, "/", health=health))
    health.set_fault("ledger", "the disk is full")
    assert "The database has a fault" in bare(page(stores, "/", health=health))


REFUSED = "The broker does not answer at mqtt://127.0.0.1:35169 ([Errno 111] Connection refused)"


def test_a_trouble_is_one_sentence_in_the_language_of_the_page(subtests: pytest.Subtests, stores: Stores) -> None:
    """Two connections to one broker fail; what the system says of it is for the administrator, once."""
    for lang, sentence in [("en", "The broker cannot"), ("zh", "无法连接消息服务器"), ("ug", "خەۋەر مۇلازىمېتىرىغا")]:
        with subtests.test(lang=lang, sentence=sentence):
            health = CenterHealth()
            for where in ("broker", "feed"):
                health.set_fault(where, REFUSED)
            with app_of(stores, health).test_client() as client:
                for role, told in ((StaffRole.VIEWER, 0), (StaffRole.OPERATOR, 0), (StaffRole.ADMIN, 1)):
                    sign_in(client, stores.desk, role)
                    text = bare(client.get(f"/?lang={lang}").text)
                    assert (text.count(sentence), text.count(REFUSED)) == (1, told), role


def test_every_part_that_can_fail_has_a_sentence() -> None:
    health = CenterHealth()
    for where in ("broker", "ledger", "feed", "worker", "photos", "access"):
        health.set_fault(where, f"{where} fails")
    found = health.report().faults
    assert len(found) == 6
    for language in LANGUAGES:
        assert all(f"trouble_{part}" in center_texts(language) for part in found)


def test_reports_that_are_far_behind_say_so(stores: Stores, station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(today, "MIN_SHOWN_LAG", 3)
    stores.ledger.accept(station.run(4), "shache", NOW)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        assert 'do not include the newest <bdi dir="ltr">4</bdi> events yet' in client.get("/?lang=en").text
    assert "events yet" not in page(stores, "/")


def test_polling_costs_nothing_while_nothing_changes(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(4), "shache", NOW)
    followed(stores)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        first = client.get("/live?lang=en")
        again = client.get("/live?lang=en", headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
        other = client.get("/live?lang=zh", headers={"If-None-Match": first.headers["ETag"]})
        assert (other.status_code, other.headers["ETag"] != first.headers["ETag"]) == (200, True)
    with app_of(stores).test_client() as restarted:
        sign_in(restarted, stores.desk)
        assert restarted.get("/live?lang=en", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@settings(max_examples=many(4, torture=150), deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 80))
def test_what_pages_say_is_what_reports_and_exports_say(seed: int, steps: int) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{Path(folder) / 'county.db'}") as ledger:
        county = County(ledger)
        for _ in range(steps):
            county.step(dice)
        county.deliver_all()
        with stores_of(ledger) as stores:
            followed(stores)
            figures = expected_days(ledger)
            said = [_said(stores, date.fromisoformat(day)) for day in figures]
        assert said == [(one.net_g, one.bought_fen, one.consigned_fen, one.intakes) for one in figures.values()]
        whole = total(figures.values())
        assert _exported(ledger) == (whole.net_g, whole.bought_fen, whole.consigned_fen, whole.intakes)


def _said(stores: Stores, day: date) -> tuple[int, int, int, int]:
    """What the page of the last minute of a day says: grams, fen to pay, fen of an estimate, receipts."""
    at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=ZONE).astimezone(UTC)
    with app_of(stores, now=at).test_client() as client:
        sign_in(client, stores.desk)
        html = client.get("/?" + urlencode({"lang": "en"})).text
    exact = re.search(r'class="figure"><bdi dir="ltr" title="([^"]*)\u00a0kg"', html)
    assert exact is not None
    bought, consigned, intakes = re.findall(r'class="figure"><bdi dir="ltr">([^<]*)', html)[:3]
    return _whole(exact[1]), _whole(bought), _whole(consigned), _whole(intakes)


def _whole(text: str) -> int:
    return int(re.sub(r"[^-0-9]", "", text))


def _exported(ledger: Ledger) -> tuple[int, ...]:
    rows = [row for row in csv.DictReader(table(ledger.events())) if row["counted"] == "yes"]
    names = ("net_g", "bought_fen", "consigned_fen")
    return *(sum(int(row[name].removeprefix("'") or "0") for row in rows) for name in names), len(rows)


def test_pages_that_are_there_are_linked_and_others_are_not(stores: Stores, station: Station) -> None:
    stores.ledger.accept([*station.run(2), station.raw(data={"x": 1})], "shache", NOW)
    looked_after(stores)
    wanted = {"/receipts/<region>/<number>": "/receipts/shache/0147-A-000001", "/settle": "/settle?kind=quarantine"}
    wanted |= {"/quarantine": "/quarantine"}
    app = app_of(stores)
    there = {str(rule) for rule in app.url_map.iter_rules()}
    with app.test_client() as client:
        sign_in(client, stores.desk)
        html = client.get("/").text
    for rule, address in wanted.items():
        assert (f'href="{address}"' in html) == (rule in there)
    app = app_of(stores)
    for rule in wanted.keys() - there:
        app.add_url_rule(rule, rule, lambda **_: "")
    with app.test_client() as client:
        sign_in(client, stores.desk)
        html = client.get("/").text
    for address in wanted.values():
        assert f'href="{address}"' in html
