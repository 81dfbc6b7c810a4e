"""Keeps the broker's clients and their rights in step with the county's list of certificates.

It has its own thread and connection: no failure here delays an event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from kiosk.base.worker import Worker
from kiosk.sorting_center.decision_worker import desk_exists
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ingest.mqtt.control import MqttControl, NoControlAnswer
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.stations.broker_access import (
    CONTROL_TOPIC,
    BrokerRights,
    Command,
    ControlPage,
    ControlResponse,
    batches,
    commands,
    is_answer_to,
    list_command,
    message,
    parse_answer,
)
from kiosk.sorting_center.stations.shared.subject import MachineSubject

log = logging.getLogger(__name__)

_FAILED: Final = "Who may use the broker is not as the list of certificates says: {}; trying again."


@dataclass(frozen=True, slots=True)
class AccessTiming:
    """Seconds between two checks of the list, between two full comparisons, and until the broker must have answered."""

    period_s: float = 10.0
    whole_period_s: float = 600.0  # Others may change the broker's clients, too
    answer_s: float = 10.0


class BrokerAccess:
    """Compares at each connection, whenever the list has changed, and every ten minutes."""

    def __init__(
        self, ledger: Ledger, broker: BrokerAddress, health: CenterHealth, timing: AccessTiming = AccessTiming()
    ) -> None:
        """Prepare the worker. ``broker`` must use MQTT. Does not close ``ledger``."""
        self._ledger, self._health, self._timing = ledger, health, timing
        client_id = f"sorting-center-{ledger.ledger_id}-access"
        self._control = MqttControl(broker, client_id, CONTROL_TOPIC, timing.answer_s)
        self._keys = count()
        self._applied: dict[MachineSubject, bool] | None = None  # The list that the broker follows
        self._next_whole = 0.0
        expected = (DeskError, LedgerError, NoControlAnswer)
        self.thread = Worker(
            "broker access", self._step, retry_s=timing.period_s, expected=expected, on_end=self._control.close
        )

    def _step(self) -> float:
        try:
            if desk_exists(self._ledger):
                with CenterDesk.open(self._ledger.url) as desk:
                    while not self.thread.is_stopping:
                        self._follow(desk.certificates.subjects())
                        self._health.set_fault("access")
                        self.thread.pause(self._timing.period_s)
        except Exception as error:
            if not self.thread.is_stopping:
                self._applied = None
                self._health.set_fault("access", _FAILED.format(error))
                raise
        return self._timing.period_s

    def _follow(self, listed: dict[MachineSubject, bool]) -> None:
        """Update the broker. Without any certificate, a region's clients are not ours. Raises NoControlAnswer."""
        is_new = self._control.connect(lambda: self.thread.is_stopping)
        if self._applied == listed and not is_new and time.monotonic() < self._next_whole:
            return
        clients = [client for page in self._pages("listClients") for client in page.clients]
        roles = [role for page in self._pages("listRoles") for role in page.roles]
        valid = [subject for subject, is_valid in listed.items() if is_valid]
        found = commands(BrokerRights.of(clients, roles, {subject.region for subject in listed}), valid)
        responses = [response for batch in batches(found) for response in self._exchange(batch)]
        _raise_error(responses)
        if found:
            log.info("Rights at the broker follow the list of certificates: %d changes.", len(found))
        self._applied, self._next_whole = listed, time.monotonic() + self._timing.whole_period_s

    def _pages(self, what: str) -> list[ControlPage]:
        pages: list[ControlPage] = []
        received = more = 0
        while not pages or (more and received < pages[-1].total_count):
            responses = self._exchange([list_command(what, received)])
            _raise_error(responses)
            pages += [response.data for response in responses]
            more = len(pages[-1].clients) + len(pages[-1].roles)
            received += more
        return pages

    def _exchange(self, batch: list[Command]) -> tuple[ControlResponse, ...]:
        """Send commands and wait for the answer with our key: all clients with the right receive all answers."""
        key = f"{self._ledger.ledger_id}-{next(self._keys)}"
        is_answer = partial(is_answer_to, key)
        return parse_answer(self._control.exchange(message(batch, key), is_answer, lambda: self.thread.is_stopping))


def _raise_error(responses: Iterable[ControlResponse]) -> None:
    for one in responses:
        if one.error:
            raise NoControlAnswer(f"the broker refuses {one.command} ({one.error})")
