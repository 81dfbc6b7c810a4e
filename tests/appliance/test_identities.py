"""Two hundred identities on one stick: made by the county, listed and taken by new boxes, each by one of them."""

from __future__ import annotations

import json
import random
import re
import shutil
import threading
import time
from pathlib import Path

import pytest

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import claim_name, sealed_name
from tests.appliance.cards import Card, Cards
from tests.appliance.county import County
from tests.appliance.sticks import MEDIUM, MOUNTS, Stick
from tests.appliance.visitor import Answer, Visitor
from tests.systemd.box import LOOK_S, SCREENLESS, Booted, wait_for

STATIONS = 200
TAKEN, CUT = "S0173", ("S0174", "S0175", "S0176")
WRONG = PaperCode.generate(lambda below: 7)
UNIT = "kiosk-identity.service"
ASKED = """\
import json, os, sys
with open("/var/lib/kiosk/requests/.fresh", "w") as file:
    body = {"station": sys.argv[1], "code": sys.argv[2]}
    json.dump({"kind": "identity", "id": "1" * 32, "body": body}, file)
os.rename("/var/lib/kiosk/requests/.fresh", "/var/lib/kiosk/requests/identity.json")
"""
"""What somebody could do who has broken into the station's user: ask root without the wizard."""


def new_box(cards: Cards) -> Card:
    """One that comes to the first start by itself; nobody looks at its screen."""
    card = cards.new(MOUNTS)
    card.run(SCREENLESS)
    return card


def at_the_list(booted: Booted) -> Visitor:
    """The stick is in; the questions before are answered, when this box has not asked them yet."""
    assert booted.call("systemctl", "start", MEDIUM).returncode == 0, booted.journal(MEDIUM)
    visitor = Visitor(booted)
    visitor.comes()
    visitor.post("/setup/language", value="en")
    visitor.post("/setup/panel", value="7")
    return visitor


def listed(visitor: Visitor) -> tuple[list[str], int]:
    """The stations on all pages, as somebody leafs through them, and how many pages these are."""
    found, number = [], 1
    while True:
        page = visitor.get(f"/setup?page={number}").page
        assert 'data-question="identity"' in page, page
        found += re.findall(r'name="value" value="(S[0-9]{4})"', page)
        if f"page={number + 1}" not in page:
            return found, number
        number += 1


def choose(visitor: Visitor, station: str) -> None:
    """By its number, as the pad of the list sends it."""
    assert visitor.post("/setup/identity", value=station[1:], ask="pad").status == 303
    assert 'data-question="identity_code"' in visitor.get().page


def on_the_stick(stick: Stick) -> set[str]:
    with stick.mounted() as top:
        return {path.name for path in (top / FOLDER).iterdir()}


def who(booted: Booted) -> str:
    """The station this machine is by its own record, and only with the key that goes with it."""
    kept = booted.call("cat", "/var/lib/kiosk-keys/identity.json").stdout
    key = booted.call("cat", "/etc/credstore/kiosk-relay.key").stdout
    return str(json.loads(kept)["station"]) if kept and "PRIVATE KEY" in key else ""


def test_two_hundred_on_one_stick_and_each_goes_to_one_box(
    cards: Cards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    county = County(tmp_path, monkeypatch, STATIONS)
    stick = Stick(tmp_path / "stick.img")
    print(f"the stick has {stick.kind}, as this machine's kernel allows")
    with stick.mounted() as top:
        shutil.copytree(county.folder, top / FOLDER)
    one, two = new_box(cards), new_box(cards)
    throttled_and_cut_off(one, stick, county)
    took_s = taken_with_the_right_code(one, stick, county)
    assert on_the_stick(stick) >= {claim_name(TAKEN)}
    assert sealed_name(TAKEN) not in on_the_stick(stick)
    with stick.mounted() as top:  # somebody has kept a copy, and lays it back
        shutil.copy(county.folder / sealed_name(TAKEN), top / FOLDER)
    refused_at_a_second_box(two, stick, county)
    cut_while_it_takes(two, stick, county, took_s)


def throttled_and_cut_off(card: Card, stick: Stick, county: County) -> None:
    with card.boot() as booted, stick.plugged_into(booted):
        visitor = at_the_list(booted)
        begun = time.monotonic()
        stations, pages = listed(visitor)
        print(f"{len(stations)} stations on {pages} pages, each page in {(time.monotonic() - begun) / pages:.2f} s")
        assert stations == sorted(county.codes)
        choose(visitor, TAKEN)
        for _ in range(3):
            refused = visitor.post("/setup/identity_code", value=WRONG.digits)
            assert (refused.status, "is for another station" in refused.page) == (409, True), refused.page
        refused = visitor.post("/setup/identity_code", value=county.codes[TAKEN])
        assert (refused.status, "Seconds to wait" in refused.page) == (409, True), refused.page
        booted.cut()
    with card.boot() as booted:
        # A container has a boot id of its own and the clock of its host: test_taking.py tells that the wait goes on.
        counted = json.loads(booted.call("cat", "/var/lib/kiosk-keys/wrong-codes.json").stdout)
        assert (len(counted["failures_ms"]), counted["wait_ms"]) == (3, 30_000), counted
        assert who(booted) == ""


def taken_with_the_right_code(card: Card, stick: Stick, county: County) -> float:
    """Seconds from the tap to the next question, as long as it takes here."""
    with card.boot() as booted, stick.plugged_into(booted):
        visitor = at_the_list(booted)
        tapped = Answer(409, "", "Seconds to wait")
        while "Seconds to wait" in tapped.page:  # of the wrong ones before
            time.sleep(LOOK_S)
            begun = time.monotonic()
            tapped = visitor.post("/setup/identity_code", value=county.codes[TAKEN])
            took_s = time.monotonic() - begun
        assert tapped.status == 303, (tapped.page, booted.journal(UNIT))
        assert 'data-question="scale"' in visitor.get().page
        assert who(booted) == TAKEN, booted.journal(UNIT)
        for name in ("kiosk-relay.crt", "kiosk-relay.key", "kiosk-relay.ca.crt"):
            assert booted.call("stat", "-c", "%U %a", f"/etc/credstore/{name}").stdout == "root 600\n"
        assert booted.call("findmnt", "-no", "OPTIONS", "/run/kiosk-media/KIOSK-USB-sda1").stdout.startswith("ro,")
        for secret in (county.codes[TAKEN], "PRIVATE KEY"):
            assert booted.call("grep", "-rl", secret, "/var/lib/kiosk", "/run", "/etc/kiosk").stdout == ""
    return took_s


def refused_at_a_second_box(card: Card, stick: Stick, county: County) -> None:
    with card.boot() as booted, stick.plugged_into(booted):
        visitor = at_the_list(booted)
        stations, _ = listed(visitor)
        assert stations == sorted(county.codes.keys() - {TAKEN})
        gone = visitor.post("/setup/identity", value=TAKEN[1:], ask="pad")
        assert (gone.status, "not on the stick any more" in gone.page) == (409, True), gone.page
        as_kiosk = ("setpriv", "--reuid=kiosk", "--regid=kiosk", "--clear-groups")
        booted.call(*as_kiosk, "mkdir", "-p", "/var/lib/kiosk/requests")
        asked = booted.call(*as_kiosk, "/usr/bin/python3", "-ISc", ASKED, TAKEN, county.codes[TAKEN])
        assert asked.returncode == 0, asked.stderr
        answer = ("cat", "/run/kiosk-identity/answer.json")
        wait_for(lambda: "1" * 32 in booted.call(*answer).stdout, lambda: booted.journal(UNIT))
        assert json.loads(booted.call(*answer).stdout)["body"]["word"] == "claimed"
        assert who(booted) == ""


def cut_while_it_takes(card: Card, stick: Stick, county: County, took_s: float) -> None:
    """The plug is pulled at some moment after the tap; the same box goes on, or anybody with the code takes it."""
    moments = random.Random(20261128)
    for station in CUT:
        delay_s = moments.uniform(0.4, 1.1) * took_s
        with card.boot() as booted, stick.plugged_into(booted):
            visitor = at_the_list(booted)
            choose(visitor, station)
            tap = threading.Thread(target=_tapped, args=(visitor, county.codes[station]), name="tap")
            tap.start()
            time.sleep(delay_s)  # the plug is pulled by the clock: no event says when
            booted.cut()
            tap.join()
        with card.boot() as booted, stick.plugged_into(booted):
            visitor = at_the_list(booted)
            booted.call("systemctl", "start", UNIT)
            mine = who(booted)
            there = sealed_name(station) in booted.call("ls", f"/run/kiosk-media/KIOSK-USB-sda1/{FOLDER}").stdout
            print(f"cut {delay_s:.2f} s after the tap: {'this box has it' if mine else 'nobody has it'}")
            assert (mine == station) != there, (mine, there)
            if not mine:
                taken = visitor.post("/setup/identity_code", value=county.codes[station])
                assert taken.status == 303, taken.page
                assert who(booted) == station
        card.wipe()


def _tapped(visitor: Visitor, code: str) -> None:
    try:
        visitor.post("/setup/identity_code", value=code)
    except AssertionError:
        return  # nobody is there any more to answer
