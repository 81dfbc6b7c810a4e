"""Crates at the counter: some bags of a lot are packed together, and the crate gets its label."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.intakes import IntakeLookup
from kiosk.station.papers.papers import LABEL_PRINTER, CrateGoods, crate_paper
from kiosk.station.papers.parcel import CounterPapers
from kiosk.store.shared.records import CrateBag
from kiosk.store.store import Store


class CounterCrates:
    """A crate holds bags of one lot, and a bag is in one crate at most."""

    def __init__(self, acts: Acts, book: IntakeLookup, store: Store, papers: CounterPapers) -> None:
        self._acts = acts
        self._book = book
        self._store = store
        self._papers = papers

    @property
    def has_printer(self) -> bool:
        """Whether a label could come out."""
        return LABEL_PRINTER in self._papers.printers

    def bags(self, session: CounterSession, receipt: str) -> Sequence[CrateBag]:
        """The bags of a lot and the crates they are in. Raises CounterRefused: foreign_receipt, unknown_code."""
        self._acts.clerk(session)
        row = self._book.intake(receipt)
        with as_counter_refusals():
            return self._store.crates.bags(row.receipt)

    def pack(self, session: CounterSession, receipt: str, bags: Collection[int]) -> None:
        """Raises CounterRefused: stale_page (a bag is in a crate by now, no printer), already_void, and as ``bags``."""
        with self._acts.act(session) as (_, stamp):
            row = self._book.intake(receipt)
            if not self.has_printer:
                raise CounterRefused("stale_page", "no label printer is set up")
            scale, (_, catalog) = self._store.weighings.legal_status(row.receipt), self._store.catalogs.get()
            goods = CrateGoods(row, catalog, scale is not None and scale.trade is False)
            papers = partial(crate_paper, self._papers.settings, self._papers.codes, goods, stamp=stamp)
            self._store.crates.pack(ReceiptNumber.parse(row.receipt), bags, papers, stamp)
            self._acts.notify_committed()

    def unpack(self, session: CounterSession, receipt: str, crate: int) -> None:
        """Raises CounterRefused: stale_page when there is no such crate any more, and as ``bags``."""
        with self._acts.act(session) as (_, stamp):
            row = self._book.intake(receipt)
            self._store.crates.unpack(ReceiptNumber.parse(row.receipt), crate, stamp)
            self._acts.notify_committed()
