"""A new box from its first start on, with its screen: a real Debian with a real systemd and the real units in it.

The tree is this machine's own Debian with the station laid over it (tests/systemd/boot_box.py), booted in a container.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.depth import TORTURE
from tests.first_start.identity.identities import CODE, laid, made
from tests.messaging.authority import Authority
from tests.systemd.box import BROWSER, RELAY, ROOT, SETTINGS, SHORT_WATCHDOG, STATION, Box, wait_for

NO_SCREEN = {
    "etc/systemd/system/kiosk-browser.service.d/no-screen.conf": "[Unit]\nConditionPathExists=\n[Service]\n"
    "Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman LIBSEAT_BACKEND=noop\n"
}
CENTER_SETTINGS = """\
broker = "mqtt://127.0.0.1:1883"
ledger = "sqlite:////var/lib/sorting-center/ledger.db"
http = "127.0.0.1:8090"
photos_dir = "/var/lib/sorting-center/photos"
"""
DROPPED = ("Restart", "RestartPreventExitStatus", "WatchdogSec", "RuntimeDirectory", "WantedBy", "ExecStopPost")
"""A second command would empty the file of the first one's output again."""


@pytest.fixture(scope="module")
def new_box(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Without a settings file. Its watch of the browser looks when it is told to, at a clock of the test's."""
    script = ROOT / "tests/systemd/in_the_sandbox.py"
    watch = "etc/systemd/system/kiosk-browser-watch"
    files = {
        **NO_SCREEN,
        "etc/sorting-center/settings.toml": CENTER_SETTINGS,
        "etc/systemd/system/in-the-sandbox.service": sandboxed("python3 -I /opt/in_the_sandbox.py"),
        "etc/systemd/system/bundle-in-the-sandbox.service": sandboxed("kiosk bundle --config /etc/kiosk/station.toml"),
        "opt/in_the_sandbox.py": script.read_text(encoding="utf-8"),
        f"{watch}.timer.d/by-hand.conf": "[Timer]\nOnActiveSec=\nOnActiveSec=1d\n",
        f"{watch}.service.d/later.conf": "[Service]\nEnvironment=KIOSK_UPTIME=/run/later\n",
    }
    with Box(tree, tmp_path_factory.mktemp("box"), files, settings=False) as box:
        yield box


@pytest.fixture(scope="module")
def screen(new_box: Box) -> str:
    """The browser that the splash has sent on to the wizard, whose page says that it lives."""
    wait_for(lambda: new_box.call("cat", ALIVE).stdout, lambda: new_box.journal(BROWSER))
    return new_box.property(BROWSER, "MainPID")


@pytest.fixture(scope="module")
def box(new_box: Box, screen: str) -> Box:
    """The same box, to which a technician has copied settings over the network. Soon nobody is at the screen.

    `make torture` copies them as somebody else, of whose files the station waits longer, and changes no time.
    """
    copied = SETTINGS if TORTURE else f"{SETTINGS}[web]\nidle_s = 5.0\n"
    new_box.call("/usr/bin/python3", "-ISc", COPY, copied, "root" if TORTURE else "kiosk")
    new_box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
    return new_box


ALIVE = "/run/kiosk/page-alive"
COPY = """\
import shutil, sys
with open("/etc/kiosk/station.toml", "w") as file:
    file.write(sys.argv[1])
    shutil.chown(file.fileno(), sys.argv[2])
"""


def wait_for_the_page(box: Box) -> None:
    """The page on the screen says once more that it lives."""
    last = box.call("cat", ALIVE).stdout
    wait_for(lambda: box.call("cat", ALIVE).stdout != last, lambda: "the page on the screen lives no more")


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


def test_a_new_box_comes_to_the_first_start_by_itself_and_stays_there(new_box: Box, screen: str) -> None:
    """The watch of the browser lets the wizard's page be, which says that it lives."""
    new_box.until(STATION, "StatusText", lambda text: text == "first start: the wizard waits on the screen")
    assert json.loads(new_box.page("/state", port=8079).partition("\n\n")[2]) == {"station": "http://127.0.0.1:8080/"}
    assert "<html" in new_box.page("/setup")
    doctor = new_box.call("kiosk", "doctor", "--json")
    assert (doctor.returncode, len(doctor.stderr.splitlines())) == (2, 1), doctor
    rows = {row["device"]: row["word"] for row in json.loads(doctor.stdout)["rows"]}
    assert (rows["settings"], rows["disk"], rows["unit_station"]) == ("settings_none", "fine", "fine"), rows
    assert {"root", "clock", "watchdog", "fonts"} <= rows.keys()
    alive = int(new_box.call("cat", ALIVE).stdout)
    new_box.call("sh", "-c", f"echo {alive + 59} 0 > /run/later")
    assert new_box.call("systemctl", "start", "kiosk-browser-watch.service").returncode == 0
    wait_for_the_page(new_box)
    assert (new_box.property(BROWSER, "MainPID"), new_box.property(BROWSER, "NRestarts")) == (screen, "0")


STICK = "/run/kiosk-media/KIOSK-USB-sda1"
ASKED = """\
import json, os, sys, time
os.makedirs("/var/lib/kiosk/requests", mode=0o700, exist_ok=True)
with open("/var/lib/kiosk/requests/.fresh", "w") as file:
    body = {"station": "S0147", "code": sys.argv[1]}
    json.dump({"kind": "identity", "id": "0" * 32, "body": body}, file)
os.rename("/var/lib/kiosk/requests/.fresh", "/var/lib/kiosk/requests/identity.json")
"""
"""As the wizard does, and as its user."""


def test_root_says_what_is_missing_before_a_station_comes_back(new_box: Box) -> None:
    """With its own helper, in its own sandbox; the whole way is in tests/appliance."""
    new_box.until("kiosk-recovery.path", "ActiveState", lambda state: state == "active")
    as_kiosk = ("setpriv", "--reuid=kiosk", "--regid=kiosk", "--clear-groups")
    asked = new_box.call(*as_kiosk, "/usr/bin/python3", "-ISc", ASKED.replace("identity", "recovery"), CODE.digits)
    assert asked.returncode == 0, asked.stderr
    said = ("cat", "/run/kiosk-recovery/answer.json")
    wait_for(lambda: "0" * 32 in new_box.call(*said).stdout, lambda: new_box.journal("kiosk-recovery.service"))
    answer = json.loads(new_box.call(*as_kiosk, *said).stdout)["body"]
    assert answer["word"] == "no_kit", answer
    assert CODE.digits not in new_box.journal("kiosk-recovery.service") + str(answer)
    new_box.until("kiosk-recovery.service", "Result", lambda result: result == "success")


def test_a_request_that_the_path_unit_missed_is_seen_when_it_is_touched(new_box: Box) -> None:
    """As the wizard does while it waits: what changes while the helper runs starts nothing."""
    ident, path = "2" * 32, "/var/lib/kiosk/requests/recovery.json"
    new_box.call("systemctl", "stop", "kiosk-recovery.path")
    as_kiosk = ("setpriv", "--reuid=kiosk", "--regid=kiosk", "--clear-groups", "/usr/bin/python3", "-ISc")
    script = ASKED.replace("identity", "recovery").replace('"0" * 32', f'"{ident}"')
    assert new_box.call(*as_kiosk, script, CODE.digits).returncode == 0
    new_box.call("systemctl", "start", "kiosk-recovery.path")
    new_box.until("kiosk-recovery.path", "SubState", lambda state: state == "waiting")
    said = ("cat", "/run/kiosk-recovery/answer.json")
    assert ident not in new_box.call(*said).stdout
    assert new_box.call(*as_kiosk, f"import os; os.utime('{path}')").returncode == 0
    wait_for(lambda: ident in new_box.call(*said).stdout, lambda: new_box.journal("kiosk-recovery.service"))
    assert new_box.call("test", "-e", path).returncode != 0, "root has removed it"


def test_root_takes_an_identity_from_a_stick_that_everybody_else_sees_read_only(new_box: Box, tmp_path: Path) -> None:
    new_box.until("kiosk-identity.path", "ActiveState", lambda state: state == "active")
    file = laid(tmp_path / "stick", made(tmp_path))
    new_box.call("sh", "-ec", f"mkdir -p {STICK}; mount -t tmpfs stick {STICK}")
    new_box.call("sh", "-ec", 'printf %s "$1" >"$2"', "sh", file.read_text("ascii"), f"{STICK}/{file.name}")
    new_box.call("mount", "-o", "remount,ro,nodev,nosuid,noexec", STICK)
    as_kiosk = ("setpriv", "--reuid=kiosk", "--regid=kiosk", "--clear-groups")
    asked = new_box.call(*as_kiosk, "/usr/bin/python3", "-ISc", ASKED, CODE.digits)
    assert asked.returncode == 0, asked.stderr
    said = ("cat", "/run/kiosk-identity/answer.json")
    wait_for(lambda: "0" * 32 in new_box.call(*said).stdout, lambda: new_box.journal("kiosk-identity.service"))
    answer = json.loads(new_box.call(*as_kiosk, *said).stdout)["body"]
    assert (answer["word"], answer["in_use"]["station"]) == ("", "S0147"), answer
    assert new_box.call("ls", "-A", STICK).stdout == "identity-S0147.claimed.json\n"
    assert "Read-only" in new_box.call("touch", f"{STICK}/x").stderr
    kept = new_box.call("stat", "-c", "%U %a", "/etc/credstore/kiosk-relay.key", "/var/lib/kiosk-keys/identity.json")
    assert kept.stdout == "root 600\nroot 600\n"
    assert new_box.call("systemctl", "start", "kiosk-media@sda1.service").returncode != 0
    assert "/sys/class/block/sda1" in new_box.journal("kiosk-media@sda1.service"), "there is no such medium here"
    new_box.call("systemctl", "reset-failed", "kiosk-media@sda1.service")


NETWORK = {
    "action": "apply",
    "settings": {
        "link": "wired",
        "address": "192.168.77.20/24",
        "gateway": "192.168.77.1",
        "time_server": "ntp.example",
    },
}


def test_root_names_the_machine_after_its_station_and_lays_a_fixed_address(new_box: Box) -> None:
    """With the real bus, hostnamed and networkd, in a network of its own; iwd is not here, and that is said."""
    for file in sorted((ROOT / "firmware_config/image/etc/systemd/network").iterdir()):
        script = 'mkdir -p /etc/systemd/network; printf %s "$1" >"/etc/systemd/network/$2"'
        new_box.call("sh", "-ec", script, "sh", file.read_text("ascii"), file.name)
    started = ("systemctl", "start", "dbus.socket", "systemd-networkd.service")
    wait_for(lambda: new_box.call(*started).returncode == 0, new_box.console)
    new_box.until("kiosk-network.path", "ActiveState", lambda state: state == "active")
    as_kiosk = ("setpriv", "--reuid=kiosk", "--regid=kiosk", "--clear-groups")
    said = ("cat", "/run/kiosk-network/answer.json")
    words = []
    for ident, body in (("3" * 32, NETWORK), ("4" * 32, {"action": "search"})):
        script = ASKED.replace("identity", "network").replace('"0" * 32', f'"{ident}"')
        script = script.replace('{"station": "S0147", "code": sys.argv[1]}', "json.loads(sys.argv[1])")
        asked = new_box.call(*as_kiosk, "/usr/bin/python3", "-ISc", script, json.dumps(body))
        assert asked.returncode == 0, asked.stderr

        def answered(ident: str = ident) -> bool:
            new_box.call(*as_kiosk, "touch", "-c", "/var/lib/kiosk/requests/network.json")
            return ident in new_box.call(*said).stdout

        wait_for(answered, lambda: new_box.journal("kiosk-network.service"))
        words.append(json.loads(new_box.call(*as_kiosk, *said).stdout)["body"]["word"])
    assert words == ["", "network_no_service"], new_box.journal("kiosk-network.service")
    # A machine without a time client has nothing to start again: the file is there for the next start.
    said_by = [row for row in new_box.journal("kiosk-network.service").splitlines() if "try-restart" not in row]
    assert "failed" not in "\n".join(said_by), "systemd has taken everything"
    fixed = new_box.call("cat", "/run/systemd/network/50-kiosk.network.d/50-kiosk-fixed.conf").stdout
    assert "Address=192.168.77.20/24\n" in fixed
    assert "NTP=ntp.example\n" in new_box.call("cat", "/run/systemd/timesyncd.conf.d/50-kiosk.conf").stdout
    assert new_box.call("stat", "-c", "%U %a", "/var/lib/kiosk-keys/network.json").stdout == "root 600\n"
    if new_box.call("test", "-e", "/var/lib/kiosk-keys/identity.json").returncode == 0:
        assert new_box.call("hostname").stdout == "station-s0147\n"
    new_box.call("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd.service")


def test_the_wizard_makes_room_for_settings_and_the_same_screen_goes_on(box: Box, screen: str) -> None:
    """The station is started once more: an identity was taken, and its certificate comes with a start of the unit."""
    assert "<html" in box.page("/")
    box.until(RELAY, "ActiveState", lambda state: state == "active")
    wait_for_the_page(box)
    assert (box.property(BROWSER, "MainPID"), box.property(STATION, "NRestarts")) == (screen, "1")
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
    wait_for(
        lambda: any(station_page(row, uid) for row in box.call("cat", "/proc/net/tcp").stdout.splitlines()[1:]),
        lambda: box.journal(BROWSER),
    )
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


WITHOUT_THE_PAGE = """\
cd /run/systemd/system
mkdir -p kiosk-browser-watch.service.d
printf '[Service]\\nEnvironment=KIOSK_RUNTIME=/run/alive\\n' > kiosk-browser-watch.service.d/page.conf
systemctl daemon-reload
"""
"""The watch looks for the sign of life where the page on the screen leaves none."""


def test_a_page_without_a_sign_of_life_restarts_the_browser_and_a_living_one_does_not(box: Box) -> None:
    assert box.page("/")
    box.call("sh", "-c", WITHOUT_THE_PAGE)
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
    assert "<html" in box.page("/sign-in", port=8090), box.journal("sorting-center.service")
    assert "broker mqtt://127.0.0.1:1883" in box.property("sorting-center.service", "StatusText")
    assert "Traceback" not in box.journal("sorting-center.service"), "the unit lets every process do what it does"
    box.call("systemctl", "stop", "sorting-center.service")
    assert box.property("sorting-center.service", "Result") == "success", box.journal("sorting-center.service")


WRITE = """\
import os, pathlib, sys
for name, text in zip(sys.argv[1::2], sys.argv[2::2]):
    new = pathlib.Path(name + ".new")
    new.write_text(text)
    os.rename(new, name)
"""
ASK_FOR_A_PICTURE = """\
import http.client, ssl, sys
context = ssl.create_default_context(cafile="/etc/sorting-center/tls/photos-ca.crt")
context.load_cert_chain("/run/S0147.crt", "/run/S0147.key")
client = http.client.HTTPSConnection("127.0.0.1", 8843, timeout=30, context=context)
client.request("HEAD", "/photos/yarkant/S0147/" + "0" * 64, headers={"X-Station": "S0148"})
answer = client.getresponse()
print(answer.status, answer.headers["Picture-Refused"], client.sock and client.sock.getpeercert()["serialNumber"])
"""


def test_nginx_meets_the_stations_and_uses_a_renewed_certificate(box: Box, tmp_path: Path) -> None:
    county, tls = Authority(tmp_path), "/etc/sorting-center/tls"

    def certified() -> list[str]:
        cert, key = county.issue("center", host="127.0.0.1")
        return [f"{tls}/photos.crt", cert.read_text(), f"{tls}/photos.key", key.read_text()]

    def reply() -> list[str]:
        return box.call("/usr/bin/python3", "-ISc", ASK_FOR_A_PICTURE).stdout.split()

    def journal() -> str:
        return "".join(box.journal(unit) for unit in ("nginx.service", photos, "sorting-center-certificates.service"))

    photos, site = "sorting-center-photos.service", "sorting-center-photos"
    station = (path.read_text() for path in county.issue("S0147"))
    files = [f"{tls}/photos-ca.crt", county.file.read_text(), "/run/S0147.crt", next(station), "/run/S0147.key"]
    done = box.call("/usr/bin/python3", "-ISc", WRITE, *certified(), *files, next(station))
    assert done.returncode == 0, done
    box.call("sh", "-c", f"cd /etc/nginx/sites-enabled && rm -f * && ln -s ../sites-available/{site} .")
    for unit in ("sorting-center.service", photos, "sorting-center-certificates.path", "nginx.service"):
        assert box.call("systemctl", "start", unit).returncode == 0, box.journal(unit)
    try:
        assert box.call("stat", "-c", "%a %U %G", "/run/sorting-center/photos.sock").stdout == "660 root www-data\n"
        wait_for(lambda: reply()[:2] == ["404", "not_announced"], journal)
        before = reply()
        box.call("/usr/bin/python3", "-ISc", WRITE, *certified())
        wait_for(lambda: reply() != before, journal)
        assert reply()[:2] == before[:2]
    finally:
        for unit in ("nginx.service", photos, "sorting-center-photos.socket", "sorting-center.service"):
            box.call("systemctl", "stop", unit)
    assert box.property(photos, "Result") == "success", box.journal(photos)


def test_the_relay_of_a_station_without_a_county_rests_and_starts_when_one_is_set(box: Box) -> None:
    """*Later* was chosen for the broker: that is no failed unit, and no degraded machine."""
    edit = ("sed", "--in-place", "-e", r"s/^\[relay\]/[later]/;t;s/^\[later\]/[relay]/", "/etc/kiosk/station.toml")
    box.until(RELAY, "ActiveState", lambda state: state == "active")
    box.call("systemctl", "stop", RELAY)
    assert box.call(*edit).returncode == 0
    box.until(RELAY, "Result", lambda result: result == "exec-condition")
    assert box.property(RELAY, "ActiveState") == "inactive", box.journal(RELAY)
    assert box.call(*edit).returncode == 0
    box.until(RELAY, "ActiveState", lambda state: state == "active")


def test_the_backup_refuses_to_lie_on_the_same_card(box: Box) -> None:
    assert box.page("/")
    assert box.call("systemctl", "start", "kiosk-backup.service").returncode != 0
    assert box.property("kiosk-backup.service", "AssertResult") == "no"
    assert box.call("ls", "-A", "/mnt/kiosk-backup").stdout == ""


SHORT = "/run/systemd/system/kiosk-station.service.d"


def test_a_station_that_hangs_is_killed_and_started_again(box: Box) -> None:
    """Last of this boot. A stopped process feeds no watchdog, answers nobody, and cannot end by itself."""
    box.call("sh", "-c", f"mkdir -p {SHORT}; printf '{SHORT_WATCHDOG}' > {SHORT}/short.conf; systemctl daemon-reload")
    box.call("systemctl", "restart", STATION)
    box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
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
