"""Every kind of change to a list of events is named, at the event where it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.events import BackupMade, EventData, EventsCovered, KeyMade
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.envelope import body_and_hash, hash_of_body, split_signature
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.messaging.contract.journal_check import find_journal_faults
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, SealedEvent, seal
from kiosk.messaging.contract.strict_json import canonical
from tests.depth import many

KEY, OTHER = Ed25519Key(b"k" * 32), Ed25519Key(b"o" * 32)
MOMENT = Moment(datetime(1970, 1, 1, tzinfo=UTC), "Asia/Urumqi", 360, ClockQuality.UNSET, "boot-1", 3_000)
BACKUP = BackupMade(1, "0" * 64, 1)


def chain(*told: tuple[EventData, Ed25519Key | None], epoch: str = "00c0ffee00c0ffee") -> list[SealedEvent]:
    events: list[SealedEvent] = []
    for data, key in told:
        sign = None if key is None else (lambda sha256, key=key: sign_event(key, sha256))
        position = JournalPosition(epoch, len(events) + 1, events[-1].sha256 if events else ZERO_HASH)
        events.append(seal(data, EventSource("S0147", "kiosk", "1+a91f03c7", "shache", sign), position, MOMENT))
    return events


def covered(first: int = 4, last: int = 5, count: int = 2, head: str | None = None) -> list[SealedEvent]:
    told: list[tuple[EventData, Ed25519Key | None]] = [(BACKUP, None), (KeyMade(KEY.public.hex(), "first"), KEY)]
    told += [(BACKUP, KEY), (BACKUP, None), (BACKUP, None)]
    cover = EventsCovered(first, last, count, chain(*told)[-1].sha256 if head is None else head)
    return chain(*told, (cover, KEY), (BACKUP, KEY))


GOOD = covered()


def faults(events: list[SealedEvent], *keys: Ed25519Key) -> list[tuple[int, str]]:
    return [(one.seq, one.kind.value) for one in find_journal_faults(events, [key.public for key in keys or (KEY,)])]


def unsigned(event: SealedEvent) -> SealedEvent:
    return replace(event, body=split_signature(event.body)[0])


def forged(event: SealedEvent, key: Ed25519Key) -> SealedEvent:
    return replace(
        event, body=event.body.replace(split_signature(event.body)[1].encode(), sign_event(key, event.sha256).encode())
    )


def edited(event: SealedEvent) -> SealedEvent:
    body = event.body.replace(b'"size_bytes":1', b'"size_bytes":2')
    return replace(event, body=body)


def test_what_was_written_is_right() -> None:
    assert faults(GOOD) == faults(GOOD, OTHER, KEY) == faults(GOOD[2:]) == []
    assert faults(GOOD + chain((BACKUP, KEY), epoch="ab" * 8)) == []


CHANGES: dict[str, tuple[Callable[[list[SealedEvent]], list[SealedEvent]], list[tuple[int, str]]]] = {
    "edited": (lambda e: [*e[:2], edited(e[2]), *e[3:]], [(3, "hash")]),
    "edited and hashed": (
        lambda e: [*e[:2], replace(edited(e[2]), sha256=hash_of_body(edited(e[2]).body)), *e[3:]],
        [(3, "signature"), (4, "chain")],
    ),
    "deleted": (lambda e: [*e[:2], *e[3:]], [(4, "chain")]),
    "two swapped": (lambda e: [*e[:2], e[3], e[2], *e[4:]], [(4, "chain"), (3, "chain"), (5, "chain")]),
    "doubled": (lambda e: [*e[:3], e[2], *e[3:]], [(3, "chain")]),
    "renumbered": (lambda e: [*e[:6], replace(e[6], seq=8)], [(8, "chain")]),
    "of another type": (lambda e: [*e[:6], replace(e[6], type="station.x.y.v1")], [(7, "chain")]),
    "without its signature": (lambda e: [*e[:6], unsigned(e[6])], [(7, "uncovered")]),
    "signed by another": (lambda e: [*e[:6], forged(e[6], OTHER)], [(7, "unknown_key")]),
    "with the signature of another event": (
        lambda e: [
            *e[:6],
            replace(e[6], body=e[6].body.replace(*(split_signature(x.body)[1].encode() for x in (e[6], e[2])))),
        ],
        [(7, "signature")],
    ),
    "with no signature of a known form": (
        lambda e: [*e[:6], replace(e[6], body=e[6].body.replace(split_signature(e[6].body)[1].encode(), b"x"))],
        [(7, "signature")],
    ),
    "without the cover": (lambda e: e[:5], [(4, "uncovered"), (5, "uncovered")]),
    "without the key's announcement": (
        lambda e: [unsigned(e[0]), unsigned(e[1]), *e[2:]],
        [(1, "uncovered"), (2, "uncovered")],
    ),
    "without any": (lambda e: [*map(unsigned, e)], [(seq, "uncovered") for seq in range(1, 8)]),
    "a cover of too many": (lambda e: covered(count=3), [(6, "cover")]),
    "a cover of another head": (lambda e: covered(head="0" * 64), [(6, "cover")]),
    "a cover of others": (lambda e: covered(first=3), [(6, "cover")]),
    "a cover of too few": (lambda e: covered(last=4, count=1), [(6, "cover"), (5, "uncovered")]),
    "no JSON": (
        lambda e: [replace(e[0], body=b"{", sha256=hashlib.sha256(b"{").hexdigest())],
        [(1, "chain"), (1, "uncovered")],
    ),
    "deep": (
        lambda e: [replace(e[0], body=b"[" * 60_000, sha256=hashlib.sha256(b"[" * 60_000).hexdigest())],
        [(1, "chain"), (1, "uncovered")],
    ),
    "an epoch without a beginning": (lambda e: [replace(e[2], seq=1)], [(1, "chain")]),
}


def test_every_change_is_named(subtests: pytest.Subtests) -> None:
    for name, (change, expected) in CHANGES.items():
        with subtests.test(name):
            assert faults(change(list(GOOD))) == expected


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=many(200, torture=10_000, quick=100), deadline=None)
def test_no_flipped_byte_goes_unnoticed(number: int, place: int, change: int) -> None:
    body = bytearray(GOOD[number].body)
    body[place % len(body)] ^= change
    assert faults([*GOOD[:number], replace(GOOD[number], body=bytes(body)), *GOOD[number + 1 :]])


HOSTILE = {
    "signature": "x", "software": 'a","signature":"97be5c7c.x","software":"b', "type": '","signature":"y"}',
    "data": {"signature": "z", "software": "kiosk", "source": "/", "time": ["\\", '"', {"signature": "q"}]},
}  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(sorted(HOSTILE)), st.just(None)),
    st.sampled_from(["x", "", "\\", '"', "ü", 7, None]),
)
@settings(max_examples=many(200, torture=5_000, quick=50), deadline=None)
def test_only_the_envelope_s_own_signature_is_taken_out(names: dict[str, None], signature: object) -> None:
    """Or none, and then whoever reads takes the way of all others."""
    event = {"a": 1, **{name: HOSTILE[name] for name in names}}
    if "signature" in event:
        event["signature"] = signature
    body, sha256 = body_and_hash(event)
    found, text = split_signature(body)
    if text:
        assert (text, hashlib.sha256(found).hexdigest()) == (event["signature"], sha256)
    else:
        assert found == body and (
            event.get("signature") != "x" or hash_of_body(body) == hashlib.sha256(body).hexdigest()
        )
    if signature == "x" and "signature" in event:
        assert text == "x"
    assert canonical(event) == body
