"""A day at the counter, scene after scene in one station: each takes it one step further than the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from playwright.sync_api import Browser, BrowserContext, Page

from kiosk.domain.identifiers import ReceiptNumber, internal_code
from kiosk.domain.metrology.pan_journal import LoadLeftNote, UnbookedWhy
from kiosk.domain.moment import ClockQuality
from kiosk.domain.telephone_pin import answer
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.scans import ParsedScan
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.shared.clock_setting import ClockSetter
from kiosk.web.server import Server
from kiosk.web.shared.roles import COOKIE
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import SECOND_PIN
from tests.station.fakes import MOMENT
from tests.station.hardware import BLUR, TILT, judged
from tests.station.papers_signed import changed, elsewhere
from tests.web import browsing
from tests.web.counter.selling import LONGEST, lot_of, photograph, sell
from tests.web.counter.shop import SECRET, CounterShop, waybill
from tests.web.shop import in_force

PUBLIC_SCENES = frozenset(
    {
        "brought-code",
        "brought",
        "parcel-pad",
        "parcel-found",
        "parcel-wrong",
        "parcel-locked",
        "parcel-full",
        "parcel-called",
        "scan-named",
        "take-scan",
        "take-scan-twice",
        "take-scan-left",
        "take-scanned",
    }
)
"""Scenes of the public face that need a counter behind it."""


@dataclass(frozen=True)
class CounterScene:
    """A page: how the station gets there from the scene before, and the address to open."""

    name: str
    step: Callable[[CounterShop], str]

    @property
    def public(self) -> bool:
        return self.name in PUBLIC_SCENES


def _at(path: str) -> Callable[[CounterShop], str]:
    return lambda shop: path


def _unlocked(shop: CounterShop) -> str:
    shop.unlock()
    for grams, product, member in ((12_480, "BADAM", "00017"), (38_215, "WALNUT", "04412"), (7_300, "HONEY", "00017")):
        shop.book(grams, product, member)
    return "/counter"


def _check_off(shop: CounterShop) -> str:
    shop.rest(0)
    return "/counter/check"


def _check(shop: CounterShop) -> str:
    shop.rest(5_000)
    return "/counter/check"


def _checked(grams: int) -> Callable[[CounterShop], str]:
    return lambda shop: f"/counter/check?done={shop.check(grams).number}"


def _weight_to_type(shop: CounterShop) -> str:
    shop.set_checks(MetrologySettings(check_required=True))
    return "/counter/check"


def _loads(shop: CounterShop) -> str:
    """Every reason there is, the longest figures, and more than one page."""
    for number, why in enumerate(UnbookedWhy):
        shop.store.pan_loads.note(LoadLeftNote(58_995 - number * 1_305, why, 4_000, loads=1 + number % 3), shop.stamp())
    for grams in (1_250, 33_480):
        shop.leave_load(grams)
    return "/counter/pan"


def _offer(shop: CounterShop) -> str:
    """A waybill nobody announced, in no direction, and the longest one there is. The scale was checked again."""
    shop.check(5_000, 5_000)
    shop.scan("JD0012345678905-123-456-")
    return "/counter"


def _offer_expected(shop: CounterShop) -> str:
    shop.expect(706)
    shop.scan(waybill(706))
    return "/counter"


def _in(shop: CounterShop) -> str:
    shop.expect(*range(700, 707))
    for number in range(700, 705):
        shop.bring(number)
    return "/counter"


def _carriers(shop: CounterShop) -> str:
    shop.scan("434567890123456")
    return "/counter"


def _known(shop: CounterShop) -> str:
    shop.scan(waybill(701))
    return "/counter"


def _package(shop: CounterShop) -> str:
    """Of a waybill that was collected: nothing waits for it on the shelves of the scenes after this one."""
    shop.scan("JD0012345678901-1-2-")
    parcel = shop.store.parcels.by_waybill("JD0012345678901")
    assert parcel is not None
    collect_by_code(shop.counter, shop.session, shop.code_of(parcel))
    shop.scan("JD0012345678901-2-2-")
    return "/counter"


def _damaged_next(shop: CounterShop) -> str:
    shop.counter.receiving.damaged_next(shop.session, True)
    return "/counter"


def _damaged(shop: CounterShop) -> str:
    parcel = shop.bring(705, damaged=True)
    return f"/counter/parcels/{parcel.number}"


def _photographed(shop: CounterShop) -> str:
    number = shop.wanted[-1]
    shop.click(number)
    return f"/counter/parcels/{number}"


def _named(shop: CounterShop) -> str:
    shop.scan("13812345678")
    return "/counter"


def _receipt(text: str) -> Callable[[CounterShop], str]:
    def scanned(shop: CounterShop) -> str:
        shop.phone = "0998-1234567"
        return shop.counter.scans.scan(shop.session, ParsedScan.of(text)).path

    return scanned


def _out(shop: CounterShop) -> str:
    shop.counter.receiving.set_mode(shop.session, "out")
    return "/counter"


def _handover(shop: CounterShop) -> str:
    parcel = shop.row_of(702)
    shop.counter.handovers.public_code(shop.code_of(parcel))
    return "/counter"


def _slip(shop: CounterShop) -> str:
    return f"/counter/parcels/{shop.up.number}"


def _handed_over(shop: CounterShop) -> str:
    number = str(shop.up.number)
    shop.counter.handovers.confirm(shop.session, number)
    return f"/counter/parcels/{number}"


def _of(number: int, query: str = "") -> Callable[[CounterShop], str]:
    def path(shop: CounterShop) -> str:
        parcel = shop.row_of(number)
        return f"/counter/parcels/{parcel.number}{query}"

    return path


def _not_for_sale(shop: CounterShop) -> str:
    return "/counter/intakes/0147-A-000003/listing"


def _no_picture(shop: CounterShop) -> str:
    sell(shop, WALNUT=LONGEST)
    return LISTING


def _listing(shop: CounterShop) -> str:
    """Another lot was photographed with the same goods on the mat; one shot of this lot is left out."""
    photograph(shop, "0147-A-000003", 4, "HONEY", likeness="00ff00ff00ff00ff")
    for seed, likeness in enumerate(("ff00ff00ff00ff00", "00ff00ff00ff00fe", "0f0f0f0f0f0f0f0f")):
        last = photograph(shop, "0147-A-000001", seed, likeness=likeness)
    shop.counter.listings.leave_out(shop.session, "0147-A-000001", last, True)
    return LISTING


def _retake(shop: CounterShop) -> str:
    """Every reason that a clerk may decide against, of a second lot with as many pictures as buyers see, and more."""
    receipt = "0147-A-000002"
    for seed in range(10, 20):
        photograph(shop, receipt, seed, "WALNUT")
    asked = shop.counter.state.shooting(lot_of(receipt))
    shop.counter.state.photo_retake(asked, judged(b"one", BLUR, TILT))
    return f"/counter/intakes/{receipt}/listing?page=4"


def _sent(shop: CounterShop) -> str:
    seen = shop.counter.listings.view(shop.session, "0147-A-000001").seen
    shop.counter.listings.submit(shop.session, "0147-A-000001", seen)
    return f"{LISTING}/sent"


def _changed(shop: CounterShop) -> str:
    shop.counter.listings.choose(shop.session, "0147-A-000001", 1_000, "FIRST")
    return LISTING


def _not_accepted(shop: CounterShop) -> str:
    """The sorting center keeps the newest offer apart."""
    seen = shop.counter.listings.view(shop.session, "0147-A-000001").seen
    shop.counter.listings.submit(shop.session, "0147-A-000001", seen)
    last = shop.store.outbox.counts().last_seq
    shop.store.outbox.acknowledge(last, (last,))
    return LISTING


CRATES = "/counter/intakes/0147-A-000004/crate"


def _crates(shop: CounterShop) -> str:
    """A lot of eight bags; two are in a crate, and one of the others is to stay outside."""
    shop.book_bags(58_995, *range(9_000, 16_000, 1_000))
    shop.desk.result_screen.finish(anyway=True)
    shop.counter.crates.pack(shop.session, "0147-A-000004", [1, 4])
    return f"{CRATES}?bags=2.3.5.6.7"


def _totes(shop: CounterShop) -> str:
    """Seven parcels go back; two are in a tote."""
    parcels = [shop.bring(number) for number in range(720, 727)]
    for parcel in parcels:
        shop.counter.shelf.mark_due_back(shop.session, str(parcel.number))
    shop.counter.totes.pack(shop.session, [str(parcel.number) for parcel in parcels[:2]])
    return "/counter/totes"


def _fetched(shop: CounterShop) -> str:
    """Somebody comes for a parcel that lies in a tote."""
    shop.counter.handovers.public_code(shop.code_of(shop.row_of(720)))
    return "/counter"


def _manifest(shop: CounterShop) -> str:
    """The driver was quicker."""
    shop.counter.handovers.dismiss(shop.session, str(shop.up.number))
    shop.counter.totes.hand_over(shop.session, ["T-0147-A-000001"])
    return "/counter/totes?manifest=M-0147-A-000001"


def _voided(shop: CounterShop) -> str:
    shop.counter.voids.void(shop.session, "0147-A-000002", "wrong_product", "02", "905172")
    return "/counter/intakes"


def _unfinished(shop: CounterShop) -> str:
    shop.leave_bags(24_560, 58_995)
    return "/counter"


def _queue(shop: CounterShop) -> str:
    jobs = iter(range(100))
    shop.print_all(
        lambda job: (
            shop.store.papers.done(job) if next(jobs) > 4 else shop.store.papers.unknown(job, "timeout", shop.stamp())
        )
    )
    shop.bring(710)
    shop.board.count_pending(37)
    return "/counter/queue"


def _closed(shop: CounterShop) -> str:
    shop.counter.day.close(shop.session)
    return "/counter/day?ask=closed"


def _by_number(shop: CounterShop) -> str:
    shop.desk.intake_exit.leave()
    shop.desk.choices.begin()
    shop.desk.choices.choose_party("00017")
    return "/brought"


def _by_card(shop: CounterShop) -> str:
    """After more than a page, both modes and a void one."""
    shop.desk.intake_exit.leave()
    for grams, product in ((48_310, "APRICOT"), (21_005, "BADAM"), (9_870, "RAISIN")):
        shop.at_agree(grams, product, "00017")
        shop.desk.choices.choose_mode("purchase")
        sold = shop.desk.view()
        shop.desk.agreement.agree(sold.reading_no, sold.token)
        shop.rest(0)
        shop.desk.result_screen.finish(anyway=True)
    shop.counter.voids.void(shop.session, shop.store.intakes.recent(1)[0].receipt, "wrong_product", "02", SECOND_PIN)
    shop.print_all()
    shop.router.on_scan(internal_code("P", "00017"))
    shop.access.sign_out(shop.session.token)
    return "/brought"


def _pad(shop: CounterShop) -> str:
    shop.desk.intake_exit.leave()
    return "/parcel"


def _found(shop: CounterShop) -> str:
    parcel = shop.bring(711)
    shop.board.notify("my_parcel", shop.counter.handovers.public_code(shop.code_of(parcel)))
    return f"/parcel?notice={shop.board.snapshot().notice.count}"


def _called(shop: CounterShop) -> str:
    code = shop.code_of(shop.bring(712))
    shop.rest(0)
    shop.desk.result_screen.finish(anyway=True)
    shop.access.sign_out(shop.session.token)
    shop.board.notify("clerk_called", shop.counter.handovers.public_code(code))
    return f"/parcel?notice={shop.board.snapshot().notice.count}"


def _answered(shop: CounterShop) -> str:
    shop.unlock()
    return "/counter"


def _told(word: str, wait_s: int = 0, path: str = "/parcel") -> Callable[[CounterShop], str]:
    def tell(shop: CounterShop) -> str:
        shop.board.notify(word, None, wait_s)
        return f"{path}?notice={shop.board.snapshot().notice.count}"

    return tell


def _forgotten(shop: CounterShop) -> str:
    shop.access.sign_out(shop.session.token)
    shop.telephone_pin.begin("02")
    return "/counter/forgotten"


def _new_pin(shop: CounterShop) -> str:
    """The right answer was typed in another browser, and this one has its cookie."""
    found = shop.telephone_pin.begin("02")
    shop.proof = shop.telephone_pin.check(found.challenge, answer(SECRET, "S0147", "02", found.challenge))
    return "/counter/forgotten"


def _unset(shop: CounterShop) -> str:
    shop.telephone_pin.cancel()
    shop.proof = ""
    shop.clock_quality, shop.clock_setter = ClockQuality.UNSET, ClockSetter(cast(Any, "the helper of an appliance"))
    return "/clock"


def _unconfirmed(shop: CounterShop) -> str:
    shop.county.confirmed, shop.county.document = False, in_force()
    return _unlocked(shop)


def _confirmed(shop: CounterShop) -> str:
    shop.county.confirmed = True
    return "/counter"


def _technician(shop: CounterShop) -> str:
    shop.clock_quality = MOMENT.quality
    shop.unlock("03")
    return "/counter"


def _locked(shop: CounterShop) -> str:
    shop.access.sign_out(shop.session.token)
    for _ in range(9):
        shop.later(60)
        try:
            shop.unlock("01", "000999")
        except CounterRefused as refused:
            if refused.code == "locked":
                break
    return "/counter"


def _stuck(shop: CounterShop) -> str:
    """Four bags and their labels; those of two are under the scanner already."""
    shop.book_bags(12_480, 9_310, 11_905, 8_040)
    shop.print_all()
    shop.desk.result_screen.refresh()
    return _scan_bags(1, 3)(shop)


def _scan_bags(*bags: int) -> Callable[[CounterShop], str]:
    def scan(shop: CounterShop) -> str:
        result = shop.desk.view().result
        assert result is not None
        for bag in bags:
            shop.router.on_scan(ReceiptNumber.parse(result.receipt).bag_code(bag))
        return "/take"

    return scan


def _scanned_again(shop: CounterShop) -> str:
    _scan_bags(3)(shop)
    return f"/take?notice={shop.board.snapshot().notice.count}"


LISTING = "/counter/intakes/0147-A-000001/listing"

SCENES = (
    CounterScene("counter-unlock", _at("/counter")),
    CounterScene("counter-home-unconfirmed", _unconfirmed),
    CounterScene("counter-home", _confirmed),
    CounterScene("counter-check-off", _check_off),
    CounterScene("counter-check", _check),
    CounterScene("counter-check-passed", _checked(5_000)),
    CounterScene("counter-check-failed", _checked(5_015)),
    CounterScene("counter-check-refused", _at("/counter/check?expected=9")),
    CounterScene("counter-check-pad", _weight_to_type),
    CounterScene("counter-check-typed", _at("/counter/check?expected=20000")),
    CounterScene("counter-pan", _loads),
    CounterScene("counter-pan-next", _at("/counter/pan?page=2")),
    CounterScene("counter-home-failed", _at("/counter")),
    CounterScene("counter-offer", _offer),
    CounterScene("counter-offer-expected", _offer_expected),
    CounterScene("counter-in", _in),
    CounterScene("counter-carriers", _carriers),
    CounterScene("counter-known", _known),
    CounterScene("counter-package", _package),
    CounterScene("counter-damaged-next", _damaged_next),
    CounterScene("counter-damaged", _damaged),
    CounterScene("counter-photographed", _photographed),
    CounterScene("counter-named", _named),
    CounterScene("counter-out", _out),
    CounterScene("counter-code", _at("/counter/code")),
    CounterScene("counter-handover", _handover),
    CounterScene("counter-slip", _slip),
    CounterScene("counter-handed-over", _handed_over),
    CounterScene("counter-type", _at("/counter/type")),
    CounterScene("counter-parcels", _at("/counter/parcels")),
    CounterScene("counter-expected", _at("/counter/parcels?state=expected")),
    CounterScene("counter-delivery", _at("/counter/parcels?ask=delivery")),
    CounterScene("counter-none", _at("/counter/parcels?state=overdue")),
    CounterScene("counter-parcel", _of(701)),
    CounterScene("counter-proxy", _of(701, "?ask=proxy")),
    CounterScene("counter-lost", _of(701, "?ask=lost")),
    CounterScene("counter-intake", _at("/counter/intakes/0147-A-000001")),
    CounterScene("counter-intake-bag", _at("/counter/intakes/0147-A-000001?bag=1")),
    CounterScene("counter-not-for-sale", _not_for_sale),
    CounterScene("counter-listing-none", _no_picture),
    CounterScene("counter-listing", _listing),
    CounterScene("counter-listing-review", _at(f"{LISTING}/review")),
    CounterScene("counter-listing-sent", _sent),
    CounterScene("counter-listing-changed", _changed),
    CounterScene("counter-listing-not-accepted", _not_accepted),
    CounterScene("counter-listing-retake", _retake),
    CounterScene("counter-listing-packs", _at("/counter/intakes/0147-A-000002/listing?ask=pack")),
    CounterScene("counter-listing-grades", _at("/counter/intakes/0147-A-000002/listing?ask=grade")),
    CounterScene("counter-listing-many", _at("/counter/intakes/0147-A-000002/listing/review")),
    CounterScene("counter-listing-long", _at("/counter/intakes/0147-A-000002/listing/review?text=zh")),
    CounterScene("counter-listing-longest", _at("/counter/intakes/0147-A-000002/listing/review?text=zh&page=2")),
    CounterScene("counter-crate", _crates),
    CounterScene("counter-crate-ask", _at(f"{CRATES}?bags=2.3&ask=pack")),
    CounterScene("counter-crate-packed", _at(f"{CRATES}?crate=1")),
    CounterScene("counter-member", _at("/counter/intakes?member=M-00017")),
    CounterScene("counter-totes", _totes),
    CounterScene("counter-tote-pack", _at("/counter/totes?pack=1")),
    CounterScene("counter-tote", _at("/counter/totes?tote=T-0147-A-000001")),
    CounterScene("counter-tote-ask", _at("/counter/totes?ask=hand_over")),
    CounterScene("counter-tote-fetched", _fetched),
    CounterScene("counter-manifest", _manifest),
    CounterScene("counter-returns", _at("/counter/parcels?state=returns")),
    CounterScene("counter-void", _at("/counter/intakes/0147-A-000002?ask=void")),
    CounterScene("counter-second", _at("/counter/intakes/0147-A-000002?ask=void&reason=wrong_product")),
    CounterScene("counter-intakes", _voided),
    CounterScene("counter-home-unfinished", _unfinished),
    CounterScene("counter-unfinished", _at("/counter/intakes")),
    CounterScene("counter-queue", _queue),
    CounterScene("counter-day", _at("/counter/day")),
    CounterScene("counter-close", _at("/counter/day?ask=close")),
    CounterScene("counter-closed", _closed),
    CounterScene("counter-receipt", _receipt(elsewhere(bags=40, net_g=1_312_480, amount_fen=7_612_384, copy_no=1))),
    CounterScene("counter-receipt-changed", _receipt(changed(elsewhere()))),
    CounterScene("counter-receipt-home", _at("/counter")),
    CounterScene("brought-code", _by_number),
    CounterScene("brought", _by_card),
    CounterScene("parcel-pad", _pad),
    CounterScene("parcel-found", _found),
    CounterScene("parcel-wrong", _told("wrong_code")),
    CounterScene("parcel-locked", _told("code_locked", 540)),
    CounterScene("parcel-full", _told("line_full")),
    CounterScene("scan-named", _told("phone_number", path="/")),
    CounterScene("take-scan", _stuck),
    CounterScene("take-scan-twice", _scanned_again),
    CounterScene("take-scan-left", _at("/take?ask=unscanned")),
    CounterScene("take-scanned", _scan_bags(2, 4)),
    CounterScene("parcel-called", _called),
    CounterScene("counter-called", _answered),
    CounterScene("counter-forgotten", _forgotten),
    CounterScene("counter-new-pin", _new_pin),
    CounterScene("clock-pad", _unset),
    CounterScene("clock-wrong", _at("/clock?at=209912011435")),
    CounterScene("clock-typed", _at("/clock?at=202812011435")),
    CounterScene("counter-technician", _technician),
    CounterScene("counter-technician-check", _at("/counter/check")),
    CounterScene("counter-technician-pan", _at("/counter/pan")),
    CounterScene("counter-denied", _at("/counter/day")),
    CounterScene("counter-locked", _locked),
)


def open_pages(browser: Browser, server: Server, settings: WebSettings, languages: list[str]) -> Mapping[str, Page]:
    """One page a language, of the panel's size."""
    pages = {}
    for language in languages:
        context = browser.new_context(
            viewport={"width": settings.width_px, "height": settings.height_px}, has_touch=True, reduced_motion="reduce"
        )
        context.add_cookies([{"name": "lang", "value": language, "url": server.url}])
        pages[language] = context.new_page()
    return pages


def sign_in(context: BrowserContext, server: Server, shop: CounterShop) -> None:
    """Give the browser the cookie of the session that is open, or of the answer that was right."""
    session = shop.access.current()
    token = shop.proof or (session.token if session else "")
    if token:
        context.add_cookies([{"name": COOKIE, "value": token, "url": server.url}])


def show(page: Page, server: Server, shop: CounterShop, scene: CounterScene, path: str) -> None:
    """Go there and wait for every picture."""
    if scene.public:  # at a screen of its own: in the clerk's browser it would lock the counter
        page.goto(server.url + browsing.STILL)
        page.context.clear_cookies(name=COOKIE)
    else:
        sign_in(page.context, server, shop)
    page.goto(server.url + path)
    browsing.painted(page)
