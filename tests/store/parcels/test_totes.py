"""Totes: every parcel in one tote at most, every number once, and the handover is of all that was seen or of none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kiosk.domain.identifiers import SerialNumber
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.store import Store
from kiosk.store.parcels.totes import MAX_TOTES_PER_MANIFEST
from kiosk.store.shared.errors import StoreRefusal
from kiosk.store.shared.records import NewPaper, ToteRow
from tests.store import counter_rig
from tests.store.counter_rig import CLERK, Codes, arrive
from tests.store.village import content, events, open_store, stamp


def tags(tote: ToteRow) -> list[NewPaper]:
    return [
        NewPaper("tote_tag", "label", b"{}", tote.number.text("T")),
        NewPaper("seal_tag", "label", b"{}", tote.seal.text("Z")),
    ]


def sheet(number: SerialNumber, totes: Sequence[ToteRow]) -> list[NewPaper]:
    names = " ".join(tote.number.text("T") for tote in totes).encode()
    return [NewPaper("manifest", "label", names, number.text("M"))]


def going_back(store: Store, count: int) -> list[ParcelNumber]:
    codes = Codes()
    numbers = [arrive(store, codes, f"SF13850000000{at:02d}").number for at in range(count)]
    for number in numbers:
        store.parcels.due_back(number, CLERK, stamp())
    return numbers


def test_parcels_are_packed_once_and_handed_over_with_what_was_seen(store: Store, path: Path, template: Path) -> None:
    parcels = going_back(store, 4)
    first = store.totes.pack([parcels[2], parcels[0]], tags, stamp())
    assert (first.number.text("T"), first.seal.text("Z")) == ("T-0147-A-000001", "Z-0147-A-000001")
    assert [row.number for row in store.totes.free()] == [parcels[1], parcels[3]]
    before = content(path)
    for wanted in ([], [parcels[0], parcels[1]], [ParcelNumber("S0147", "A", 99)]):
        with pytest.raises(StoreRefusal, match="Not all of these parcels"):
            store.totes.pack(wanted, tags, stamp())
    assert content(path) == before
    second = store.totes.pack([parcels[1]], tags, stamp())
    with pytest.raises(StoreRefusal, match="Other totes wait"):
        store.totes.hand_over([first.number], sheet, CLERK, stamp())
    store.close()
    store = open_store(path, template)
    assert store.totes.packed() == [first, second]
    count = len(events(path))
    manifest = store.totes.hand_over([first.number, second.number], sheet, CLERK, stamp())
    assert manifest.text("M") == "M-0147-A-000001"
    assert [event["type"] for event in events(path)[count:]] == ["station.parcel.returned.v1"] * 3
    rows = [store.parcels.by_number(number) for number in parcels]
    assert [row.state for row in rows if row] == [ParcelState.RETURNED] * 3 + [ParcelState.RETURN_DUE]
    assert store.totes.handed_over(manifest) == [first, second]
    assert store.totes.handed_over(SerialNumber("S0147", "A", 2)) == []
    assert store.totes.handed_over(SerialNumber("S0999", "A", 1)) == []
    assert store.totes.of_parcel(parcels[1]) is None
    assert store.totes.packed() == []
    (job,) = [job for job in store.papers.open_jobs() if job.document == "manifest"]
    assert (job.about, job.body) == ("M-0147-A-000001", b"T-0147-A-000001 T-0147-A-000002")
    with pytest.raises(StoreRefusal):
        store.totes.hand_over([first.number, second.number], sheet, CLERK, stamp())
    store.close()


def test_a_tote_that_is_opened_gives_its_numbers_to_nobody(store: Store) -> None:
    parcels = going_back(store, 2)
    first = store.totes.pack(parcels, tags, stamp())
    tag, seal = (job.id for job in store.papers.open_jobs() if job.document in ("tote_tag", "seal_tag"))
    for job in (tag, seal):
        store.papers.sending(job)
        store.papers.unknown(job, "device", stamp())
    with pytest.raises(StoreRefusal) as refused:
        store.papers.resolve(seal, False, CLERK, stamp())
    assert refused.value.code == "reissue", "no seal has a copy"
    copy = store.papers.resolve(tag, False, CLERK, stamp())
    assert copy is not None
    store.totes.unpack(first.number, stamp())
    assert {tag, copy, seal}.isdisjoint(job.id for job in store.papers.open_jobs())
    for job in (tag, copy, seal):
        with pytest.raises(StoreRefusal):
            store.papers.reprint(job, CLERK, stamp())
    with pytest.raises(StoreRefusal):
        store.totes.unpack(first.number, stamp())
    again = store.totes.pack(parcels, tags, stamp())
    assert (again.number.counter, again.seal.counter) == (2, 2)


def test_a_parcel_that_was_fetched_out_of_a_tote_stops_the_handover(store: Store, path: Path) -> None:
    """It may be collected until the driver has it; then its tote has to be opened, and nothing was handed over."""
    parcels = going_back(store, 2)
    tote = store.totes.pack(parcels, tags, stamp())
    store.parcels.lose(parcels[0], CLERK, stamp())
    before = content(path)
    with pytest.raises(StoreRefusal, match=r"Open tote T-0147-A-000001: .*cannot become returned") as refused:
        store.totes.hand_over([tote.number], sheet, CLERK, stamp())
    assert (refused.value.code, refused.value.values) == (
        "tote_changed",
        {"tote": "T-0147-A-000001", "parcel": str(parcels[0])},
    )
    assert content(path) == before
    assert store.totes.of_parcel(parcels[0]) == tote
    store.totes.unpack(tote.number, stamp())
    assert [row.number for row in store.totes.free()] == [parcels[1]]


def test_totes_beyond_one_manifest_wait_for_the_next_and_are_seen_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter_rig, "SLOTS", tuple(f"A-1-{slot:02d}" for slot in range(1, MAX_TOTES_PER_MANIFEST + 2)))
    parcels = going_back(store, MAX_TOTES_PER_MANIFEST + 1)
    totes = [store.totes.pack([one], tags, stamp()) for one in parcels]
    last = totes[-1]
    assert store.totes.packed() == totes
    assert store.totes.of_parcel(parcels[-1]) == last, "it is not on its shelf"
    store.totes.hand_over([tote.number for tote in totes[:-1]], sheet, CLERK, stamp())
    assert store.totes.packed() == [last]
    store.totes.unpack(last.number, stamp())
    assert [row.number for row in store.totes.free()] == [parcels[-1]]
