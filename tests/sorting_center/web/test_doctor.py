"""What the doctor of a station says, as somebody at the county reads it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec import json

from kiosk.messaging.contract.control import DoctorRow, Status
from kiosk.sorting_center.ledger import Delivery, Sighting
from kiosk.sorting_center.ledger.shared.records import DatedDoctorRow
from kiosk.sorting_center.web.shared.names import doctor_summary
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.station.doctor.doctor import EXCLUDED_DEVICES
from kiosk.texts.catalog import catalog
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.station_journal import NOW, Station
from tests.sorting_center.web.looking import page

STATION = "/stations/shache/S0147"
ROWS = (
    DoctorRow("scale", "fail", "scale_missing"),
    DoctorRow("backup", "warn", "backup_none"),
    DoctorRow("moon_lamp", "warn", "moon_is_dark"),
    DoctorRow("clock"),
)


@pytest.fixture
def says(stores: Stores) -> Callable[..., None]:
    def say(*rows: DoctorRow, online: bool = True, more: tuple[DoctorRow, ...] = ()) -> None:
        status = Status(online, 0, "1.0.0", Station().epoch, doctor=rows, doctor_more=more)
        stores.ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", status)]), NOW)

    return say


def test_what_is_broken_and_what_to_do_is_said_in_each_language(stores: Stores, says: Callable[..., None]) -> None:
    says(*ROWS)
    for language, scale, backup, since in [
        (
            "en",
            "The scale is not there: check its cable",
            "plug in a second medium",
            "In this state since",
        ),
        ("zh", "没有电子秤", "请插入第二个介质", "首次发现"),
        ("ug", "تەرەزە يوق", "ئىككىنچى ساقلىغۇچنى", "شۇنداق كۆرۈلگەن ۋاقتى"),
    ]:
        text = page(stores, STATION, lang=language)
        assert scale in text and backup in text
        assert text.count(since) == 3 and text.count(f'<time datetime="{NOW}">') >= 3
        assert "moon_lamp" in text and "moon_is_dark" in text, "a newer station's codes are shown as they are"
        well = text.split('class="well"')[1].split("</ul>")[0]
        assert well.count("<li>") == 1, "what is well is there by its name alone"


def test_a_station_tells_its_board_and_its_build_and_what_a_second_list_holds(
    stores: Stores, says: Callable[..., None]
) -> None:
    says(DoctorRow("board", "ok", "board_pi4"), DoctorRow("lamp", "ok", "lamp_is_lit"), more=(DoctorRow("rtc"),))
    text = page(stores, STATION, lang="zh")
    well = text.split('class="well"')[1].split("</ul>")[0]
    assert well.count("<li>") == 3
    assert "主板" in well and "Raspberry Pi 4" in well and "lamp_is_lit" in well and "时钟模块" in well


def test_a_station_that_says_nothing_and_one_that_is_well(stores: Stores, says: Callable[..., None]) -> None:
    says()
    assert "This station does not report it" in page(stores, STATION)
    says(DoctorRow("clock"), DoctorRow("scale"))
    assert "Everything it checks is well." in page(stores, STATION)
    says(*ROWS)
    says(online=False)
    text = page(stores, STATION)
    assert "this was its state at that time" in text and "The scale is not there" in text


def test_a_broken_device_is_seen_from_afar(stores: Stores, says: Callable[..., None]) -> None:
    says(*ROWS[1:])
    assert 'class="tile m-well"' in page(stores, "/fleet")
    says(*ROWS)
    assert 'class="tile m-device"' in page(stores, "/fleet")
    for language, name in (("en", "Scale"), ("zh", "电子秤"), ("ug", "تەرەزە")):
        assert f"<span><b>{name}</b>" in page(stores, "/fleet?state=device", lang=language)
    says(DoctorRow("clock"), DoctorRow("moon_lamp", "fail", "moon_is_dark"))
    assert "moon_lamp" in page(stores, "/fleet"), "of newer software the code itself"
    assert "moon_is_dark" in page(stores, STATION)
    says(*ROWS)
    assert "S0147" in page(stores, "/fleet?state=device")
    assert 'class="state m-device"' in page(stores, STATION)


def test_every_word_of_a_station_has_a_sentence_here() -> None:
    """No code is shown where words could be, and nothing asks for a place or a count that no status tells."""
    link = re.compile(r"(link|center|broker)_")
    ids = [name.split(".", 2) for name in catalog("en") if name.startswith(("doctor.do.", "doctor.device."))]
    codes = sorted(word for _, kind, word in ids if kind == "do" and not link.match(word))
    devices = sorted(word for _, kind, word in ids if kind == "device" and word not in EXCLUDED_DEVICES)
    assert len(codes) > 60 and len(devices) > 20
    rows = [DatedDoctorRow(device, "warn", code) for device, code in zip(devices * 4, codes, strict=False)]
    assert len(rows) == len(codes)
    for language in LANGUAGES.values():
        for row, said in zip(rows, doctor_summary(rows, center_texts(language.code)).bad, strict=True):
            assert row.code not in said.to_do and "{" not in said.to_do, f"{language.code}: {row.code}"
            assert f">{row.row}<" not in said.name, f"{language.code}: {row.row}"
    assert json.decode(json.encode(rows), type=list[DoctorRow]) == [
        DoctorRow(row.row, row.state, row.code) for row in rows
    ]
