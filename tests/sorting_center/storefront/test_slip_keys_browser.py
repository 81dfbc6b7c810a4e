"""A telephone checks receipts on the page of the storefront: what it finds, in words and figures, without a line."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cbor2
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from kiosk.base.ed25519 import Ed25519Key, key_id_of
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import SlipVerdict
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.public_keys import PublicKeys, parse_public_keys
from kiosk.messaging.contract.slip import BadSlip, parse_slip, slip_text
from tests.messaging.contract.paper_vectors import content_of, text_of
from tests.sorting_center.storefront.shops import Shop
from tests.sorting_center.storefront.test_browser import faults, looked_at
from tests.sorting_center.storefront.test_slip_keys import HOST, KEY, KEYS, NEIGHBOUR, NOBODYS, STOLEN, publish, slip
from tests.web.browsing import Browsers

VECTORS: Final = Path(__file__).resolve().parents[3] / "docs/feed/vectors"
SQLITE = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
RIGHT: Final = slip_text(HOST, KEY, slip())
FILES: Final = ("storefront.css", "slip.js", "mark.svg")
DIGITS: Final = len(RIGHT.partition("#")[2])
# What each verdict begins with, in Uyghur, Chinese and English.
WORDS: Final = {
    SlipVerdict.RIGHT: ("توغرا: ", "正确：", "Right: "),
    SlipVerdict.COPY: ("توغرا، لېكىن قايتا بېسىلغان", "正确，但这是补打", "Right, and printed again"),
    SlipVerdict.VOIDED: ("بىكار قىلىنغان", "已作废", "Void"),
    SlipVerdict.KEY_DOUBTED: ("گۇمانلىق", "存疑", "Doubtful"),
    SlipVerdict.CHANGED: ("ئۆزگەرتىلگەن", "被改动", "Changed"),
    SlipVerdict.KEY_UNKNOWN: ("ھۆكۈم يوق", "无法判断：这里没有", "No verdict: this station's key"),
    SlipVerdict.OTHER_COUNTY: ("ھۆكۈم يوق", "无法判断：这是外县", "No verdict: this is a receipt of another county"),
    SlipVerdict.UNREADABLE: ("ئوقۇغىلى بولمىدى", "无法读取", "Unreadable"),
}
UNSET: Final = slip(minute=None, clock=ClockQuality.UNSET, counters=None, product="NEW.1", mode=Mode.CONSIGNMENT)
SHOWN: Final = (
    (RIGHT, SlipVerdict.RIGHT),
    (f"{RIGHT[:-1]}{(int(RIGHT[-1]) + 1) % 10}", SlipVerdict.CHANGED),
    (slip_text(HOST, KEY, slip(receipt=ReceiptNumber("S0147", "A", 382))), SlipVerdict.VOIDED),
    (slip_text(HOST, KEY, slip(region="hotan")), SlipVerdict.OTHER_COUNTY),
    (slip_text(HOST, NOBODYS, slip(receipt=ReceiptNumber("S0149", "A", 1))), SlipVerdict.KEY_UNKNOWN),
    (slip_text(HOST, NOBODYS, slip()), SlipVerdict.KEY_UNKNOWN),
    (slip_text(HOST, NEIGHBOUR, slip()), SlipVerdict.KEY_UNKNOWN),
    (text_of(content_of(slip_text(HOST, NOBODYS, slip())).replace(NOBODYS.key_id, KEY.key_id)), SlipVerdict.CHANGED),
    (slip_text(HOST, STOLEN, slip()), SlipVerdict.KEY_DOUBTED),
    (slip_text(HOST, KEY, slip(copy_no=2)), SlipVerdict.COPY),
    (RIGHT[:-1], SlipVerdict.UNREADABLE),
    (RIGHT.partition("#")[0], SlipVerdict.UNREADABLE),
)


@pytest.fixture(scope="module")
def browser(browsers: Browsers) -> Iterator[Browser]:
    with browsers.one() as browser:
        yield browser


def digits(text: str) -> str:
    return text.partition("#")[2]


def verdict(page: Page) -> Any:
    return page.locator("[data-verdict]:visible")


@SQLITE
def test_a_telephone_says_in_three_languages_what_a_receipt_is_worth_and_sends_nothing_of_it(
    shop: Shop, browser: Browser, subtests: pytest.Subtests
) -> None:
    """Each is checked without a line, once the page is there."""
    publish(shop.center.desk)
    requests: list[str] = []
    with looked_at(shop, browser, "zh") as (url, page):
        page.on("request", lambda request: requests.append(request.url + (request.post_data or "")))
        page.goto(f"{url}/s#{digits(RIGHT)}")
        expect(verdict(page)).to_have_attribute("data-verdict", "right")
        page.context.set_offline(True)
        assert page.evaluate("navigator.onLine") is False
        with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
            page.context.new_page().goto(f"{url}/keys.json")
        for text, due in SHOWN:
            with subtests.test(str(due), text=text[-9:]):
                page.evaluate("(digits) => { location.hash = digits; }", digits(text))
                expect(verdict(page)).to_have_attribute("data-verdict", due)
                for language, words in zip(("ug", "zh", "en"), WORDS[due], strict=True):
                    expect(verdict(page).locator(f"[lang={language}]")).to_contain_text(words)
                is_signed = due in ("right", "copy", "voided", "key_doubted")
                expect(page.locator("#compare")).to_be_visible(visible=is_signed)
                assert faults(page, accessible=True) == []
        # A browser sends what stands before the #.
        sent = {address.removeprefix(url).partition("#")[0] for address in requests}
        assert {"/s", "/static/slip.js"} <= sent <= {"/s", *(f"/static/{name}" for name in FILES)}


@SQLITE
def test_figures_stand_as_on_the_paper(shop: Shop, browser: Browser) -> None:
    publish(shop.center.desk)
    with looked_at(shop, browser, "ug", 360) as (url, page):
        page.goto(f"{url}/s#{digits(slip_text(HOST, KEY, slip(copy_no=12)))}")
        rows = page.locator(".figure:visible")
        expect(rows).to_have_count(9)
        shown = [row.splitlines()[-1] for row in rows.all_inner_texts()]
        assert [row for row in shown if row.isascii() or "¥" in row] == [
            "0147-A-000381",
            "2026-10-14 08:00 UTC+8",
            "3",
            "1,061.200 kg",
            "¥32.00/kg",
            "¥33,958.40",
            "12",
        ]
        assert {"بادام", "巴旦木", "Almonds"} <= set(page.locator("[data-name]").all_inner_texts())
        assert page.locator("[data-mode]:visible").count() == 1
        page.evaluate("(digits) => { location.hash = digits; }", digits(slip_text(HOST, KEY, UNSET)))
        expect(page.locator("[data-unset]")).to_be_visible()
        expect(page.locator("[data-figure=amount]")).to_have_text("≈ ¥33,958.40")
        assert page.locator("[data-name]").all_inner_texts() == ["NEW.1"] * 3, "no name is known"
        expect(page.locator("[data-mode]:visible")).to_contain_text("on consignment")


@SQLITE
def test_a_browser_that_cannot_check_says_so_within_three_seconds(shop: Shop, browser: Browser) -> None:
    publish(shop.center.desk)
    with looked_at(shop, browser, "en") as (url, page):
        page.add_init_script(
            "crypto.subtle.importKey = async () => { throw new DOMException('', 'NotSupportedError'); }"
        )
        page.goto(f"{url}/s#{digits(RIGHT)}")
        expect(verdict(page)).to_have_attribute("data-verdict", "too_old")
        expect(verdict(page)).to_contain_text("Any station can check the receipt")
    with looked_at(shop, browser, "en") as (url, page):
        page.add_init_script("crypto.subtle.verify = () => new Promise(() => {})")
        page.goto(f"{url}/s#{digits(RIGHT)}")
        expect(verdict(page)).to_have_attribute("data-verdict", "too_old", timeout=8_000)
    with looked_at(shop, browser, "en") as (url, page):
        page.route("**/slip.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.goto(f"{url}/s#{digits(RIGHT)}")
        expect(page.locator("[data-verdict=too_old]")).to_be_visible(timeout=8_000)
        expect(page.locator("[data-verdict=wait]")).not_to_be_visible()


def reference(text: str, keys: PublicKeys) -> str:
    """The rule of `SlipVerdict`, by the reader of the stations."""
    try:
        signed = parse_slip(text)
    except BadSlip:
        return SlipVerdict.UNREADABLE
    if signed.slip.region != keys.region:
        return SlipVerdict.OTHER_COUNTY
    of_station = [(b64decode(row.public), row) for row in keys.keys if row.station == signed.slip.receipt.station]
    known = [(public, row) for public, row in of_station if key_id_of(public) == signed.key_id]
    signers = [row for public, row in known if signed.is_signed_by(public)]
    if not signers:
        return SlipVerdict.CHANGED if known else SlipVerdict.KEY_UNKNOWN
    if any(row.state for row in signers):
        return SlipVerdict.KEY_DOUBTED
    if str(signed.slip.receipt) in keys.voids:
        return SlipVerdict.VOIDED
    return SlipVerdict.COPY if signed.slip.copy_no else SlipVerdict.RIGHT


def disagreements(page: Page, cases: list[tuple[str, PublicKeys, str]]) -> list[tuple[str, str, str]]:
    """Texts of slips of which the page finds something else: text, what was due, what was found."""
    given = [(digits(text), json.loads(keys.encode())) for text, keys, _ in cases]
    found = page.evaluate(
        "(cases) => Promise.all(cases.map(async ([digits, keys]) => (await checkSlip(digits, [keys]))[0]))", given
    )
    return [(text, due, was) for (text, _, due), was in zip(cases, found, strict=True) if was != due]


def resigned(key: Ed25519Key, *items: Any, raw: bytes = b"") -> str:
    """Signed rightly, whatever it says; ``raw`` in the payload's place."""
    protected = cbor2.dumps({1: -8, 4: key.key_id})
    payload = raw or cbor2.dumps(list(items))
    signature = key.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    content = cbor2.dumps([protected, {}, payload, signature])
    return f"https://{HOST}/s#{int.from_bytes(content, 'big')}"


def hostile() -> Iterator[str]:
    """Each byte turned, each digit another one, cut, doubled, and payloads that no station writes but its key signs."""
    number = int(digits(RIGHT))
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    for at in range(len(content)):
        for mask in (1, 0x80, 0xFF):
            turned = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
            yield f"https://{HOST}/s#{int.from_bytes(turned, 'big')}"
        yield f"https://{HOST}/s#{int.from_bytes(content[:at] + content[at + 1 :], 'big')}"
        yield f"https://{HOST}/s#{int.from_bytes(content[: at + 1] + content[at:], 'big')}"
    for at in range(DIGITS):
        text = digits(RIGHT)
        yield f"https://{HOST}/s#{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}"
        yield f"https://{HOST}/s#{text[:at]}"
    row = [1, 1, "shache", 147, "A", 381, 29_865_600, 0, "BADAM", 3, 1000, 3200, 3200, 0, [3, 12, 5], 0, bytes(8)]
    yield resigned(KEY, *row)
    for at, values in {
        0: (2, True, 0, 1.0, "1"), 1: (2, True), 2: ("feed", "", "Shache", "x" * 17, b"shache", "s\u0301"),
        3: (10_000, -1, "147"), 4: ("I", "", "AA", "a", "O", "U", "Z"), 5: (0, 1_000_000),
        6: (False, "", 0, 2**31, -1, 0.0, None), 7: (1, 2, 3), 8: ("", "x" * 41, "a b", "B/1", 7),
        9: (0, 40, 41, None), 10: (0, 8_000_000_000, 8_000_000_001), 11: (10_000_000, 10_000_001),
        12: (2**53, 2**53 + 1, 2**64 - 1, 2**64, -1), 13: (1, 2, False),
        14: (None, [], [1, 2], [1, 2, 3, 4], [1, 2, 2**31], [0, 0, -1], [True, 1, 1], "abc"),
        15: (1, 2**31 - 1, 2**31, None), 16: (b"", bytes(7), bytes(9), "12345678"),
    }.items():  # fmt: skip
        for value in values:
            yield resigned(KEY, *row[:at], value, *row[at + 1 :])
    yield resigned(KEY, *row[:6], None, 2, *row[8:])
    yield resigned(KEY, *row[:6], None, 0, *row[8:])
    yield resigned(KEY, *row[:-1])
    yield resigned(KEY, *row, 0)
    whole = cbor2.dumps(row)
    for raw in (
        whole + b"\0",  # Something behind it
        b"\x98\x11" + whole[1:],  # Lengths that are not the shortest
        whole[:1] + b"\x18\x01" + whole[2:],
        b"\x9f" + whole[1:] + b"\xff",  # Without a length
        b"\xc6" + whole,  # Tagged
        b"\xf6",
        b"\x81" * 400,
    ):
        yield resigned(KEY, raw=raw)
    for text in (
        "",
        "0",
        "00",
        f"0{digits(RIGHT)}",
        f"{digits(RIGHT)} ",
        f"-{digits(RIGHT)}",
        "9" * 601,
        "9" * 600,
        "１２",
    ):
        yield f"https://{HOST}/s#{text}"


# What `kiosk verify` finds of the published vectors, and which check it names.
VERIFIED: Final = {
    ("changed", "signature"): SlipVerdict.CHANGED,
    ("unknown_key", "county"): SlipVerdict.OTHER_COUNTY,
    ("unknown_key", "key_known"): SlipVerdict.KEY_UNKNOWN,
    ("unknown_key", "key_state"): SlipVerdict.KEY_DOUBTED,
    ("incomplete", "void"): SlipVerdict.VOIDED,
    ("unreadable", "form"): SlipVerdict.UNREADABLE,
    ("unreadable", "canonical"): SlipVerdict.UNREADABLE,
}


def published_vectors() -> Iterator[tuple[str, PublicKeys, str]]:
    """Of those that a telephone would open here."""
    keys = parse_public_keys((VECTORS / "keys.json").read_bytes())
    for row in json.loads((VECTORS / "slips.json").read_bytes())["rows"]:
        if re.match(r"https://[a-z0-9.-]{1,40}(:[0-9]{1,5})?/s#", row["text"]):
            is_copy = row["verdict"] == "valid" and parse_slip(row["text"]).slip.copy_no
            valid = SlipVerdict.COPY if is_copy else SlipVerdict.RIGHT
            yield row["text"], keys, VERIFIED[row["verdict"], row["failed"][0]] if row["failed"] else valid


@SQLITE
def test_the_page_finds_what_the_stations_find(shop: Shop, browser: Browser) -> None:
    cases = [(text, KEYS, str(due)) for text, due in SHOWN]
    assert [reference(text, keys) for text, keys, _ in cases] == [due for _, _, due in cases]
    cases += [(text, KEYS, str(reference(text, KEYS))) for text in hostile()]
    assert len({due for _, _, due in cases}) == len(SlipVerdict)
    cases += published_vectors() if VECTORS.is_dir() else []
    with looked_at(shop, browser, "en") as (url, page):
        page.goto(f"{url}/s")
        expect(verdict(page)).to_have_attribute("data-verdict", "unreadable")
        assert disagreements(page, cases) == []
