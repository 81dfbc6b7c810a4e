"""What the doctor makes of the words that a machine says of itself: as boards say them, missing, garbage, in 1970."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.domain.moment import ClockQuality
from kiosk.station.doctor.finding import DoctorFinding
from kiosk.station.doctor.hardware import (
    ClockModule,
    DataDisk,
    Device,
    FileSystem,
    Supply,
    board,
    build,
    card,
    file_systems,
    power,
    read_release,
    rtc,
    temperature,
    watchdog,
)
from kiosk.texts import LANGUAGES, load
from tests.station.fakes import MOMENT

NOW = int(MOMENT.utc.timestamp())
GARBAGE = ("", "-", "0x", "nan", "1e9", "-1", "\ufffd\ufffd", "9" * 4096, "<b>7</b>", "7; rm -rf /", "٧")
"""What no kernel says."""


def said(row: DoctorFinding | None) -> str:
    """``verdict word`` of a row, whose sentence can be written in every language; "" of none."""
    if row is None:
        return ""
    for language in LANGUAGES:
        sentence = row.sentence(load(language, strict=True))
        assert "{" not in sentence
        assert load(language, strict=True).text(row.name_id)
    assert not row.needed, "a station works on without it"
    return f"{row.verdict.value} {row.word}"


# --- clock module -----------------------------------------------------------------------------------------------------

SYNCED = replace(MOMENT, quality=ClockQuality.SYNCED)
RESTORED = replace(MOMENT, quality=ClockQuality.RESTORED)
IN_1970 = replace(MOMENT, utc=datetime(1970, 1, 1, 0, 3, tzinfo=UTC), quality=ClockQuality.UNSET)
EMPTY_CELL = 946_684_812  # 2000-01-01: where a DS3231 begins whose cell was taken out


def test_the_clock_module(subtests: pytest.Subtests) -> None:
    for seconds, cell, moment, expected in [
        (str(NOW), "", SYNCED, "ok fine"),
        (str(NOW + 60), "", SYNCED, "ok fine"),
        (str(NOW + 61), "", SYNCED, "warn rtc_wrong"),
        (str(NOW - 3600), "", SYNCED, "warn rtc_wrong"),
        (str(NOW - 3600), "", RESTORED, "ok fine"),  # nobody knows which of the two is right
        (str(NOW), "", IN_1970, "ok fine"),  # it is the clock that is wrong, which has its own row
        (str(EMPTY_CELL), "", SYNCED, "warn rtc_unset"),
        (str(EMPTY_CELL), "", IN_1970, "warn rtc_unset"),
        ("0", "", IN_1970, "warn rtc_unset"),
        ("4102444800", "", RESTORED, "warn rtc_unset"),  # 2100
        (str(NOW), "3000000", SYNCED, "ok fine"),
        (str(NOW), "1000", SYNCED, "warn rtc_cell"),  # a Raspberry Pi 5 without a cell
        (str(NOW), "garbage", SYNCED, "ok fine"),
        *((garbage, "", SYNCED, "warn rtc_unset") for garbage in GARBAGE),
    ]:
        with subtests.test(seconds=seconds, cell=cell, moment=moment, expected=expected):
            assert said(rtc([ClockModule("rtc-ds1307 1-0068", seconds, cell)], moment)) == expected  # type: ignore[arg-type]


def test_no_clock_module_and_a_second_one() -> None:
    row = rtc([], SYNCED)
    assert (said(row), row.found) == ("warn rtc_none", False)
    assert said(rtc([ClockModule("rpi_rtc", str(NOW)), ClockModule("rtc-ds1307 1-0068", "")], SYNCED)) == "ok fine"


# --- watchdog ---------------------------------------------------------------------------------------------------------

BCM = Device("Broadcom BCM2835 Watchdog timer", "active")
FED = {"RuntimeWatchdogUSec": "15s", "WatchdogLastPingTimestampMonotonic": "71234567"}


def test_the_watchdog(subtests: pytest.Subtests) -> None:
    for devices, manager, expected in [
        ([BCM], FED, "ok fine"),
        ([Device("", "")], FED, "ok fine"),  # a kernel that says nothing in sysfs
        ([BCM, Device("Software Watchdog", "inactive")], FED, "ok fine"),
        ([BCM], {}, "ok fine"),
        ([], FED, "warn watchdog_none"),
        ([Device("Software Watchdog", "active")], FED, "warn watchdog_none"),
        ([replace(BCM, state="inactive")], FED, "warn watchdog_off"),  # the kernel found the time too long
        ([BCM], {**FED, "RuntimeWatchdogUSec": "0"}, "warn watchdog_off"),
        ([BCM], {**FED, "RuntimeWatchdogUSec": "infinity"}, "warn watchdog_off"),
        ([Device("", "")], {**FED, "WatchdogLastPingTimestampMonotonic": "0"}, "warn watchdog_off"),
        ([Device("", "")], {}, "ok fine"),
        *(([Device(garbage, garbage)], dict.fromkeys(FED, garbage), "ok fine") for garbage in GARBAGE),
    ]:
        with subtests.test(devices=devices, manager=manager, expected=expected):
            assert said(watchdog(devices, manager)) == expected


def test_of_a_watchdog_that_nobody_tells_of_it_is_not_said_that_it_is_fed() -> None:
    assert watchdog([Device("", "")], {}).answering is None
    assert watchdog([BCM], {}).answering is True


# --- card -------------------------------------------------------------------------------------------------------------

LAST = 1_795_000_000  # 2026-11-18


def test_errors_of_a_file_system(subtests: pytest.Subtests) -> None:
    for errors, first, last, expected in [
        ("0", "0", "0", "ok fine"),
        ("1", str(LAST - 86_400), str(LAST), "fail filesystem_errors"),
        ("4294967295", "0", "0", "fail filesystem_errors"),
        ("2", "12", "7200", "fail filesystem_errors"),  # met in 1970
        *((garbage, garbage, garbage, "") for garbage in GARBAGE),
        *(("3", garbage, garbage, "fail filesystem_errors") for garbage in GARBAGE),
    ]:
        with subtests.test(errors=errors, first=first, last=last, expected=expected):
            assert said(file_systems([FileSystem("mmcblk0p3", errors, first, last)])) == expected


def test_the_file_systems_with_errors_are_named_with_the_first_day_and_the_last() -> None:
    assert file_systems([]) is None
    row = file_systems(
        [
            FileSystem("mmcblk0p2", "0"),
            FileSystem("mmcblk0p3", "3", str(LAST - 86_400), str(LAST)),
            FileSystem("sda1", "1", "7", "7"),
        ]
    )
    assert row is not None
    assert row.sentence(load("en", strict=True)) == (
        "The file system on mmcblk0p3, sda1 has reported errors (4), the first on 2026-11-17, the last on 2026-11-18: "
        "make a backup now, then exchange the card."
    )
    assert said(file_systems([FileSystem("sda1", "garbage"), FileSystem("mmcblk0p3", "0")])) == "ok fine"


STAT = "  7421  2101  590402  41022  101500  90210  9765625  300211  0  201022  341233 0 0 0 0 0 0"


def test_the_wear_of_the_card(subtests: pytest.Subtests) -> None:
    for found, expected, gigabytes in [
        (DataDisk("mmcblk0", "48828125", STAT), "ok card_written", 50),
        (DataDisk("mmcblk0", "", STAT), "ok card_written", 5),  # no ext4: what was written since the start
        (DataDisk("mmcblk0", "48828125", "", "0x01 0x02", "0x01"), "ok card_used", 50),
        (DataDisk("mmcblk0", "48828125", "", "0x08 0x01", "0x01"), "ok card_used", 50),
        (DataDisk("mmcblk0", "48828125", "", "0x01 0x09", "0x01"), "warn card_worn", 50),
        (DataDisk("mmcblk0", "48828125", "", "0x01 0x01", "0x02"), "warn card_worn", 50),
        (DataDisk("mmcblk0", "48828125", "", "0x0b 0x01", "0x01"), "fail card_worn_out", 50),
        (DataDisk("mmcblk0", "48828125", "", "0x01 0x01", "0x03"), "fail card_worn_out", 50),
        (DataDisk("mmcblk0", "48828125", "", "0x00 0x00", "0x00"), "ok card_written", 50),  # not defined
        (DataDisk("mmcblk0", "48828125", "", "0xff 0xff", "0xff"), "ok card_written", 50),  # reserved
        (DataDisk("mmcblk0", "", "", "0x0B", ""), "fail card_worn_out", 0),
        (DataDisk("sda"), "", 0),
        (None, "", 0),
        *((DataDisk("mmcblk0", garbage, garbage, garbage, garbage), "", 0) for garbage in GARBAGE),
        *((DataDisk("mmcblk0", garbage, STAT, garbage, garbage), "ok card_written", 5) for garbage in GARBAGE),
    ]:
        with subtests.test(found=found, expected=expected, gigabytes=gigabytes):
            row = card(found)
            assert said(row) == expected
            assert row is None or row.values["n"] == gigabytes


# --- heat and supply --------------------------------------------------------------------------------------------------


def test_the_temperature(subtests: pytest.Subtests) -> None:
    for told, expected in [
        (["47238"], "ok temperature_known"),
        (["-5500"], "ok temperature_known"),
        (["79999"], "ok temperature_known"),
        (["80000"], "warn temperature_high"),
        (["31000", "84900", ""], "warn temperature_high"),
        (["85000"], "fail temperature_too_high"),
        (["999000"], "ok fine"),
        (["151000", "45000"], "ok temperature_known"),
        ([], ""),
        *(([garbage], "ok temperature_known" if garbage == "-1" else "ok fine") for garbage in GARBAGE),
    ]:
        with subtests.test(told=told, expected=expected):
            assert said(temperature(told)) == expected


def test_the_supply(subtests: pytest.Subtests) -> None:
    for alarms, throttled, expected in [
        ((), "0", "ok fine"),
        ((), "50005", "warn power_low"),
        ((), "50000", "warn power_was_low"),
        ((), "0x50000", "warn power_was_low"),
        ((), "80008", "ok fine"),  # only warm
        (("0",), "", "ok fine"),
        (("1",), "", "warn power_low"),
        (("1",), "0", "warn power_low"),
        (("0",), "50000", "warn power_was_low"),
        ((), "", ""),
        *(((garbage,), garbage if garbage != "1e9" else "", "") for garbage in GARBAGE),
    ]:
        with subtests.test(alarms=alarms, throttled=throttled, expected=expected):
            assert said(power(Supply(alarms, throttled))) == expected


# --- board and build --------------------------------------------------------------------------------------------------


def test_the_board(subtests: pytest.Subtests) -> None:
    for model, expected, name in [
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "ok board_pi3", None),
        ("Raspberry Pi 4 Model B Rev 1.5", "ok board_pi4", None),
        ("Raspberry Pi 5 Model B Rev 1.0", "ok board_pi5", None),
        ("Raspberry Pi 400 Rev 1.0", "ok board_pi4", None),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "ok board_pi4", None),
        ("Raspberry Pi 2 Model B Rev 1.1", "ok board_other", None),
        ("Raspberry Pi Zero 2 W Rev 1.0", "ok board_other", None),
        ("linux,dummy-virt", "ok board_other", None),
        ("", "", ""),
        ("\x1b[2J\x07\n", "ok board_other", "[2J"),
        ("x" * 4096, "ok board_other", "x" * 63 + "…"),
        ("Raspberry Pi 4\u202e lamron", "ok board_pi4", "Raspberry Pi 4 lamron"),
    ]:
        with subtests.test(model=model, expected=expected, name=name):
            row = board(model)
            assert said(row) == expected
            assert row is None or row.values["name"] == (model if name is None else name)


def test_the_build(subtests: pytest.Subtests) -> None:
    for release, expected in [
        (
            '{"version": "0.9.0+g2d3aa88", "commit": "2d3aa88", "architecture": "arm64", "schema": 8}',
            "ok build_release",
        ),
        (None, "ok build_source"),
        ("", "warn build_damaged"),
        ('{"version": "0.9.0+g2d3', "warn build_damaged"),
        ('{"version": 9}', "warn build_damaged"),
        ('{"version": "<b>0.9</b>"}', "warn build_damaged"),
        ('{"version": "0.9\\n"}', "warn build_damaged"),
        ('{"version": "' + "9" * 65 + '"}', "warn build_damaged"),
        ("[]", "warn build_damaged"),
        *((garbage, "warn build_damaged") for garbage in GARBAGE),
    ]:
        with subtests.test(release=release, expected=expected):
            assert said(build(release)) == expected


def test_the_build_is_told_by_the_file_beside_the_code(tmp_path: Path) -> None:
    assert read_release(tmp_path / "code") == ""
    (tmp_path / "release.json").write_text('{"version": "0.9.0+g2d3aa88"}\n', encoding="ascii")
    assert build(read_release(tmp_path / "code")).values == {"name": "0.9.0+g2d3aa88"}
    assert read_release(tmp_path / "checkout") is None
    (tmp_path / "release.json").write_bytes(b'{"version": "1"}' + b" " * 1_000_000)
    assert read_release(tmp_path / "code") == '{"version": "1"}', "no more than a page is read"
    (tmp_path / "release.json").unlink()
    (tmp_path / "release.json").mkdir()
    with pytest.raises(OSError, match=r"release\.json"):
        read_release(tmp_path / "code")
