"""Scanning after sticking: four bags, four codes; a label that is on two bags, and one that is on none."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from kiosk.domain.identifiers import ReceiptNumber, bag_of
from kiosk.station.desk.view import DeskRefused, DeskStep
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import SECOND_PIN
from tests.web.counter.shop import CounterShop

EN = load("en")
GRAMS = (12_480, 9_310, 11_905, 8_040)


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    return create_app(shop, WebSettings(language="en")).test_client()


def heard(shop: CounterShop, code: str) -> str:
    """A scan at the station's own scanner; what the screen is told of it, "" for nothing."""
    before = shop.board.snapshot().notice.count
    shop.router.on_scan(code)
    notice = shop.board.snapshot().notice
    return notice.word if notice.count > before else ""


def missing(shop: CounterShop) -> list[int]:
    return [bag for bag, scanned in shop.desk.view().scanned_bags.items() if not scanned]


def test_the_label_that_is_stuck_twice_is_caught_and_the_missing_one_is_found(
    shop: CounterShop, client: FlaskClient
) -> None:
    receipt = ReceiptNumber.parse(shop.book_bags(*GRAMS))
    codes = [receipt.bag_code(bag) for bag in (1, 2, 3, 4)]
    assert len({*codes, receipt.lot}) == 5
    assert [bag_of(code) for code in codes] == [(receipt, bag) for bag in (1, 2, 3, 4)]
    # The printer of labels never answers: nobody knows of any label whether it came out.
    shop.print_all(lambda job: shop.store.papers.unknown(job, "device", shop.stamp()))
    shop.desk.result_screen.refresh()
    assert missing(shop) == [1, 2, 3, 4]
    assert [heard(shop, code) for code in codes[:3]] == ["", "", ""]
    assert heard(shop, codes[2]) == "bag_twice", "the label of the third is on the fourth as well"
    assert missing(shop) == [4], "whose own label is missing"
    page = client.get(f"/take?notice={shop.board.snapshot().notice.count}").text
    assert EN.text("take.bag_twice") in page and "bag-twice" in page
    labels = [job for job in shop.store.papers.of_receipt(str(receipt)) if job.document == "bag_label"]
    assert [(job.bag, job.state) for job in labels] == [
        (1, "printed"),
        (2, "printed"),
        (3, "printed"),
        (4, "unknown"),
    ]
    refused = client.post("/finish")
    assert (refused.status_code, shop.desk.view().step) == (409, DeskStep.TAKE)
    assert EN.text("take.bag_not_scanned") in refused.text and "bag-missing" in refused.text
    assert EN.text("take.leave_unscanned") in client.get("/take?ask=unscanned").text
    shop.counter.papers.resolve(shop.session, labels[3].id, False)
    shop.access.sign_out(shop.session.token)
    shop.print_all()
    assert heard(shop, codes[3]) == ""
    assert missing(shop) == [] and EN.text("take.bags_scanned") in client.get("/take").text
    assert client.get("/take?ask=unscanned").text.count(EN.text("take.leave_unscanned")) == 0
    assert client.post("/finish").location == "/"


def test_scans_that_prove_nothing_say_so(shop: CounterShop, client: FlaskClient) -> None:
    earlier = ReceiptNumber.parse(shop.book())
    assert heard(shop, earlier.bag_code(1)) == "not_a_member_card", "nobody asks for it at home"
    receipt = ReceiptNumber.parse(shop.book_bags(*GRAMS))
    shop.print_all()
    shop.desk.result_screen.refresh()
    assert heard(shop, earlier.bag_code(1)) == "bag_of_other"
    assert EN.text("take.bag_of_other") in client.get(f"/take?notice={shop.board.snapshot().notice.count}").text
    assert heard(shop, receipt.bag_code(5)) == "unknown_code"
    assert heard(shop, receipt.lot) == "not_a_member_card"
    assert missing(shop) == [1, 2, 3, 4]
    answer = client.post("/scan", data={"text": receipt.bag_code(2)})
    assert (answer.status_code, answer.location, missing(shop)) == (303, "/take", [1, 3, 4])
    shop.counter.voids.void(shop.session, str(receipt), "wrong_party", "02", SECOND_PIN)
    shop.access.sign_out(shop.session.token)
    shop.desk.result_screen.refresh()
    assert heard(shop, receipt.bag_code(1)) == "void_label"
    assert missing(shop) == [] and client.post("/finish").location == "/", "nothing is asked for of a voided one"


def test_a_scan_that_was_written_and_not_shown_is_there_and_counts_once(shop: CounterShop) -> None:
    """The power went between the two."""
    receipt = ReceiptNumber.parse(shop.book_bags(*GRAMS[:2]))
    shop.print_all(lambda job: shop.store.papers.unknown(job, "device", shop.stamp()))
    shop.store.papers.scanned(receipt, 1, shop.stamp())
    assert missing(shop) == [1, 2], "not shown yet"
    assert heard(shop, receipt.bag_code(1)) == "bag_twice"
    told = [job.state for job in shop.store.papers.of_receipt(str(receipt)) if job.document == "bag_label"]
    assert told == ["printed", "unknown"]
    shop.desk.result_screen.refresh()
    assert missing(shop) == [2]


def test_bags_that_nobody_scanned_are_asked_for_again_after_a_restart(shop: CounterShop, client: FlaskClient) -> None:
    receipt = ReceiptNumber.parse(shop.book_bags(*GRAMS[:3]))
    shop.print_all(lambda job: shop.store.papers.unknown(job, "device", shop.stamp()))
    assert heard(shop, receipt.bag_code(2)) == ""
    for left in ([1, 3], [3]):
        shop.restart_desk()
        assert (shop.desk.view().step, missing(shop)) == (DeskStep.TAKE, left)
        assert client.get("/take").status_code == 200
        assert heard(shop, receipt.bag_code(left[0])) == ""
    shop.restart_desk()
    assert shop.desk.view().step is DeskStep.HOME, "each was scanned"
    for leave in (lambda: shop.desk.result_screen.finish(anyway=True), lambda: shop.desk.intake_exit.leave()):
        shop.book_bags(*GRAMS[:2])
        leave()
        shop.restart_desk()
        assert shop.desk.view().step is DeskStep.HOME, "they were left to the clerk"
    shop.counter.voids.void(shop.session, shop.book_bags(*GRAMS[:2]), "wrong_party", "02", SECOND_PIN)
    shop.restart_desk()
    assert shop.desk.view().step is DeskStep.HOME, "the bags of a void intake have no label"


def test_the_counter_says_which_bag_it_is(shop: CounterShop, client: FlaskClient) -> None:
    receipt = ReceiptNumber.parse(shop.book_bags(*GRAMS))
    shop.desk.result_screen.finish(anyway=True)
    result = shop.scan(receipt.bag_code(3))
    assert (result.kind, result.word, result.receipt) == ("lot", "bag", str(receipt))
    assert (result.path, result.values) == (f"/counter/intakes/{receipt}?bag=3", {"bag": "3"})
    assert shop.scan(receipt.lot).path == f"/counter/intakes/{receipt}"
    assert shop.scan(ReceiptNumber("S0148", "A", 1).bag_code(1)).word == "foreign_code"
    assert not missing(shop)
    with pytest.raises(DeskRefused):
        shop.desk.choices.scan(receipt.bag_code(3))
