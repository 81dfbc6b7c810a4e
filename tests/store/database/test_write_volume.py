"""A memory card wears with each byte: what a hundred intakes write, and a hundred parcels, where the kernel counts it.

An intake keeps the frames of two seconds of rest, and what the scale was worth. `make torture` writes 200 of each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.domain.trade import Mode
from kiosk.store import NewPaper, Store
from kiosk.store.shared.records import SlotAssignment
from tests.depth import many
from tests.store.counter_rig import SLOTS, Codes, arrival, collect, papers
from tests.store.scale_rig import with_frames
from tests.store.village import CATALOG, open_intake, open_store, stamp

INTAKES = many(100, torture=200)
LIMIT_KB = 90
"""Station and relay together are allowed 128 KB an intake; the store leaves room for what else they write."""

_PAPER = b'{"template":"bag","lines":[' + b",".join([b'"0147-A-000001  12.290 kg"'] * 20) + b"]}"


def _written() -> int:
    """Bytes this process has made the kernel write (proc(5), /proc/pid/io)."""
    counters = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in counters if line.startswith("write_bytes"))


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on a real disk; /tmp may be memory, where nothing counts as written."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder) / "kiosk.sqlite"


def _whole_intake(store: Store, relay: Store, number: int) -> None:
    intake = open_intake(store, mode=Mode.PURCHASE)
    jobs = (NewPaper("bag_label", "label", _PAPER, bag=1), NewPaper("receipt", "receipt", _PAPER))
    token = f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}"
    store.intakes.confirm(with_frames(intake, 1_000 + number), token, lambda head: jobs, stamp(number))
    for printer in ("label", "receipt"):
        job = store.papers.next(printer)
        assert job is not None
        store.papers.sending(job.id)
        store.papers.done(job.id)
    assert relay.changed()
    relay.outbox.acknowledge(relay.outbox.counts().last_seq, [])


def _whole_parcel(store: Store, relay: Store, number: int, codes: Codes) -> None:
    row = store.parcels.arrive(arrival(f"SF{number:012d}"), SlotAssignment(SLOTS, codes, papers), stamp(number))
    for printer in ("label", "receipt"):
        job = store.papers.next(printer)
        assert job is not None
        store.papers.sending(job.id)
        store.papers.done(job.id)
    collect(store, row, codes.given[row.number])
    assert relay.changed()
    relay.outbox.acknowledge(relay.outbox.counts().last_seq, [])


def test_a_parcel_writes_little(on_disk: Path, template: Path) -> None:
    store, relay = (open_store(on_disk, template) for _ in range(2))
    codes = Codes()
    before = _written()
    for number in range(INTAKES):
        _whole_parcel(store, relay, number, codes)
    mean_kb = (_written() - before) / INTAKES / 1024
    store.close()
    relay.close()
    assert 5 < mean_kb <= LIMIT_KB


def test_an_intake_writes_little(on_disk: Path, template: Path) -> None:
    store, relay = (open_store(on_disk, template) for _ in range(2))
    store.catalogs.add(CATALOG, stamp())
    before = _written()
    for number in range(INTAKES):
        _whole_intake(store, relay, number)
    mean_kb = (_written() - before) / INTAKES / 1024
    store.close()
    relay.close()
    assert 5 < mean_kb <= LIMIT_KB
