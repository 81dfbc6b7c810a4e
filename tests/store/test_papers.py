from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.store import NewPrintJob, Store, StoreError
from tests.store.village import bring_in, content, events, open_intake, open_store, stamp, weighed


def test_a_paper_is_queued_sending_printed(store: Store) -> None:
    bring_in(store)
    job = store.papers.next("label")
    assert job is not None
    assert (job.receipt, job.document, job.bag, job.body, job.state, job.attempts, job.copy) == (
        "0147-A-000001",
        "bag_label",
        1,
        b'{"net":"12.290"}',
        "queued",
        0,
        False,
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
    assert (copy.id, copy.copy, copy.state, copy.body) == (copy_id, True, "queued", first.body)


@pytest.mark.parametrize("job", [NewPrintJob("poem", "label", 1, b""), NewPrintJob("receipt", "fax", 1, b"")])
def test_a_paper_nobody_knows_undoes_the_whole_confirmation(store: Store, path: Path, job: NewPrintJob) -> None:
    intake = open_intake(store)
    before = content(path)
    with pytest.raises(StoreError, match="breaks a rule"):
        store.intakes.confirm(weighed(intake), "tap", [job], "1", stamp())
    assert content(path) == before
