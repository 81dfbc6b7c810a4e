"""Carries out what people decided on events that are set apart, in a process that may write the ledger.

The pages only read the ledger: a decision to take an event in waits in the desk until one of the processes that take
events in finds it here. It has its own thread: a desk that cannot be used must not delay taking in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import inspect

from kiosk.base.worker import Worker
from kiosk.sorting_center.desk.decisions import Decision, DecisionKind
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.database import desk_path
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import SCHEMA, decision
from kiosk.sorting_center.ledger import EventKey, Ledger, LedgerError
from kiosk.sorting_center.ledger.database.address import LedgerAddress

REPROCESS: Final = "take_again"
SUPERSEDED: Final = "overtaken"  # A later decision was made before it was carried out
FAILED: Final = "failed"

_POLL_INTERVAL_S: Final = 2.0

log = logging.getLogger(__name__)


def decision_worker(
    ledger: Ledger, on_accepted: Callable[[], None], poll_interval_s: float = _POLL_INTERVAL_S
) -> Worker:
    """Build the worker; it calls ``on_accepted`` when the feed has a new event. Does not close ``ledger``."""

    def step() -> float:
        if desk_exists(ledger):
            with CenterDesk.open(ledger.url) as desk:
                while not worker.is_stopping:
                    if carry_out_oldest(ledger, desk):
                        on_accepted()
                    else:
                        worker.pause(poll_interval_s)
        return poll_interval_s

    worker = Worker("decisions", step, expected=(LedgerError, DeskError))
    return worker


def carry_out_oldest(ledger: Ledger, desk: CenterDesk) -> bool:
    """Carry out a decision; return whether one waited. After LedgerError or DeskError it still waits."""

    def execute(pending: Decision) -> str:
        if desk.decisions.history(pending.kind, pending.subject)[-1].number != pending.number:
            return SUPERSEDED
        try:
            return ledger.readmit(EventKey.parse(pending.subject)).value
        except LedgerError:
            raise
        except Exception:
            # It would block all others permanently.
            log.exception("The decision on %s could not be carried out.", pending.subject)
            return FAILED

    made = desk.decisions.carry_out(DecisionKind.QUARANTINE, REPROCESS, execute)
    if made is not None:
        detail = f"{REPROCESS}: {made.outcome}"
        desk.audit.record(made.who, AuditAction.QUARANTINE_DECIDED, made.subject, detail, datetime.now(UTC))
    return made is not None


def desk_exists(ledger: Ledger) -> bool:
    """Return whether the pages of this ledger have made a desk: receiving events alone makes none."""
    path = LedgerAddress.parse(ledger.url).path
    if path is not None:
        return desk_path(path).exists()
    with ledger.reading() as connection:
        return inspect(connection).has_table(decision.name, SCHEMA)
