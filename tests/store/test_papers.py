from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store import NewPaper, Store, StoreError
from kiosk.store.shared.errors import StoreRefusal
from tests.store.village import (
    JOBS,
    bring_in,
    content,
    events,
    open_intake,
    open_store,
    rows,
    stamp,
    void_of,
    weighed,
)

CLERK = "clerk:07"


def test_a_paper_is_queued_sending_printed(store: Store) -> None:
    bring_in(store)
    job = store.papers.next("label")
    assert job is not None
    assert (job.receipt, job.document, job.bag, job.body, job.state, job.attempts, job.copy_no) == (
        "0147-A-000001",
        "bag_label",
        1,
        b'{"net":"12.290"}',
        "queued",
        0,
        0,
    )
    store.papers.sending(job.id)
    assert store.papers.summary() == {"queued": 1, "sending": 1, "printed": 0, "unknown": 0}
    assert store.papers.next("label") is None
    store.papers.done(job.id)
    assert store.papers.summary() == {"queued": 1, "sending": 0, "printed": 1, "unknown": 0}
    assert [(job.state, job.attempts) for job in store.papers.of_receipt("0147-A-000001")] == [
        ("printed", 1),
        ("queued", 0),
    ]


def test_the_oldest_paper_of_a_printer_comes_first(store: Store) -> None:
    first, second = bring_in(store), bring_in(store)
    for expected in (first, second):
        job = store.papers.next("receipt")
        assert job is not None and job.receipt == expected.receipt
        store.papers.sending(job.id)
    assert store.papers.next("receipt") is None


def test_no_step_of_a_paper_is_left_out_or_done_twice(store: Store) -> None:
    bring_in(store)
    job = store.papers.next("label")
    assert job is not None
    with pytest.raises(StoreError, match="is not sending, so it cannot become printed"):
        store.papers.done(job.id)
    store.papers.sending(job.id)
    with pytest.raises(StoreError, match="is not queued, so it cannot become sending"):
        store.papers.sending(job.id)
    store.papers.done(job.id)
    with pytest.raises(StoreError, match="cannot become unknown"):
        store.papers.unknown(job.id, "device", stamp())
    with pytest.raises(StoreError, match="no print job 77"):
        store.papers.reprint(77, "clerk:07", stamp())


def test_an_unknown_paper_is_told_and_never_printed_by_itself(store: Store, path: Path) -> None:
    bring_in(store)
    job = store.papers.next("label")
    assert job is not None
    store.papers.sending(job.id)
    store.papers.unknown(job.id, "device", stamp())
    assert store.papers.next("label") is None
    number = "0147-A-000001"
    expected = {"receipt": number, "document": "bag_label", "bag": 1, "why": "device", "about": number}
    assert events(path)[-1]["data"] == expected


def test_what_was_being_sent_when_the_power_went_is_unknown(store: Store, path: Path, template: Path) -> None:
    bring_in(store)
    job = store.papers.next("receipt")
    assert job is not None
    store.papers.sending(job.id)
    store.close()
    again = open_store(path, template)
    assert [(found.id, found.state) for found in again.papers.recover(stamp())] == [(job.id, "unknown")]
    assert again.papers.recover(stamp()) == []
    again.close()
    assert events(path)[-1]["data"]["why"] == "restart"


def test_a_reprint_is_a_copy_of_the_same_bytes(store: Store) -> None:
    bring_in(store)
    first = store.papers.of_receipt("0147-A-000001")[0]
    copy_id = store.papers.reprint(first.id, "clerk:07", stamp())
    copy = store.papers.of_receipt("0147-A-000001")[-1]
    assert (copy.id, copy.copy_no, copy.state, copy.body) == (copy_id, 1, "queued", first.body)


def test_copies_are_counted_whichever_paper_is_printed_again(store: Store) -> None:
    row = bring_in(store)
    label, receipt = (job.id for job in store.papers.of_receipt(row.receipt))
    test = store.papers.queue(NewPaper("test_label", "label", b"{}"), "test-label")
    other = store.papers.queue(NewPaper("test_receipt", "receipt", b"{}"), "test-receipt")
    for paper in (label, receipt, test, other):
        first = store.papers.reprint(paper, CLERK, stamp())
        again = [store.papers.reprint(one, CLERK, stamp()) for one in (paper, first, paper)]
        found = {job.id: job.copy_no for job in store.papers.open_jobs()}
        assert [found[one] for one in (paper, first, *again)] == [0, 1, 2, 3, 4]


def test_the_receipt_bears_the_hash_of_its_own_event(store: Store, path: Path) -> None:
    row = bring_in(store)
    receipt = store.papers.of_receipt(row.receipt)[1]
    told = rows(path, "SELECT sha256, seq FROM journal ORDER BY position DESC LIMIT 1")
    assert told == [(json.loads(receipt.body)["head"], row.seq)]


def test_a_scanned_label_was_printed(store: Store, path: Path) -> None:
    """Whatever was known of it; and once it was scanned, nothing that is heard later makes it unknown."""
    for before, after in (("printed", "printed"), ("unknown", "printed"), ("sending", "sending")):
        row = bring_in(store)
        number, label = ReceiptNumber.parse(row.receipt), store.papers.of_receipt(row.receipt)[0]
        store.papers.sending(label.id)
        if before == "printed":
            store.papers.done(label.id)
        elif before == "unknown":
            store.papers.unknown(label.id, "device", stamp())
        count = len(events(path))
        store.papers.scanned(number, 1, stamp())
        found = store.papers.of_receipt(row.receipt)
        assert [(job.state, job.scanned) for job in found] == [(after, True), ("queued", False)], before
        told = [event["data"] for event in events(path)[count:]]
        resolved = {"document": "bag_label", "bag": 1, "about": row.receipt, "came_out": True, "actor": "station"}
        assert told == ([resolved] if before == "unknown" else []), before
        held = content(path)
        with pytest.raises(StoreRefusal, match="was scanned before"):
            store.papers.scanned(number, 1, stamp())
        assert content(path) == held, "nothing is written twice"
        if before == "sending":
            store.papers.unknown(label.id, "device", stamp())
            assert store.papers.of_receipt(row.receipt)[0].state == "printed"
            assert len(events(path)) == count


_ORDERS = {
    "sent, lost, scan": "printed",
    "scan, sent, lost": "unknown",
    "sent, scan, lost": "printed",
    "sent, scan, done": "printed",
    "sent, scan, restart": "printed",
    "sent, restart, scan": "printed",
    "sent, lost, copy, sent, lost, scan": "unknown printed",
    "sent, lost, scan, copy, sent, lost": "printed unknown",
    "sent, lost, copy, scan, sent, lost": "printed unknown",
    "sent, lost, copy, sent, scan, lost": "unknown printed",
    "sent, lost, copy, sent, scan, restart": "unknown printed",
    "sent, lost, copy, sent, scan, done": "unknown printed",
    "sent, scan, copy, restart, sent, restart": "printed unknown",
    "sent, lost, scan, copy, sent, restart": "printed unknown",
    "sent, done, copy, sent, lost, scan": "printed unknown",
    "sent, done, scan, copy, sent, lost": "printed unknown",
    "sent, lost, copy, sent, done, scan": "unknown printed",
    "sent, lost, copy, sent, lost, copy, sent, lost, scan": "unknown unknown printed",
    "sent, lost, copy, sent, lost, scan, scan again": "unknown printed",
    "sent, lost, scan, copy, sent, lost, scan again": "printed unknown",
    "sent, lost, scan, copy, sent, lost, restart, scan again": "printed unknown",
    "sent, lost, not there, sent, lost, scan": "cancelled printed",
    "sent, lost, not there, scan, sent, lost": "cancelled unknown",
    "sent, lost, copy, sent, lost, scan, came out": "printed printed",
    "sent, lost, copy, sent, lost, scan, void": "unknown printed",
}
"""What happens to the label of a bag and its copies, one after the other, and what is known of them at the end."""


def test_a_scan_proves_one_label_that_was_sent_before_it(store: Store, path: Path, template: Path) -> None:
    """The code says which bag it is, and not which of its labels."""
    wrong = {}
    for order, after in _ORDERS.items():
        intake = open_intake(store)
        store.intakes.confirm(weighed(intake), order, JOBS, stamp())
        number, count = intake.receipt, len(events(path))
        for step in order.split(", "):
            labels = [job for job in store.papers.of_receipt(str(number)) if job.document == "bag_label"]
            unknown = [job.id for job in labels if job.state == "unknown"]
            match step:
                case "sent":
                    store.papers.sending(next(job.id for job in labels if job.state == "queued"))
                case "lost":
                    store.papers.unknown(labels[-1].id, "device", stamp())
                case "done":
                    store.papers.done(labels[-1].id)
                case "copy":
                    store.papers.reprint(labels[0].id, CLERK, stamp())
                case "came out" | "not there":
                    store.papers.resolve(unknown[0], step == "came out", CLERK, stamp())
                case "scan":
                    store.papers.scanned(number, 1, stamp())
                case "scan again":
                    with pytest.raises(StoreRefusal, match="was scanned before"):
                        store.papers.scanned(number, 1, stamp())
                case "void":
                    store.intakes.void(void_of(intake), stamp())
                case "restart":
                    store.close()
                    store = open_store(path, template)
                    store.papers.recover(stamp())
        found = [job.state for job in store.papers.of_receipt(str(number)) if job.document == "bag_label"]
        told = [event for event in events(path)[count:] if event["data"].get("actor") == "station"]
        if " ".join(found) != after or len(told) > 1:
            wrong[order] = " ".join(found)
    store.close()
    assert wrong == {}


def test_bags_are_asked_for_until_they_are_scanned_or_left(store: Store, path: Path, template: Path) -> None:
    def asked_for(count: int) -> ReceiptNumber:
        intake = open_intake(store)
        labels = [NewPaper("bag_label", "label", b"{}", bag=bag, to_scan=True) for bag in range(1, count + 1)]
        store.intakes.confirm(weighed(intake, *[9_000] * count), str(intake.receipt), lambda head: labels, stamp())
        return intake.receipt

    bring_in(store)
    assert store.papers.receipt_to_scan() is None, "nobody asks for these"
    first = asked_for(2)
    assert store.papers.receipt_to_scan() == str(first)
    bring_in(store)
    store.papers.scanned(first, 2, stamp())
    store.close()
    store = open_store(path, template)
    assert store.papers.receipt_to_scan() == str(first)
    store.papers.scanned(first, 1, stamp())
    assert store.papers.receipt_to_scan() is None
    asked_for(1)
    second = asked_for(1)
    assert store.papers.receipt_to_scan() == str(second), "the older ones are left"
    store.papers.cancel_scan_requests()
    store.papers.cancel_scan_requests()
    assert store.papers.receipt_to_scan() is None
    store.close()


def test_what_has_no_label_cannot_be_scanned(store: Store, path: Path) -> None:
    row, voided = bring_in(store), open_intake(store)
    store.intakes.confirm(weighed(voided), "void", JOBS, stamp())
    store.intakes.void(void_of(voided), stamp())
    before = content(path)
    scans = ((row.receipt, 2, "unknown_code"), ("0147-A-000077", 1, "unknown_code"), (None, 1, "void_label"))
    for receipt, bag, code in scans:
        number = ReceiptNumber.parse(receipt) if receipt else voided.receipt
        with pytest.raises(StoreRefusal) as refused:
            store.papers.scanned(number, bag, stamp())
        assert refused.value.code == code
    assert content(path) == before


@pytest.mark.parametrize("job", [NewPaper("poem", "label", b"", bag=1), NewPaper("receipt", "fax", b"", bag=1)])
def test_a_paper_nobody_knows_undoes_the_whole_confirmation(store: Store, path: Path, job: NewPaper) -> None:
    intake = open_intake(store)
    before = content(path)
    with pytest.raises(StoreError, match="breaks a rule"):
        store.intakes.confirm(weighed(intake), "tap", lambda head: [job], stamp())
    assert content(path) == before
