"""A newcomer's day: a county is set up, its stations take their identities, and from then on the county runs them.

By line, and again with sticks only: no box ever sees the server then.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.messaging.contract.configuration import FOLDER as DOCUMENTS
from tests.appliance.bare_debian import MINE, built, machine
from tests.appliance.cards import Cards
from tests.appliance.county_boxes import SCALE, browser_in, connect, new_box, plugged
from tests.appliance.county_network import HOST
from tests.appliance.paper import code_on
from tests.appliance.sticks import Stick
from tests.appliance.test_browser import rows, scale, weighs
from tests.appliance.test_county import Server, blocks, server
from tests.appliance.visitor import Visitor
from tests.systemd.box import PATIENCE_S, STATION, Booted, wait_for
from tests.web.counter.test_browser import SAME_TAP_MS
from tree import CENTER

PASSWORD: Final = "walnut-and-apricot-49"
OPERATORS: Final = ("aynur", "bahar")
"""The first one changes prices, the second one publishes."""
PRODUCT: Final = "WALNUT"
FIRST_PRICE, NEW_PRICE = "24.00", "26.50"
ARSLANBAG, CHARBAG = ("S0001", "S0002"), ("S0003", "S0004", "S0005")
"""Two townships; the price changes in the second one."""
PEOPLE: Final = {"01": ("Memet", "technician"), "02": ("Patigul", "clerk"), "03": ("Wang Li", "clerk")}
PINS: Final = {"01": "480317", "02": "926154", "03": "582641"}
NEW_PIN: Final = "715294"
FIRST_START: Final = (
    *(("scale", "none"), ("label", "none"), ("receipt", "none"), ("scanner", "none"), ("camera", "none")),
    *(("goods", "later"), ("backup", "none")),
    *(("technician", PEOPLE["01"][0]), ("technician_pin", PINS["01"]), ("technician_again", PINS["01"])),
    *(("clerk", PEOPLE["02"][0]), ("clerk_pin", PINS["02"]), ("clerk_again", PINS["02"]), ("check", "go")),
)


@pytest.fixture(scope="module")
def package() -> Path:
    return built(MINE / "county", CENTER)[CENTER]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


class Office:
    """Two people of the county at their pages."""

    def __init__(self, browser: Browser, password: str) -> None:
        self._browser = browser
        self._url = f"https://{HOST}:8443"
        admin = self.sign_in("gulnar", password)
        for name in OPERATORS:
            admin.goto("/people")
            form = admin.locator("form[action='/people/add']")
            form.locator("[name=name]").fill(name)
            form.locator("[name=role]").select_option("operator")
            form.locator("[name=password]").fill(PASSWORD)
            form.locator("button").click()
            expect(admin.locator("table").first).to_contain_text(name)
        self.editor, self.publisher = (self.sign_in(name, PASSWORD) for name in OPERATORS)

    def sign_in(self, name: str, password: str) -> Page:
        context = self._browser.new_context(base_url=self._url, locale="en-US", ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.goto("/sign-in?lang=en")
        page.fill("[name=name]", name)
        page.fill("[name=password]", password)
        page.click("main button[type=submit]")
        expect(page.locator("[name=password]")).to_have_count(0)
        return page

    def employ(self, station: str) -> None:
        page = self.editor
        for name, role in PEOPLE.values():
            page.goto(f"/stations/yarkant/{station}/people")
            form = page.locator("form[action$='/people/add']")
            form.locator("[name=name]").fill(name)
            form.locator("[name=role]").select_option(role)
            form.locator("button").click()
            expect(page.locator("table.roll").first).to_contain_text(name)

    def dismiss(self, station: str, number: str) -> None:
        page = self.editor
        page.goto(f"/stations/yarkant/{station}/people")
        row = page.locator("table.roll tbody tr", has=page.locator("th", has_text=number)).first
        row.locator("summary").nth(1).click()
        form = row.locator("form[action$='/end']")
        form.locator("input[type=checkbox]").check()
        form.locator("button").click()
        expect(page.locator("section[aria-labelledby=former]")).to_contain_text(number)

    def add_goods(self) -> None:
        page = self.editor
        page.goto("/county-goods/product/new")
        for name, text in {"code": PRODUCT, "names.ug": "ياڭاق", "names.zh": "核桃", "names.en": "Walnuts"}.items():
            page.locator(f"[name='{name}']").fill(text)
        page.locator("button[value=save]").click()
        expect(page.locator("#main")).to_contain_text("Walnuts")

    def set_price(self, price: str, scope: str = "") -> None:
        page = self.editor
        page.goto(f"/prices?region=yarkant&scope={scope}")
        cell = page.locator(f"[name='p.{PRODUCT}/purchase/']")
        if not cell.count():
            page.locator("#product").select_option(PRODUCT)
            page.locator("#mode").select_option("purchase")
            page.locator("button[value=row]").click()
        cell.fill(price)
        page.locator("button[value=save]").click()
        expect(page.locator(".done")).to_be_visible()

    def publish(self, note: str) -> None:
        """Who changed it may not; somebody else may."""
        self.editor.goto("/publish")
        expect(self.editor.locator("#note")).to_have_count(0)
        page = self.publisher
        page.goto("/publish")
        page.locator("#note").fill(note)
        page.locator("form:has(#note) button").click()
        expect(page.locator(".done")).to_be_visible()

    def pin_answer(self, station: str, number: str, challenge: str) -> str:
        page = self.editor
        page.goto(f"/stations/yarkant/{station}/people")
        page.locator("#pin-number").select_option(number)
        page.locator("#challenge").fill(challenge)
        page.locator("#pin input[type=checkbox]").check()
        page.locator("#pin button").click()
        return "".join(re.findall(r"\d+", page.locator(".read-aloud").inner_text()))


class StationBox:
    """One box of the county at its place."""

    def __init__(self, name: str, booted: Booted) -> None:
        self.name, self.booted = name, booted
        self.visitor = Visitor(booted)

    def begin(self, code: str) -> None:
        """Its identity, and the questions of the first start."""
        visitor = self.visitor
        visitor.comes()
        for question, value in (("language", "en"), ("panel", "7")):
            assert visitor.post(f"/setup/{question}", value=value).status == 303
        assert visitor.post("/setup/identity", value=self.name[1:], ask="pad").status == 303
        assert visitor.post("/setup/identity_code", value=code).status == 303
        self.answer(dict(FIRST_START))
        visitor.post("/setup/leave", value="go")
        self.booted.until(STATION, "StatusText", lambda text: text == "all parts are alive")

    def answer(self, answers: dict[str, str]) -> None:
        """Every question that is asked."""
        for _ in range(40):
            page = self.visitor.get().page
            found = re.search(r'data-question="(\w+)"', page)
            if found is None or found[1] == "done":
                return
            question = found[1]
            answer = self.visitor.post(f"/setup/{question}", value=answers.get(question, "skip"))
            assert answer.status == 303, f"{question}: {answer.page}"
        raise AssertionError(page)

    def fit_scale(self) -> None:
        """What the technician would plug in."""
        text = "cat >>/etc/kiosk/station.toml"
        done = self.booted.call("sh", "-c", f"{text} <<'END'\n{SCALE}END\nsystemctl restart {STATION}")
        assert done.returncode == 0, done.stderr
        self.booted.until(STATION, "StatusText", lambda text: text == "all parts are alive")

    def unlock(self, number: str, pin: str) -> None:
        answer = self.visitor.post("/counter/unlock", number=number, pin=pin)
        assert answer.status == 303, re.sub(r"(<[^>]*>|\s)+", " ", answer.page)

    def refuses(self, number: str, pin: str) -> bool:
        """Whether this PIN opens nothing here."""
        return self.visitor.post("/counter/unlock", number=number, pin=pin).status == 409

    def has_document(self, at_least: int) -> bool:
        """Of the county, as the technician's page shows it."""
        self.unlock("01", PINS["01"])
        page = re.sub(r"<[^>]*>", " ", self.visitor.get("/technician/county").page)
        self.visitor.post("/counter/lock")
        found = re.search(r"\b1\.(\d+)\b", page)
        return found is not None and int(found[1]) >= at_least

    def take_document(self, county: Server, work: Path) -> None:
        """On a stick, which the technician's page takes."""
        shutil.rmtree(work, ignore_errors=True)
        county.type(f"rm -rf /srv/county/stick; sorting-center configuration stick {self.name} --out /srv/county/stick")
        stick = Stick(work.with_suffix(".img"))
        with stick.mounted() as top:
            shutil.copytree(county.root / "srv/county/stick" / DOCUMENTS, top / DOCUMENTS)
        with plugged(stick, self.booted):
            self.unlock("01", PINS["01"])
            folders = re.findall(r'name="folder" value="([^"]+)"', self.visitor.get("/technician/county").page)
            assert len(folders) == 1, self.visitor.get("/technician/county").page
            taken = self.visitor.post("/technician/county/take", folder=folders[0])
            assert taken.status == 303, taken.page
            self.visitor.post("/counter/lock")

    def buys(self, price: str, kilograms: str) -> str:
        """A villager's intake at the price; its receipt."""
        visitor = self.visitor
        with scale(self.booted, "take") as command:

            def is_seen() -> bool:
                """On an empty pan: what lay there when the scale came is nobody's, and is taken off again."""
                command("take")
                wait_for(lambda: weighs(self.booted), lambda: str(rows(self.booted)))
                command(f"put {kilograms}kg")
                return any(visitor.get("/who").status == 200 for _ in range(20))

            wait_for(is_seen, lambda: f"{rows(self.booted)} {visitor.get('/').page} {self.booted.journal(STATION)}")
            for path, act, form in (
                ("/who", "/party", {"party": "non_member"}),
                ("/what", "/product", {"code": PRODUCT}),
                ("/agree", "/agree", {}),
            ):
                visitor.press(path, act, **form)
            command("take")
            visitor.press("/take", "/finish")
        self.unlock("02", PINS["02"])
        page = visitor.get("/counter/intakes").page
        receipt: str = re.findall(r"/counter/intakes/([0-9]{4}-[A-Z]-[0-9]{6})", page)[0]
        shown = visitor.get(f"/counter/intakes/{receipt}").page
        paid = (int(price.replace(".", "")) * int(kilograms.replace(".", "")) + 500) // 1000  # Fen for grams
        assert f"¥{paid // 100}.{paid % 100:02d}" in shown, shown
        visitor.post("/counter/lock")
        return receipt


def identities(root: Path, folder: Path) -> tuple[Stick, dict[str, str]]:
    """The stick for all stations, and the codes on their papers."""
    made = folder / "made"
    shutil.copytree(root / "srv/county/identities", made)
    stick = Stick(folder / "identities.img")
    with stick.mounted() as top:
        shutil.copytree(made / FOLDER, top / FOLDER)
    return stick, {name: code_on(made / "papers" / f"{name}.pdf").digits for name in (*ARSLANBAG, *CHARBAG)}


class Screen:
    """Somebody at the touch screen of a box, in Chromium."""

    def __init__(self, browser: Browser) -> None:
        context = browser.new_context(base_url="http://127.0.0.1:8080", viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE_S * 1000)
        context.add_cookies([{"name": "lang", "value": "en", "url": "http://127.0.0.1:8080"}])
        self.page = context.new_page()

    def tap(self, target: str) -> None:
        """As a hand does: what follows a tap within 400 ms is taken for a trembling finger."""
        self.page.locator(target).wait_for()
        self.page.wait_for_timeout(SAME_TAP_MS)
        self.page.locator(target).click()

    def keys(self, digits: str) -> None:
        self.page.wait_for_function("customElements.get('touch-pad') !== undefined")
        self.page.wait_for_timeout(SAME_TAP_MS)  # What is tapped as a page comes was meant for the one before
        for digit in digits:
            self.page.locator(f"[data-key='{digit}']").click()
        self.tap("[data-go]")

    def ask_for_a_pin(self, number: str, answer: Callable[[str], str], pin: str) -> None:
        """Digits to the office and back, then a new PIN."""
        page = self.page
        page.goto("/counter")
        self.tap(f".person-chip:has(input[value='{number}'])")
        self.tap("button.forgotten")
        challenge = "".join(re.findall(r"\d", page.locator(".challenge").inner_text()))
        self.keys(answer(challenge))
        page.locator("form[action='/counter/forgotten/pin']").wait_for()
        self.keys(pin * 2)
        expect(page.locator("[role=status]")).to_be_visible()

    def unlock(self, number: str, pin: str) -> None:
        self.page.goto("/counter")
        self.tap(f".person-chip:has(input[value='{number}'])")
        self.keys(pin)
        self.page.locator(".modes-switch").wait_for()

    def void(self, receipt: str, witness: tuple[str, str]) -> None:
        page = self.page
        page.goto(f"/counter/intakes/{receipt}")
        self.tap("a[href*='ask=void']")
        self.tap("a[href*='reason=wrong_product']")
        self.tap(f".person-chip:has(input[value='{witness[0]}'])")
        self.keys(witness[1])
        page.wait_for_url(f"**/counter/intakes/{receipt}")
        expect(page.locator(".state-lost").first).to_be_visible()


@pytest.mark.parametrize("way", ["line", "sticks"])
def test_a_newcomers_day(way: str, package: Path, cards: Cards, playwright: Playwright, tmp_path: Path) -> None:
    with ExitStack() as ends:
        first = ends.enter_context(machine())
        county = ends.enter_context(server(first, package, tmp_path, []))
        for text in blocks("sqlite"):
            county.type(text)
        password = (first.root / "srv/county/password").read_text(encoding="utf-8").strip()
        office = Office(browser_in(playwright, county.booted, tmp_path), password)
        stick, codes = identities(first.root, tmp_path)
        boxes = {}
        for number, name in enumerate((*ARSLANBAG, *CHARBAG), 1):
            office.employ(name)  # Before anybody travels: so the PINs of the first start are theirs
            booted = ends.enter_context(new_box(cards, number).boot())
            if way == "line":
                connect(county.booted, booted, number)
            with plugged(stick, booted):
                boxes[name] = StationBox(name, booted)
                boxes[name].begin(codes[name])
        day = Day(way, county, boxes, tmp_path)
        office.add_goods()
        office.set_price(FIRST_PRICE)
        office.publish("first prices")
        day.deliver(boxes, {})
        for box in (boxes["S0001"], boxes["S0005"]):
            box.fit_scale()
            day.receipts[box.name] = box.buys(FIRST_PRICE, "12.450")

        office.set_price(NEW_PRICE, "township:Charbag")
        before = day.documents()
        office.publish("Charbag")
        day.deliver(CHARBAG, before)
        changed = {name for name, document in day.documents().items() if document != before[name]}
        # By line the county learns the stations' keys as well, and sends them to every station.
        assert changed >= set(CHARBAG) if way == "line" else changed == set(CHARBAG)
        boxes["S0005"].buys(NEW_PRICE, "8.000")
        boxes["S0001"].buys(FIRST_PRICE, "8.000")

        screen = Screen(browser_in(playwright, boxes["S0001"].booted, tmp_path))
        screen.ask_for_a_pin("03", lambda digits: office.pin_answer("S0001", "03", digits), PINS["03"])
        screen.ask_for_a_pin("02", lambda digits: office.pin_answer("S0001", "02", digits), NEW_PIN)
        assert boxes["S0001"].refuses("02", PINS["02"]), "the forgotten PIN opens nothing any more"
        screen.unlock("02", NEW_PIN)
        screen.void(day.receipts["S0001"], ("03", PINS["03"]))

        before = day.documents()
        office.dismiss("S0001", "03")
        day.deliver(["S0001"], before)
        wait_for(lambda: boxes["S0001"].refuses("03", PINS["03"]), lambda: "who has left can still unlock")
        day.county_knows()


class Day:
    """What comes to the boxes, and what the county sees of it."""

    def __init__(self, way: str, county: Server, boxes: Mapping[str, StationBox], folder: Path) -> None:
        self._way, self._county, self._boxes, self._folder = way, county, boxes, folder
        self.receipts: dict[str, str] = {}

    def documents(self) -> dict[str, str]:
        """The newest version of each station, at the county."""
        rows = self._county.rows("sorting-center configuration list")
        return {row["station"]: str(row["document"]) for row in rows}

    def deliver(self, names: Iterable[str], before: Mapping[str, str]) -> None:
        """Until each of them has the newest document, which is another than ``before``."""
        begun = time.monotonic()
        wait_for(lambda: self._made(names, before), lambda: str(self.documents()))
        for name in names:
            box, number = self._boxes[name], int(self.documents()[name].partition(".")[2])
            if self._way == "sticks":
                box.take_document(self._county, self._folder / f"document-{name}")
            wait_for(partial(box.has_document, number), partial(box.booted.journal, STATION))
        print(f"{list(names)} have their documents after {time.monotonic() - begun:.1f} s")

    def _made(self, names: Iterable[str], before: Mapping[str, str]) -> bool:
        made = self.documents()
        return all(made.get(name, "") not in ("", before.get(name)) for name in names)

    def county_knows(self) -> None:
        """By line: who has what, by their own word, and every receipt once."""
        if self._way == "line":
            rows = self._county.rows("sorting-center configuration list")
            assert all(row["applied"] == row["document"] for row in rows), rows
        self._county.doctor()
