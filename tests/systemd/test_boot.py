"""The real units in a real Debian with a real systemd: what starts by itself, and what goes on when a part is bad.

The tree is this machine's own Debian with the station laid over it (tests/systemd/boot_box.py), booted in a container.
What a new box and its screen do is in test_new_box.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.store.database.migrate import migrate
from tests.store.village import CATALOG, open_intake, open_store, stamp
from tests.systemd.box import AS_ROOT, RELAY, SCREENLESS, SETTINGS, SHORT_WATCHDOG, STATION, Box, wait_for


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "box"
    work.mkdir()
    return work


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


def clock_of_1970() -> str:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return (
        f"[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME_DONT_FAKE_MONOTONIC=1\n"
        'Environment="FAKETIME=@1970-01-01 00:00:10"\n'
    )


def test_one_fault_after_the_other_is_told_and_what_is_put_right_starts_it(tree: Path, work: Path) -> None:
    """A disk that comes late, no credential, wrong settings, and a clock of 1970, which stops nothing."""
    kept = work / "disk" / "kiosk"
    kept.mkdir(parents=True)
    left_open(kept / "station.db")
    give(kept)
    files = {
        **{f"etc/systemd/system/{unit}.d/clock.conf": clock_of_1970() for unit in (STATION, RELAY)},
        f"etc/systemd/system/{STATION}.d/short.conf": SHORT_WATCHDOG,
        "var/lib/kiosk-keys/made": "",
        "etc/kiosk/station.toml": SETTINGS.replace("e_g = 5", "e_gg = 5"),
        **late_disk("until test -e /run/plugged-in; do sleep 0.1; done"),
        # Debian's own does not run in a container.
        "etc/systemd/system/systemd-timesyncd.service.d/here.conf": "[Unit]\nConditionVirtualization=\n",
        **SOON,
    }
    with Box(tree, work, files, SCREENLESS) as box:
        a_disk_that_is_waited_for_keeps_nothing_else_waiting(box)
        box.call("touch", "/run/plugged-in")
        without_its_credential_the_station_says_so_and_the_others_run(box)
        box.call("sh", "-c", "umask 077; printf %064d 0 > /var/lib/kiosk-keys/pickup-key")
        box.call("systemctl", "restart", "kiosk-keys.service", STATION)
        wrong_settings_are_refused(box)
        box.call("sed", "-i", "s/e_gg/e_g/", "/etc/kiosk/station.toml")
        box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
        assert "<html" in box.page("/"), box.journal(STATION)
        assert box.property(RELAY, "ActiveState") == "active"
        asked = box.call("/usr/bin/python3", "-ISc", LAST_EVENT)
        assert asked.returncode == 0, asked.stderr
    event = json.loads(asked.stdout)
    assert event["type"] == "station.intake.abandoned.v1"
    assert str(event["time"]).startswith("1970-01-01T")
    assert "unset" in json.dumps(event), event


def a_disk_that_is_waited_for_keeps_nothing_else_waiting(box: Box) -> None:
    """A USB SSD that comes late: the splash page does not wait, and the station begins when the disk is there."""
    assert box.page("/state", port=8079)
    assert box.property("basic.target", "ActiveState") == "active"
    splash_says_the_data_are_missing(box)
    assert box.property(STATION, "ActiveState") == "inactive"
    assert "start" in box.call("systemctl", "list-jobs", "--no-legend", STATION).stdout, "it waits"


def without_its_credential_the_station_says_so_and_the_others_run(box: Box) -> None:
    # Systemd's number for a missing credential. It may be started twice, by its own job and once the data are there.
    box.until(STATION, "ExecMainStatus", lambda status: status == "243")
    box.until(STATION, "ActiveState", lambda state: state == "failed")
    assert box.property(STATION, "NRestarts") == "0", "another start would not bring it"
    assert "status=243/CREDENTIALS" in box.journal(STATION)
    assert "The key of the pickup codes was made and is gone: put it back at" in box.journal("kiosk-keys.service")
    assert box.page("/", port=8079), "the splash page is up"
    box.until(RELAY, "ActiveState", lambda state: state == "active")


def wrong_settings_are_refused(box: Box) -> None:
    box.until(STATION, "ExecMainStatus", lambda status: status == "2")
    box.until(STATION, "ActiveState", lambda state: state == "failed")
    assert box.property(STATION, "NRestarts") == "0"
    assert "/etc/kiosk/station.toml" in box.journal(STATION)
    assert "e_gg" in box.journal(STATION)


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
    missing = {"station": None, "missing": "data"}
    wait_for(
        lambda: json.loads(box.page("/state", port=8079).partition("\n\n")[2]) == missing,
        lambda: box.journal("kiosk-data.service"),
    )


def test_without_the_data_partition_the_splash_page_is_up_and_says_so(tree: Path, work: Path) -> None:
    """It fails to mount, as a dead card does. When it comes after all, everything begins without another boot."""
    with Box(tree, work, {**late_disk("test -e /run/plugged-in"), **SOON}, SCREENLESS) as box:
        splash_says_the_data_are_missing(box)
        box.until(STATION, "ActiveState", lambda state: state == "inactive")
        box.until("default.target", "ActiveState", lambda state: state == "active")
        assert box.property(STATION, "ExecMainStartTimestampMonotonic") == "0"
        assert box.property("emergency.target", "ActiveState") == "inactive"
        assert box.call("ls", "-A", "/var/lib/kiosk").stdout == "", "nothing was begun on the wrong disk"
        told = json.loads(box.call("kiosk", "doctor", "--json").stdout)
        assert [(row["device"], row["word"]) for row in told["rows"]] == [("disk", "disk_missing")]
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


# --- a box as it starts every day -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read_only(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """With settings and a read-only root, after three days without power."""
    work = tmp_path_factory.mktemp("read-only")
    stamp_file = work / STAMP.replace("/data", "disk")
    stamp_file.parent.mkdir(parents=True)
    stamp_file.touch()
    os.utime(stamp_file, (LONG_AGO, LONG_AGO))
    at_once = {"etc/systemd/system/kiosk-backup.timer.d/at-once.conf": "[Timer]\nRandomizedDelaySec=0\n"}
    with Box(tree, work, at_once, SCREENLESS, ["--read-only"]) as box:
        yield box


STAMP = "/data/timers/stamp-kiosk-backup.timer"
LONG_AGO = int(time.time()) - 3 * 86_400


def test_it_starts_by_itself_and_the_first_page_answers(
    read_only: Box, record_property: Callable[[str, object], None]
) -> None:
    box = read_only
    page = box.page("/")
    took = time.monotonic() - box.started
    record_property("boot to first page, s", round(took, 2))
    print(f"boot to first page: {took:.2f} s")
    assert "<html" in page, box.journal(STATION)
    assert box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
    assert box.property(STATION, "NRestarts") == "0"
    started = ("kiosk-splash.service", "kiosk-keys.service", "kiosk-browser-watch.timer", "kiosk-backup.timer")
    for unit in (RELAY, *started):
        box.until(unit, "ActiveState", lambda state: state == "active")
    assert box.until(RELAY, "StatusText", lambda text: "S0147" in text)
    assert box.call("systemctl", "--failed", "--plain", "--no-legend", "list-units", "kiosk-*").stdout == ""


def test_on_a_read_only_root_everything_is_on_the_data_partition(read_only: Box) -> None:
    box = read_only
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


OPEN_ROOT = """\
mkdir /data/open
mount --bind /data/open /data/open
cd /data/open
for name in dev etc opt proc run sys tmp usr var; do mkdir "$name"; mount --rbind "/$name" "$name"; done
for name in bin lib lib64 sbin; do if [ -L "/$name" ]; then cp -P "/$name" .; fi; done
echo root=/dev/mmcblk0p2 overlayroot=tmpfs:recurse=0 > cmdline
mount --bind cmdline proc/cmdline
exec env SYSTEMD_IGNORE_CHROOT=1 chroot . kiosk doctor --json
"""
"""As when the initramfs lacks the tools that would seal it: the root is an ext4, whatever the command line asks for."""


def test_the_doctor_looks_at_the_box_and_says_when_its_seal_failed(read_only: Box) -> None:
    assert "<html" in read_only.page("/"), read_only.journal(STATION)

    def rows(*command: str) -> dict[str, str]:
        done = read_only.call(*command)
        assert "Traceback" not in done.stderr
        return {row["device"]: row["word"] for row in json.loads(done.stdout)["rows"]}

    sealed = rows("kiosk", "doctor", "--json")
    assert (sealed["root"], sealed["disk"]) == ("fine", "fine")
    assert {"build", "watchdog", "rtc", "unit_station", "unit_data"} <= sealed.keys()
    assert {"unreadable", "hardware_mute"}.isdisjoint(sealed.values())
    open_root = rows("unshare", "--mount", "sh", "-euc", OPEN_ROOT)
    assert (open_root["root"], open_root["disk"]) == ("root_unsealed", "fine")
    assert open_root.keys() == sealed.keys()
    typed = read_only.call("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "kiosk", "doctor")
    assert (typed.returncode, typed.stdout) == (2, "")
    (line,) = typed.stderr.splitlines()
    assert "/etc/kiosk/station.toml is closed to this user" in line and "sudo" in line


def test_a_printer_on_the_network_is_let_through_and_the_station_starts_anew(read_only: Box) -> None:
    """Asked for by the station's user; what is taken and refused is judged in tests/app/test_printer_address.py."""
    box = read_only
    assert box.page("/"), "it is up, its data are there"
    before = box.property(STATION, "MainPID")
    asked = box.call("runuser", "-u", "kiosk", "--", "sh", "-c", ASK)
    assert asked.returncode == 0, asked.stderr
    box.until(STATION, "IPAddressAllow", lambda told: "192.168.77.50/32" in told)
    box.until(STATION, "MainPID", lambda process: process not in ("0", before))
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.property(STATION, "NRestarts") == "0"
    assert box.call("cat", "/data/keys/printer-address").stdout == "192.168.77.50\n"


REQUEST = "/var/lib/kiosk/requests/printer-address.json"
ADDRESS = json.dumps({"kind": "printer-address", "id": "0" * 32, "body": {"address": "192.168.77.50"}})
ASK = f"cd / && mkdir -p $(dirname {REQUEST}) && echo '{ADDRESS}' >{REQUEST}.new && mv {REQUEST}.new {REQUEST}"


def test_a_backup_that_was_missed_for_days_is_made_after_the_next_start(read_only: Box) -> None:
    """The stamp of the last one is all that survives the power on a read-only root."""
    read_only.until("kiosk-backup.service", "AssertTimestampMonotonic", lambda moment: moment not in ("", "0"))
    assert int(read_only.call("stat", "--format=%Y", STAMP).stdout) > LONG_AGO + 86_400
    assert read_only.call("findmnt", "--noheadings", "--output=TARGET", "/var/lib/systemd/timers").returncode == 0


UPDATE = "kiosk-update.service"
ASK_UPDATE = """\
import os
os.makedirs("/var/lib/kiosk/requests", mode=0o700, exist_ok=True)
with open("/var/lib/kiosk/requests/.ask", "w") as file:
    file.write('{"kind": "update", "id": "%s", "body": {"bundle": "none.kioskupdate"}}' % ("0" * 32))
os.rename("/var/lib/kiosk/requests/.ask", "/var/lib/kiosk/requests/update.json")
"""


def runtime_drop_in(box: Box, unit: str, text: str) -> None:
    folder = f"/run/systemd/system/{unit}.d"
    box.call(
        "sh", "-ec", f'mkdir -p {folder}; printf %s "$1" > {folder}/test.conf; systemctl daemon-reload', "sh", text
    )


HOLD = """\
[Service]
NotifyAccess=all
ExecStart=
ExecStart=/bin/sh -c 'kiosk update --helper --config /etc/kiosk/station.toml; systemd-notify --ready; \
until test -e /run/go-on-$INVOCATION_ID; do sleep 0.1; done'
"""
"""The helper is not the main process here, and systemd takes no word of a process that ended before it is read."""
BLIND = """\
[Service]
ExecStart=
ExecStart=/usr/lib/station-kiosk/bin/kiosk update --helper --config /run/none
"""


def ask_for_an_update(box: Box) -> None:
    asked = box.call("runuser", "-u", "kiosk", "--", "/usr/bin/python3", "-ISc", ASK_UPDATE)
    assert asked.returncode == 0, asked.stderr


def update_is_asked_for(box: Box) -> bool:
    return box.call("test", "-e", "/var/lib/kiosk/requests/update.json").returncode == 0


def test_updates_that_are_asked_for_while_the_helper_ends_are_heard(read_only: Box) -> None:
    """It has looked for the last time and its unit still runs: the next one comes then, and a third the same way."""
    box, seen = read_only, {""}
    box.until("kiosk-update.path", "SubState", lambda state: state == "waiting")
    runtime_drop_in(box, UPDATE, HOLD)

    def helped() -> str:
        """A run of the helper that was not seen before, which has taken what was asked for."""
        run = box.until(UPDATE, "InvocationID", lambda run: run not in seen)
        box.until(UPDATE, "SubState", lambda state: state == "running")
        wait_for(lambda: not update_is_asked_for(box), lambda: box.journal(UPDATE))
        seen.add(run)
        return run

    seen.add(box.property(UPDATE, "InvocationID"))
    ask_for_an_update(box)
    for _ in range(2):
        run = helped()
        ask_for_an_update(box)
        box.call("touch", f"/run/go-on-{run}")
    box.call("touch", f"/run/go-on-{helped()}")
    outcome = json.loads(box.call("cat", "/var/lib/kiosk-releases/outcome.json").stdout)
    assert outcome["why"] == "not_found", box.journal(UPDATE)


def test_a_request_that_the_helper_cannot_serve_is_taken_away_and_its_unit_rests(read_only: Box) -> None:
    box = read_only
    box.until(UPDATE, "ActiveState", lambda state: state in ("inactive", "failed"))
    runtime_drop_in(box, UPDATE, BLIND)
    ask_for_an_update(box)
    box.until(UPDATE, "ExecMainStatus", lambda status: status == "2")
    box.until("kiosk-update.path", "SubState", lambda state: state == "waiting")
    assert (update_is_asked_for(box), box.property(UPDATE, "ActiveState")) == (False, "failed")
    assert json.loads(box.call("cat", "/var/lib/kiosk-releases/outcome.json").stdout)["why"] == "not_set_up"
    box.call("systemctl", "reset-failed", UPDATE)


BUNDLE = "kiosk-bundle.service"
HOLD_BUNDLE = """\
[Service]
ExecStart=
ExecStart=/bin/sh -c 'kiosk medium copy-bundle; until test -e /run/go-on-$INVOCATION_ID; do sleep 0.1; done'
"""
ASK_BUNDLE = "/var/lib/kiosk/requests/bundle.json"


def test_bundles_that_are_asked_for_while_one_is_copied_are_copied_as_well(read_only: Box) -> None:
    """The helper takes each request away, and its path unit looks again when it has ended."""
    box, seen = read_only, {""}
    box.until("kiosk-bundle.path", "SubState", lambda state: state == "waiting")
    runtime_drop_in(box, BUNDLE, HOLD_BUNDLE)
    written = (
        f"cd / && mkdir -p $(dirname {ASK_BUNDLE}) && echo '{{}}' >{ASK_BUNDLE}.new && mv {ASK_BUNDLE}.new {ASK_BUNDLE}"
    )

    def ask() -> None:
        assert box.call("runuser", "-u", "kiosk", "--", "sh", "-c", written).returncode == 0

    def helped() -> str:
        run = box.until(BUNDLE, "InvocationID", lambda run: run not in seen)
        wait_for(lambda: box.call("test", "-e", ASK_BUNDLE).returncode != 0, lambda: box.journal(BUNDLE))
        seen.add(run)
        return run

    seen.add(box.property(BUNDLE, "InvocationID"))
    ask()
    first = helped()
    ask()
    box.call("touch", f"/run/go-on-{first}")
    box.call("touch", f"/run/go-on-{helped()}")
    box.until(BUNDLE, "SubState", lambda state: state == "dead")
    box.until("kiosk-bundle.path", "SubState", lambda state: state == "waiting")
    assert box.journal(BUNDLE).count("nothing was copied") == 2


ROOT_IN_FSTAB = """\
trap 'umount /etc/fstab' EXIT
grep ' / overlay ' /proc/mounts | sed 's/ rw,/ ro,/' >/run/fstab
mount --bind /run/fstab /etc/fstab
systemctl restart systemd-remount-fs.service
"""
"""As overlayroot leaves it on a sealed box, and Debian's unit reads it."""


def test_a_root_that_is_an_overlay_fails_no_unit_of_debian(read_only: Box) -> None:
    assert "<html" in read_only.page("/"), read_only.journal(STATION)
    done = read_only.call("sh", "-uc", ROOT_IN_FSTAB)
    assert done.returncode == 0, done.stderr + read_only.journal("systemd-remount-fs.service")
    assert "Read-only file system" in read_only.call("touch", "/usr/mark").stderr, "it stays as it was mounted"
