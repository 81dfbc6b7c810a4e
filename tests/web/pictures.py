"""Draws every screen in every language on three panels: ``python -m tests.web.pictures var/pictures``.

The station is the real desk with a store in memory, the browser is Chromium; nothing on the pictures is staged but
the weight on the pan. With ``--documents docs/pictures`` the pictures that a document shows are copied there, and those
that no document shows any more are removed.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from kiosk.devices.ports import GoodsShot
from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, Verification
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import SlipVerdict
from kiosk.domain.trade import Mode
from kiosk.domain.verdict import Finding, Reason, Verdict
from kiosk.messaging.contract.configuration import KeyRow
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.desk.view import PHOTO_TRIES, PhotoRequest
from kiosk.station.shared.clock_setting import ClockSetter
from kiosk.web.factory import create_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings
from tests.house.documents import shown
from tests.station.papers_signed import KEYS, OTHER, changed, elsewhere
from tests.web import browsing
from tests.web.counter import scenes as counter_scenes
from tests.web.counter.shop import CounterShop
from tests.web.shop import Shop, in_force

PANELS: Mapping[str, WebSettings] = {
    "7in": WebSettings(800, 480, 7.0),
    "10in": WebSettings(1280, 800, 10.1),
    "15in": WebSettings(1366, 768, 15.6),
}
AYGUL = "00017"


@dataclass(frozen=True)
class Scene:
    """A screen: how the station gets there, and the address when it is not the step's own."""

    name: str
    path: str = ""


SCENES = (
    Scene("home"),
    Scene("home-lost"),
    Scene("who"),
    Scene("who-number", "/who?ask=number&number=044"),
    Scene("what"),
    Scene("what-2", "/what?page=2"),
    Scene("what-moving"),
    Scene("agree"),
    Scene("agree-waiting"),
    Scene("agree-bags"),
    Scene("agree-sale"),
    Scene("agree-own"),
    Scene("agree-container", "/agree?ask=container"),
    Scene("agree-mode", "/agree?ask=mode"),
    Scene("agree-leave", "/agree?ask=leave"),
    Scene("agree-certificate"),
    Scene("agree-bags-certificate"),
    Scene("agree-not-for-trade"),
    Scene("agree-check-failed"),
    Scene("agree-seal-expired"),
    Scene("agree-sale-not-for-trade"),
    Scene("agree-waiting-check-failed"),
    Scene("agree-unconfirmed"),
    Scene("agree-sale-check-failed-unconfirmed"),
    Scene("take-done-unconfirmed"),
    Scene("take-check-failed-unconfirmed"),
    Scene("home-unset"),
    Scene("refused"),
    Scene("take"),
    Scene("take-retake"),
    Scene("take-help"),
    Scene("take-done"),
    Scene("take-unknown"),
    Scene("take-paper-out"),
    Scene("take-not-for-trade"),
    Scene("take-done-check-failed"),
    Scene("take-unknown-seal-expired"),
    Scene("parcel", "/parcel"),
    Scene("slip-hold", "/slip"),
    *(Scene(f"slip-{verdict.replace('_', '-')}", "/slip") for verdict in SlipVerdict),
    Scene("slip-right-undated", "/slip"),
    Scene("help", "/help"),
    Scene("help-member", "/help"),
    Scene("about", "/about"),
    Scene("missing", "/nowhere"),
    Scene("overload"),
    Scene("negative"),
    Scene("idle"),
)


WORTH: Mapping[str, ScaleLegalStatus] = {
    "-not-for-trade": ScaleLegalStatus(trade=False),
    "-check-failed": ScaleLegalStatus(trade=True, check=CheckState.FAILED),
    "-seal-expired": ScaleLegalStatus(trade=True, verification=Verification.EXPIRED),
}
"""Endings of the scenes with a scale that is worth less than it should be."""


def stage(shop: Shop, name: str) -> None:
    """Bring the station to where the scene is."""
    if name.endswith("-unconfirmed"):
        shop.county.confirmed, shop.county.document, name = False, in_force(), name.removesuffix("-unconfirmed")
    if name.endswith("-unset"):
        shop.clock_quality, shop.clock_setter = ClockQuality.UNSET, ClockSetter(cast(Any, "the helper of an appliance"))
    for ending, worth in WORTH.items():
        if name.endswith(ending):
            shop.worth, name = worth, name.removesuffix(ending)
    if name.startswith("slip-"):
        _stage_slip(shop, name.removeprefix("slip-"))
    match name:
        case "home-lost":
            shop.desk.readings.on_expired(shop.now)
            shop.board.mark(scale="scale_silent", printer="paper_out", link="link_down")
        case "who" | "who-number":
            shop.at_who()
        case "what" | "what-2" | "help-member":
            shop.at_what(member=AYGUL)
        case "what-moving":
            shop.at_what(0, AYGUL)
            shop.read(8_255, stable=False)
        case "agree" | "refused" | "agree-container" | "agree-mode" | "help" | "idle":
            shop.at_agree(member=AYGUL)
        case "agree-waiting":
            shop.at_agree(0, member=AYGUL)
        case "agree-certificate":
            shop.at_agree(member=AYGUL)
            shop.desk.choices.show_certificate("C-0147-260914-11")
        case "agree-bags" | "agree-leave" | "agree-bags-certificate":
            view = shop.at_agree(member=AYGUL)
            shop.desk.loads.another_bag(view.reading_no, view.token)
            shop.rest(0)
            shop.rest(21_935)
            if name.endswith("certificate"):
                shop.desk.choices.show_certificate("C-0147-260914-11")
                shop.desk.choices.choose_certificate("producer")
        case "agree-sale":
            shop.at_agree(38_215, member=AYGUL)
            shop.desk.choices.choose_mode("purchase")
        case "agree-own":
            shop.at_agree(0, member=AYGUL)
            shop.desk.choices.choose_container("OWN")
            shop.rest(2_350)
        case "take":
            shop.at_take()
        case "take-paper-out":
            shop.at_take()
            shop.board.mark(printer="paper_out", label="paper_out", receipt="paper_out")
        case "take-retake" | "take-help":
            shop.at_take()
            findings = (Finding(Reason.FRAMING, 3_500, 8_000), Finding(Reason.DARK, 61_000, 95_000))
            for _ in range(1 if name == "take-retake" else PHOTO_TRIES):
                shop.desk.result_screen.take_photo()
                shop.desk.result_screen.photo_retake(shop.shots[-1], GoodsShot(Verdict(findings), None, None, None))
            shop.printed("printed")
        case "take-done" | "take-unknown":
            view = shop.at_take()
            shop.desk.result_screen.photo_done(PhotoRequest(str(view.result.lot if view.result else "")), _photo(shop))
            shop.printed("unknown" if name == "take-unknown" else "printed")
            if name == "take-done":
                shop.delivered()
                shop.rest(0)
        case "overload":
            shop.at_what(member=AYGUL)
            shop.read(None, over=True)
        case "negative":
            shop.at_what(0, AYGUL)
            shop.rest(-35)
        case _:
            shop.rest(0)


def _stage_slip(shop: Shop, name: str) -> None:
    """Time stands still: the screens that end by themselves do not."""
    shop.slip_clock = lambda: 0.0
    shop.phone = "0998-1234567"
    keys = {"key-doubted": (KeyRow("S0201", KEYS[1].public, "revoked"),), "key-unknown": ()}.get(name, KEYS)
    voids = frozenset({str(OTHER)} if name == "voided" else ())
    shop.county.live = replace(shop.county.live, keys=keys, voids=voids)
    bags: dict[str, Any] = {"bags": 12, "net_g": 312_480, "amount_fen": 1_812_384}
    papers = {
        "copy": elsewhere(copy_no=1, mode=Mode.CONSIGNMENT, **bags),
        "changed": changed(elsewhere()),
        "other-county": elsewhere(region="maralbexi"),
        "unreadable": elsewhere()[:200],
        "right-undated": elsewhere(minute=None, clock=ClockQuality.UNSET, product="SUNFLOWER-SEED"),
    }
    if name == "hold":
        shop.slips.hold()
    else:
        shop.slips.scanned(papers.get(name, elsewhere(**bags)))


def _photo(shop: Shop) -> str:
    """A picture of a bowl on a mat; not a photograph."""
    image = Image.new("RGB", (400, 300), "#3f7d55")
    draw = ImageDraw.Draw(image)
    draw.ellipse((70, 40, 330, 270), fill="#f3e7cf", outline="#c9b48a", width=8)
    for number in range(60):
        x, y = 120 + (number * 37) % 150, 85 + (number * 53) % 130
        draw.ellipse((x, y, x + 26, y + 15), fill="#b5793f", outline="#7b4a20")
    image.save(shop.settings.data / f"{'ab' * 32}.jpg")
    return "ab" * 32


@contextmanager
def open_shop(settings: WebSettings, data: Path) -> Iterator[tuple[Shop, Server]]:
    """A served station."""
    shop = Shop(data)
    with _served(shop, settings) as server:
        yield shop, server


@contextmanager
def open_counter(
    panels: Sequence[WebSettings], data: Path, undo_s: float = 60
) -> Iterator[tuple[CounterShop, list[Server]]]:
    """A station with a real counter, with several screens."""
    shop = CounterShop(data, undo_s=undo_s)
    with ExitStack() as ends:
        ends.callback(shop.close)
        yield shop, [ends.enter_context(_served(shop, settings)) for settings in panels]


@contextmanager
def _served(shop: Shop, settings: WebSettings) -> Iterator[Server]:
    server = serve(browsing.kept(browsing.patient(create_app(shop, settings))), "127.0.0.1", 0)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def open_page(browser: Browser, server: Server, settings: WebSettings, language: str) -> Iterator[Page]:
    """A touch screen of the panel's size in one language."""
    context = browser.new_context(
        viewport={"width": settings.width_px, "height": settings.height_px}, has_touch=True, reduced_motion="reduce"
    )
    context.add_cookies([{"name": "lang", "value": language, "url": server.url}])
    try:
        yield context.new_page()
    finally:
        context.close()


def show(page: Page, shop: Shop, url: str, scene: Scene) -> None:
    """Go to the scene and wait until the stream has spoken."""
    page.goto(url + scene.path)
    if scene.name == "refused":
        page.evaluate("document.querySelectorAll('[name=token]').forEach((field) => { field.value = 'old'; })")
        page.locator(".deal .primary").tap()
        page.locator("screen-follow .notice").wait_for()
    if scene.name == "idle":
        page.evaluate("document.querySelector('idle-ring').hidden = false")
    if page.locator("live-weight").count():
        state = shop.desk.view().pan.state.value
        page.locator(f"live-weight[data-state={state}]").wait_for()
    browsing.painted(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    parser.add_argument("--languages", default="ug,zh,en")
    parser.add_argument("--panels", default=",".join(PANELS))
    parser.add_argument("--documents", type=Path, help="folder that gets the pictures which documents show")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for panel in wanted.panels.split(","):
            for scene in (scene for scene in SCENES if wanted.only in scene.name):
                _draw(browser, panel, scene, wanted.languages.split(","), wanted.folder)
            _draw_counter(browser, panel, wanted.only, wanted.languages.split(","), wanted.folder)
        browser.close()
    if wanted.documents is not None:
        to_documents(wanted.folder, wanted.documents)


def to_documents(drawn: Path, documents: Path) -> None:
    """Bring what documents show from the folder of all pictures; what is not drawn there stays as it is."""
    wanted = {picture.name for picture in shown() if picture.parent == documents.resolve()}
    for old in documents.glob("*.png"):
        if old.name not in wanted:
            old.unlink()
    for name in sorted(wanted):
        if (drawn / name).exists():
            shutil.copyfile(drawn / name, documents / name)
        elif not (documents / name).exists():
            print(f"{name} is shown by a document and was not drawn")


def _draw(browser: Browser, panel: str, scene: Scene, languages: list[str], folder: Path) -> None:
    settings = PANELS[panel]
    with tempfile.TemporaryDirectory() as data, open_shop(settings, Path(data)) as (shop, server):
        stage(shop, scene.name)
        for language in languages:
            with open_page(browser, server, settings, language) as page:
                show(page, shop, server.url, scene)
                picture = folder / f"{scene.name}-{language}-{settings.width_px}x{settings.height_px}.png"
                page.screenshot(path=picture)
                _slim(picture)


def _draw_counter(browser: Browser, panel: str, only: str, languages: list[str], folder: Path) -> None:
    """The scenes of the counter follow from one another: one station for all of them."""
    settings = PANELS[panel]
    usual_s = CounterSettings().undo_s
    with tempfile.TemporaryDirectory() as data, open_counter([settings], Path(data), usual_s) as (shop, (server,)):
        pages = counter_scenes.open_pages(browser, server, settings, languages)
        for scene in counter_scenes.SCENES:
            path = scene.step(shop)
            for language, page in pages.items() if only in scene.name else ():
                counter_scenes.show(page, server, shop, scene, path)
                picture = folder / f"{scene.name}-{language}-{settings.width_px}x{settings.height_px}.png"
                page.screenshot(path=picture)
                _slim(picture)
        for page in pages.values():
            page.context.close()


def _slim(picture: Path) -> None:
    """Flat drawings need no millions of colors: a quarter of the bytes, the same to the eye."""
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main()
