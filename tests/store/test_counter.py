"""What the counter asks of the store beside parcels: papers, people, locks, days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.domain.clerk import BadClerk, Role
from kiosk.domain.day import DayTotals
from kiosk.domain.events import AuthLocked, BackupMade
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason
from kiosk.domain.lockout import Lockout
from kiosk.domain.trade import Mode
from kiosk.domain.void import Void, VoidReason
from kiosk.store import NewPaper, Store, StoreError, StoreRefusal
from kiosk.store.shared.records import NewPhoto
from tests.store.counter_rig import CLERK, Codes, arrive, collect
from tests.store.village import (
    JOBS,
    bring_in,
    content,
    events,
    open_intake,
    open_store,
    pictures,
    rows,
    stamp,
    weighed,
)

SLIP = NewPaper("day_slip", "receipt", b"totals")


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(StoreRefusal) as caught:
        act()
    assert caught.value.code == code


def void(receipt: str) -> Void:
    return Void(ReceiptNumber.parse(receipt), VoidReason.WRONG_PARTY, "clerk:07", "clerk:08")


# Papers


def test_a_paper_about_something_else(store: Store) -> None:
    number = store.papers.queue(NewPaper("test_label", "label", b"ruler"), "test-label")
    (job,) = store.papers.open_jobs()
    assert (job.id, job.receipt, job.about, job.document, job.body) == (
        number,
        "",
        "test-label",
        "test_label",
        b"ruler",
    )
    assert store.papers.of_receipt("test-label") == store.papers.of_receipt("") == []
    for wrong in (NewPaper("bag_label", "label", b""), NewPaper("poem", "label", b"")):
        with pytest.raises(StoreError, match="breaks a rule"):
            store.papers.queue(wrong, "x")


def test_a_void_cancels_what_is_not_out_yet(store: Store, path: Path) -> None:
    row = bring_in(store)
    other = bring_in(store)
    sent = store.papers.next("label")
    assert sent is not None
    store.papers.sending(sent.id)
    store.intakes.void(void(row.receipt), stamp())
    assert [job.state for job in store.papers.of_receipt(row.receipt)] == ["sending", "cancelled"]
    assert [job.state for job in store.papers.of_receipt(other.receipt)] == ["queued", "queued"]
    assert store.papers.summary() == {"queued": 2, "sending": 1, "printed": 0, "unknown": 0}
    job = store.papers.next("receipt")
    assert job is not None and job.receipt == other.receipt
    store.papers.done(sent.id)
    assert store.papers.summary() == {"queued": 2, "sending": 0, "printed": 1, "unknown": 0}
    refused("already_void", lambda: store.intakes.void(void(row.receipt), stamp()))
    refused("void_label", lambda: store.papers.reprint(sent.id, CLERK, stamp()))
    assert [one["type"].split(".")[2] for one in events(path)[-1:]] == ["voided"]
    receipt = store.papers.of_receipt(row.receipt)[1]
    copy = store.papers.reprint(receipt.id, CLERK, stamp())
    found = {job.id: job for job in store.papers.of_receipt(row.receipt)}
    assert (found[copy].void, found[copy].copy_no, found[copy].state) == (True, 1, "queued")
    assert not any(job.void for job in store.papers.of_receipt(other.receipt))


def _unknown(store: Store, printer: str = "label") -> int:
    job = store.papers.next(printer)
    assert job is not None
    store.papers.sending(job.id)
    store.papers.unknown(job.id, "device", stamp())
    return job.id


def test_a_person_says_that_it_came_out(store: Store, path: Path) -> None:
    row = bring_in(store)
    job = _unknown(store)
    assert store.papers.resolve(job, True, CLERK, stamp()) is None
    assert store.papers.of_receipt(row.receipt)[0].state == "printed"
    expected = {"document": "bag_label", "bag": 1, "about": row.receipt, "came_out": True, "actor": CLERK}
    assert events(path)[-1]["data"] == expected
    refused("not_unknown", lambda: store.papers.resolve(job, True, CLERK, stamp()))
    refused("unknown_paper", lambda: store.papers.resolve(99, True, CLERK, stamp()))


def test_a_person_says_that_it_did_not(store: Store, path: Path) -> None:
    row = bring_in(store)
    job = _unknown(store)
    copy = store.papers.resolve(job, False, CLERK, stamp())
    found = {one.id: one for one in store.papers.of_receipt(row.receipt)}
    assert copy is not None and (found[copy].copy_no, found[copy].state, found[copy].bag) == (1, "queued", 1)
    assert (found[job].state, found[copy].body) == ("cancelled", found[job].body)
    assert events(path)[-1]["data"]["came_out"] is False


def test_no_copy_of_what_was_voided_meanwhile(store: Store) -> None:
    row = bring_in(store)
    job = _unknown(store)
    store.intakes.void(void(row.receipt), stamp())
    assert store.papers.resolve(job, False, CLERK, stamp()) is None
    assert store.papers.open_jobs() == []


def test_a_reprint_is_told(store: Store, path: Path) -> None:
    row = bring_in(store)
    store.papers.reprint(1, CLERK, stamp())
    assert events(path)[-1]["data"] == {"document": "bag_label", "bag": 1, "about": row.receipt, "actor": CLERK}


def test_a_day_slip_may_be_printed_again(store: Store) -> None:
    job = store.papers.queue(SLIP, "day-1")
    copy = store.papers.reprint(job, CLERK, stamp())
    assert [(one.id, one.about, one.copy_no) for one in store.papers.open_jobs()] == [
        (job, "day-1", 0),
        (copy, "day-1", 1),
    ]


# Intakes


def test_an_intake_is_found_by_whatever_is_printed_on_its_papers(store: Store) -> None:
    row = bring_in(store)
    number = ReceiptNumber.parse(row.receipt)
    for text in (row.receipt, f" {row.receipt.lower()} ", number.code, number.lot):
        assert store.intakes.find(text) == row
    opened = open_intake(store)
    for text in (str(opened.receipt), "0147-A-000099", "0999-A-000001", "", "Y1P00001A", "SF1385", "Y1L0147A00000"):
        assert store.intakes.find(text) is None


# People


def test_people_have_numbers_that_are_not_given_twice(store: Store, path: Path) -> None:
    first = store.clerks.add("Aygul <b>", Role.TECHNICIAN, "$argon2id$1", stamp())
    second = store.clerks.add("阿里木", Role.CLERK, "$argon2id$2", stamp())
    assert (first.number, first.actor, second.number) == ("01", "clerk:01", "02")
    store.clerks.retire("02", stamp())
    before = content(path)
    store.clerks.retire("02", stamp())
    assert content(path) == before
    third = store.clerks.add("Third", Role.CLERK, "", stamp())
    assert third.number == "03"
    assert store.clerks.everyone() == [first, third]
    assert [(row.number, row.active, row.pin_hash) for row in store.clerks.everyone(active=False)][1] == (
        "02",
        False,
        "",
    )
    assert store.clerks.by_number("01") == first
    assert "argon2" not in repr(first)
    store.clerks.set_pin("03", "$argon2id$3", stamp())
    found = store.clerks.by_number("03")
    assert found is not None and found.pin_hash == "$argon2id$3"
    for act in (lambda: store.clerks.set_pin("02", "x", stamp()), lambda: store.clerks.retire("09", stamp())):
        refused("unknown_clerk", act)
    for nobody in ("", "99", "00", "-1", "x", "٣", "12345"):
        assert store.clerks.by_number(nobody) is None
    told = [(one["type"].split(".")[2], one["data"]) for one in events(path) if ".clerk." in one["type"]]
    assert told == [
        ("added", {"clerk": "clerk:01", "role": "technician"}),
        ("added", {"clerk": "clerk:02", "role": "clerk"}),
        ("changed", {"clerk": "clerk:02", "role": "clerk", "what": "retired"}),
        ("added", {"clerk": "clerk:03", "role": "clerk"}),
        ("changed", {"clerk": "clerk:03", "role": "clerk", "what": "pin"}),
    ]


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "two\nlines", "\x1b@"])
def test_a_name_that_is_none(store: Store, path: Path, name: str) -> None:
    before = content(path)
    with pytest.raises(BadClerk):
        store.clerks.add(name, Role.CLERK, "", stamp())
    assert content(path) == before


# Locks


def test_a_lock_is_there_after_a_restart(store: Store, path: Path, template: Path) -> None:
    assert store.lockouts.get("pin") == Lockout()
    store.lockouts.save("pin", Lockout((0, 1_500), 2_000, "boot", 77), None, stamp())
    store.lockouts.save("pickup", Lockout((), 600_000, "boot", 99), AuthLocked("pickup", 10), stamp())
    store.close()
    again = open_store(path, template)
    assert again.lockouts.get("pin") == Lockout((0, 1_500), 2_000, "boot", 77)
    assert again.lockouts.get("pickup") == Lockout((), 600_000, "boot", 99)
    again.lockouts.save("pin", Lockout(), None, stamp())
    assert again.lockouts.get("pin") == Lockout()
    again.close()
    assert [one["data"] for one in events(path) if ".auth." in one["type"]] == [{"scope": "pickup", "minutes": 10}]


# The day


def test_a_day_from_close_to_close(store: Store, path: Path) -> None:
    codes = Codes()
    first = bring_in(store, 10_160, 5_160)
    second = bring_in(store, 2_160, mode=Mode.CONSIGNMENT)
    wrong = bring_in(store, 9_160)
    store.intakes.void(void(wrong.receipt), stamp())
    gone, carried_over = open_intake(store), open_intake(store)
    store.intakes.abandon(gone.receipt, "opened", AbandonReason.LEFT, stamp())
    store.photos.add(NewPhoto(first.lot, "ALMOND", pictures()), stamp())
    parcels = [arrive(store, codes, f"SF{number}") for number in range(3)]
    store.parcels.withdraw(parcels[2].number, CLERK, stamp())
    collect(store, parcels[0], codes.given[parcels[0].number])
    _unknown(store)
    last = store.outbox.counts().last_seq
    totals = store.days.totals()
    assert totals == DayTotals(3, 1, 1, 3, 17_000, 36_000, 5_200, 2, 1, 0, 1, 1, 1, last)
    assert [row.receipt for row in store.days.intakes()] == [wrong.receipt, second.receipt, first.receipt]
    closed, head = store.days.close(
        CLERK, lambda found, head: [NewPaper("day_slip", "receipt", head.encode())], stamp()
    )
    assert (closed, head) == (totals, store.outbox.hash_at(last))
    data = events(path)[-1]["data"]
    assert (data["head"], data["net_g"], data["last_seq"], data["actor"]) == (head, 17_000, last, CLERK)
    assert events(path)[-1]["prevhash"] == head
    slip = store.papers.open_jobs()[-1]
    assert (slip.document, slip.about, slip.body) == ("day_slip", "day-1", head.encode())
    assert store.days.totals() == DayTotals(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, last + 2, last + 1)
    assert store.days.intakes() == []
    late = store.intakes.confirm(weighed(carried_over, 3_160), "late", JOBS, stamp())
    store.intakes.void(void(first.receipt), stamp())
    totals = store.days.totals()
    assert (totals.intakes, totals.voids, totals.net_g, totals.bags) == (1, 1, 3_000, 1)
    assert [row.receipt for row in store.days.intakes()] == [late.receipt]
    assert store.days.intakes(limit=1, offset=1) == []


def test_a_new_epoch_in_the_middle_of_a_day_counts_nothing_twice(store: Store) -> None:
    codes = Codes()
    bring_in(store, 1_160)
    store.days.close(CLERK, lambda *_: [SLIP], stamp())
    bring_in(store, 2_160)
    arrive(store, codes, "SF1")
    store.outbox.acknowledge(store.outbox.counts().last_seq - 1, [])
    arrive(store, codes, "SF2")
    before = store.days.totals()
    store.epochs.start("behind")
    after = store.days.totals()
    assert (after.first_seq, after.last_seq) == (1, store.outbox.counts().last_seq)
    for same in ("intakes", "bags", "net_g", "purchase_fen", "parcels_in", "parcels_out", "photos"):
        assert getattr(after, same) == getattr(before, same)
    store.days.close(CLERK, lambda *_: [], stamp())
    store.epochs.start("behind")
    assert (store.days.totals().intakes, store.days.totals().parcels_in) == (0, 0)
    store.journal.verify()


def test_what_an_earlier_epoch_tells_again_belongs_to_its_own_day(store: Store, path: Path) -> None:
    """Half of it was before the last close, half of it is of today."""
    codes = Codes()
    old = bring_in(store, 1_160)
    store.intakes.void(void(old.receipt), stamp())
    arrive(store, codes, "SF1")
    store.days.close(CLERK, lambda *_: [SLIP], stamp())
    today = bring_in(store, 2_160)
    store.intakes.void(void(today.receipt), stamp())
    arrive(store, codes, "SF2")
    last = store.outbox.counts().last_seq
    store.outbox.acknowledge(last, [])
    first = store.epochs.identity().epoch
    store.epochs.start("forked")
    arrive(store, codes, "SF3")
    before = store.days.totals()
    assert (before.intakes, before.voids, before.parcels_in) == (1, 1, 2)
    assert store.epochs.reissue(first, 2) == last - 2
    told = [event["reissued"] for event in events(path)[2 - last :]]
    assert told == [f"{first}-{seq}" for seq in range(3, last + 1)]
    assert replace(store.days.totals(), last_seq=before.last_seq) == before
    store.journal.verify()
    store.days.close(CLERK, lambda *_: [], stamp())
    assert (store.days.totals().intakes, store.days.totals().voids, store.days.totals().parcels_in) == (0, 0, 0)


def test_a_backup_is_told(store: Store, path: Path) -> None:
    store.journal.append(BackupMade(31_744, "ab" * 32, 2), stamp())
    assert events(path)[-1]["data"] == {"size_bytes": 31_744, "sha256": "ab" * 32, "events": 2}


def test_looking_changes_nothing(store: Store, path: Path) -> None:
    row = arrive(store, Codes(), "SF1")
    before, size = content(path), rows(path, "PRAGMA data_version")
    store.parcels.by_number(row.number)
    store.parcels.by_waybill("SF1")
    store.parcels.in_slot("A-1-01")
    store.parcels.in_states({row.state})
    store.parcels.counts()
    store.parcels.by_mac(b"x")
    store.lockouts.get("pin")
    store.clerks.everyone()
    store.clerks.by_number("01")
    store.papers.open_jobs()
    store.intakes.find("0147-A-000001")
    store.days.intakes()
    store.days.totals()
    assert (content(path), rows(path, "PRAGMA data_version")) == (before, size)
