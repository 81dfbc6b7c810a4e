"""The image becomes one certain station: an identity from a stick with FAT, a code, and a power cut behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.first_start.identity.format import claim_name, sealed_name
from tests.appliance.boards import FatStick, Screen, planned
from tests.appliance.county import County
from tests.appliance.virtual_board import Board, Plan
from tests.systemd.box import RELAY, STATION

STATIONS, MINE, OTHER = 3, "S0002", "S0003"
REST = (
    *(("scale", "none"), ("label", "none"), ("receipt", "none"), ("scanner", "none"), ("camera", "none")),
    *(("network", "skip"), ("goods", "sample"), ("goods_shown", "yes"), ("backup", "none")),
    *(("technician", "aygul"), ("technician_pin", "193746"), ("technician_again", "193746")),
    *(("clerk", "tursun"), ("clerk_pin", "582641"), ("clerk_again", "582641"), ("check", "go")),
)
"""Of a box that nothing is plugged into. Of station and broker nobody is asked."""


@pytest.fixture
def plan(image: Path, folder: Path) -> Iterator[Plan]:
    with planned(image, folder) as made:
        yield made


def test_an_identity_from_a_stick_makes_a_box_that_station_and_it_stays_it(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    county, stick = County(folder, monkeypatch, STATIONS), FatStick(folder / "stick.img")
    stick.take(county.folder)
    with Board(plan, folder / "first") as board:
        screen = Screen(board)
        board.until_shell()
        board.page("/setup")
        stick.plug_into(board)
        screen.answer("language", "en")
        screen.answer("panel", "7")
        screen.answer("identity", MINE.removeprefix("S"), ask="pad")
        assert screen.ask("/setup/identity_code", value=county.codes[OTHER])[0] == 409
        begun = time.monotonic()
        screen.press("/setup", "/setup/identity_code", value=county.codes[MINE])
        print(f"\nthe right code was taken in {time.monotonic() - begun:.1f} s")
        kept_for_root_alone(board)
    assert stick.names(FOLDER) == sorted([sealed_name("S0001"), claim_name(MINE), sealed_name(OTHER)])
    with Board(plan, folder / "second") as board:
        screen = Screen(board)
        board.until_shell()
        board.page("/setup")
        kept_for_root_alone(board)
        for question, value in REST:
            screen.answer(question, value)
        screen.ask("/setup/leave", value="go")
        board.until(
            f"systemctl show --value --property=StatusText {STATION}", lambda text: text == "all parts are alive"
        )
        is_that_station(board)
    with Board(plan, folder / "third") as board:
        board.until_shell()
        board.page("/")
        is_that_station(board)
        kept_for_root_alone(board)


def kept_for_root_alone(board: Board) -> None:
    files = "/etc/credstore/kiosk-relay.key /etc/credstore/kiosk-relay.crt /var/lib/kiosk-keys/identity.json"
    assert board.done(f"stat -c '%U %a' {files}").split() == ["root", "600"] * 3
    assert board.done("findmnt -no FSTYPE --target /etc/credstore/kiosk-relay.key").strip() == "ext4"
    assert "PRIVATE KEY" in board.done("cat /etc/credstore/kiosk-relay.key")
    assert f'"station":"{MINE}"' in board.done("cat /var/lib/kiosk-keys/identity.json").replace(" ", "")


def is_that_station(board: Board) -> None:
    """By its settings, on its pages, and for its relay."""
    settings = board.done("cat /etc/kiosk/station.toml")
    assert f'station = "{MINE}"' in settings, settings
    assert 'broker_url = "mqtts://center.example:8883"' in settings, settings
    assert MINE in board.page("/about")
    board.until(f"systemctl is-active {RELAY}", lambda state: state == "active")
