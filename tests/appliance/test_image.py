"""The image itself, made by its recipe and booted: sealed, grown, with scale, intake and watchdog; without data; with
another card of the same image in a reader.

What is booted is the image for QEMU, whose root and data are those of the card for a Raspberry Pi.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from disk import DATA_MIB
from kiosk.simulators.broker import Broker
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.shared.processes import ChildProgram, HeldPort, answers
from kiosk.simulators.station_client import StationClient
from tests.appliance.boards import planned, settings_come
from tests.appliance.lacking import without
from tests.appliance.virtual_board import Board, Plan
from tests.systemd.box import STATION

DHCP = (68, 546)
LISTENING = ("0A", "07")
"""States of TCP, and of UDP without another end; addresses are in the order of a small machine's bytes."""
V6_LOOPBACK = f"{1 << 24:032X}"
LIVE_S = 120.0
"""A page of an emulated machine may be slow; the station's own times are its own."""


@pytest.fixture
def plan(image: Path, folder: Path) -> Iterator[Plan]:
    with planned(image, folder) as made:
        yield made


def only_itself(board: Board) -> set[str]:
    """What no other machine may have."""
    secrets = ("/etc/machine-id", "/var/lib/kiosk-keys/pickup-key")
    return {board.done(f"cat {path}").strip() for path in secrets}


def open_to_others(board: Board) -> set[int]:
    """Ports at which somebody listens on another address than loopback."""
    found = set()
    for row in board.done("grep -hv local_address /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6").split(
        "\n"
    ):
        if not row.strip():
            continue
        _, local, _, state = row.split()[:4]
        address, _, port = local.partition(":")
        alone = address.endswith("7F") or address == V6_LOOPBACK
        if state in LISTENING and not alone:
            found.add(int(port, 16))
    return found


def test_a_new_card_comes_to_the_first_start_sealed_and_grown(plan: Plan, folder: Path) -> None:
    with Board(plan, folder / "board") as board:
        board.until_shell()
        board.page("/setup")
        print(f"\nfirst page after {time.monotonic() - board.started:.1f} s, shell after {board.shell_s:.1f} s")
        assert board.done("findmnt -no FSTYPE /").strip() == "overlay"
        assert "ro" in board.done("findmnt -rno OPTIONS /media/root-ro").split(",")
        assert int(board.done("findmnt -bno SIZE /data")) > 1_500_000_000, "the card has 4 GiB"
        for place in ("/data", "/var/lib/kiosk", "/var/lib/kiosk-keys", "/etc/kiosk", "/etc/credstore"):
            assert board.done(f"findmnt -no FSTYPE {place}").strip() == "ext4", place
        boot_partition = board.done("findmnt -rno FSTYPE,OPTIONS /boot/firmware").split()
        assert (boot_partition[0], "ro" in boot_partition[1].split(",")) == ("vfat", True)
        board.until("systemctl is-system-running", lambda state: state not in ("starting", "initializing"))
        assert board.call("systemctl --failed --plain --no-legend").stdout.strip() == "", board.journal()
        assert open_to_others(board) <= {*plan.ways.values(), *DHCP}
        night = board.done("systemctl show --value --property=NextElapseUSecRealtime kiosk-backup.timer").split()
        assert ("02:30:00" <= night[2] <= "03:16:00", night[3]) == (True, "CST"), night


def test_two_cards_with_one_image_are_two_machines(image: Path, folder: Path) -> None:
    found = []
    for name in ("first", "second"):
        (folder / name).mkdir()
        with planned(image, folder / name) as plan, Board(plan, folder / name / "board") as board:
            board.until_shell()
            board.until("test -s /var/lib/kiosk-keys/pickup-key; echo $?", lambda text: text == "0")
            found.append(only_itself(board))
    assert [len(secrets) for secrets in found] == [2, 2]
    assert found[0] & found[1] == set()


@contextmanager
def county(folder: Path) -> Iterator[tuple[Broker, Path]]:
    """Broker and sorting center of this machine; the ledger's file."""
    with Broker(folder / "broker") as broker, HeldPort() as held:
        ledger = folder / "ledger.db"
        url = f"http://127.0.0.1:{held.number}"
        command = ["kiosk.cli.sorting_center", "run", "--broker", broker.url, "--ledger", f"sqlite:///{ledger}"]
        command += ["--http", url.removeprefix("http://")]
        center = ChildProgram("sorting center", command, folder / "log", answers(f"{url}/health"))
        center.start()
        try:
            yield broker, ledger
        finally:
            center.stop()


def test_a_scale_is_plugged_and_an_intake_reaches_the_sorting_center_and_what_hangs_is_started_again(
    plan: Plan, folder: Path
) -> None:
    link = folder / "scale"
    with (
        county(folder) as (broker, ledger),
        ScaleSimulator("st_gs_csv", link, 10.0, 0.4, IndicatorSettings(step_g=5)) as scale,
        Board(
            replace(plan, broker=broker.port, more=("-chardev", f"serial,id=scale,path={link}")), folder / "board"
        ) as board,
    ):
        board.until_shell()
        board.page("/setup")
        settings_come(board, board.visit)
        board.open_visit()
        board.page("/", port=board.visit)
        url = f"http://127.0.0.1:{board.visit}"
        with closing(StationClient(url, LIVE_S)) as visitor:
            plugged_pulled_plugged(board, visitor)
            an_intake(visitor, scale)
            visitor.wait_live("the acknowledgement", {"acknowledged": True, "pending": 0}, LIVE_S)
        assert booked(ledger) == [12450]
        a_station_that_hangs_is_killed(board)
        a_machine_that_hangs_is_restarted(board)
        assert booked(ledger) == [12450]


def plugged_pulled_plugged(board: Board, visitor: StationClient) -> None:
    """The cable of a scale with an FTDI chip."""
    assert board.call("test -e /dev/kiosk/scale").returncode == 1
    for again in (True, False):
        board.qmp("device_add", driver="usb-serial", id="scale", chardev="scale", bus="usb.0")
        begun = time.monotonic()
        visitor.wait_live("an empty pan", {"weight": {"state": "empty"}}, LIVE_S)
        print(f"a live weight {time.monotonic() - begun:.1f} s after the plug")
        board.done("test -e /dev/kiosk/scale")
        if again:
            board.qmp("device_del", id="scale")
            board.event("DEVICE_DELETED", device="scale")
            visitor.wait_live("no weight", {"weight": {"state": lambda state: state != "empty"}}, LIVE_S)
            board.until("test -e /dev/kiosk/scale; echo $?", lambda text: text == "1")


def an_intake(visitor: StationClient, scale: ScaleSimulator) -> None:
    """Through the real pages."""
    scale.command("put 12.450kg")
    visitor.wait_live("the question who", {"step": "who"}, LIVE_S)
    visitor.press("/who", "/party", party="non_member")
    visitor.press("/what", "/product", code="BADAM")
    visitor.wait_live("a locked weight", {"step": "agree", "weight": {"state": "locked"}}, LIVE_S)
    page = visitor.post(visitor.get("/agree").form("/agree"))
    assert (page.status, page.path) == (200, "/take"), page


def booked(ledger: Path) -> list[int]:
    """The net weight of every intake in the ledger, in grams."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT body FROM event WHERE type = 'station.intake.confirmed.v1'").fetchall()
    return [json.loads(body)["data"]["net_g"] for (body,) in rows]


def a_station_that_hangs_is_killed(board: Board) -> None:
    """By systemd, whose watchdog it does not feed any more."""
    restarts = f"systemctl show --value --property=NRestarts {STATION}"
    assert board.done(restarts).strip() == "0"
    begun = time.monotonic()
    board.done(f"systemctl kill --kill-whom=main --signal=STOP {STATION}")
    board.until(restarts, lambda number: number == "1")
    ready = f"systemctl show --value --property=StatusText {STATION}"
    board.until(ready, lambda text: text == "all parts are alive")
    print(f"a station that hung was up again after {time.monotonic() - begun:.0f} s")


def a_machine_that_hangs_is_restarted(board: Board) -> None:
    """systemd itself stands still after a fault of its own: only the hardware's watchdog is left."""
    rows = board.doctor()
    assert (rows["root"], rows["disk"], rows["watchdog"], rows["unit_data"]) == ("fine",) * 4, rows
    manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager RuntimeWatchdogUSec"
    board.done(f"busctl set-property {manager} t 15000000")
    begun = time.monotonic()
    board.call("kill -SEGV 1")
    board.event("WATCHDOG", action="reset")
    fired = time.monotonic() - begun
    board.until_shell()
    board.until(f"systemctl show --value --property=StatusText {STATION}", lambda text: text == "all parts are alive")
    again = time.monotonic() - begun - fired
    print(f"the watchdog fired after {fired:.0f} s; the station was up again {again:.0f} s later")


def test_data_of_another_card_are_not_taken_and_its_own_are_waited_for(image: Path, plan: Plan, folder: Path) -> None:
    """The other card lies in a USB reader from the beginning, with the same labels and UUIDs."""
    row = without_data(plan.card)
    reader = ("-drive", f"if=none,id=other,file={image},format=raw,snapshot=on")
    reader += ("-device", "usb-storage,drive=other,bus=usb.0")
    with Board(replace(plan, more=reader), folder / "board") as board:
        board.until_shell()
        for number in (1, 2, 3):
            looked = f"journalctl --boot --no-pager --output=cat --unit=kiosk-media@sda{number}.service"
            board.until(looked, lambda text: "belongs to this machine" in text)
        nothing_can_be_kept(board)
        assert board.call("findmnt -rno SOURCE,TARGET | grep sda").stdout == ""
        board.done(f"echo '{row}' | sfdisk --quiet --append --force --no-reread --no-tell-kernel /dev/vda")
        board.done("partx --add --nr 3 /dev/vda")
        begun = time.monotonic()
        board.page("/setup")
        print(f"\nthe first start {time.monotonic() - begun:.0f} s after the data were there")
        assert "missing" not in json.loads(board.page("/state", port=8079))
        assert board.done("findmnt -no FSTYPE /var/lib/kiosk").strip() == "ext4"
        every_mount_is_of_the_own_card(board)


def every_mount_is_of_the_own_card(board: Board) -> None:
    """And the other one has its partitions as they were."""
    names = ("boot", "root", "data")
    for number, (name, place) in enumerate(zip(names, ("/boot/firmware", "/media/root-ro", "/data"), strict=True), 1):
        assert board.done(f"findmnt -no SOURCE {place}").strip() == f"/dev/vda{number}"
        assert board.done(f"readlink -f /dev/disk/kiosk/{name}").strip() == f"/dev/vda{number}"
    assert board.call("findmnt -rno SOURCE,TARGET | grep sda").stdout == ""
    own, other = (int(board.done(f"cat /sys/class/block/{name}/size")) for name in ("vda3", "sda3"))
    assert own > other == DATA_MIB * 2048
    assert board.call("test -e /run/kiosk-disk/uncertain").returncode == 1


def nothing_can_be_kept(board: Board) -> None:
    """What screen and doctor say, and that no station runs."""
    board.until("test -e /run/kiosk-data/missing; echo $?", lambda text: text == "0")
    assert json.loads(board.page("/state", port=8079)) == {"station": None, "missing": "data"}
    assert board.done(f"systemctl show --value --property=ActiveState {STATION}").strip() == "inactive"
    assert board.asked("/")[0] == 0
    assert board.doctor() == {"disk": "disk_missing"}


def without_data(path: Path) -> str:
    """The card's table loses the row of its data partition, which is returned."""
    told = subprocess.run(["sfdisk", "--json", str(path)], capture_output=True, text=True, check=True).stdout
    row = json.loads(told)["partitiontable"]["partitions"][2]
    subprocess.run(["sfdisk", "--quiet", "--delete", str(path), "3"], check=True)
    return f"start={row['start']}, size={row['size']}, type={row['type']}"


def test_an_initramfs_that_lost_what_seals_the_root_is_told_by_the_doctor(plan: Plan, folder: Path) -> None:
    """The build refuses it; a machine may still get one."""
    lacking = without(plan.initramfs, ("bin/busybox", "scripts/init-bottom/overlayroot"), folder / "lacking")
    with Board(replace(plan, initramfs=lacking), folder / "board") as board:
        board.until_shell()
        board.page("/setup")
        assert board.done("findmnt -no FSTYPE /").strip() == "ext4"
        settings_come(board)
        assert board.doctor()["root"] == "root_unsealed"
        assert board.done("findmnt -no FSTYPE /var/lib/kiosk").strip() == "ext4"
