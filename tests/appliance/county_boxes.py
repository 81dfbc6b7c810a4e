"""Boxes of stations beside a county's server, each in a container with a cable to it, and browsers at their screens."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from tests.appliance.bare_debian import MINE
from tests.appliance.cards import Card, Cards
from tests.appliance.county_network import HOST
from tests.appliance.sticks import MEDIUM, MOUNTS, Stick
from tests.systemd.box import AS_ROOT, SCREENLESS, Booted
from tests.web.browsing import OF_THE_STATION

SUBNET = "10.78.{number}"
SCALE = """
[scale]
port = "/dev/kiosk/scale"
protocol = "st_gs_csv"
e_g = 5
max_g = 60000
"""
"""A container has no USB: the first start finds no scale, and this one is simulated inside the box."""


def new_box(cards: Cards, number: int) -> Card:
    """One that comes to the first start by itself, and knows the server's name."""
    hosts = f"127.0.0.1 localhost\n{SUBNET.format(number=number)}.1 {HOST}\n"
    card = cards.new({**MOUNTS, "etc/hosts": hosts})
    card.run(SCREENLESS)
    return card


def connect(server: Booted, box: Booted, number: int) -> None:
    """The cable between them, until one of them ends."""
    ends = {server: ("1", f"box{number}"), box: ("2", "county")}
    inside = {one: [*AS_ROOT, "nsenter", f"--target={one.leader}", "--net", "--", "ip"] for one in ends}
    far = ("peer", "name", ends[server][1], "netns", str(server.leader))
    subprocess.run([*inside[box], "link", "add", ends[box][1], "type", "veth", *far], check=True)
    for one, (host, name) in ends.items():
        address = f"{SUBNET.format(number=number)}.{host}/24"
        subprocess.run([*inside[one], "address", "add", address, "dev", name], check=True)
        subprocess.run([*inside[one], "link", "set", name, "up"], check=True)


def disconnect(box: Booted) -> None:
    """The cable is pulled at the box."""
    inside = [*AS_ROOT, "nsenter", f"--target={box.leader}", "--net", "--", "ip"]
    subprocess.run([*inside, "link", "delete", "county"], check=True)


@contextmanager
def plugged(stick: Stick, booted: Booted) -> Iterator[None]:
    """The stick is in, and the box has mounted it."""
    with stick.plugged_into(booted):
        assert booted.call("systemctl", "start", MEDIUM).returncode == 0, booted.journal(MEDIUM)
        yield


def browser_in(playwright: Playwright, booted: Booted, folder: Path) -> Browser:
    """Chromium of this machine in the network of a container."""
    program = folder / f"chromium-{booted.leader}"
    enter = " ".join([*AS_ROOT, "nsenter", f"--target={booted.leader}", "--net", "--"])
    program.write_text(f'#!/bin/sh\nexec {enter} {OF_THE_STATION} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return playwright.chromium.launch(
        executable_path=program, args=["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
    )


__all__ = ["MINE", "SCALE", "browser_in", "connect", "disconnect", "new_box", "plugged"]
