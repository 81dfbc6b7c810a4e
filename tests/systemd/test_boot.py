"""The real units in a real Debian with a real systemd: what starts, what is restarted, what goes on when a part is bad.

The tree is this machine's own Debian with the station laid over it (tests/systemd/boot_box.py), booted in a container.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.store.database.migrate import migrate
from tests.store.village import CATALOG, open_intake, open_store, stamp
from tests.systemd.box import AS_ROOT, PATIENCE_S, ROOT, SCREENLESS, SETTINGS, Box

Record = Callable[[str, object], None]
STATION, RELAY, SPLASH = "kiosk-station.service", "kiosk-relay.service", "kiosk-splash.service"
BROWSER = "kiosk-browser.service"
SHORT_WATCHDOG = {"etc/systemd/system/kiosk-station.service.d/short.conf": "[Service]\nWatchdogSec=10\n"}
"""The station feeds it every two and a half seconds: a machine that stands still for a few is no station that hangs."""
NO_SCREEN = {
    "etc/systemd/system/kiosk-browser.service.d/no-screen.conf": "[Service]\n"
    "Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman LIBSEAT_BACKEND=noop\n"
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "box"
    work.mkdir()
    return work


# --- one boot that goes as it should ----------------------------------------------------------------------------------


DROPPED = ("Restart", "RestartPreventExitStatus", "WatchdogSec", "RuntimeDirectory", "WantedBy", "ExecStopPost")
"""A second command would empty the file of the first one's output again."""


@pytest.fixture(scope="module")
def box(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    script = ROOT / "tests/systemd/in_the_sandbox.py"
    files = {
        **SHORT_WATCHDOG,
        **NO_SCREEN,
        "etc/systemd/system/in-the-sandbox.service": sandboxed("python3 -I /opt/in_the_sandbox.py"),
        "etc/systemd/system/bundle-in-the-sandbox.service": sandboxed("kiosk bundle --config /etc/kiosk/station.toml"),
        "opt/in_the_sandbox.py": script.read_text(encoding="utf-8"),
        "etc/systemd/system/kiosk-browser-watch.service.d/later.conf": "[Service]\n"
        "Environment=KIOSK_UPTIME=/run/later KIOSK_RUNTIME=/run/alive\n",
    }
    with Box(tree, tmp_path_factory.mktemp("box"), files) as box:
        yield box


def sandboxed(program: str) -> str:
    """The station's own unit with another program in it."""
    kept = []
    for row in (ROOT / "systemd" / STATION).read_text(encoding="utf-8").splitlines():
        name = row.partition("=")[0]
        if name == "ExecStart":
            kept.append(f"ExecStart=/usr/lib/station-kiosk/bin/{program}")
            kept.append("StandardOutput=truncate:/run/in-the-sandbox")
        elif name == "Type":
            kept.append("Type=oneshot")
        elif name not in DROPPED:
            kept.append(row)
    return "\n".join(kept)


def test_it_starts_by_itself_and_the_first_page_answers(
    box: Box, record_property: Callable[[str, object], None]
) -> None:
    page = box.page("/")
    took = time.monotonic() - box.started
    record_property("boot to first page, s", round(took, 2))
    print(f"boot to first page: {took:.2f} s")
    assert "<html" in page, box.journal(STATION)
    assert box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
    assert box.property(STATION, "NRestarts") == "0"
    for unit in (RELAY, SPLASH, "kiosk-keys.service", "kiosk-browser-watch.timer", "kiosk-backup.timer"):
        box.until(unit, "ActiveState", lambda state: state == "active")
    assert box.until(RELAY, "StatusText", lambda text: "S0147" in text)
    assert box.call("systemctl", "--failed", "--plain", "--no-legend").stdout == ""


def test_systemd_finds_no_fault_in_any_unit(box: Box) -> None:
    units = [f"/usr/lib/systemd/system/{path.name}" for path in sorted((ROOT / "systemd").glob("*.*")) if is_unit(path)]
    found = box.call("systemd-analyze", "verify", "--man=no", *units)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_udev_finds_no_fault_in_any_rule(box: Box) -> None:
    """Here the group that the rules name is there."""
    assert box.page("/")
    rules = [f"/usr/lib/udev/rules.d/{path.name}" for path in (ROOT / "firmware_config/udev").glob("*.rules")]
    found = box.call("udevadm", "verify", *rules)
    assert found.returncode == 0, found.stdout + found.stderr


def is_unit(path: Path) -> bool:
    return path.suffix in (".service", ".timer", ".path")


def test_nothing_listens_but_on_loopback(box: Box) -> None:
    assert box.page("/")
    assert box.page("/state", port=8079)
    rows = box.call("cat", "/proc/net/tcp", "/proc/net/tcp6").stdout.splitlines()
    listening = {row.split()[1] for row in rows if len(row.split()) > 3 and row.split()[3] == "0A"}
    assert listening == {"0100007F:1F90", "0100007F:1F8F"}, "127.0.0.1:8080 the station, 127.0.0.1:8079 the splash"


def test_the_database_and_the_key_are_for_their_owners_only(box: Box) -> None:
    assert box.page("/")
    shown = box.call("stat", "-c", "%U %a %n", "/var/lib/kiosk", "/var/lib/kiosk/station.db", "/etc/kiosk").stdout
    assert shown.splitlines() == [
        "kiosk 700 /var/lib/kiosk",
        "kiosk 600 /var/lib/kiosk/station.db",
        "kiosk 750 /etc/kiosk",
    ]
    keys = box.call("stat", "-c", "%U %a %s %n", "/var/lib/kiosk-keys", "/var/lib/kiosk-keys/pickup-key").stdout
    assert [row.split()[:2] for row in keys.splitlines()] == [["root", "700"], ["root", "600"]]
    assert keys.split()[6] == "65", "64 hex digits and a newline"
    assert box.call("sh", "-c", "ls /var/log/journal 2>/dev/null").stdout == "", "the journal lies in memory"


ANOTHER_ADDRESS = """\
import fcntl, socket, struct
request = struct.pack("16sHxx4s8x", b"lo:1", socket.AF_INET, socket.inet_aton("10.99.99.99"))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
    fcntl.ioctl(way, 0x8916, request)  # SIOCSIFADDR: this machine answers there too, so only the filter is in the way
"""


def test_the_sandbox_lets_the_station_do_its_work_and_nothing_else(box: Box) -> None:
    """Every native library under MemoryDenyWriteExecute and the call filter; a scale plugged in after the start."""
    assert box.page("/")
    box.call("sh", "-c", "mknod -m 666 /dev/late-scale c 188 0; mknod -m 666 /dev/other c 10 200")
    assert box.call("/usr/bin/python3", "-ISc", ANOTHER_ADDRESS).returncode == 0
    done = box.call("systemctl", "start", "in-the-sandbox.service")
    assert done.returncode == 0, box.journal("in-the-sandbox.service")
    assert json.loads(box.call("cat", "/run/in-the-sandbox").stdout) == {
        "libraries": "used",
        "boot id": True,
        "key": 64,
        "/dev/late-scale": "ENXIO",  # allowed, and no such driver here
        "/dev/other": "EPERM",
        "loopback": "ECONNREFUSED",
        "another address": "nothing comes back",
        "writable and executable memory": "EACCES",
        "/usr": "EROFS",
        "/home": "EACCES",
    }


def test_the_support_bundle_holds_what_the_services_said(box: Box) -> None:
    assert box.page("/")
    done = box.call("systemctl", "start", "bundle-in-the-sandbox.service")
    assert done.returncode == 0, box.journal("bundle-in-the-sandbox.service")
    path = box.call("cat", "/run/in-the-sandbox").stdout.strip()
    said = box.call("/usr/bin/python3", "-ISc", READ_SERVICES, path).stdout
    for unit in (STATION, "kiosk-splash.service"):
        assert re.search(rf" systemd\[1\]: Start(?:ing|ed) {unit}", said), said
    assert re.search(r" kiosk\[\d+\]: ", said), "the station's own words"


READ_SERVICES = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('logs/services.txt').decode())"


def test_the_browser_comes_to_the_page_by_itself_in_its_own_sandbox(box: Box) -> None:
    assert box.page("/")
    uid = box.call("id", "-u", "kiosk-screen").stdout.strip()
    end = time.monotonic() + PATIENCE_S
    while not any(station_page(row, uid) for row in box.call("cat", "/proc/net/tcp").stdout.splitlines()[1:]):
        assert time.monotonic() < end, box.journal(BROWSER)
        time.sleep(0.2)
    while not box.call("cat", "/run/kiosk/page-alive").stdout:
        assert time.monotonic() < end, "the page on the screen says that it lives"
        time.sleep(0.2)
    assert box.property(BROWSER, "NRestarts") == "0"
    renderer = box.call("sh", "-c", RENDERERS).stdout.split()[0]
    for kind in ("user", "pid", "net"):
        inside, outside = (box.call("readlink", f"/proc/{pid}/ns/{kind}").stdout for pid in (renderer, "1"))
        assert inside != outside, f"chromium's own {kind} sandbox is on"


RENDERERS = """\
for pid in $(cat /sys/fs/cgroup/system.slice/kiosk-browser.service/cgroup.procs); do
    if grep -q type=renderer "/proc/$pid/cmdline"; then echo "$pid"; fi
done
"""


def station_page(row: str, uid: str) -> bool:
    """A connection of the screen's user to port 8080 that stays open: the page's live stream."""
    words = row.split()
    return words[2] == "0100007F:1F90" and words[3] == "01" and words[7] == uid


def test_a_page_without_a_sign_of_life_restarts_the_browser_and_a_living_one_does_not(box: Box) -> None:
    assert box.page("/")
    before = box.until(BROWSER, "MainPID", lambda pid: pid != "0")
    now = max(int(box.property(unit, "ActiveEnterTimestampMonotonic")) // 1_000_000 for unit in (STATION, BROWSER))
    box.call("sh", "-c", f"mkdir /run/alive; echo {now + 50} 0 > /run/later")
    assert box.call("systemctl", "start", "kiosk-browser-watch.service").returncode == 0
    assert box.property(BROWSER, "MainPID") == before
    box.call("sh", "-c", f"echo {now + 300} 0 > /run/later; echo {now + 290} > /run/alive/page-alive")
    assert box.call("systemctl", "start", "kiosk-browser-watch.service").returncode == 0
    assert box.property(BROWSER, "MainPID") == before
    box.call("sh", "-c", f"echo {now + 400} 0 > /run/later")
    assert box.call("systemctl", "start", "kiosk-browser-watch.service").returncode == 0
    box.until(BROWSER, "MainPID", lambda pid: pid not in ("0", before))
    assert "gave no sign of life for 110 s" in box.journal("kiosk-browser-watch.service")


def test_the_sorting_center_is_a_unit_too_and_waits_for_its_broker(box: Box) -> None:
    assert box.page("/")
    started = box.call("systemctl", "start", "sorting-center.service")
    assert started.returncode == 0, box.journal("sorting-center.service")
    assert "<html" in box.page("/", port=8090)
    assert "broker mqtt://127.0.0.1:1883" in box.property("sorting-center.service", "StatusText")
    box.call("systemctl", "stop", "sorting-center.service")
    assert box.property("sorting-center.service", "Result") == "success"


def test_the_backup_refuses_to_lie_on_the_same_card(box: Box) -> None:
    assert box.page("/")
    assert box.call("systemctl", "start", "kiosk-backup.service").returncode != 0
    assert box.property("kiosk-backup.service", "AssertResult") == "no"
    assert box.call("ls", "-A", "/mnt/kiosk-backup").stdout == ""


def test_a_station_that_hangs_is_killed_and_started_again(box: Box) -> None:
    """Last of this boot. A stopped process feeds no watchdog, answers nobody, and cannot end by itself."""
    assert box.page("/")
    pid = box.property(STATION, "MainPID")
    relay = box.property(RELAY, "MainPID")
    box.call("sh", "-c", f"kill -STOP {pid}")
    box.until(STATION, "NRestarts", lambda count: count == "1")
    box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
    assert box.page("/")
    said = box.journal(STATION)
    assert "Watchdog timeout (limit 10s)!" in said
    assert "Fatal Python error: Aborted" in said, "where every thread hung is in the journal"
    ring = "/var/lib/kiosk/failures-kiosk-station.log"
    kept = box.call("cat", ring).stdout
    # Woken to say where they are, the threads run on meanwhile: the interpreter may fall over one that it looks at.
    assert re.search(r" s: watchdog (dumped|killed) (ABRT|SEGV)\n", kept), kept
    assert "Watchdog timeout (limit 10s)!" in kept, "and on the card, for after the next power cut"
    assert "Fatal Python error: Aborted" in kept
    assert box.call("stat", "-c", "%U %a", ring).stdout == "kiosk 600\n"
    assert box.property(STATION, "MainPID") != pid
    assert box.property(RELAY, "MainPID") == relay, "the relay did not notice"


# --- a new box --------------------------------------------------------------------------------------------------------


def test_a_new_box_comes_to_the_first_start_by_itself_and_stays_there(tree: Path, work: Path) -> None:
    """The splash sends the browser on to the wizard, whose page says that it lives, so that the watch lets it be."""
    watch = "etc/systemd/system/kiosk-browser-watch"
    by_hand = {
        f"{watch}.timer.d/by-hand.conf": "[Timer]\nOnActiveSec=\nOnActiveSec=1d\n",
        f"{watch}.service.d/later.conf": "[Service]\nEnvironment=KIOSK_UPTIME=/run/later\n",
    }
    with Box(tree, work, {**NO_SCREEN, **by_hand}, settings=False) as box:
        box.until(STATION, "StatusText", lambda text: text == "first start: the wizard waits on the screen")
        assert json.loads(box.page("/state", port=8079).partition("\n\n")[2]) == {"station": "http://127.0.0.1:8080/"}
        assert "<html" in box.page("/setup")
        end = time.monotonic() + PATIENCE_S
        while not (alive := box.call("cat", "/run/kiosk/page-alive").stdout.strip()):
            assert time.monotonic() < end, box.journal(BROWSER)
            time.sleep(0.2)
        before = box.property(BROWSER, "MainPID")
        box.call("sh", "-c", f"echo {int(alive) + 59} 0 > /run/later")
        assert box.call("systemctl", "start", "kiosk-browser-watch.service").returncode == 0
        while box.call("cat", "/run/kiosk/page-alive").stdout.strip() == alive:
            assert time.monotonic() < end, "the wizard's page goes on saying that it lives"
            time.sleep(0.2)
        assert (box.property(BROWSER, "MainPID"), box.property(BROWSER, "NRestarts")) == (before, "0")
        # A technician copies settings over the network: the wizard makes room, and the same screen goes on.
        box.call(
            "/usr/bin/python3", "-ISc", "import sys; open('/etc/kiosk/station.toml', 'w').write(sys.argv[1])", SETTINGS
        )
        box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
        assert "<html" in box.page("/")
        box.until(RELAY, "ActiveState", lambda state: state == "active")
        alive = box.call("cat", "/run/kiosk/page-alive").stdout.strip()
        while box.call("cat", "/run/kiosk/page-alive").stdout.strip() == alive:
            assert time.monotonic() < end, "the page of the station says that it lives"
            time.sleep(0.2)
        assert (box.property(BROWSER, "MainPID"), box.property(STATION, "NRestarts")) == (before, "0")


# --- boots on which something is wrong --------------------------------------------------------------------------------


def left_open(path: Path) -> None:
    """A database with one intake that a power cut left open: the next start writes an event with its own clock."""
    template = path.with_name("template")
    migrate(template)
    store = open_store(path, template)
    store.catalogs.add(CATALOG, stamp())
    open_intake(store)
    store.close()
    template.unlink()


LAST_EVENT = """\
import sqlite3, sys
database = sqlite3.connect("file:/var/lib/kiosk/station.db?mode=ro", uri=True)
sys.stdout.buffer.write(database.execute("SELECT body FROM journal ORDER BY position DESC LIMIT 1").fetchone()[0])
"""


def give(folder: Path) -> None:
    """What the station writes belongs to its user, whose number is only known inside."""
    subprocess.run([*AS_ROOT, "chmod", "-R", "a+rwX", str(folder)], check=True)


def test_a_clock_of_1970_stops_nothing_and_is_told(tree: Path, work: Path) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    clock = (
        f"[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME_DONT_FAKE_MONOTONIC=1\n"
        'Environment="FAKETIME=@1970-01-01 00:00:10"\n'
    )
    kept = work / "disk" / "kiosk"
    kept.mkdir(parents=True)
    left_open(kept / "station.db")
    give(kept)
    files = {f"etc/systemd/system/{unit}.d/clock.conf": clock for unit in (STATION, RELAY)} | SHORT_WATCHDOG
    with Box(tree, work, files, SCREENLESS) as box:
        assert "<html" in box.page("/"), box.journal(STATION)
        box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
        assert box.property(RELAY, "ActiveState") == "active"
        asked = box.call("/usr/bin/python3", "-ISc", LAST_EVENT)
        assert asked.returncode == 0, asked.stderr
    event = json.loads(asked.stdout)
    assert event["type"] == "station.intake.abandoned.v1"
    assert str(event["time"]).startswith("1970-01-01T")
    assert "unset" in json.dumps(event), event


def test_on_a_read_only_root_everything_is_on_the_data_partition(tree: Path, work: Path) -> None:
    with Box(tree, work, None, SCREENLESS, ["--read-only"]) as box:
        assert "<html" in box.page("/"), box.journal(STATION)
        assert "Read-only file system" in box.call("touch", "/usr/mark", "/etc/mark", "/var/lib/mark").stderr
        assert box.property(STATION, "NRestarts") == "0"
        assert box.property(RELAY, "ActiveState") == "active", box.journal(RELAY)
        assert box.call("stat", "-c", "%U %a", "/data/kiosk", "/data/keys").stdout.split("\n")[:2] == [
            "kiosk 700",
            "root 700",
        ]
        written = box.call("ls", "/data/kiosk/station.db", "/data/keys/pickup-key").stdout.split()
        assert set(written) == {"/data/kiosk/station.db", "/data/keys/pickup-key"}


def test_a_backup_that_was_missed_for_days_is_made_after_the_next_start(tree: Path, work: Path) -> None:
    """The stamp of the last one is all that survives the power on a read-only root."""
    stamp_file = work / "disk/timers/stamp-kiosk-backup.timer"
    stamp_file.parent.mkdir(parents=True)
    stamp_file.touch()
    long_ago = time.time() - 3 * 86_400
    os.utime(stamp_file, (long_ago, long_ago))
    at_once = {"etc/systemd/system/kiosk-backup.timer.d/at-once.conf": "[Timer]\nRandomizedDelaySec=0\n"}
    with Box(tree, work, at_once, SCREENLESS, ["--read-only"]) as box:
        box.until("kiosk-backup.service", "AssertTimestampMonotonic", lambda moment: moment not in ("", "0"))
        stamped = box.call("stat", "--format=%Y", f"/var/lib/systemd/timers/{stamp_file.name}").stdout
        assert int(stamped) > long_ago + 86_400
        assert box.call("findmnt", "--noheadings", "--output=TARGET", "/var/lib/systemd/timers").returncode == 0


SOON = {
    "etc/systemd/system/kiosk-data.service.d/soon.conf": "[Service]\n"
    "Environment=KIOSK_PAUSE=0.5 KIOSK_PATIENCE=1 KIOSK_RETRY=2\n"
}
"""For boots that wait for the data partition in vain."""


def late_disk(ready: str) -> dict[str, str]:
    """A disk that is there when the command ends well: in a container no device comes and goes."""
    return {
        "etc/systemd/system/data.mount.d/late.conf": "[Unit]\nRequires=late-disk.service\nAfter=late-disk.service\n",
        "etc/systemd/system/late-disk.service": "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n"
        f"[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=infinity\nExecStart=/bin/sh -c '{ready}'\n",
    }


def splash_says_the_data_are_missing(box: Box) -> None:
    end = time.monotonic() + PATIENCE_S
    while json.loads(box.page("/state", port=8079).partition("\n\n")[2]) != {"station": None, "missing": "data"}:
        assert time.monotonic() < end, box.journal("kiosk-data.service")
        time.sleep(0.2)


def test_without_the_data_partition_the_splash_page_is_up_and_says_so(tree: Path, work: Path) -> None:
    """It fails to mount, as a dead card does. When it comes after all, everything begins without another boot."""
    with Box(tree, work, {**late_disk("test -e /run/plugged-in"), **SOON}, SCREENLESS) as box:
        splash_says_the_data_are_missing(box)
        box.until(STATION, "ActiveState", lambda state: state == "inactive")
        box.until("default.target", "ActiveState", lambda state: state == "active")
        assert box.property(STATION, "ExecMainStartTimestampMonotonic") == "0"
        assert box.property("emergency.target", "ActiveState") == "inactive"
        assert box.call("ls", "-A", "/var/lib/kiosk").stdout == "", "nothing was begun on the wrong disk"
        box.call("touch", "/run/plugged-in")
        assert "<html" in box.page("/"), box.journal("kiosk-data.service") + box.journal(STATION)
        box.until(RELAY, "ActiveState", lambda state: state == "active")
        assert json.loads(box.page("/state", port=8079).partition("\n\n")[2]) == {"station": "http://127.0.0.1:8080/"}
        assert box.call("stat", "-c", "%U %a", "/etc/kiosk", "/data/kiosk").stdout.split("\n")[:2] == [
            "kiosk 750",
            "kiosk 700",
        ]
        box.call("systemctl", "stop", STATION)
        box.call("systemctl", "restart", "kiosk-data.service")
        asked = box.property("kiosk-data.service", "ExecMainStartTimestampMonotonic")
        box.until("kiosk-data.service", "CPUUsageNSec", lambda used: used.isdecimal() and int(used) > 50_000_000)
        assert asked == box.property("kiosk-data.service", "ExecMainStartTimestampMonotonic")
        assert box.property(STATION, "ActiveState") == "inactive", "who stops it with its data there, wants it stopped"


def test_a_disk_that_is_waited_for_keeps_nothing_else_waiting(tree: Path, work: Path) -> None:
    """A USB SSD that comes late: the splash page does not wait, and the station begins when the disk is there."""
    files = {
        **late_disk("until test -e /run/plugged-in; do sleep 0.1; done"),
        # Debian's own does not run in a container.
        "etc/systemd/system/systemd-timesyncd.service.d/here.conf": "[Unit]\nConditionVirtualization=\n",
        **SOON,
    }
    with Box(tree, work, files, SCREENLESS) as box:
        assert box.page("/state", port=8079)
        assert box.property("basic.target", "ActiveState") == "active"
        splash_says_the_data_are_missing(box)
        assert box.property(STATION, "ActiveState") == "inactive"
        assert "start" in box.call("systemctl", "list-jobs", "--no-legend", STATION).stdout, "it waits"
        box.call("touch", "/run/plugged-in")
        assert "<html" in box.page("/"), box.journal(STATION)
        assert box.property(STATION, "NRestarts") == "0"


def test_a_root_sealed_before_the_data_partition_was_made_keeps_nothing_and_says_so(tree: Path, work: Path) -> None:
    """An overlay in memory, and no line in fstab: everything would work, and be gone at the next start."""
    with Box(tree, work, SOON, SCREENLESS, data=False) as box:
        splash_says_the_data_are_missing(box)
        for unit in (STATION, RELAY):
            box.until(unit, "ActiveState", lambda state: state == "failed")
            assert (box.property(unit, "ExecMainStatus"), box.property(unit, "NRestarts")) == ("4", "0"), unit
            assert "The data partition is missing: /var/lib/kiosk lies in memory (overlay)" in box.journal(unit), unit
        typed = ("kiosk", "clerk", "list")
        assert "The data partition is missing" in box.call(*typed).stderr, "whoever types it as well"
        told = json.loads(box.call("kiosk", "doctor", "--json").stdout)
        rows = {row["device"]: row for row in told["rows"]}
        assert (told["ok"], rows["disk"]["word"], rows["disk"]["verdict"]) == (False, "disk_in_memory", "fail")
        assert "station.db" not in box.call("ls", "-A", "/var/lib/kiosk").stdout
        # Nor does the first start take anybody on.
        box.call("rm", "/etc/kiosk/station.toml")
        box.call("systemctl", "restart", STATION)
        box.until(STATION, "ActiveState", lambda state: state == "failed")
        assert box.property(STATION, "ExecMainStatus") == "4"


def test_without_its_credential_the_station_says_so_and_the_others_run(tree: Path, work: Path) -> None:
    with Box(tree, work, {"var/lib/kiosk-keys/made": ""}, SCREENLESS) as box:
        box.until(STATION, "ActiveState", lambda state: state == "failed")
        assert box.property(STATION, "ExecMainStatus") == "243", "systemd's number for a missing credential"
        assert box.property(STATION, "NRestarts") == "0", "another start would not bring it"
        assert "status=243/CREDENTIALS" in box.journal(STATION)
        assert "The key of the pickup codes was made and is gone: put it back at" in box.journal("kiosk-keys.service")
        assert box.page("/", port=8079), "the splash page is up"
        box.until(RELAY, "ActiveState", lambda state: state == "active")


def test_wrong_settings_are_refused_and_corrected_ones_start_it(tree: Path, work: Path) -> None:
    wrong = SETTINGS.replace("e_g = 5", "e_gg = 5")
    with Box(tree, work, {"etc/kiosk/station.toml": wrong}, SCREENLESS) as box:
        box.until(STATION, "ActiveState", lambda state: state == "failed")
        assert (box.property(STATION, "ExecMainStatus"), box.property(STATION, "NRestarts")) == ("2", "0")
        assert "/etc/kiosk/station.toml" in box.journal(STATION)
        assert "e_gg" in box.journal(STATION)
        box.call("sed", "-i", "s/e_gg/e_g/", "/etc/kiosk/station.toml")
        box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
        assert "<html" in box.page("/")
