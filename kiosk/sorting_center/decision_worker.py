"""Carries out what people decided on events that are set apart, in a process that may write the ledger.

The pages only read the ledger: a decision to take an event in waits in the desk until one of the processes that take
events in has found it here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import inspect

from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.desk.decisions import Decision, DecisionKind
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.database import desk_path
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import SCHEMA, decision
from kiosk.sorting_center.ledger import EventKey, Ledger, LedgerError
from kiosk.sorting_center.ledger.database.address import LedgerAddress

REPROCESS: Final = "take_again"
SUPERSEDED: Final = "overtaken"  # Somebody has decided otherwise before it was carried out
FAILED: Final = "failed"

_POLL_INTERVAL_S: Final = 2.0
_RETRY_MAX_S: Final = 30.0

log = logging.getLogger(__name__)


class DecisionWorker:
    """One thread. ``on_accepted`` is called when an event was taken in: the feed has something new."""

    def __init__(
        self, ledger: Ledger, on_accepted: Callable[[], None], poll_interval_s: float = _POLL_INTERVAL_S
    ) -> None:
        """Does not close ``ledger``."""
        self._ledger = ledger
        self._on_accepted = on_accepted
        self._poll_interval_s = poll_interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def step(self, desk: CenterDesk) -> bool:
        """Carry out the oldest decision that waits; whether there was one. Raises LedgerError and DeskError, and then
        it waits still.
        """
        made = desk.decisions.carry_out(DecisionKind.QUARANTINE, REPROCESS, lambda wish: self._execute(desk, wish))
        if made is None:
            return False
        detail = f"{REPROCESS}: {made.outcome}"
        desk.audit.record(made.who, AuditAction.QUARANTINE_DECIDED, made.subject, detail, datetime.now(UTC))
        self._on_accepted()
        return True

    def _execute(self, desk: CenterDesk, pending: Decision) -> str:
        if desk.decisions.history(pending.kind, pending.subject)[-1].number != pending.number:
            return SUPERSEDED
        try:
            return self._ledger.readmit(EventKey.parse(pending.subject)).value
        except LedgerError:
            raise
        except Exception:
            # It would stand before all others for ever.
            log.exception("The decision on %s could not be carried out.", pending.subject)
            return FAILED

    def _run(self) -> None:
        pauses = Backoff(self._poll_interval_s, _RETRY_MAX_S)
        while not self._stopping.is_set():
            try:
                self._execute_pending(pauses)
            except (LedgerError, DeskError) as error:
                log.warning("What was decided on events that are set apart waits: %s", error)
            except Exception:
                log.exception("Carrying out decisions failed in an unforeseen way; it is tried again.")
            self._stopping.wait(pauses.next())

    def _execute_pending(self, pauses: Backoff) -> None:
        """As long as all goes well; returns when the program ends, or there is no desk yet."""
        if not desk_exists(self._ledger):
            pauses.reset()
            return
        with CenterDesk.open(self._ledger.url) as desk:
            while not self._stopping.is_set():
                more = self.step(desk)
                pauses.reset()
                if not more:
                    self._stopping.wait(self._poll_interval_s)


def desk_exists(ledger: Ledger) -> bool:
    """Whether pages of this ledger have ever made a desk: who only takes events in makes none."""
    path = LedgerAddress.parse(ledger.url).path
    if path is not None:
        return desk_path(path).exists()
    with ledger.reading() as connection:
        return inspect(connection).has_table(decision.name, SCHEMA)
