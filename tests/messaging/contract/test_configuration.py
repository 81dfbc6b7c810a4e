"""The county's documents: the same bytes for the same content, and nothing else is taken for one."""

from __future__ import annotations

import zlib

import msgspec
import pytest

from kiosk.domain.catalog import Price
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.tables import PriceTable
from kiosk.messaging.contract.configuration import (
    MAX_MESSAGE_BYTES,
    BadConfiguration,
    ConfigurationDocument,
    ConfigurationMessage,
    MemberRow,
    MembersPart,
    Part,
    PricesPart,
    encode_part,
    parse_document,
    parse_message,
    parse_part,
)

PRICES = encode_part(PricesPart((PriceTable("ALMOND", Mode.PURCHASE, 2400, "2026-12-01"),)))
DOCUMENT = ConfigurationDocument(
    station="S0147",
    region="shache",
    version=(1, 17),
    issued="2026-12-01T08:00:00Z",
    effective=None,
    parts={"prices": Part.of(PRICES)},
    certificate="AAAA",
    signature="BBBB",
)


def test_a_document_is_read_as_it_was_written() -> None:
    assert parse_document(DOCUMENT.encode()) == DOCUMENT
    assert b'"signature"' not in DOCUMENT.signed_bytes()
    assert b'"bytes":%d' % len(PRICES) in DOCUMENT.encode()


def test_a_part_is_read_as_it_was_written() -> None:
    members = MembersPart((MemberRow("M-00001", "Ali"), MemberRow("M-00002", "Guli", "Y1P000021")))
    assert parse_part("members", encode_part(members)) == members
    assert isinstance(parse_part("prices", PRICES), PricesPart)
    for name, content in (("prices", b"{}"), ("prices", encode_part(members)), ("goods", b"[]"), ("clerks", b"\xff")):
        with pytest.raises(BadConfiguration):
            parse_part(name, content)


def test_anything_else_is_no_document(subtests: pytest.SubTests) -> None:
    good = msgspec.to_builtins(DOCUMENT)
    for changed in (
        {"station": "S147"},
        {"version": [0, 1]},
        {"version": [1, 2**31]},
        {"issued": "1970-01-01T00:00:00Z"},
        {"issued": "2099-01-01T00:00:00Z"},
        {"parts": {"secrets": good["parts"]["prices"]}},
        {"parts": {"prices": {"sha256": "x", "bytes": 3}}},
        {"more": 1},
    ):
        with subtests.test(**changed), pytest.raises(BadConfiguration):
            parse_document(msgspec.json.encode(good | changed))
    encoded = DOCUMENT.encode()
    for end in range(len(encoded)):
        with pytest.raises(BadConfiguration):
            parse_document(encoded[:end])


def test_a_message_inflates_to_no_more_than_it_may() -> None:
    message = ConfigurationMessage(DOCUMENT.encode().decode(), {Part.of(PRICES).sha256: PRICES.decode()})
    payload = message.encode()
    assert parse_message(payload) == message
    for wrong in (
        payload[:-1],
        payload + b"x",
        b"",
        zlib.compress(b"[]"),
        zlib.compress(b" " * (MAX_MESSAGE_BYTES + 1)),
    ):
        with pytest.raises(BadConfiguration):
            parse_message(wrong)


def test_the_newest_price_that_has_begun_holds() -> None:
    from kiosk.domain.catalog import Catalog

    rows = [Price("A", Mode.PURCHASE, fen, since) for fen, since in ((3, "2026-12-09"), (1, ""), (2, "2026-12-01"))]
    for day, expected in (("", 1), ("2026-11-30", 1), ("2026-12-01", 2), ("2026-12-08", 2), ("2026-12-31", 3)):
        assert Catalog((), tuple(rows), (), (), day).price("A", Mode.PURCHASE) == expected
    later = Catalog((), tuple(rows[:1]), (), (), "2026-12-01")
    assert (later.price("A", Mode.PURCHASE), later.modes("A")) == (None, ())
