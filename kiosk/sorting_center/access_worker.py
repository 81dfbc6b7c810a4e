"""Keeps the broker's clients and their rights like the county's list of certificates.

It has a thread and a connection of its own: whatever fails here holds up no event.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from itertools import count
from typing import Final

from kiosk.base.json_reader import Unreadable
from kiosk.base.worker import Worker
from kiosk.sorting_center.decision_worker import desk_exists
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ingest.connections import control_connection
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import ControlTopics, NoControlAnswer
from kiosk.sorting_center.stations.broker_access import (
    CONTROL_TOPIC,
    RESPONSE_TOPIC,
    BrokerRights,
    Command,
    ControlResponse,
    batches,
    commands,
    list_command,
    message,
    parse_answer,
)
from kiosk.sorting_center.stations.shared.subject import MachineSubject

log = logging.getLogger(__name__)

_FAILED: Final = "Who may use the broker is not as the list of certificates says: {}; trying again."


@dataclass(frozen=True, slots=True)
class AccessTiming:
    """In seconds: between two looks at the list, two whole comparisons, and until the broker must have answered."""

    period_s: float = 10.0
    whole_period_s: float = 600.0  # Somebody else may change the broker's clients, too
    answer_s: float = 10.0


class BrokerAccess:
    """Compares at each connection, whenever the list has changed, and every ten minutes."""

    def __init__(
        self, ledger: Ledger, broker: BrokerAddress, health: CenterHealth, timing: AccessTiming = AccessTiming()
    ) -> None:
        """``broker`` speaks MQTT. Does not close ``ledger``."""
        self._ledger, self._health, self._timing = ledger, health, timing
        topics = ControlTopics(CONTROL_TOPIC, RESPONSE_TOPIC)
        self._control = control_connection(
            broker, f"sorting-center-{ledger.ledger_id}-access", topics, lambda text: health.set_fault("access", text)
        )
        self._keys = count(time.time_ns())  # Another process that asks the broker counts from elsewhere
        self._applied: tuple[int, dict[MachineSubject, bool]] | None = None  # Over which connection, and the list
        self._next_whole = 0.0
        self._worker = Worker(
            "broker access", self._step, retry_s=timing.period_s, expected=(DeskError, LedgerError, NoControlAnswer)
        )

    def start(self) -> None:
        self._control.start()
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        self._worker.stop(0.0)
        self._control.stop(timeout_s)
        self._worker.stop(timeout_s)

    def _step(self) -> float:
        try:
            if desk_exists(self._ledger):
                with CenterDesk.open(self._ledger.url) as desk:
                    while not self._worker.is_stopping:
                        self._apply(desk.certificates.subjects())
                        self._health.set_fault("rights")
                        self._worker.pause(self._timing.period_s)
        except Exception as error:
            if not self._worker.is_stopping:
                self._health.set_fault("rights", _FAILED.format(error))
                raise
        return self._timing.period_s

    def _apply(self, listed: dict[MachineSubject, bool]) -> None:
        """Raises NoControlAnswer. Without a broker there is nothing to do: its connection says so.

        Where no certificate was ever made, the broker's clients are somebody else's.
        """
        connection = self._control.connection
        if not listed or connection is None:
            return
        if self._applied == (connection, listed) and time.monotonic() < self._next_whole:
            return
        self._applied = None
        found = commands(self._rights(), [subject for subject, is_valid in listed.items() if is_valid])
        faults = [fault for batch in batches(found) if (fault := _fault_of(self._exchange(batch)))]
        if faults:
            raise NoControlAnswer(faults[0])
        if found:
            log.info("Rights at the broker follow the list of certificates: %d changes.", len(found))
        self._applied, self._next_whole = (connection, listed), time.monotonic() + self._timing.whole_period_s

    def _rights(self) -> BrokerRights:
        clients = [one for answer in self._pages("listClients") for one in answer.data.clients]
        roles = [one for answer in self._pages("listRoles") for one in answer.data.roles]
        return BrokerRights.of(clients, roles)

    def _pages(self, what: str) -> list[ControlResponse]:
        answers: list[ControlResponse] = []
        received = more = 0
        while not answers or (more and received < answers[-1].data.total_count):
            responses = self._exchange([list_command(what, received)])
            if fault := _fault_of(responses):
                raise NoControlAnswer(fault)
            answers += responses
            more = len(responses[0].data.clients) + len(responses[0].data.roles)
            received += more
        return answers

    def _exchange(self, batch: list[Command]) -> tuple[ControlResponse, ...]:
        key = str(next(self._keys))

        def is_answer(content: bytes) -> bool:
            try:
                return any(response.correlation_data == key for response in parse_answer(content))
            except Unreadable:
                return False

        return parse_answer(self._control.exchange(message(batch, key), is_answer, self._timing.answer_s))


def _fault_of(responses: tuple[ControlResponse, ...]) -> str:
    """The first, "" for none."""
    return next((f"the broker refuses {one.command} ({one.error})" for one in responses if one.error), "")
