"""One day of a whole station on the image, in one boot: the first start with an identity and a scale, a backup and its
recovery kit, goods and a second clerk at the technician's pages, an intake and its void; and who could reach it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main as center_program
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from root import ZONE
from tests.appliance.boards import CATALOG, STICKS, FatStick, Screen, planned
from tests.appliance.county import County
from tests.appliance.sticks import Stick, format_as_documented
from tests.appliance.test_identity_in_image import MINE, REST
from tests.appliance.test_image import DHCP, open_to_others
from tests.appliance.test_recovery import BACKUP, PHRASE, opened_by_the_county
from tests.appliance.virtual_board import Board, Plan
from tests.systemd.box import ROOT, STATION

TECHNICIAN, CLERK, SECOND = ("01", "193746"), ("02", "582641"), ("03", "408172")
"""Number and PIN; the first two are taken on by the first start."""
CENTER = "https://center.example:8843"
SCALE = (("protocol", "st_gs_csv"), ("line", "9600 8N1"), ("reads", "skip"), ("e", "5"), ("max", "60"))
GOODS_STICK = "sdc1"
OLD_PRICE, NEW_PRICE = 2400, 3100
"""Of almonds that are bought, in fen per kilogram; the old one is that of the catalog that comes with the program."""
WEIGHT, PAID = "put 12.450kg", "385.95"
READY = f"systemctl show --value --property=StatusText {STATION}"


@pytest.fixture
def plan(image: Path, folder: Path) -> Iterator[Plan]:
    with planned(image, folder) as made:
        yield made


def test_a_station_is_set_up_backed_up_and_works(plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = folder / "county.key"
    made = CliRunner().invoke(center_program, ["kit", "new-key", str(key)], input=f"{PHRASE}\n")
    assert made.exit_code == 0, made.output
    settings = {"photos": CENTER, "updates": CENTER, "county_key": made.stdout.strip()}
    county = County(folder, monkeypatch, 2, **settings)
    medium, link = Stick(folder / "backup.img", "ext4"), folder / "scale"
    more = ("-chardev", f"serial,id=scale,path={link}")
    with (
        ScaleSimulator("st_gs_csv", link, 10.0, 0.4, IndicatorSettings(step_g=5)) as scale,
        Board(replace(plan, more=more), folder / "board") as board,
    ):
        screen = Screen(board)
        board.until_shell()
        board.page("/setup")
        print(f"\nfirst page after {time.monotonic() - board.started:.0f} s, shell after {board.shell_s:.0f} s")
        first_start(board, screen, county, medium)
        written = board.done("cat /etc/kiosk/station.toml")
        assert all(f'{name} = "{value}"' in written for name, value in settings.items()), written
        nobody_else_reaches_it(board, plan)
        the_night_is_local(board)
        a_backup_is_made(screen, board)
        goods_come_from_a_stick(screen, board, folder)
        a_second_clerk(screen)
        an_intake_is_void(screen, scale)
        print(f"all of it after {time.monotonic() - board.started:.0f} s")
        assert board.call("systemctl --failed --plain --no-legend").stdout.strip() == "", board.journal()
        board.done("sync")
    opened_by_the_county(medium, key, folder)


def first_start(board: Board, screen: Screen, county: County, medium: Stick) -> None:
    """Everything is plugged in, and every question is answered."""
    stick = FatStick(county.folder.parent / "identities.img")
    stick.take(county.folder)
    stick.plug_into(board)
    format_as_documented(medium, board.done("echo $(id -u kiosk):$(id -g kiosk)").strip())
    board.plug_in(medium.file, "medium")
    board.until(f"findmnt -rno FSTYPE,OPTIONS {BACKUP}", lambda told: told.startswith("ext4 rw,"))
    board.qmp("device_add", driver="usb-serial", id="scale", chardev="scale", bus="usb.0")
    screen.answer("language", "en")
    screen.answer("panel", "7")
    screen.answer("identity", MINE.removeprefix("S"), ask="pad")
    screen.press("/setup", "/setup/identity_code", value=county.codes[MINE])
    board.until("test -e /dev/kiosk/scale; echo $?", lambda text: text == "0")
    (port,) = set(re.findall(r"/dev/serial/by-id/[^\"]+", screen.ask("/setup")[1]))
    rest = {**dict(REST), "scale": unescape(port), **dict(SCALE), "backup": BACKUP}
    order = ["scale", *dict(SCALE), *(question for question, _ in REST[1:])]
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
    assert sorted(Path(name).suffix for name in new) == [".db", ".json", ".kit"]
    assert len({Path(name).stem for name in new}) == 1


def goods_come_from_a_stick(screen: Screen, board: Board, folder: Path) -> None:
    """A price is another one from then on."""
    file = folder / "goods.toml"
    kept = ROOT.joinpath("kiosk/catalogs", Path(CATALOG).name).read_text(encoding="utf-8")
    file.write_text(kept.replace(f"fen_per_kg = {OLD_PRICE}", f"fen_per_kg = {NEW_PRICE}", 1), encoding="utf-8")
    stick = FatStick(folder / "goods.img")
    stick.take(file)
    stick.plug_into(board, GOODS_STICK)
    unlocked(screen, TECHNICIAN)
    (link,) = re.findall(r'href="(/technician/goods\?file=[^"]+)"', screen.ask("/technician/goods")[1])
    page = screen.ask(unescape(link))[1]
    assert re.search(r"was <bdi[^>]*>¥24\.00/kg</bdi>, will be <bdi[^>]*>¥31\.00/kg", page), page
    seen = {name: unescape(value) for name, value in re.findall(r'name="(file|seen)" value="([^"]*)"', page)}
    assert seen["file"] == f"{STICKS}-{GOODS_STICK}/{file.name}"
    screen.sent("/technician/goods/bring", **seen)


def a_second_clerk(screen: Screen) -> None:
    screen.sent("/technician/people/name", name="Rahile", role="clerk")
    screen.sent("/technician/people/add", pin=SECOND[1] * 2)
    assert "Rahile" in screen.ask("/technician/people")[1]


def an_intake_is_void(screen: Screen, scale: ScaleSimulator) -> None:
    """At the price that is in force; one clerk and another agree that it does not count."""
    scale.command(WEIGHT)
    screen.press("/who", "/party", party="non_member")
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
