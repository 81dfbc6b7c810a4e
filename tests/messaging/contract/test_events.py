"""Sealing, reading back, and everything that must be refused or quarantined."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.events import (
    EpochStarted,
    EventData,
    IntakeAbandoned,
    IntakeVoided,
    ParcelShelved,
    PhotoTaken,
    PrintUnknown,
)
from kiosk.domain.events.rules import event_fault
from kiosk.domain.intake import AbandonReason
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.receive import (
    MAX_BATCH_BYTES,
    BadEvent,
    build_batch,
    parse_batch,
    parse_event,
)
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, SealedEvent, seal
from kiosk.messaging.contract.strict_json import StrictJsonError, canonical, canonical_parsed, read, read_canonical
from tests.depth import many

EPOCH = "00c0ffee00c0ffee"
MOMENT = Moment(
    datetime(2026, 11, 25, 3, 4, 5, 678_000, tzinfo=UTC),
    "Asia/Urumqi",
    360,
    ClockQuality.SYNCED,
    "5e3c8b52-0f0c-4a1c-9d9b-5f3f1a6f9a01",
    3_000_000_000,
)
ABANDONED = IntakeAbandoned("0147-A-000381", "opened", AbandonReason.LEFT)


def sealed(data: EventData = ABANDONED, seq: int = 1, prevhash: str = ZERO_HASH, **more: str) -> SealedEvent:
    """An event of station S0147."""
    return seal(
        data,
        EventSource("S0147", "kiosk 0.1.0", metrology=more.get("metrology", "")),
        JournalPosition(EPOCH, seq, prevhash, reissued=more.get("reissued")),
        MOMENT,
    )


def changed(**attributes: object) -> bytes:
    """A good event with attributes replaced; None takes one away."""
    event = json.loads(sealed().body) | attributes
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def test_golden_event() -> None:
    """These bytes are the contract: another implementation must make the same ones and the same hash."""
    assert sealed().body == (
        b'{"bootid":"5e3c8b52-0f0c-4a1c-9d9b-5f3f1a6f9a01","clock":"synced",'
        b'"data":{"receipt":"0147-A-000381","stage":"opened","why":"left"},"datacontenttype":"application/json",'
        b'"epoch":"00c0ffee00c0ffee","id":"00c0ffee00c0ffee-1","monotonicms":"3000000000",'
        b'"prevhash":"0000000000000000000000000000000000000000000000000000000000000000","seq":1,'
        b'"software":"kiosk 0.1.0","source":"/stations/S0147","specversion":"1.0","station":"S0147",'
        b'"time":"2026-11-25T03:04:05.678Z","type":"station.intake.abandoned.v1"}'
    )
    assert sealed().sha256 == "d650bb82af31b9fd7a891b6fb621bf8109eeed1a24209ab91e3ebc8f2934b4c0"


def test_what_an_older_station_told_of_a_paper_is_still_whole() -> None:
    told = json.loads(sealed(PrintUnknown("0147-A-000381", "receipt", 0, "restart")).body)
    del told["data"]["about"]
    assert parse_event(json.dumps(told).encode()).problem is None


def test_a_parcel_event_that_says_too_much_is_quarantined(subtests: pytest.Subtests) -> None:
    for wrong in [{"actor": "Aygul"}, {"parcel": "SF1385000000001"}, {"shelf": "with Aygul"}]:
        with subtests.test(wrong=wrong):
            told = json.loads(sealed(ParcelShelved("P-0147-A-000012", "clerk:07", "A-3-17")).body)
            assert parse_event(json.dumps(told).encode()).problem is None
            told["data"] |= wrong
            assert parse_event(json.dumps(told).encode()).problem == "bad_data"


def test_a_sealed_event_reads_back_as_itself() -> None:
    event = parse_event(sealed().body, topic_station="S0147")
    assert event == ReceivedEvent(
        station="S0147",
        epoch=EPOCH,
        seq=1,
        type="station.intake.abandoned.v1",
        prevhash=ZERO_HASH,
        sha256=sealed().sha256,
        body=sealed().body,
        time="2026-11-25T03:04:05.678Z",
        clock="synced",
        data=b'{"receipt":"0147-A-000381","stage":"opened","why":"left"}',
        problem=None,
    )


def test_a_chain_links_each_event_to_the_one_before() -> None:
    first = sealed()
    second = parse_event(sealed(seq=2, prevhash=first.sha256).body)
    assert second.prevhash == first.sha256


def test_the_digits_of_the_metrology_stand_in_the_envelope_and_in_the_hash() -> None:
    plain, named = sealed(), sealed(metrology="1+a91f03c7")
    assert json.loads(named.body)["metrology"] == "1+a91f03c7"
    assert "metrology" not in json.loads(plain.body)
    assert named.sha256 != plain.sha256
    assert parse_event(named.body).problem is None
    assert parse_event(changed(metrology="1.0/ab12cd34")).problem == "bad_data"
    with pytest.raises(ValueError, match="metrology is missing or malformed"):
        sealed(metrology="newest")


def test_a_reissued_event_says_which_it_was() -> None:
    body = json.loads(sealed(reissued=f"{'ab' * 8}-17").body)
    assert body["reissued"] == f"{'ab' * 8}-17"
    assert parse_event(sealed(reissued=f"{'ab' * 8}-17").body).problem is None


def test_what_the_center_would_refuse_cannot_be_sealed(subtests: pytest.Subtests) -> None:
    for name, value in [
        ("station", "s0147"),
        ("epoch", "XYZ"),
        ("seq", 0),
        ("seq", 2**31),
        ("prevhash", "0"),
        ("software", "kiosk\n"),
    ]:
        with subtests.test(name=name, value=value):
            given = {
                "station": "S0147",
                "epoch": EPOCH,
                "seq": 1,
                "prevhash": ZERO_HASH,
                "software": "kiosk 0.1.0",
                name: value,
            }
            source = EventSource(*(given[key] for key in ("station", "software")))  # type: ignore[arg-type]
            position = JournalPosition(*(given[key] for key in ("epoch", "seq", "prevhash")))  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="cannot be sealed"):
                seal(ABANDONED, source, position, MOMENT)


def test_an_event_too_large_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="65536"):
        sealed(EpochStarted("A", "x" * 70_000))


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
events: st.SearchStrategy[EventData] = st.one_of(
    st.builds(EpochStarted, series=text, why=text),
    st.builds(IntakeAbandoned, receipt=text, stage=text, why=st.sampled_from(AbandonReason)),
    st.builds(
        IntakeVoided,
        receipt=text,
        lot=text,
        reason=text,
        actors=st.tuples(text, text),
        replacement=st.none() | text,
    ),
    st.builds(
        PhotoTaken,
        lot=text,
        photo_sha256=text,
        size_bytes=st.integers(-(2**53) + 1, 2**53 - 1),
        width=st.integers(0, 9999),
        height=st.integers(0, 9999),
    ),
)


@given(events, st.integers(1, 2**31 - 1))
@settings(max_examples=many(60, torture=450), deadline=None)
def test_whatever_is_sealed_is_received_unchanged(data: EventData, seq: int) -> None:
    one = sealed(data, seq)
    event = parse_event(one.body)
    assert (event.seq, event.type, event.sha256, event.body) == (seq, data.TYPE, one.sha256, one.body)
    assert event.problem == (None if event_fault(data, "S0147") is None else "bad_data")


@given(st.data())
@settings(max_examples=many(100, torture=900), deadline=None)
def test_damaged_bytes_never_pass_as_the_same_event(data: st.DataObject) -> None:
    """One byte changed, lost or added: refused, or another hash. The hash alone decides what is "the same"."""
    body = sealed().body
    place = data.draw(st.integers(0, len(body) - 1))
    new = data.draw(st.binary(max_size=2))
    damaged = body[:place] + new + body[place + 1 :]
    try:
        event = parse_event(damaged)
    except BadEvent:
        return
    assert (event.sha256 == sealed().sha256) == (json.loads(damaged) == json.loads(body))


@given(st.binary(max_size=200))
@settings(max_examples=many(80, torture=600), deadline=None)
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    with pytest.raises(BadEvent):
        parse_event(noise)
    with pytest.raises(BadEvent):
        parse_batch(noise)


BODY = sealed().body


def test_what_two_readers_could_read_differently_is_refused(subtests: pytest.Subtests) -> None:
    for payload, code in [
        (BODY.replace(b'"seq":1,', b'"seq":1,"seq":1,'), "duplicate_key"),
        (BODY.replace(b'"stage":"opened"', b'"stage":"opened","st\\u0061ge":"opened"'), "duplicate_key"),
        (BODY.replace(b'"opened"', b"NaN"), "number"),
        (BODY.replace(b'"opened"', b"-Infinity"), "number"),
        (BODY.replace(b'"opened"', b"1.0"), "number"),
        (BODY.replace(b'"opened"', b"1e2"), "number"),
        (BODY.replace(b'"opened"', b"9007199254740992"), "number"),
        (BODY.replace(b'"opened"', b"9" * 5000), "number"),
        (BODY.replace(b'"opened"', b'"\\ud800"'), "text"),
        (BODY.replace(b'"stage"', b'"\\ud800"'), "text"),
        (BODY.replace(b'"stage"', b'"x\\uDFFFy":1,"stage"'), "text"),
        (BODY.replace(b'"opened"', b'[{"a":[{"\\udc00":{}}]}]'), "text"),
        (BODY.replace(b'"seq":1,', b'"seq":1,"\\udbff\\udbff":1,'), "text"),
        (b'{"\\ud800":1}', "text"),
        (b'["\\ud800"]', "text"),
        (BODY.replace(b'"opened"', b"[" * 7 + b"]" * 7), "too_deep"),
        (b"[" * 60_000, "too_deep"),
        (b'{"a":' * 10_000, "too_deep"),
        (BODY.replace(b"opened", b"x" * 65_536), "too_large"),
        (BODY.replace(b"opened", b"\xff"), "not_utf8"),
        (b"\xef\xbb\xbf" + BODY, "not_json"),
        (BODY + b"x", "not_json"),
        (b"", "not_json"),
        (b"[]", "not_object"),
        (b"null", "not_object"),
    ]:
        with subtests.test(payload=payload, code=code):
            with pytest.raises(BadEvent) as refused:
                parse_event(payload)
            assert refused.value.code == code


def test_a_character_written_as_a_pair_of_escapes_is_taken() -> None:
    told = parse_event(BODY.replace(b'"stage"', b'"\\ud83d\\ude00":"\\uD83C\\uDF51","stage"'))
    assert json.loads(told.data)["\U0001f600"] == "\U0001f351"
    assert "\U0001f600".encode() in told.body


def test_depth_eight_is_taken_and_brackets_inside_text_do_not_count() -> None:
    deep = BODY.replace(b'"opened"', b"[" * 6 + b"]" * 6)
    assert parse_event(deep).problem == "bad_data"
    quoted = BODY.replace(b'"data":{', b'"data":{"later":"[[[[[[[[[[\\"{{{{{{{{{{",')
    assert parse_event(quoted).problem is None


def test_an_event_nobody_can_attribute_is_refused(subtests: pytest.Subtests) -> None:
    for attributes in [
        {"station": None},
        {"station": "S147"},
        {"station": "S0147\n"},
        {"station": ["S0147"]},
        {"epoch": None},
        {"seq": None},
        {"seq": 0},
        {"seq": True},
        {"seq": "1"},
        {"seq": 2**31},
        {"id": f"{EPOCH}-2"},
        {"source": "/stations/S0148"},
        {"specversion": "0.3"},
        {"type": None},
    ]:
        with subtests.test(attributes=attributes):
            with pytest.raises(BadEvent) as refused:
                parse_event(changed(**attributes))
            assert refused.value.code == "envelope"


def test_a_station_cannot_speak_for_another() -> None:
    with pytest.raises(BadEvent, match="S0148") as refused:
        parse_event(BODY, topic_station="S0148")
    assert refused.value.code == "wrong_station"


def test_a_broken_event_with_a_sure_identity_is_kept_for_a_person(subtests: pytest.Subtests) -> None:
    for attributes in [
        {"time": None},
        {"time": "2026-13-45T00:00:00.000Z"},
        {"time": "yesterday"},
        {"clock": "fine"},
        {"prevhash": "0"},
        {"bootid": ""},
        {"monotonicms": 12},
        {"software": "<script>\n"},
        {"datacontenttype": "text/plain"},
        {"reissued": "x"},
        {"signature": 1},
        {"data": None},
        {"data": []},
        {"data": {"receipt": "0147-A-000381", "stage": "opened"}},
        {"data": {"receipt": 381, "stage": "opened", "why": "left"}},
        {"data": {"receipt": "0147-A-000381", "stage": "opened", "why": "bored"}},
        {"data": {"receipt": "0148-A-000381", "stage": "opened", "why": "left"}},
        {"data": {"receipt": "<img src=x>", "stage": "opened", "why": "left"}},
        {"region": "Shache"},
        {"region": "feed"},
        {"region": 1},
    ]:
        with subtests.test(attributes=attributes):
            event = parse_event(changed(**attributes))
            assert (event.station, event.epoch, event.seq, event.problem) == ("S0147", EPOCH, 1, "bad_data")
            assert event.body
            for name in {"time", "clock", "prevhash"} & attributes.keys():
                assert getattr(event, name) == ""


def test_a_newer_type_is_kept_for_a_person() -> None:
    event = parse_event(changed(type="station.pallet.wrapped.v1", data={"any": [1, {"thing": "x"}]}))
    assert (event.problem, event.data) == ("unknown_type", b'{"any":[1,{"thing":"x"}]}')


def test_a_new_field_of_a_known_type_is_tolerated_and_hashed() -> None:
    data = {"receipt": "0147-A-000381", "stage": "opened", "why": "left", "later": 1}
    event = parse_event(changed(data=data, futureattribute="x"))
    assert event.problem is None
    assert b'"later":1' in event.body
    assert b'"futureattribute":"x"' in event.body
    assert event.sha256 != sealed().sha256


def test_an_event_may_say_its_region() -> None:
    one = seal(
        ABANDONED, EventSource("S0147", "kiosk 0.1.0", region="shache"), JournalPosition(EPOCH, 1, ZERO_HASH), MOMENT
    )
    event = parse_event(one.body, topic_station="S0147")
    assert (event.region, event.problem, event.sha256) == ("shache", None, one.sha256)
    assert event.sha256 != sealed().sha256
    assert parse_event(BODY).region == ""


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=many(120, torture=1200), deadline=None)
def test_the_fast_writer_writes_what_the_slow_one_does(value: object) -> None:
    assert canonical_parsed(value) == canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_the_fast_writer_escapes_and_sorts_like_the_slow_one() -> None:
    every = {chr(code): chr(code) for code in [*range(0x300), 0xD7FF, 0xE000, 0xFFFF, 0x10000]}
    for value in ({key: every[key] for key in every if key.isascii()}, every, {"b": -1, "a": [True, None, {}], "": ""}):
        assert canonical_parsed(value) == canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


class Digit(IntEnum):
    ONE = 1


class Letter(StrEnum):
    A = "a"


def test_what_only_the_slow_writer_knows_is_left_to_it(subtests: pytest.Subtests) -> None:
    for value in [1.5, -0.0, (1, "a"), {"a": (True,)}, [[[[[[[[[[1]]]]]]]]]], Digit.ONE, Letter.A, {}]:
        with subtests.test(value=value):
            assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_what_has_no_canonical_form(subtests: pytest.Subtests) -> None:
    for value, code in [
        (2**53, "number"),
        ({"a": -(2**53)}, "number"),
        (b"a", "text"),
        ({1: "a"}, "text"),
        ("\ud800", "text"),
    ]:
        with subtests.test(value=value, code=code):
            for whole in (value, {"b": [value]}):
                with pytest.raises(StrictJsonError) as refused:
                    canonical(whole)
                assert refused.value.code == code


ascii_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(max_codepoint=0x7F), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(max_codepoint=0x7F), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
ascii_objects = st.dictionaries(st.text(st.characters(max_codepoint=0x7F), max_size=4), ascii_values, max_size=4)


def depth_of(value: object) -> int:
    if isinstance(value, dict | list):
        return 1 + max((depth_of(inner) for inner in (value.values() if isinstance(value, dict) else value)), default=0)
    return 0


@given(ascii_objects)
@settings(max_examples=many(100, torture=1000), deadline=None)
def test_canonical_bytes_are_read_at_once_as_what_they_are(value: dict[str, object]) -> None:
    found = read_canonical(canonical(value), max_bytes=10_000)
    assert found == (value if depth_of(value) <= 8 else None)


def test_every_ascii_character_is_written_as_the_standard_writes_it() -> None:
    every = {chr(code): chr(code) for code in range(0x80)}
    assert read_canonical(canonical(every), max_bytes=10_000) == every
    assert msgspec.json.encode(every, order="sorted") == canonical(every) == rfc8785.dumps(every)


@given(ascii_objects | json_values, st.data())
@settings(max_examples=many(200, torture=2000), deadline=None)
def test_whatever_is_read_at_once_the_strict_reader_reads_the_same(value: object, draw: st.DataObject) -> None:
    """Bytes changed, lost or added, numbers of every kind put in, keys doubled: read at once only where nothing is."""
    payload = canonical(value)
    place = draw.draw(st.integers(0, len(payload)))
    strange = st.sampled_from(
        [b"1.5", b"-0", b"1e3", b"9007199254740992", b'"a":1,"a":1,', b" ", b"\\u0061", b"\\/", b"[", b"}"]
    )
    payload = (
        payload[:place] + draw.draw(strange | st.binary(max_size=2)) + payload[place + draw.draw(st.integers(0, 3)) :]
    )
    found = read_canonical(payload, max_bytes=10_000)
    if found is not None:
        assert read(payload, max_bytes=10_000) == found
        assert canonical(found) == payload


def test_what_is_not_plainly_canonical_is_left_to_the_strict_reader(subtests: pytest.Subtests) -> None:
    for payload in [
        b'{"a":1.0}',
        b'{"a":[1e2]}',
        b'{"a":-0}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":18446744073709551616}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"\\u0061":1}',
        b'{"a":"\\/"}',
        b'{"a":"\\u001F"}',
        b'{"a":NaN}',
        b'{"a":"' + "\u00e9".encode() + b'"}',
        b'{"a":' * 8 + b"{}" + b"}" * 8,
        b"[" * 5_000,
        b"[]",
        b"1",
        b"",
    ]:
        with subtests.test(payload=payload):
            assert read_canonical(payload, max_bytes=100_000) is None


def test_a_text_longer_than_it_may_be_is_not_read_at_once() -> None:
    assert read_canonical(b'{"a":1}', max_bytes=7) == {"a": 1}
    assert read_canonical(b'{"a":1}', max_bytes=6) is None


def test_what_an_event_was_before_its_epoch_is_kept() -> None:
    assert parse_event(sealed(reissued=f"{'ab' * 8}-17").body).reissued == f"{'ab' * 8}-17"


def test_spaces_and_key_order_do_not_change_the_hash() -> None:
    loose = json.dumps(dict(reversed(json.loads(BODY).items())), indent=3).encode()
    assert parse_event(loose).sha256 == sealed().sha256
    assert parse_event(loose).body == BODY


def test_the_signature_is_kept_but_not_hashed() -> None:
    event = parse_event(changed(signature="ed25519:abc"))
    assert event.sha256 == sealed().sha256
    assert b"ed25519:abc" in event.body


def test_a_batch_gives_back_the_events_as_sent() -> None:
    bodies = [sealed(seq=seq).body for seq in range(1, 101)]
    payload = build_batch(bodies)
    assert parse_batch(payload) == bodies
    assert len(payload) < sum(map(len, bodies)) / 5


def test_one_bad_event_in_a_batch_costs_itself() -> None:
    twice = BODY.replace(b'"seq":1,', b'"seq":1,"seq":1,')
    events = parse_batch(zlib.compress(b"[" + BODY + b", " + twice + b"]"))
    assert events == [BODY, twice]


def bomb(megabytes: int) -> bytes:
    """One packed megabyte of blanks again and again: a full flush ends it at a byte, without a look back."""
    packer = zlib.compressobj(9)
    start = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    return start + (packer.compress(b" " * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes


def test_a_bomb_is_what_it_seems() -> None:
    assert zlib.decompressobj().decompress(bomb(3)) == b"[" + b" " * 3_000_000


def test_a_batch_that_would_be_refused_is_not_built(subtests: pytest.Subtests) -> None:
    for bodies in [[], [BODY] * 101, [b'"' + b"x" * 60_000 + b'"'] * 20]:
        with subtests.test(bodies=bodies), pytest.raises(ValueError, match="a batch holds"):
            build_batch(bodies)


def test_bombs_and_broken_batches_are_refused(subtests: pytest.Subtests) -> None:
    for payload, code in [
        (bomb(500), "too_large"),
        (zlib.compress(b" " * (MAX_BATCH_BYTES + 1)), "too_large"),
        (zlib.compress(b"[" * MAX_BATCH_BYTES), "too_deep"),
        (zlib.compress(b'[{"a":' * (MAX_BATCH_BYTES // 7)), "too_deep"),
        (zlib.compress(b'["' + b'\\"' * 500_000), "not_batch"),
        (zlib.compress(b"[1]")[:-1], "not_zlib"),
        (zlib.compress(b"[1]") + b"x", "not_zlib"),
        (b"[1]", "not_zlib"),
        (b"", "not_zlib"),
        (zlib.compress(b"{}"), "not_batch"),
        (zlib.compress(b"[NaN]"), "not_batch"),
        (zlib.compress(b"[1,]"), "not_batch"),
        (zlib.compress(b"[1]]"), "not_batch"),
        (zlib.compress(b""), "not_batch"),
        (zlib.compress(b"[]"), "too_many"),
        (zlib.compress(b"[" + b",".join([b"1"] * 101) + b"]"), "too_many"),
    ]:
        with subtests.test(payload=payload, code=code):
            with pytest.raises(BadEvent) as refused:
                parse_batch(payload)
            assert refused.value.code == code
