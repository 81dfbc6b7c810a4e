"""What the database knows of the signing key, in the transaction of the events themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.events import BackupMade, EventsCovered, KeyMade
from kiosk.messaging.contract.envelope import MAX_EVENT_BYTES, hash_of_body, split_signature
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.journal import journal
from tests.messaging.journal_check import find_journal_faults
from tests.store.village import bring_in, events, stamp

KEY = Ed25519Key(b"k" * 32)
MADE = KeyMade(KEY.public.hex(), "first")


def signed(second: int = 0) -> Stamp:
    return replace(stamp(second), sign=lambda sha256: sign_event(KEY, sha256))


def failing(second: int = 0) -> Stamp:
    return replace(stamp(second), sign=lambda sha256: "")


def last(path: Path) -> dict[str, Any]:
    return events(path)[-1]


def test_a_journal_with_and_without_signatures_is_one_chain(store: Store, path: Path) -> None:
    bring_in(store)
    store.signing.announce(MADE, signed())
    bring_in(store)  # Nobody signs
    store.signing.cover(signed())
    for row in store.outbox.pending(100):
        assert store.outbox.hash_at(row.seq) == hash_of_body(row.body) == row.sha256
        assert bool(split_signature(row.body)[1]) == (row.type in (MADE.TYPE, EventsCovered.TYPE))
    assert store.journal.verify() == store.outbox.counts().last_seq
    assert store.intakes.altered() == []
    assert list(find_journal_faults(store.outbox.pending(100), [KEY.public])) == []


def test_one_cover_for_all_and_none_for_what_came_before_the_key(store: Store, path: Path) -> None:
    bring_in(store)
    assert store.signing.state().uncovered == 0
    store.signing.cover(signed())
    store.signing.announce(MADE, signed())
    store.signing.cover(signed())
    assert last(path)["type"] == MADE.TYPE
    first = last(path)["seq"] + 1
    for kind in (failing(), stamp(), signed(), failing()):
        store.journal.append(BackupMade(1, "0" * 64, 1), kind)
    assert store.signing.state().uncovered == 3
    store.signing.cover(signed())
    row = store.outbox.pending(1, after=first + 2)[0]
    assert last(path)["data"] == {"first_seq": first, "last_seq": first + 3, "events": 3, "head": row.sha256}
    store.signing.cover(signed())
    assert last(path)["seq"] == first + 4


def test_nothing_is_announced_or_covered_while_the_key_fails(store: Store, path: Path) -> None:
    with pytest.raises(StoreError):
        store.signing.announce(MADE, failing())
    store.signing.announce(MADE, signed())
    store.journal.append(BackupMade(1, "0" * 64, 1), failing())
    count = len(events(path))
    with pytest.raises(StoreError):
        store.signing.cover(failing())
    assert (len(events(path)), store.signing.state().uncovered) == (count, 1)


def test_an_event_without_room_for_a_signature_is_kept_and_covered(store: Store) -> None:
    store.signing.announce(MADE, signed())
    room = MAX_EVENT_BYTES - 560
    store.journal.append(BackupMade(1, "0" * room, 1), signed())
    row = store.outbox.pending(100)[-1]
    assert MAX_EVENT_BYTES - 112 < len(row.body) <= MAX_EVENT_BYTES
    assert store.signing.state().uncovered == 1
    store.epochs.start("forked", signed())  # And is told again in the same way
    assert store.signing.state().uncovered == 1


def test_a_new_epoch_is_signed_anew_and_announces_its_key_itself(store: Store, path: Path) -> None:
    store.signing.announce(MADE, signed())
    bring_in(store)
    store.signing.cover(signed())
    store.epochs.start("behind", signed())
    told = [event for event in events(path) if event["epoch"] == store.epochs.identity().epoch]
    assert all("signature" in event for event in told)
    assert not {MADE.TYPE, EventsCovered.TYPE} & {event["type"] for event in told}
    assert (store.signing.state().public, store.signing.state().uncovered) == ("", 0)
    store.signing.announce(MADE, signed())
    assert list(find_journal_faults(store.outbox.pending(100), [KEY.public])) == []
    # Once acknowledged it is known: an epoch that the relay begins needs it no more.
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    store.epochs.start("forked", signed())
    assert store.signing.state().public == MADE.public


def test_what_a_restored_center_lost_is_told_again_signed(store: Store, path: Path) -> None:
    store.signing.announce(MADE, signed())
    bring_in(store)
    ended = store.epochs.identity().epoch
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    store.epochs.start("forked", signed())
    assert store.epochs.reissue(ended, 1) == 2  # The catalog and the intake
    assert store.signing.state().public == ""
    store.journal.verify()


def test_events_that_were_taken_back_are_not_counted(store: Store) -> None:
    store.signing.announce(MADE, signed())
    version, _ = store.catalogs.get()
    store.rehearse_intake(version, "ALMOND", failing())
    assert store.signing.state().uncovered == 0


def test_the_signature_of_a_kept_event_is_no_part_of_its_hash(store: Store) -> None:
    store.signing.announce(MADE, signed())
    row = store.outbox.pending(100)[-1]
    body = json.loads(row.body)
    other = row.body.replace(body["signature"].encode(), sign_event(Ed25519Key(b"x" * 32), row.sha256).encode())
    assert journal.check_links([replace(row, body=other)]) == 1
    with pytest.raises(journal.BrokenChain):
        journal.check_links([replace(row, body=other.replace(b'"seq":', b'"seq":1'))])
