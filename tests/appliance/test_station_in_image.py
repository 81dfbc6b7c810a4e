"""One day of a whole station on the image, in one boot that begins in 1970: the first start with an identity and a
scale, the clock, the network, a backup and its recovery kit, the county's goods and people, a first PIN by telephone,
an intake and its void; and who could reach it. Whatever is done is done at the screen or with sticks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main as center_program
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.station.shared.clock_setting import TYPED
from root import ZONE
from tests.appliance.boards import FatStick, Screen, planned
from tests.appliance.county_on_sticks import CountyOnSticks
from tests.appliance.sticks import Stick, format_as_documented
from tests.appliance.test_identity_in_image import MINE, REST
from tests.appliance.test_image import DHCP, open_to_others
from tests.appliance.test_recovery import BACKUP, PHRASE, opened_by_the_county
from tests.appliance.virtual_board import Board, Plan
from tests.systemd.box import RELAY, STATION

TECHNICIAN, CLERK, SECOND = ("01", "193746"), ("02", "582641"), ("03", "408172")
"""Number and PIN; the first two are taken on by the first start, the third by the county."""
CENTER = "https://center.example:8843"
SCALE = (("protocol", "st_gs_csv"), ("line", "9600 8N1"), ("reads", "skip"), ("e", "5"), ("max", "60"))
COUNTY_STICK = "sdc1"
COUNTY = {
    "goods": "code,ug,zh,en,picture\nBADAM,بادام,巴旦木,Almonds of the county,badam\n",
    "prices": f"where,product,mode,since,cny_per_kg\n,BADAM,purchase,,24.00\n{MINE},BADAM,purchase,,31.00\n",
    "people": f"station,number,name,role\n{MINE},1,Aygul,technician\n{MINE},2,Tursun,clerk\n{MINE},3,Rahile,clerk\n",
}
"""As a spreadsheet has them. Who has the number and the name that a station knows keeps the PIN."""
WEIGHT, PAID = "put 12.450kg", "385.95"
OWN, NETMASK, ROUTER = "10.0.2.15", "24", "10.0.2.2"
"""What QEMU gives the board."""
LINK = "networkctl status --no-pager --lines=0 'en*' | grep Address"
MEMORY_MB = {STATION: 120, RELAY: 60}
"""As docs/field-trial.md has it."""
READY = f"systemctl show --value --property=StatusText {STATION}"


@pytest.fixture
def plan(image: Path, folder: Path) -> Iterator[Plan]:
    with planned(image, folder) as made:
        yield made


def test_a_station_is_set_up_backed_up_and_works(plan: Plan, folder: Path) -> None:
    key = folder / "county.key"
    made = CliRunner().invoke(center_program, ["kit", "new-key", str(key)], input=f"{PHRASE}\n")
    assert made.exit_code == 0, made.output
    settings = {"photos": CENTER, "updates": CENTER, "county_key": made.stdout.strip()}
    county = CountyOnSticks(folder / "county", settings["county_key"])
    identities = county.make_identities(2, "--photos", CENTER, "--updates", CENTER)
    medium, link = Stick(folder / "backup.img", "ext4"), folder / "scale"
    more = ("-chardev", f"serial,id=scale,path={link}", "-rtc", "base=1970-01-01T00:00:00")
    with (
        ScaleSimulator("st_gs_csv", link, 10.0, 0.4, IndicatorSettings(step_g=5)) as scale,
        Board(replace(plan, more=more), folder / "board") as board,
    ):
        screen = Screen(board)
        board.until_shell()
        board.page("/setup")
        print(f"\nfirst page after {time.monotonic() - board.started:.0f} s, shell after {board.shell_s:.0f} s")
        first_start(board, screen, identities, county.code_of(MINE), medium)
        written = board.done("cat /etc/kiosk/station.toml")
        assert all(f'{name} = "{value}"' in written for name, value in settings.items()), written
        nobody_else_reaches_it(board, plan)
        the_night_is_local(board)
        the_clock_is_set(screen, board)
        the_network_is_set(screen, board)
        a_backup_is_made(screen, board)
        the_county_gives_goods_and_people(screen, board, county, folder)
        a_first_pin_comes_by_telephone(screen, county)
        an_intake_is_void(screen, scale)
        print(f"all of it after {time.monotonic() - board.started:.0f} s")
        memory_is_enough(board)
        assert board.call("systemctl --failed --plain --no-legend").stdout.strip() == "", board.journal()
        board.done("sync")
    opened_by_the_county(medium, key, folder)


def first_start(board: Board, screen: Screen, identities: Path, code: str, medium: Stick) -> None:
    """Everything is plugged in, and every question is answered."""
    stick = FatStick(medium.file.with_name("identities.img"))
    stick.take(identities)
    stick.plug_into(board)
    format_as_documented(medium, board.done("echo $(id -u kiosk):$(id -g kiosk)").strip())
    board.plug_in(medium.file, "medium")
    board.until(f"findmnt -rno FSTYPE,OPTIONS {BACKUP}", lambda told: told.startswith("ext4 rw,"))
    board.qmp("device_add", driver="usb-serial", id="scale", chardev="scale", bus="usb.0")
    screen.answer("language", "en")
    screen.answer("panel", "7")
    screen.answer("identity", MINE.removeprefix("S"), ask="pad")
    screen.press("/setup", "/setup/identity_code", value=code)
    board.until("test -e /dev/kiosk/scale; echo $?", lambda text: text == "0")
    (port,) = set(re.findall(r"/dev/serial/by-id/[^\"]+", screen.ask("/setup")[1]))
    rest = {**dict(REST), "scale": unescape(port), **dict(SCALE), "goods": "later", "backup": BACKUP}
    order = ["scale", *dict(SCALE), *(question for question, _ in REST[1:] if question != "goods_shown")]
    for question in order:
        screen.answer(question, rest[question])
    begun = time.monotonic()
    screen.ask("/setup/leave", value="go")
    board.until(READY, lambda text: text == "all parts are alive")
    print(f"the station works {time.monotonic() - begun:.0f} s after the last answer")


def unlocked(screen: Screen, person: tuple[str, str]) -> None:
    screen.sent("/counter/unlock", number=person[0], pin=person[1])


def nobody_else_reaches_it(board: Board, plan: Plan) -> None:
    """But through the ways in that the test itself has opened, and answers of a DHCP server."""
    ways, found = set(plan.ways.values()), open_to_others(board)
    assert ways <= found <= {*ways, *DHCP}, found


def the_clock_is_set(screen: Screen, board: Board) -> None:
    """By whoever stands there, before anybody unlocks; and the clock module with it."""
    print(f"the clock of the board: {board.done('date --utc --iso-8601=seconds').strip()}")
    assert 'href="/clock"' in screen.ask("/")[1]
    now = datetime.now(ZoneInfo(ZONE))
    typed = f"/clock?at={now:{TYPED}}"
    page = screen.ask(typed)[1]
    assert (f"{now:%Y-%m-%d}" in page, f"{now:%H:%M}" in page) == (True, True), page
    screen.press(typed, "/clock")
    assert 'href="/clock"' not in screen.ask("/")[1]
    board.until("systemctl is-active systemd-timesyncd.service", lambda state: state == "active")
    for clock in ("date +%s", "cat /sys/class/rtc/rtc0/since_epoch"):
        shown = int(board.done(clock)) - now.timestamp()
        assert -60 < shown < time.time() - now.timestamp() + 60, f"{clock}: {shown} s"


def the_network_is_set(screen: Screen, board: Board) -> None:
    """There is a cable alone; a fixed address is typed, and the address of the network comes back."""
    unlocked(screen, TECHNICIAN)
    status, page = screen.ask("/technician/network/search", now="1")
    assert (status, "There is no antenna here: use a cable." in page) == (409, True), page
    state = "systemctl is-active iwd.service"
    assert board.call(state).stdout.strip() == "active", board.done("systemctl status --no-pager iwd.service")
    typed = {"address": f"{OWN}/{NETMASK}", "gateway": ROUTER, "dns": ROUTER}
    screen.sent("/technician/network/apply", link="wired", **typed)
    board.until(LINK, lambda told: OWN in told and "DHCP" not in told)
    screen.shows("/technician/network", OWN)
    screen.sent("/technician/network/apply", link="")
    board.until(LINK, lambda told: f"{OWN} (DHCP" in told)
    screen.shows("/technician/network", OWN)


def the_night_is_local(board: Board) -> None:
    """The backup comes while the village sleeps."""
    assert board.done("readlink /etc/localtime").strip() == f"/usr/share/zoneinfo/{ZONE}"
    night = board.done("systemctl show --value --property=NextElapseUSecRealtime kiosk-backup.timer").split()
    print(f"the next backup: {' '.join(night)}")
    assert ("02:30:00" <= night[2] <= "03:16:00", night[3]) == (True, "CST"), night


def a_backup_is_made(screen: Screen, board: Board) -> None:
    """By the button; the first start has made one, before anybody knew how to make kits."""
    unlocked(screen, TECHNICIAN)
    before = set(board.done(f"ls {BACKUP}").split())
    screen.sent("/technician/backup", now="1")
    screen.shows("/technician/care", "The backup is made")
    new = set(board.done(f"ls {BACKUP}").split()) - before
    print(f"before: {sorted(before)}; the button made: {sorted(new)}")
    assert sorted(Path(name).suffix for name in new) == [".age", ".json", ".kit"]
    assert len({Path(name).stem for name in new}) == 1


def the_county_gives_goods_and_people(screen: Screen, board: Board, county: CountyOnSticks, folder: Path) -> None:
    """In one signed document, which the technician takes from a stick."""
    county.publish(**COUNTY)
    stick = FatStick(folder / "county.img")
    stick.take(county.make_document(MINE))
    stick.plug_into(board, COUNTY_STICK)
    unlocked(screen, TECHNICIAN)
    screen.shows("/technician/county", 'name="folder"')
    (found,) = re.findall(r'name="folder" value="([^"]+)"', screen.ask("/technician/county")[1])
    screen.sent("/technician/county/take", folder=unescape(found))
    screen.sent("/counter/lock", now="1")
    begun = time.monotonic()
    screen.shows("/counter", "Rahile")
    print(f"the county's document is in force {time.monotonic() - begun:.0f} s after it was taken")
    unlocked(screen, TECHNICIAN)
    page = screen.ask("/technician/county")[1]
    assert re.search("In force: <bdi[^>]*>1[.]1</bdi>", page), page
    screen.sent("/counter/lock", now="1")


def a_first_pin_comes_by_telephone(screen: Screen, county: CountyOnSticks) -> None:
    """Of the second clerk, whom the county has taken on: digits are read out and answered."""
    assert screen.ask("/counter/unlock", number=SECOND[0], pin=SECOND[1])[0] == 409
    screen.sent("/counter/forgotten/begin", number=SECOND[0])
    (challenge,) = re.findall(r'name="challenge" value="([0-9]{8})"', screen.ask("/counter/forgotten")[1])
    answer = county.pin_answer(MINE, SECOND[0], challenge)
    screen.sent("/counter/forgotten/answer", challenge=challenge, answer=answer)
    screen.sent("/counter/forgotten/pin", pin=SECOND[1] * 2)


def memory_is_enough(board: Board) -> None:
    """Without a screen: Chromium takes the rest."""
    for unit, most in MEMORY_MB.items():
        taken = int(board.done(f"systemctl show --value --property=MemoryCurrent {unit}")) / 1e6
        print(f"{unit} takes {taken:.0f} MB")
        assert taken < most, unit
    print(board.done("cat /proc/meminfo | grep -E 'MemTotal|MemAvailable'"))


def an_intake_is_void(screen: Screen, scale: ScaleSimulator) -> None:
    """At the price that is in force; one clerk and another agree that it does not count."""
    scale.command(WEIGHT)
    screen.press("/who", "/party", party="non_member")
    screen.shows("/what", "Almonds of the county")
    screen.press("/what", "/product", code="BADAM")
    screen.press("/agree", "/agree")
    unlocked(screen, CLERK)
    (intake,) = set(re.findall(r"/counter/intakes/[0-9A-Z-]+", screen.ask("/counter/intakes")[1]))
    page = screen.ask(intake)[1]
    assert (PAID in page, "state-lost" in page) == (True, False), page
    for number, pin in (CLERK, TECHNICIAN):
        alone = screen.ask(f"{intake}/void", reason="wrong_product", number=number, pin=pin)
        assert alone[0] == 409, "another clerk has to agree"
    screen.sent(f"{intake}/void", reason="wrong_product", number=SECOND[0], pin=SECOND[1])
    assert "state-lost" in screen.ask(intake)[1]
