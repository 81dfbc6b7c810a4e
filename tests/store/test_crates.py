"""Crates of a lot: a bag is in one at most, a number is given once, and the label goes with the crate."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store import Store
from kiosk.store.shared.errors import StoreRefusal
from kiosk.store.shared.records import CratePaper, NewPaper, PackedCrate
from tests.store.village import bring_in, content, open_intake, open_store, stamp, void_of, weighed

CLERK = "clerk:07"


def paper(packed: PackedCrate) -> CratePaper:
    """An SSCC that every number has for itself."""
    sscc = f"{packed.number.counter:017d}0"
    return CratePaper(sscc, NewPaper("crate_label", "label", str(packed.net_g).encode(), bag=packed.place))


def lot_of(store: Store, *gross_g: int) -> ReceiptNumber:
    return ReceiptNumber.parse(bring_in(store, *gross_g).receipt)


def crates(store: Store, receipt: ReceiptNumber) -> list[int]:
    return [bag.crate for bag in store.crates.bags(str(receipt))]


def test_bags_are_packed_once_and_may_be_packed_anew(store: Store, path: Path, template: Path) -> None:
    receipt, other = lot_of(store, 10_160, 20_160, 30_160), lot_of(store)
    first = store.crates.pack(receipt, [2, 1], paper, stamp())
    assert (first.number.text("C"), first.place, first.bags, first.net_g) == ("C-0147-A-000001", 1, (1, 2), 30_000)
    assert crates(store, receipt) == [1, 1, 0]
    job = store.papers.of_receipt(str(receipt))[-1]
    assert (job.document, job.bag, job.body, job.state) == ("crate_label", 1, b"30000", "queued")
    before = content(path)
    for bags in ([], [2, 3], [4], [0]):
        with pytest.raises(StoreRefusal) as refused:
            store.crates.pack(receipt, bags, paper, stamp())
        assert refused.value.code == "stale_page", bags
    assert content(path) == before
    assert store.crates.pack(other, [1], paper, stamp()).place == 1, "crates are counted in their lot"
    assert store.crates.receipt_of("0" * 16 + "10") == (str(receipt), 1)
    store.close()
    store = open_store(path, template)
    assert store.crates.pack(receipt, [3], paper, stamp()).number.counter == 3
    store.crates.unpack(receipt, 1, stamp())
    assert crates(store, receipt) == [0, 0, 2]
    assert store.crates.receipt_of("0" * 16 + "10") is None
    with pytest.raises(StoreRefusal):
        store.crates.unpack(receipt, 1, stamp())
    again = store.crates.pack(receipt, [1, 2], paper, stamp())
    assert (again.place, again.number.counter) == (3, 4), "no number is given twice"
    store.close()


def test_numbers_go_on_in_another_series_after_a_backup_came_back(store: Store) -> None:
    receipt = lot_of(store, 10_160, 20_160)
    store.crates.pack(receipt, [1], paper, stamp())
    assert store.epochs.start("restored")
    packed = store.crates.pack(receipt, [2], lambda packed: CratePaper("", paper(packed).label), stamp())
    assert packed.number.text("C") == "C-0147-B-000001"


def test_the_label_of_a_crate_goes_with_it(store: Store) -> None:
    """Copies are counted by crate; the label of one that is taken apart, or of a void lot, is printed no more."""
    intake = open_intake(store)
    store.intakes.confirm(weighed(intake, *[9_160] * 4), "tap", lambda head: [], stamp())
    receipt = intake.receipt
    for bag in (1, 2, 3, 4):
        store.crates.pack(receipt, [bag], paper, stamp())
    jobs = [job.id for job in store.papers.of_receipt(str(receipt))]
    store.papers.sending(jobs[0])
    store.papers.done(jobs[0])
    copies = [store.papers.reprint(jobs[0], CLERK, stamp()) for _ in range(2)]
    assert [job.copy_no for job in store.papers.of_receipt(str(receipt)) if job.id in copies] == [1, 2]
    store.papers.sending(jobs[1])
    store.papers.unknown(jobs[1], "device", stamp())
    for crate in (1, 2, 3):
        store.crates.unpack(receipt, crate, stamp())
    states = {job.id: job.state for job in store.papers.of_receipt(str(receipt))}
    assert [states[job] for job in (*jobs, *copies)] == ["printed", "cancelled", "cancelled", "queued"] + [
        "cancelled"
    ] * 2
    store.intakes.void(void_of(intake), stamp())
    for job, code in zip(jobs, ("void_label",) * 4, strict=True):
        with pytest.raises(StoreRefusal) as refused:
            store.papers.reprint(job, CLERK, stamp())
        assert refused.value.code == code
    with pytest.raises(StoreRefusal, match="is void"):
        store.crates.pack(receipt, [1], paper, stamp())


def test_the_label_of_a_crate_that_was_taken_apart_while_it_was_sent(store: Store) -> None:
    receipt = lot_of(store)
    store.crates.pack(receipt, [1], paper, stamp())
    job = store.papers.of_receipt(str(receipt))[-1].id
    store.papers.sending(job)
    store.crates.unpack(receipt, 1, stamp())
    store.papers.unknown(job, "device", stamp())
    assert store.papers.resolve(job, False, CLERK, stamp()) is None, "no copy of it"
    with pytest.raises(StoreRefusal) as refused:
        store.papers.reprint(job, CLERK, stamp())
    assert refused.value.code == "cancelled"


def test_a_card_is_printed_once_and_then_as_a_copy(store: Store) -> None:
    card = NewPaper("member_card", "label", b"{}")
    first = store.papers.issue(card, "M-00001", CLERK, stamp())
    assert store.papers.issue(card, "M-00001", CLERK, stamp()) == first, "it waits: two taps are one card"
    other = store.papers.issue(card, "M-00002", CLERK, stamp())
    store.papers.sending(first)
    store.papers.done(first)
    again = store.papers.issue(NewPaper("member_card", "label", b"{new}"), "M-00001", CLERK, stamp())
    store.papers.sending(again)
    store.papers.unknown(again, "device", stamp())
    copy = store.papers.resolve(again, False, CLERK, stamp())
    found = {job.id: (job.about, job.copy_no, job.body) for job in store.papers.open_jobs()}
    assert found == {other: ("M-00002", 0, b"{}"), copy: ("M-00001", 2, b"{}")}
