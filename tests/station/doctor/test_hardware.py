"""The doctor reads what a machine says of itself: whole, in bounded pieces, and without waiting for what hangs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.domain.moment import ClockQuality
from kiosk.station.doctor import environment as box
from kiosk.station.doctor.finding import DoctorFinding, Severity
from kiosk.station.doctor.hardware import MAX_BYTES, BoundedChecks, MachineChecks, entries, number, read
from kiosk.texts import LANGUAGES, load
from tests.station.fakes import MOMENT

NOW = int(MOMENT.utc.timestamp())
FED = {"RuntimeWatchdogUSec": "15s", "WatchdogLastPingTimestampMonotonic": "71234567"}
PI_4 = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "sys/class/rtc/rtc0/name": "rtc-ds1307 1-0068\n",
    "sys/class/rtc/rtc0/hctosys": "1\n",
    "sys/class/rtc/rtc0/since_epoch": f"{NOW}\n",
    "sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "sys/class/watchdog/watchdog0/state": "active\n",
    "sys/fs/ext4/features/lazy_itable_init": "supported\n",
    "sys/fs/ext4/mmcblk0p3/errors_count": "0\n",
    "sys/fs/ext4/mmcblk0p3/first_error_time": "0\n",
    "sys/fs/ext4/mmcblk0p3/last_error_time": "0\n",
    "sys/fs/ext4/mmcblk0p3/lifetime_write_kbytes": "48828125\n",
    "sys/devices/mmcblk0/mmcblk0p3/partition": "3\n",
    "sys/devices/mmcblk0/stat": "1 2 3 4 5 6 7 8 9 10 11\n",
    "sys/devices/mmcblk0/device/life_time": "0x01 0x02\n",
    "sys/devices/mmcblk0/device/pre_eol_info": "0x01\n",
    "sys/class/thermal/cooling_device0/type": "gpio-fan\n",
    "sys/class/thermal/thermal_zone0/temp": "47238\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
}
"""As the kernel of Raspberry Pi OS has them; of a card that is an eMMC."""
WELL = {
    "board": "board_pi4",
    "filesystem": "fine",
    "card": "card_used",
    "temperature": "temperature_known",
    "power": "fine",
    "watchdog": "fine",
    "rtc": "fine",
}


class Pi:
    """A made-up /sys and /proc, whose card is the disk of the folder itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in PI_4.items():
            self.write(name, text)
        device = folder.stat().st_dev
        link = folder / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
        link.parent.mkdir(parents=True)
        link.symlink_to(folder / "sys/devices/mmcblk0/mmcblk0p3")
        self.machine = MachineChecks(folder / "sys", folder / "proc", BoundedChecks(30.0))
        self.moment = replace(MOMENT, quality=ClockQuality.SYNCED)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def rows(self) -> dict[str, str]:
        """The word of each device, without that of the program."""
        found = list(self.machine.findings(self.folder, self.moment, lambda: FED))
        assert found[0].device == "build"
        return {row.device: row.word for row in found[1:]}


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def test_a_board_that_is_well(pi: Pi) -> None:
    assert pi.rows() == WELL


def test_each_thing_that_a_board_does_not_have(pi: Pi) -> None:
    """Of what it has not, nothing is said, but for what every box should have."""
    for name in PI_4:
        (pi.folder / name).unlink()
    (pi.folder / "sys/devices/mmcblk0/mmcblk0p3").rmdir()
    for folder in ("rtc/rtc0", "watchdog/watchdog0", "thermal/thermal_zone0"):
        (pi.folder / "sys/class" / folder).rmdir()
    assert pi.rows() == {"watchdog": "watchdog_none", "rtc": "rtc_none"}


BAD = {
    "sys/class/rtc/rtc0/since_epoch": ("rtc", "rtc_unset"),
    "sys/class/watchdog/watchdog0/identity": ("watchdog", "unreadable"),
    "sys/class/thermal/thermal_zone0/temp": ("temperature", "fine"),
    "sys/fs/ext4/mmcblk0p3/errors_count": ("filesystem", "unreadable"),
    "sys/devices/mmcblk0/device/life_time": ("card", "unreadable"),
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": ("power", "fine"),
    "proc/device-tree/model": ("board", "unreadable"),
}


def test_a_pipe_a_folder_and_a_loop_in_the_place_of_a_file_cost_no_other_row(pi: Pi) -> None:
    for name, (device, word) in BAD.items():
        path = pi.folder / name
        for spoil in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)):
            path.unlink()
            spoil(path)
            assert pi.rows() == {**WELL, device: word}, (name, spoil)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            pi.write(name, PI_4[name])


def test_bytes_of_any_kind_and_number_are_read_in_one_piece(pi: Pi) -> None:
    for data in (b"", b"\0" * 9000, bytes(range(256)) * 40, b"9" * 1_000_000, b"\xff\xfe\n"):
        path = pi.write("sys/class/thermal/thermal_zone0/temp", data)
        assert len(read(path)) <= MAX_BYTES
        assert pi.rows() == {**WELL, "temperature": "fine"}
    for index in range(200):
        pi.write(f"sys/class/thermal/cooling_device{index}/type", "fan\n")
    assert len(entries(pi.folder / "sys/class/thermal")) == 64
    assert (number("9" * 18), number("9" * 19)) == (10**18 - 1, None)


def test_the_clock_that_the_kernel_is_set_from_counts(pi: Pi) -> None:
    pi.write("sys/class/rtc/rtc1/hctosys", "0\n")
    pi.write("sys/class/rtc/rtc1/since_epoch", "0\n")
    assert pi.rows() == WELL
    pi.write("sys/class/rtc/rtc0/hctosys", "0\n")
    pi.write("sys/class/rtc/rtc1/hctosys", "1\n")
    assert pi.rows()["rtc"] == "rtc_unset"


def test_errors_and_heat_of_a_board_are_told(pi: Pi) -> None:
    pi.write("sys/fs/ext4/mmcblk0p3/errors_count", "2\n")
    pi.write("sys/class/thermal/thermal_zone0/temp", "86000\n")
    pi.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert pi.rows() == {
        **WELL,
        "filesystem": "filesystem_errors",
        "temperature": "temperature_too_high",
        "power": "power_low",
    }


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_what_hangs_is_told_once_and_asked_again_when_it_is_free(released: threading.Event) -> None:
    asked, ended = [], threading.Event()

    def hangs() -> DoctorFinding:
        asked.append(threading.current_thread())
        released.wait()
        ended.set()
        return DoctorFinding("rtc", True, True)

    bounded = BoundedChecks(0.01)
    for _ in range(3):
        rows = list(bounded.rows([("rtc", hangs), ("power", lambda: None)]))
        assert [(row.device, row.word, row.verdict) for row in rows] == [("rtc", "hardware_mute", Severity.WARN)]
        assert all("{" not in row.sentence(load(language, strict=True)) for row in rows for language in LANGUAGES)
    assert len(asked) == 1, "no thread more for each look"
    released.set()
    assert ended.wait(30)
    asked[0].join(30)
    bounded.wait_s = 30.0
    assert [row.word for row in bounded.rows([("rtc", hangs)])] == ["fine"]


def test_on_a_box_the_machine_has_its_rows_and_nowhere_else(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "unit_properties", lambda properties, *unit: FED)
    nowhere = pi.folder / "none"
    place = box.BoxContext(pi.folder, pi.moment, nowhere, {"KIOSK_BOX": "1"})
    assert [row.device for row in box._box_findings(place, pi.machine)] == ["root", "build", *WELL]
    elsewhere = replace(place, environ={})
    assert list(box._box_findings(elsewhere, pi.machine)) == []
