"""The signed code on a receipt, from the queued job to two readers: whole, faded and crumpled; and without a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest
from PIL import Image

from kiosk.base.ed25519 import Ed25519Key
from kiosk.devices.printer.profiles import profile
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.labels.papers.receipt import ReceiptDocument, UnsignedSlip, render_receipt
from kiosk.messaging.contract.slip import MAX_HOST, parse_slip
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.protocols.barcodes.matrix import qr_modules
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.simulators.printer.escpos import EscposInterpreter
from kiosk.simulators.printer.model import RECEIPT_PRINTER, PrintedPage
from kiosk.station.papers.papers import make_papers
from kiosk.station.papers.rendering import SigningKey, paper_of, render
from kiosk.store.shared.records import PrintJob, Stamp
from tests.depth import TORTURE
from tests.labels import zbar
from tests.labels.wear import crumpled, faded
from tests.station.fakes import STAMP
from tests.station.papers.test_papers import CATALOG, HEAD, SETTINGS, agreed
from tests.station.papers.test_rendering import queued

KEY: Final = Ed25519Key(bytes(range(32)))
CONFIRMED: Final = agreed(12_450, 20_000)
HOST: Final = "slip.yarkant.example.cn"
SEEDS: Final = 40 if TORTURE else 3
HEADS: Final = (PrintHead(203, 384), PrintHead(203, 576), PrintHead(300, 576))


def key() -> Ed25519Key:
    return KEY


def job(stamp: Stamp = STAMP, host: str = HOST, **changes: Any) -> PrintJob:
    settings = replace(SETTINGS, slip_host=host)
    receipt = list(make_papers(settings, CodesSettings(), CONFIRMED, CATALOG, stamp)(HEAD))[-1]
    return replace(queued(1, receipt), **changes)


def pictures(made: PrintJob, signing_key: SigningKey = key) -> list[Image.Image]:
    receipt = paper_of(made, signing_key=signing_key)
    return [render_receipt(receipt, head).to_image() for head in HEADS]


def seen(picture: Image.Image) -> set[str]:
    return {symbol.text for symbol in read(picture)}


def texts_of(picture: Image.Image) -> tuple[set[str], set[str]]:
    """By both readers."""
    return seen(picture), {text for _, text in zbar.read(picture)}


def test_two_readers_read_what_the_receipt_says() -> None:
    receipt = paper_of(job(), signing_key=key)
    signed = parse_slip(receipt.signed_code)
    assert signed.is_signed_by(KEY.public) and signed.key_id == KEY.key_id
    minute = int(STAMP.moment.utc.timestamp()) // 60
    intake = CONFIRMED.intake
    assert signed.slip == Slip(
        SETTINGS.region, intake.receipt, minute, ClockQuality.SYNCED, "BADAM", 2, intake.net_g, 2200,
        intake.amount_fen, Mode.PURCHASE, None, 0, bytes.fromhex(HEAD)[:8],
    )  # fmt: skip
    for picture in pictures(job()):
        assert texts_of(picture) == ({receipt.signed_code, intake.receipt.code},) * 2
    data = render(job(), profile("escpos_58").setup, signing_key=key).data
    interpreter = EscposInterpreter(RECEIPT_PRINTER)
    (page,) = (event.image for event in [*interpreter.feed(data), *interpreter.end()] if isinstance(event, PrintedPage))
    assert receipt.signed_code in seen(page.convert("L"))


def test_the_code_stands_in_few_large_modules_and_the_paper_grows_by_less_than_20_mm() -> None:
    for host in ("a.cn", HOST, "x" * MAX_HOST):
        modules = len(qr_modules(paper_of(job(host=host), signing_key=key).signed_code, "M"))
        assert (modules - 17) // 4 in (8, 9, 10), "digits in bytes would be version 13"
    longest = {"region": "x" * 16, "product": "P" * 40, "price_fen_per_kg": 10_000_000}
    body = msgspec.json.decode(job(host="x" * MAX_HOST).body)
    counted = {**body, "slip": {**body["slip"], **longest}, "counters": "2000000000-2000000000-2000000000"}
    long = replace(job(copy_no=2_000_000_000), body=msgspec.json.encode(counted))
    for head, plain, signed, wide in zip(HEADS, pictures(job(host="")), pictures(job()), pictures(long), strict=True):
        assert paper_of(long, signing_key=key).signed_code in seen(wide)
        assert signed.height - plain.height < 20 * head.per_mm


def test_without_a_key_everything_else_is_printed() -> None:
    def broken() -> None:
        raise OSError("the card is gone")

    for signing_key in (lambda: None, broken):
        for failed, plain in zip(pictures(job(), signing_key), pictures(job(host="")), strict=True):
            assert texts_of(failed) == ({CONFIRMED.intake.receipt.code},) * 2
            assert failed.height > plain.height, "a line says why"


def test_where_nothing_is_to_be_signed_nothing_is_said() -> None:
    """No host is set; the receipt is void; it was queued by older software."""
    old = msgspec.json.decode(job().body)
    del old["slip"], old["signed_code"]
    plain = pictures(job(host=""))
    for signing_key in (key, lambda: None):
        assert pictures(replace(job(), body=msgspec.json.encode(old)), signing_key) == plain
        assert pictures(job(host=""), signing_key) == plain
        assert pictures(job(void=True), signing_key) == pictures(job(host="", void=True))


def test_a_copy_is_signed_as_a_copy_and_printing_again_gives_the_same_code() -> None:
    first, copy = (parse_slip(paper_of(job(copy_no=number), signing_key=key).signed_code) for number in (0, 2))
    assert first.slip == replace(copy.slip, copy_no=0) and copy.slip.copy_no == 2
    assert paper_of(job(), signing_key=key) == paper_of(job(), signing_key=key)
    restored = replace(STAMP, moment=replace(STAMP.moment, quality=ClockQuality.RESTORED))
    unset = replace(STAMP, moment=replace(STAMP.moment, quality=ClockQuality.UNSET))
    found = [parse_slip(paper_of(job(stamp), signing_key=key).signed_code).slip for stamp in (restored, unset)]
    assert [(one.minute is None, one.clock) for one in found] == [
        (False, ClockQuality.RESTORED),
        (True, ClockQuality.UNSET),
    ]


def test_figures_that_no_slip_can_say_leave_the_receipt_without_its_code(caplog: pytest.LogCaptureFixture) -> None:
    body = msgspec.json.decode(job().body)
    for changed in (
        {"counters": "3-12"},
        {"counters": "a-b-c"},
        {"head": ""},
        {"slip": {**body["slip"], "product": "a b"}},
        {"slip": {**body["slip"], "host": "a/b"}},
    ):
        caplog.clear()
        receipt = paper_of(replace(job(), body=msgspec.json.encode({**body, **changed})), signing_key=key)
        assert receipt.signed_code == ""
        assert "0147-A-000381 is printed without its signed code" in caplog.text


@pytest.mark.parametrize("worn", [faded, crumpled])
def test_a_worn_receipt_is_read_or_not_but_never_as_another_one(
    worn: Callable[[Image.Image, float, int], Image.Image],
) -> None:
    receipt = paper_of(job(), signing_key=key)
    right = {receipt.signed_code, receipt.receipt_code}
    counts: dict[float, int] = {}
    whole = pictures(job())[:2]
    papers = [picture.crop((0, picture.height - 480, picture.width, picture.height - 160)) for picture in whole]
    for strength in (0.4, 0.8):
        for seed in range(SEEDS):
            for paper in papers:
                found, also = texts_of(worn(paper, strength, seed))
                assert found | also <= right, (strength, seed)
                counts[strength] = counts.get(strength, 0) + (receipt.signed_code in found | also)
    assert counts[0.4] >= 0.9 * SEEDS * len(papers), counts


def test_a_receipt_from_the_store_keeps_what_is_to_be_signed() -> None:
    receipt = msgspec.json.decode(job().body, type=ReceiptDocument)
    minute = int(STAMP.moment.utc.timestamp()) // 60
    assert receipt.slip == UnsignedSlip(HOST, SETTINGS.region, "BADAM", 2200, minute, ClockQuality.SYNCED)
