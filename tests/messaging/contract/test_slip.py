"""The signed code of a receipt: one text for one content, and no byte of it can be changed without notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.identifiers import SERIES_LETTERS, ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import Slip
from kiosk.domain.statement import BroughtSums, Statement
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.slip import (
    BadSlip,
    check_host,
    parse_slip,
    parse_statement,
    slip_text,
    statement_text,
)

KEY = Ed25519Key(bytes(range(32)))
OTHER = Ed25519Key(bytes(32))
SLIP = Slip(
    "shache",
    ReceiptNumber("S0147", "A", 381),
    29_400_000,
    ClockQuality.SYNCED,
    "BADAM",
    3,
    52_310,
    2400,
    125_544,
    Mode.PURCHASE,
    (3, 12, 5),
    0,
    bytes(range(8)),
)
TEXT = slip_text("kiosk.example.cn", KEY, SLIP)
PREFIX, DIGITS = TEXT.split("#")

FIRST, LAST = ReceiptNumber("S0147", "A", 12), ReceiptNumber("S0147", "B", 7)
STATEMENT = Statement(
    "shache",
    "M-00017",
    29_400_000,
    ClockQuality.RESTORED,
    FIRST,
    LAST,
    BroughtSums(312, 4, 8_120_000, 19_488_000, 77_005, 0),
    bytes(range(8)),
)
STATEMENT_TEXT = statement_text("kiosk.example.cn", KEY, STATEMENT)

dated = st.tuples(st.integers(0, 2**31 - 1), st.sampled_from([ClockQuality.SYNCED, ClockQuality.RESTORED]))
slips = st.builds(
    lambda when, **fields: Slip(minute=when[0], clock=when[1], **fields),
    dated | st.just((None, ClockQuality.UNSET)),
    region=st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True).filter(lambda text: text != "feed"),
    receipt=st.builds(ReceiptNumber, st.just("S0147"), st.sampled_from(SERIES_LETTERS), st.integers(1, 999_999)),
    product=st.from_regex(r"[A-Z0-9.-]{1,40}", fullmatch=True),
    bags=st.integers(0, 40),
    net_g=st.integers(0, 1_000_000),
    price_fen_per_kg=st.integers(0, 100_000),
    amount_fen=st.integers(0, 10**9),
    mode=st.sampled_from(Mode),
    counters=st.none() | st.tuples(*[st.integers(0, 10**6)] * 3),
    copy_no=st.integers(0, 99),
    head=st.binary(min_size=8, max_size=8),
)


@given(slips)
def test_what_was_signed_is_read_back(slip: Slip) -> None:
    found = parse_slip(slip_text("a.cn", KEY, slip))
    assert found.slip == slip
    assert found.key_id == KEY.key_id
    assert found.is_signed_by(KEY.public)
    assert not found.is_signed_by(OTHER.public)


def _is_right(text: str) -> bool:
    try:
        return parse_slip(text).is_signed_by(KEY.public)
    except BadSlip:
        return False


def test_no_digit_can_be_changed_left_out_or_doubled() -> None:
    assert _is_right(TEXT)
    for place in range(len(DIGITS)):
        before, after = DIGITS[:place], DIGITS[place + 1 :]
        for digit in set("0123456789") - {DIGITS[place]}:
            assert not _is_right(f"{PREFIX}#{before}{digit}{after}"), place
        assert not _is_right(f"{PREFIX}#{before}{after}"), place
        assert not _is_right(f"{PREFIX}#{before}"), place
        assert not _is_right(f"{PREFIX}#{before}{DIGITS[place] * 2}{after}"), place


def test_no_byte_of_the_content_can_be_changed() -> None:
    content = int(DIGITS).to_bytes((int(DIGITS).bit_length() + 7) // 8, "big")
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            assert not _is_right(f"{PREFIX}#{int.from_bytes(changed, 'big')}"), (place, bit)
        for other in (content[:place], content[place:], content[: place + 1] + content[place:]):
            assert other == content or not _is_right(f"{PREFIX}#{int.from_bytes(other, 'big')}"), place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://kiosk.example.cn/s#",
        f"{PREFIX}#0{DIGITS}",
        f"{PREFIX}# {DIGITS}",
        f"{PREFIX}#{DIGITS}\n",
        f"{PREFIX}#-{DIGITS}",
        f"{PREFIX}#{'٣' * 300}",
        f"{PREFIX}#{'9' * 600}",
        f"{PREFIX}#{'9' * 100_000}",
        f"http://kiosk.example.cn/s#{DIGITS}",
        f"https://kiosk.example.cn/t#{DIGITS}",
        f"https://user@kiosk.example.cn/s#{DIGITS}",
        "https://a.cn/s#1",
    ],
)
def test_anything_else_is_no_slip(text: str) -> None:
    with pytest.raises(BadSlip):
        parse_slip(text)


@given(st.binary(min_size=1, max_size=249))
def test_bytes_that_nobody_sends_are_no_slip(content: bytes) -> None:
    with pytest.raises(BadSlip):
        parse_slip(f"https://a.cn/s#{int.from_bytes(content, 'big')}")


@pytest.mark.parametrize("host", ["", "-a.cn", "a.cn-", "A.cn", "a/b", "a" * 41, "a.cn:80", "莎车.cn"])
def test_a_host_is_a_name_in_lower_case(host: str) -> None:
    with pytest.raises(BadSlip):
        check_host(host)
    assert check_host("kiosk.shache.gov.cn") == "kiosk.shache.gov.cn"


sums = st.builds(BroughtSums, *[st.integers(0, 2**31 - 1)] * 2, *[st.integers(0, 2**53)] * 4)
statements = st.builds(
    lambda when, **fields: Statement("shache", minute=when[0], clock=when[1], first=FIRST, last=LAST, **fields),
    dated | st.just((None, ClockQuality.UNSET)),
    member=st.integers(0, 99_999).map(lambda number: f"M-{number:05d}"),
    sums=sums,
    head=st.binary(min_size=8, max_size=8),
)


@given(statements)
def test_what_a_member_brought_is_read_back(statement: Statement) -> None:
    found = parse_statement(statement_text("a.cn", KEY, statement))
    assert found.statement == statement
    assert found.is_signed_by(KEY.public) and not found.is_signed_by(OTHER.public)


def test_no_paper_is_taken_for_the_other() -> None:
    with pytest.raises(BadSlip, match="this is what a member brought, no receipt"):
        parse_slip(STATEMENT_TEXT)
    with pytest.raises(BadSlip, match="this is a receipt"):
        parse_statement(TEXT)


def test_no_byte_of_a_statement_can_be_changed() -> None:
    content = int(STATEMENT_TEXT.split("#")[1]).to_bytes(200, "big").lstrip(b"\0")
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            for parse in (parse_statement, parse_slip):
                try:
                    found = parse(f"{PREFIX}#{int.from_bytes(changed, 'big')}")
                except BadSlip:
                    continue
                assert not found.is_signed_by(KEY.public), (place, bit)


@pytest.mark.parametrize(
    "changes",
    [
        {"member": "M-100000"},
        {"minute": None},
        {"clock": ClockQuality.UNSET},
        {"head": b"1234567"},
        {"region": "feed"},
        {"sums": BroughtSums(-1)},
        {"sums": BroughtSums(0, 0, 2**53 + 1)},
    ],
)
def test_a_statement_that_cannot_be_is_not_signed(changes: dict[str, object]) -> None:
    with pytest.raises(BadSlip):
        statement_text("a.cn", KEY, replace(STATEMENT, **changes))  # type: ignore[arg-type]
