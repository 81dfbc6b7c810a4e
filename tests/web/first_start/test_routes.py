"""The pages of the first start through Flask's own client: what is guarded, what a page without scripts can do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.config.station import load as load_settings
from kiosk.first_start.questions import DONE, QUESTIONS
from kiosk.first_start.shared.draft import draft_path
from kiosk.first_start.wizard import FirstStartPaths, FirstStartWizard
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.first_start import create_first_start_app
from kiosk.web.first_start.screens import GROUPS, PADS, SCREENS, filter_typed, press_key
from kiosk.web.shared.guard import CSP
from kiosk.web.shared.settings import WebSettings
from tests.web.first_start.answers import Kits, Stick, answers, named_devices
from tests.web.shop import Shop

BASE = "http://127.0.0.1"
CODE = "4821093755602182"


class Wall:
    """The wizard and its pages, as a browser without scripts sees them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        stick = Stick()
        stick.plugged_in = True
        self.kits = Kits()
        self.kits.plugged_in = True
        self.machine = replace(named_devices(folder), identities=stick, recoveries=self.kits)
        self.no_backup = ""
        """What the database of the station says of its first backup."""
        place = FirstStartPaths(folder / "station.toml", folder / "data", 8080)
        self.wizard = FirstStartWizard(place, self.machine, load_settings, lambda draft, data: self.no_backup)
        self.beats = 0
        self.app: Flask = create_first_start_app(self.wizard, WebSettings(), self._beat)
        self.client: FlaskClient = self.app.test_client()

    def _beat(self) -> None:
        self.beats += 1

    @property
    def at(self) -> str:
        return self.wizard.view().question

    def get(self, path: str = "/setup", **headers: str) -> TestResponse:
        return self.client.get(path, base_url=BASE, headers=headers)

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
        return self.client.post(path, data=form, base_url=BASE, headers=headers)

    def walk(self, until: str) -> None:
        if self.at == "recovery_wait" and until != self.at:
            self.kits.working = False
            for _ in range(3):
                self.wizard.back()
        if self.at == "identity_code" and until != self.at:
            self.wizard.back()
        for question, form in answers(self.machine):
            if self.at == until:
                return
            if question == "identity" and until == "identity_code":
                form = {"value": "S0147"}
            if question == "recovery" and until.startswith("recovery_"):
                for value, begun in (("S0147", "recovery"), ("C", "recovery_letter"), (CODE, "recovery_code")):
                    if self.at == until:
                        return
                    if self.at == begun:
                        assert self.post(f"/setup/{begun}", value=value).status_code == 303
                return
            assert self.post(f"/setup/{question}", **form).status_code == 303

    def footprint(self) -> str:
        """Everything that lies in the folder, and the question on the screen."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        content = b"".join(str(path).encode() + path.read_bytes() for path in files)
        return hashlib.sha256(content).hexdigest() + self.at


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[Wall]:
    wall = Wall(tmp_path)
    yield wall
    wall.wizard.close()


def paths(app: Flask) -> list[str]:
    """Every address that answers a GET, with something in the place of its variables."""
    samples = {"<question>": "label", "<kind>": "qr"}
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and rule.endpoint != "static":
            path = rule.rule
            for name, sample in samples.items():
                path = path.replace(name, sample)
            found.append(path)
    return found


def test_every_question_has_a_screen_its_words_and_its_pad() -> None:
    ids = {row.id for row in QUESTIONS} | {DONE}
    assert set(SCREENS) == ids
    for language in ("ug", "zh", "en"):
        texts = load(language, strict=True)
        for name, row in SCREENS.items():
            assert f"setup.ask.{name}" in texts
            assert all(one in texts for one in (row.hint, row.foot, row.other) if one)
            assert row.pad in {"", *GROUPS, *PADS}


@pytest.mark.parametrize("language", ["ug", "zh", "en"])
def test_every_question_is_drawn_in_every_language(wall: Wall, language: str) -> None:
    for row in QUESTIONS:
        wall.walk(row.id)
        wall.wizard.set_language(language)
        page = wall.get()
        assert page.status_code == 200
        assert f'<html lang="{language}"' in page.text
        assert load(language).text(f"setup.ask.{row.id}") in unescape(page.text)
        assert "setup." not in re.sub(r'(href|src|data-src|action)="[^"]*"', "", page.text)


def test_one_starts_at_the_wizard(wall: Wall) -> None:
    assert wall.get("/").headers["Location"] == "/setup"


def test_gets_change_nothing(wall: Wall) -> None:
    for row in QUESTIONS:
        wall.walk(row.id)
        before = wall.footprint()
        for path in paths(wall.app):
            wall.get(f"{path}?page=2&ask=pad&size=15.6&pad=ug&value=none")
        assert wall.footprint() == before


def test_nobody_else_may_answer(wall: Wall) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
    ):
        assert wall.post("/setup/language", headers=headers, value="zh").status_code == 403
    assert wall.at == "language"
    page = wall.get()
    assert page.headers["Content-Security-Policy"] == CSP
    assert page.headers["Cache-Control"] == "no-store"


def test_only_the_wizard_is_there(wall: Wall) -> None:
    for path in ("/counter", "/technician", "/live", "/health", "/setup/nowhere", "/setup/live/../.."):
        assert wall.get(path).status_code in (404, 405, 410)
    assert wall.post("/setup/nowhere", value="1").status_code == 404
    assert wall.post("/agree").status_code == 404


@pytest.mark.parametrize(
    ("question", "value"),
    [("station", "12"), ("region", "<script>alert(1)</script>"), ("e", '"><img src=x onerror=alert(1)>')],
)
def test_a_refusal_is_shown_over_the_question_and_stays_text(wall: Wall, question: str, value: str) -> None:
    wall.walk(question)
    answer = wall.post(f"/setup/{question}", value=value)
    assert answer.status_code == 409
    assert "alertdialog" in answer.text
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert wall.at == question


def test_a_double_tap_answers_once(wall: Wall) -> None:
    wall.walk("village")
    for _ in range(3):
        assert wall.post("/setup/village", value="aral").status_code == 303
    assert wall.at == "scale"


def test_a_body_that_is_too_large_is_refused(wall: Wall) -> None:
    assert wall.post("/setup/language", value="x" * 100_000).status_code == 413


class TestPads:
    def test_typing_without_scripts(self, wall: Wall) -> None:
        wall.walk("station")
        typed = ""
        for key in ("0", "1", "5", "delete", "4", "7", "9", "x"):
            page = wall.post("/setup/station", value=typed, key=key)
            assert page.status_code == 200
            typed = re.findall(r'name="value" value="([^"]*)"', page.text)[0]
        assert typed == "0147"
        assert wall.post("/setup/station", value=typed, go="go").status_code == 303
        assert wall.at == "region"

    def test_a_pin_is_dots_in_the_page_and_never_in_an_address(self, wall: Wall) -> None:
        wall.walk("technician_pin")
        page = wall.post("/setup/technician_pin", value="19374", key="6")
        assert "••••••" in page.text
        assert wall.post("/setup/technician_pin", value="193746").headers["Location"] == "/setup"
        wrong = wall.post("/setup/technician_again", value="193747")
        assert "193747" not in wrong.text
        assert "193746" not in wrong.text

    def test_switching_the_letters_keeps_what_was_typed(self, wall: Wall) -> None:
        wall.walk("village")
        page = wall.post("/setup/village", value="tagharchi", pad="latin", switch="ug")
        assert 'data-key="ئ"' in page.text
        assert 'value="tagharchi"' in page.text
        page = wall.post("/setup/village", value="كەنت", pad="ug", key="space")
        assert 'name="value" value="كەنت "' in page.text

    def test_a_pad_behind_a_tile(self, wall: Wall) -> None:
        wall.walk("label")
        page = wall.get("/setup?ask=pad")
        assert "setup-pad" in page.text
        page = wall.post("/setup/label", ask="pad", value="10.0.0.5:910", key="0")
        assert 'value="10.0.0.5:9100"' in page.text
        wrong = wall.post("/setup/label", ask="pad", value="10.0.0.5")
        assert wrong.status_code == 409
        assert 'value="10.0.0.5"' in wrong.text
        wall.post("/setup/label", ask="pad", value="10.0.0.5:9100")
        assert wall.at == "label_profile"

    def test_every_pad_types_what_its_answer_may_hold(self) -> None:
        assert PADS["region"].keys == frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert PADS["host"].keys >= frozenset("center.example:8883")
        assert len(PADS["ug"].keys - {" ", "-"}) == 33
        for pad in PADS.values():
            assert sum("delete" in row for row in pad.rows) == 1
            width = 10 if pad.shape == "letters" else 4
            assert all(len(row) <= width for row in pad.rows)
            assert len(pad.rows) == 4

    @pytest.mark.parametrize(
        ("typed", "key", "after"),
        [
            ("", "a", "a"),
            ("", "space", ""),
            ("a", "space", "a "),
            ("a", "!", "a"),
            ("a", "delete", ""),
            ("", "delete", ""),
        ],
    )
    def test_a_key(self, typed: str, key: str, after: str) -> None:
        assert press_key(PADS["latin"], typed, key) == after

    def test_a_field_is_never_longer_than_its_pad(self) -> None:
        assert press_key(PADS["pin"], "123456", "7") == "123456"
        assert filter_typed(PADS["pin"], "12ab3456789") == "123456"
        assert filter_typed(PADS["latin"], "tag<b>ھا") == "tagbھا"


class TestPieces:
    def test_a_piece_of_another_question_sends_the_page_on(self, wall: Wall) -> None:
        wall.walk("scale")
        assert wall.get("/setup/live/scale").status_code == 200
        assert wall.get("/setup/live/label").status_code == 410

    def test_the_code_is_drawn_while_it_is_to_be_scanned(self, wall: Wall) -> None:
        assert wall.get("/setup/qr.svg").status_code == 404
        wall.walk("scanner_test")
        for kind in ("qr", "code128"):
            picture = wall.get(f"/setup/{kind}.svg")
            assert picture.mimetype == "image/svg+xml"
            assert picture.text.startswith("<svg")
        assert wall.get("/setup/aztec.svg").status_code == 404

    def test_the_card_is_drawn_for_known_sizes_only(self, wall: Wall) -> None:
        wall.walk("panel")
        assert wall.get("/setup/rule.css?size=7").text == ".rule{inline-size:572px}\n"
        assert wall.get("/setup/rule.css?size=7;}body{display:none").text == ""

    def test_signs_of_life_and_the_end(self, wall: Wall) -> None:
        assert wall.post("/setup/alive").status_code == 204
        assert wall.beats == 1
        wall.post("/setup/leave")
        assert not wall.wizard.left.is_set()
        wall.walk("check")
        assert wall.post("/setup/check", value="go").status_code == 303
        assert "station-awaited" in wall.get().text
        assert not draft_path(wall.folder / "station.toml").exists()
        wall.post("/setup/leave")
        assert wall.wizard.left.is_set()


def test_a_fault_of_the_wizard_is_one_sentence(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr(wall.wizard, "view", broken)
    answer = wall.get()
    assert answer.status_code == 500
    assert "unexpected" not in answer.text
    assert "notice" in answer.text


@pytest.mark.parametrize("name", ['"><script>x.toml', "تىزىملىك.toml", "a&b 'c'.JSON"])
def test_a_stick_may_name_its_files_as_it_likes(wall: Wall, name: str) -> None:
    file = wall.machine.keys[0] / name
    file.write_text("nothing of use", encoding="ascii")
    wall.walk("goods")
    page = wall.get()
    assert "<script>x" not in page.text
    assert name in unescape(page.text)
    refused = wall.post("/setup/goods", value=str(file))
    assert refused.status_code == 409
    assert "<script>x" not in refused.text
    assert load("en").text("setup.refused.goods") in unescape(refused.text)
    assert name in unescape(refused.text)
    assert wall.at == "goods"


def test_the_last_page_says_why_there_is_no_backup(wall: Wall) -> None:
    wall.no_backup = "the medium is <full>"
    wall.walk("check")
    wall.post("/setup/check", value="go")
    page = wall.get()
    assert "the medium is &lt;full&gt;" in page.text
    assert load("en").text("setup.hint.no_first_backup") in unescape(page.text)


def test_the_station_of_the_field_has_none_of_the_first_starts_routes(wall: Wall, tmp_path: Path) -> None:
    station = create_app(Shop(tmp_path / "shop"), WebSettings())
    ours = {rule.rule for rule in wall.app.url_map.iter_rules()} - {"/", "/static/<path:filename>"}
    assert {"/setup", "/setup/<question>", "/setup/alive", "/setup/leave"} <= ours
    assert not ours & {rule.rule for rule in station.url_map.iter_rules()}
    inside = station.test_client()
    for rule in ours:
        address = rule.replace("<question>", "check").replace("<kind>", "qr")
        assert inside.get(address, base_url=BASE).status_code == 404, rule
        assert inside.post(address, base_url=BASE, data={"value": "go"}).status_code == 404, rule


def test_a_page_hears_that_the_first_start_has_ended_behind_its_back(wall: Wall) -> None:
    assert wall.post("/setup/alive?question=language").status_code == 204
    wall.wizard.yield_to_file()
    assert wall.post("/setup/alive?question=language").status_code == 205
    assert wall.post("/setup/alive?question=done").status_code == 204
    assert 'data-question="done"' in wall.get().text
