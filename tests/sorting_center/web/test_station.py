"""One station: how it is, what it weighs with, what it brought, what its closed days come to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.domain.events import ParcelShelved, ScaleChanged, ScaleChecked
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import ParcelNumber
from kiosk.messaging.contract.control import DoctorRow, Status
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.ledger import Delivery, Sighting
from kiosk.sorting_center.watch.measure import MARK_OF_CASE, StationMark
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.reports.ledgers import ClockedStation, closed
from tests.sorting_center.signing_station import SigningStation, key_of
from tests.sorting_center.staff import NOON, app_of, looked_after, sign_in
from tests.sorting_center.station_journal import NOW, Station, believed, of_weight
from tests.sorting_center.web.county_month import fill
from tests.sorting_center.web.looking import page

HOSTILE = '"><img src=x onerror=alert(1)>\u202e'
MAX_BYTES = 150_000
JUST_NOW = "2026-11-25T12:25:00.000Z"


def bare(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_a_station_nobody_knows_has_no_page(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(2), "shache", NOW)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        for path in ("/stations/yarkant/S0147", "/stations/shache/S0001", "/stations/shache/%3Cscript%3E"):
            assert client.get(path).status_code == 404
        assert client.get("/stations/shache/S0147").status_code == 200


def test_whether_its_key_is_known_and_signs_stands_in_words(stores: Stores) -> None:
    signing, path = SigningStation(), "/stations/shache/S0147"
    stores.ledger.accept([signing.start()], "shache", NOW)
    assert "Signing key not known" in bare(page(stores, path))
    stores.ledger.accept([signing.make_key(), signing.intake(1)], "shache", NOW)
    text = bare(page(stores, path))
    assert "known since 04:00:00 its events are signed" in text
    assert f"Id of the signing key {key_of('first').key_id.hex()}" in text
    signing.key = None
    stores.ledger.accept([signing.intake(2)], "shache", NOW)
    assert "1 events not signed, since 04:00:00" in bare(page(stores, path))
    stores.ledger.revoke_key("shache", "S0147", key_of("first").key_id.hex())
    assert "revoked: not believed" in bare(page(stores, path))


def test_one_that_is_expected_and_was_never_heard_has_one(stores: Stores) -> None:
    hours = OpeningHours.parse("mon-fri 10:00-19:00")
    row = ExpectedStation("shache", "S0147", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, "2026-01-10", "2026-11-24")
    stores.desk.registry.replace([row], [Township("shache", HOSTILE, hours)])
    looked_after(stores)
    html = page(stores, "/stations/shache/S0147")
    assert "<img" not in html.replace('<img class="mark"', "")
    text = bare(html)
    for shown in (
        "never heard",
        "It has never been heard.",
        "2026-11-24 expired",
        "Monday – Friday 10:00–19:00",
        "In the list, but never heard",
    ):
        assert shown in text, shown


def doctor(stores: Stores, *rows: DoctorRow, number: str = "S0147") -> None:
    status = Status(online=True, pending=0, software="1.12.0", epoch=Station(number).epoch, doctor=rows)
    stores.ledger.commit(Delivery(sightings=[Sighting("shache", number, status)]), JUST_NOW)


BACKUP, PAPER = DoctorRow("backup", "warn", "backup_old"), DoctorRow("printer_label", "fail", "printer_paper_out")
MOON = DoctorRow("moon_lamp", "fail", "moon_is_dark")


def test_there_is_one_verdict_and_nothing_that_can_wait_looks_like_another(stores: Stores) -> None:
    doctor(stores, BACKUP)
    html = page(stores, "/stations/shache/S0147")
    assert "Well" in bare(html).split("Devices")[0]
    assert "panel care" not in html and "can wait" in html and "needs attention" not in html
    assert "What to say" not in html
    doctor(stores, PAPER, BACKUP)
    text = bare(page(stores, "/stations/shache/S0147"))
    assert re.search(r"Not well Label printer The printer is out of paper: put a new roll in. since [\d: -]+", text)
    assert " Well " not in text.split("Devices")[0]


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [("en", "Ask the clerk to put in a new roll"), ("zh", "请操作员装上新纸卷"), ("ug", "خىزمەتچى يېڭى قەغەز")],
)
def test_what_to_say_on_the_telephone_stands_before_everything_else(stores: Stores, lang: str, sentence: str) -> None:
    row = ExpectedStation("shache", "S0147", "Aral", "Huangdi", "Aynur 0998 555 0147")
    stores.desk.registry.replace([row], [Township("shache", "Huangdi", OpeningHours.parse("mon-fri 10:00-19:00"))])
    doctor(stores, PAPER)
    html = page(stores, "/stations/shache/S0147", lang=lang)
    order = [
        html.index(part) for part in ("Aral", "Huangdi", sentence, 'href="tel:09985550147"', "10:00–19:00", "figure")
    ]
    assert order == sorted(order)
    doctor(stores, MOON)
    assert (
        "moon_is_dark" in page(stores, "/stations/shache/S0147", lang=lang).split('class="say"')[1].split("</div>")[0]
    )


def test_every_mark_has_a_sentence_for_the_telephone() -> None:
    for language in LANGUAGES:
        texts = center_texts(language)
        marks = set(StationMark) - {StationMark.WELL}
        assert all(f"phone_{mark}" in texts for mark in marks)
        assert all(f"case_kind_{kind}" in texts for kind in MARK_OF_CASE)


def test_a_clock_that_was_never_set_is_said_once(stores: Stores) -> None:
    station = ClockedStation()
    station.quality, station.at = ClockQuality.UNSET, datetime(1970, 1, 1, tzinfo=UTC)
    stores.ledger.accept([station.start(), *(station.intake(number) for number in range(1, 11))], "shache", NOW)
    text = bare(page(stores, "/stations/shache/S0147"))
    assert "Time not known: 10 . The clock of the station was not set" in text
    assert text.count("time unknown") <= 1, "at most beside the figures of the day"


def test_parcels_on_its_shelves_are_counted(stores: Stores) -> None:
    fill(stores.ledger)
    assert "No parcel waits there." in bare(page(stores, "/stations/shache/S0147")), "one was, and was collected"
    station = Station("S0148", "aa" * 8)
    shelved = [ParcelShelved(str(ParcelNumber("S0148", "A", number)), "clerk:07", "A-3-17") for number in (1, 2)]
    stores.ledger.accept([station.start(), *map(station.add, shelved)], "shache", NOW)
    assert "on its shelf 2" in bare(page(stores, "/stations/shache/S0148"))
    assert "No parcel waits there." in bare(page(stores, "/stations/shache/S0147"))


def test_what_only_a_technician_reads_is_folded(stores: Stores, station: Station) -> None:
    stores.ledger.accept(station.run(3), "shache", NOW)
    before, folded = page(stores, "/stations/shache/S0147").split('<details class="panel technician"')
    texts = center_texts("en")
    for word in (station.epoch, str(texts("epochs")), str(texts("station_software"))):
        assert word not in before and word in folded, word


def test_what_it_weighs_with_is_told(stores: Stores) -> None:
    station = ClockedStation()
    profile = ScaleChanged(3, "0" * 64, "1" * 64, "toledo", 5, 150_000, "kg", True)
    checks = [ScaleChecked(5000, read, 5, abs(read - 5000) <= 5, 1, 1, 1500, None, "clerk:01") for read in (5003, 5030)]
    stores.ledger.accept([station.start(), *map(station.add, [profile, *checks]), station.intake(1)], "shache", NOW)
    text = bare(page(stores, "/stations/shache/S0147"))
    for shown in (
        "toledo",
        "Max 150.000 kg",
        "5.003 kg passed",
        "5.030 kg failed",
        "set by a time server",
        "not in the registry",
    ):
        assert shown in text, shown


def test_a_closed_day_stands_beside_the_ledger(stores: Stores) -> None:
    station = ClockedStation()
    events = [station.start(), station.intake(1), station.intake(2)]
    close = closed(intakes=3, bags=3, net_g=37_350, consignment_fen=89_640, first_seq=1, last_seq=3)
    stores.ledger.accept([*events, station.add(close)], "shache", NOW)
    text = bare(page(stores, "/stations/shache/S0147"))
    assert "different" in text
    assert "Intakes: the station 3 , here 2" in text
    assert "Net weight: the station 37.350 kg , here 24.900 kg" in text


@pytest.mark.parametrize(("days", "net"), [("30", "1.000 kg"), ("90", "3.000 kg"), ("x", "1.000 kg")])
def test_history_is_a_picture_and_a_table(stores: Stores, days: str, net: str) -> None:
    station = ClockedStation()
    station.at = NOON - timedelta(days=60)
    events = [station.start(), station.intake(1, **of_weight(2_000))]
    station.at = NOON - timedelta(days=2)
    events.append(station.intake(2, **of_weight(1_000)))
    stores.ledger.accept(events, "shache", NOW)
    html = page(stores, f"/stations/shache/S0147?days={days}")
    assert f'<b><bdi dir="ltr">{net}'.replace(" kg", "\u00a0kg") in html
    charts = re.findall(r"<svg class=\"chart.*?</svg>", html, re.DOTALL)
    assert [chart.count('class="reach"') for chart in charts] == [90 if days == "90" else 30] * 2
    assert "2026-11-23" in html


def test_its_cases_gaps_and_alarms_are_told(stores: Stores, station: Station) -> None:
    events = station.run(6)
    stores.ledger.accept([one for one in events if one.seq != 5], "shache", NOW)
    clone = station.clone()
    del clone.sealed[3:]
    stores.ledger.accept([clone.intake(9, **of_weight(1000))], "shache", NOW)
    looked_after(stores)
    text = bare(page(stores, "/stations/shache/S0147"))
    for shown in (
        "Two machines send as this station",
        "Stop one of the two",
        "has not sent event 5",
        "twice with different content",
        "Open cases",
    ):
        assert shown in text, shown
    assert "尚未收到" in page(stores, "/stations/shache/S0147", lang="zh")


def test_text_out_of_events_stays_text_and_the_page_stays_light(stores: Stores, station: Station) -> None:
    """Such text was taken in by earlier versions, and lies in their ledgers."""
    strange = [station.intake(1, product=HOSTILE * 40, lot=HOSTILE, mode=HOSTILE, receipt="0147-A-000001")]
    stores.ledger.accept(
        [believed(one) for one in [*strange, *(station.intake(n) for n in range(2, 300))]], "shache", NOW
    )
    stores.ledger.accept([station.raw(data={"x": n}) for n in range(300)], "shache", NOW)
    for path in ("/stations/shache/S0147?days=90", "/"):
        html = page(stores, path)
        assert "<img src" not in html
        assert "\u202e" not in html
        assert len(html.encode()) < MAX_BYTES
