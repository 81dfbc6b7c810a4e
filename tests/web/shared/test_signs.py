"""The drawings are served to the kiosk's browser as they are: shapes only, nothing that runs, loads or reads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

import pytest

from kiosk.domain.metrology.pan import PanState
from kiosk.domain.verdict import Reason

FOLDER = Path(str(files("kiosk.web"))) / "static" / "drawings"
DRAWINGS = sorted(FOLDER.iterdir())

SHOOT_AGAIN = {Reason.FROZEN, Reason.UNREADABLE}
"""Nothing before the camera is to be changed."""
GOODS = """badam walnut jujube honey raisin apricot pistachio mulberry fig pomegranate peach melon apple pear grape
chili other"""
CONTAINERS = "sack crate bucket own-container none"
ACTS = """bring parcel check-slip card no-card number-pad photo label receipt agree help language back next cancel
camera certificate grower cooperative"""
COUNTER = """scan shelf clerk lock queue day undo damaged send-back handover not-there truck wrench void proxy offer
bag-scan bag-twice bag-other bag-missing"""
MARKS = "scale printer link link-off link-search attention"
WORTH = "check-weight check-failed not-for-trade seal-expired"
SLIPS = """slip-hold slip-right slip-copy slip-changed slip-voided slip-unknown slip-unreadable"""
DEVICES = {f"scale-{kind}" for kind in ("platform", "price", "balance", "board")} | {
    f"printer-{kind}" for kind in ("label", "belt", "sheet", "narrow", "wide")
}
SHOTS = {"shot-good", "shot-again", *(f"shot-{reason}" for reason in Reason if reason not in SHOOT_AGAIN)}

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"path", "circle", "ellipse", "rect"}
ELEMENTS = SHAPES | {"svg", "title", "g"}
ATTRIBUTES = """viewBox d cx cy r rx ry x y width height transform fill stroke stroke-width stroke-linecap
stroke-linejoin stroke-dasharray"""
COLOR = re.compile(r"none|#[0-9a-f]{6}")
MAX_BYTES = 6 * 1024
LOOKS_ALIVE = re.compile(rb"<[!?]|script|style|href|url\(|@import|data:|javascript|foreignobject|\bon[a-z]+=", re.I)


def tag(element: ET.Element) -> str:
    return element.tag.removeprefix(SVG)


def test_every_drawing_the_screens_name_is_there_and_no_other() -> None:
    states = {f"state-{state}" for state in PanState}
    wanted = (states | SHOTS | DEVICES).union(
        *(words.split() for words in (GOODS, CONTAINERS, ACTS, COUNTER, MARKS, WORTH, SLIPS))
    )
    assert {path.name for path in DRAWINGS} == {f"{name}.svg" for name in wanted}


def test_drawing_is_small_utf8_without_anything_alive(subtests: pytest.Subtests) -> None:
    for path in DRAWINGS:
        with subtests.test(path=path.stem):
            content = path.read_bytes()
            content.decode("utf-8")
            assert len(content) <= MAX_BYTES
            assert LOOKS_ALIVE.search(content) is None


def test_drawing_has_only_shapes_and_presentation_attributes(subtests: pytest.Subtests) -> None:
    for path in DRAWINGS:
        with subtests.test(path=path.stem):
            for element in ET.parse(path).iter():
                assert element.tag.startswith(SVG)
                assert tag(element) in ELEMENTS
                assert set(element.attrib) <= set(ATTRIBUTES.split())
                assert all(COLOR.fullmatch(element.get(name, "none")) for name in ("fill", "stroke"))


def test_drawing_fills_the_common_square_and_says_what_it_is(subtests: pytest.Subtests) -> None:
    for path in DRAWINGS:
        with subtests.test(path=path.stem):
            root = ET.parse(path).getroot()
            assert root.get("viewBox") == "0 0 96 96"
            assert tag(root[0]) == "title"
            assert (root[0].text or "").strip()
            assert len(root.findall(f".//{SVG}title")) == 1


def test_drawing_is_drawn_by_the_same_hand(subtests: pytest.Subtests) -> None:
    for path in DRAWINGS:
        with subtests.test(path=path.stem):
            outline = ET.parse(path).getroot()[1]
            assert outline.get("stroke") == "#2b211b"
            assert outline.get("stroke-linejoin") == "round"
            assert 3 <= float(outline.get("stroke-width", "0")) <= 5


def test_no_two_drawings_are_the_same() -> None:
    bodies = [re.sub(r"<title>.*</title>", "", path.read_text(encoding="utf-8")) for path in DRAWINGS]
    titles = [ET.parse(path).getroot()[0].text for path in DRAWINGS]
    assert len(set(bodies)) == len(set(titles)) == len(DRAWINGS)


def test_the_check_would_notice(subtests: pytest.Subtests) -> None:
    for markup in [
        b"<svg onload=alert(1)>",
        b'<image href="x"/>',
        b'<g style="fill:red"/>',
        b'<rect fill="url(#a)"/>',
        b"<!DOCTYPE svg>",
        b"<?xml-stylesheet?>",
        b"<foreignObject/>",
    ]:
        with subtests.test(markup=markup):
            assert LOOKS_ALIVE.search(markup)
