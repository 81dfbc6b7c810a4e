"""The screen's unit may use a speaker, the station's may not; the boards that have a socket switch it on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOUND = "char-116"
"""ALSA. By its number: a name is looked up once, and a speaker may come later."""


def values(unit: str, key: str) -> list[str]:
    text = (ROOT / "systemd" / unit).read_text(encoding="utf-8")
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def test_the_browser_alone_may_sound() -> None:
    assert f"{SOUND} rw" in values("kiosk-browser.service", "DeviceAllow")
    assert "audio" in values("kiosk-browser.service", "SupplementaryGroups")[0].split()
    for path in (ROOT / "systemd").glob("*.service"):
        if path.name != "kiosk-browser.service":
            assert not any(SOUND in row or "alsa" in row for row in values(path.name, "DeviceAllow")), path.name


@pytest.mark.parametrize(("board", "switch"), [("pi3", "on"), ("pi4", "on"), ("pi5", "off")])
def test_a_board_with_a_headphone_socket_has_it_switched_on(board: str, switch: str) -> None:
    lines = (ROOT / f"firmware_config/boot/config-{board}.txt").read_text(encoding="ascii").splitlines()
    assert f"dtparam=audio={switch}" in lines


def test_nothing_has_to_be_touched_before_a_sound() -> None:
    session = (ROOT / "firmware_config/session/start").read_text(encoding="utf-8")
    policy = (ROOT / "firmware_config/chromium/station-kiosk.json").read_text(encoding="utf-8")
    assert "--autoplay-policy=no-user-gesture-required" in session
    assert re.search(r'"AutoplayAllowlist": \[\s*"http://127\.0\.0\.1:8080"', policy)
