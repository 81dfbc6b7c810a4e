"""A document of the county with 20,000 members is applied while people weigh: how long a weighing waits for it.

The writer is held for less time than a weighing's slowest write takes: that one shares the processor with the checks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from benchmarks.measure import Row
from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.identifiers import ReceiptNumber, internal_code
from kiosk.domain.intake import AbandonReason, Intake
from kiosk.domain.trade import Mode, Party
from kiosk.messaging.contract.configuration import (
    DOCUMENT,
    INBOX,
    ConfigurationDocument,
    MemberRow,
    MembersPart,
    Part,
    encode_part,
    part_file,
)
from kiosk.station.configuration.checks import LiveContent
from kiosk.station.configuration.inbox import DocumentInbox, InboxTools
from kiosk.station.shared.open_store import open_store, stamps
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Store

T = TypeVar("T")
MEMBERS = 20_000
LIMIT_MS = 100
ROUNDS = 5
_NAMES = Names("بادام", "巴旦木", "Badam")
_CATALOG = Catalog(
    (Product("BADAM", _NAMES, "badam"),),
    (Price("BADAM", Mode.PURCHASE, 2400),),
    (Container("BARE", _NAMES, 0, "none"),),
    (Member("M-00001", "Aygul"),),
)


def run(folder: Path) -> list[Row]:
    settings = StationSettings("S0147", "yarkant", folder)
    with closing(open_store(settings)) as store:
        store.catalogs.add(_CATALOG, stamps(settings)())
        weighing = _Weighing(store, settings)
        alone = weighing.slowest_ms(lambda: time.sleep(2))
        inbox = DocumentInbox(folder / INBOX, _tools(store, settings))
        waits, seconds = [], []
        held_ms = _watch_writer(store)
        for number in range(1, ROUNDS + 1):
            _send(folder / INBOX, number)
            start = time.monotonic()
            waits.append(weighing.slowest_ms(inbox.step))
            seconds.append(time.monotonic() - start)
        found = store.county_documents.in_force()
        assert found is not None
        assert found.version.number == ROUNDS
    return [
        Row("the writer held to apply 20,000 members, longest", max(held_ms), "ms", LIMIT_MS),
        Row("a weighing's write while 20,000 members are applied, slowest", max(waits), "ms", LIMIT_MS, alone, "alone"),
        Row("20,000 members checked and applied", max(seconds), "s"),
    ]


def _watch_writer(store: Store) -> list[float]:
    """How long each of the inbox's transactions takes from now on, without the wait for its turn."""
    held_ms: list[float] = []
    database, main = store.county_documents.database, threading.get_ident()
    transaction = database._transaction

    def timed(work: Callable[[Connection], T]) -> T:
        start = time.perf_counter()
        try:
            return transaction(work)
        finally:
            if threading.get_ident() == main:
                held_ms.append(1000 * (time.perf_counter() - start))

    database._transaction = timed  # type: ignore[method-assign]
    return held_ms


class _Weighing:
    """Receipt numbers are taken and given back, one after the other: each is a write of its own."""

    def __init__(self, store: Store, settings: StationSettings) -> None:
        self._store, self._stamps = store, stamps(settings)

    def slowest_ms(self, meanwhile: Callable[[], object]) -> float:
        over, slowest = threading.Event(), [0.0]

        def weigh() -> None:
            while not over.is_set():
                version, _ = self._store.catalogs.get()
                start = time.perf_counter()
                intake = self._store.intakes.open(lambda receipt: _intake(receipt, version), self._stamps())  # noqa: B023
                slowest[0] = max(slowest[0], time.perf_counter() - start)
                self._store.intakes.abandon(intake.receipt, "opened", AbandonReason.LEFT, self._stamps())
                time.sleep(0.05)  # A person is slower than that

        thread = threading.Thread(target=weigh)
        thread.start()
        meanwhile()
        over.set()
        thread.join()
        return 1000 * slowest[0]


def _intake(receipt: ReceiptNumber, version: int) -> Intake:
    return Intake(receipt, Party("M-00001"), "BADAM", Mode.PURCHASE, version, 2400)


def _tools(store: Store, settings: StationSettings) -> InboxTools:
    def used(live: LiveContent) -> None:
        assert not live.layouts

    return InboxTools(
        settings, store, stamps(settings), lambda _: None, lambda: None, lambda: ["BADAM"], used, lambda: None
    )


def _send(folder: Path, number: int) -> None:
    rows = (MemberRow(f"M-{row:05}", f"ئايگۈل {number}", internal_code("P", f"{row:05}")) for row in range(MEMBERS))
    part = encode_part(MembersPart(tuple(rows)))
    name = Part.of(part)
    document = ConfigurationDocument(
        "S0147", "yarkant", (1, number), "2026-11-25T06:00:00Z", None, {"members": name}, ""
    )
    folder.mkdir(exist_ok=True)
    (folder / part_file(name.sha256)).write_bytes(part)
    (folder / DOCUMENT).write_bytes(document.encode())
