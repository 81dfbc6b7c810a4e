"""An event that is read at once is read as the strict reader reads it; what is not plainly canonical never is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.envelope import MAX_EVENT_BYTES, hash_of_body
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.messaging.contract.fast_path import parse_fast
from kiosk.messaging.contract.receive import BadEvent, parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.messaging.contract.strict_json import canonical
from tests.depth import many
from tests.messaging.contract.test_generated import EXAMPLES

EPOCH = "00c0ffee00c0ffee"
MOMENT = Moment(datetime(2026, 11, 25, 3, 4, 5, tzinfo=UTC), "Asia/Urumqi", 360, ClockQuality.SYNCED, "boot-1", 3_000)
KEY = Ed25519Key(b"k" * 32)
FULL = EventSource("S0147", "kiosk 0.1.0", "1+a91f03c7", "shache", lambda sha256: sign_event(KEY, sha256))
BODIES = tuple(
    seal(data, source, JournalPosition(EPOCH, seq, ZERO_HASH, reissued), MOMENT).body
    for seq, data in enumerate(EXAMPLES, 1)
    for source, reissued in ((FULL, f"{'ab' * 8}-17"), (EventSource("S0147", "1"), None))
)
INTAKE = next(body for body in BODIES if b"intake.confirmed" in body)


def outcome(payload: bytes) -> ReceivedEvent | str:
    try:
        return parse_event(payload, topic_station="S0147")
    except BadEvent as error:
        return error.code


def strict(payload: bytes) -> ReceivedEvent | str:
    """The same text behind a space, which no canonical form begins with, is the strict reader's."""
    return outcome(b" " + payload)


def test_every_type_of_event_is_read_at_once_as_the_strict_reader_reads_it() -> None:
    """Texts of people in their own scripts are not what it is made for: listings alone have any."""
    for body in BODIES:
        read = outcome(body)
        assert read == strict(body)
        assert isinstance(read, ReceivedEvent) and read.sha256 == hash_of_body(body)
        assert bool(read.signature) == (read.reissued is not None)
        if body.isascii():
            assert parse_fast(body) == strict(body)
        else:
            assert b"listing.submitted" in body and parse_fast(body) is None


STRANGE = (
    *(b"1.0", b"1e3", b"-0", b"0.5", b"-1", b"01", b"1E2", b"9007199254740992", b"9" * 25, b"1" + b"0" * 400),
    *(b"null", b"true", b"[]", b"{}", b'""', b'"x"', b"NaN", b" ", b"\n", b"\t", b"\0", b"\x7f", b"\xc3\xa9", b"\xff"),
    *(b'\\"', b"\\u0061", b"\\u0000", b"\\u001F", b"\\ud800", b"\\/", b"\\", b'"', b",", b":", b"{", b"}", b"[", b"]"),
    *(b'"a":1,', b',"a":1', b'"seq":1,', b',"zz":0', b'"amount_fen":7680,', b'"bag":1,"bag":1,', b'"region":"feed",'),
    *(b'"signature":"x",', b"2026-02-30T00:00:00.000Z", b"feed", b"S0148", b"[" * 9 + b"]" * 9, b'{"a":' * 9),
)


@given(
    st.sampled_from(BODIES),
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(0, 24), st.sampled_from(STRANGE) | st.binary(max_size=3)),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=many(500, torture=30_000, quick=300), deadline=None)
def test_changed_bytes_are_judged_as_the_strict_reader_judges_them(
    body: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    """At any place something strange instead of what stood there."""
    for place, length, new in changes:
        at = place % (len(body) + 1)
        body = body[:at] + new + body[at + length :]
    assert outcome(body) == strict(body)


def _values(body: bytes) -> list[bytes]:
    """Every number and text of it, as it is written."""
    found: list[bytes] = []

    def look(value: object) -> None:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for one in inner:
            look(one)
        if not isinstance(value, dict | list):
            found.append(json.dumps(value).encode())

    look(json.loads(body))
    return found


@given(st.data())
@settings(max_examples=many(500, torture=30_000, quick=300), deadline=None)
def test_a_value_in_another_ones_place_is_judged_as_the_strict_reader_judges_it(draw: st.DataObject) -> None:
    body = draw.draw(st.sampled_from(BODIES))
    value = draw.draw(st.sampled_from(_values(body)))
    ahead = draw.draw(st.sampled_from((b"", b":", b"[", b",")))
    body = body.replace(ahead + value, ahead + draw.draw(st.sampled_from(STRANGE)), draw.draw(st.integers(1, 2)))
    assert outcome(body) == strict(body)


NUMBERS = (b"9007199254740991", b"9007199254740992", b"-9007199254740992", b"1.0", b"1e0", b"-0", b"true", b'"1"')


def test_every_number_of_every_event_is_looked_at() -> None:
    """No rule bounds the last number of a day."""
    for body in BODIES:
        for place in re.finditer(rb"(?<=[:\[,])[0-9]+(?=[,}\]])", body):
            for number in NUMBERS:
                other = body[: place.start()] + number + body[place.end() :]
                assert outcome(other) == strict(other), other


members = st.dictionaries(
    st.sampled_from(
        (
            "region",
            "signature",
            "a",
            "z",
            "feedseq",
            "data",
            "\u00e9",
            "\U0001f351",
            "\uffff",
            "type",
            "software",
            "time",
        )
    ),
    st.sampled_from(
        (1, 2**53 - 1, None, "feed", "x", 'a"b', "\\", "\u00e9", "\0", [], {"b": [{}]}, "2026-02-29T00:00:00.000Z")
    ),
    max_size=3,
)


@given(st.sampled_from(BODIES), members, members)
@settings(max_examples=many(300, torture=10_000, quick=200), deadline=None)
def test_other_attributes_and_other_data_are_judged_as_the_strict_reader_judges_them(
    body: bytes, attributes: dict[str, object], data: dict[str, object]
) -> None:
    """In canonical form all the same."""
    told = json.loads(body) | attributes
    if isinstance(told["data"], dict):
        told["data"] = told["data"] | data  # not in place: what was drawn is drawn again
    assert outcome(canonical(told)) == strict(canonical(told))


def test_what_is_not_what_a_station_writes_is_left_to_the_strict_reader(subtests: pytest.Subtests) -> None:
    for old, new in [
        (b'"net_g":2400', b'"net_g":2400.0'),
        (b'"net_g":2400', b'"net_g":24e2'),
        (b'"scale_profile":3', b'"scale_profile":9007199254740992'),
        (b'"amount_fen":7680,', b'"amount_fen":7680,"amount_fen":7680,'),
        (b'"bag":1', b'"bag": 1'),
        (b'"kind":"none"', b'"kind":"n\\u006fne"'),
        (b'"net_g":2400,"owner":"cooperative"', b'"owner":"cooperative","net_g":2400'),
        (b'"seq":3', b'"seq":3.0'),
        (b'"clock":"synced"', b'"clock":"synced","clock":"synced"'),
        (b'"software":"kiosk 0.1.0"', b'"software":"","x":"kiosk"'),
        (b'"software":"kiosk 0.1.0"', b'"software":"a\\"b"'),
        (b'"region":"shache"', b'"region":"feed"'),
        (b'"time":"2026-11-25', b'"time":"2026-02-30'),
        (b'"station":"S0147"', b'"station":"S0148"'),
        (b'"frames_sha256":"' + b"ab" * 32 + b'",', b""),
        (b'"gross_g":2480', b'"gross_g":2481'),
    ]:
        with subtests.test(old=old, new=new):
            assert parse_fast(INTAKE) is not None
            assert INTAKE.count(old) >= 1
            assert parse_fast(INTAKE.replace(old, new)) is None


def test_a_number_above_what_counts_is_refused_by_the_strict_reader() -> None:
    seq = b"9999999999"
    body = INTAKE.replace(b'"seq":3,', b'"seq":' + seq + b",").replace(
        f'"{EPOCH}-3"'.encode(), f'"{EPOCH}-'.encode() + seq + b'"'
    )
    assert parse_fast(body) is None
    with pytest.raises(BadEvent) as error:
        parse_event(body)
    assert error.value.code == "envelope"


def test_an_event_longer_than_it_may_be_is_not_read_at_once() -> None:
    long = INTAKE.replace(b'"cooperative"', b'"' + b"c" * MAX_EVENT_BYTES + b'"')
    assert parse_fast(long) is None
    assert outcome(long) == "too_large"
