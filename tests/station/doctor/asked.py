"""A station of which its county asks something."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kiosk.domain.configuration import RefusalReason
from kiosk.messaging.contract.station_request import StationRequest
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.configuration.county import StationCounty
from kiosk.station.configuration.inbox import AFTER_REFUSAL_S, POLL_S, InboxTools
from kiosk.station.doctor.requests import CountyRequests
from tests.station.doctor.clinic import Clinic


class Asked:
    """A station of which something is asked; its worker is stepped by hand."""

    def __init__(self, clinic: Clinic, signature: Callable[[bytes], RefusalReason | None]) -> None:
        self.clinic = clinic
        self.signature = signature
        self.busy: str | None = None
        clinic.config.relay = RelaySettings(
            *("mqtt://127.0.0.1:1", "yarkant", "S0147", "test"),
            photos="http://127.0.0.1:1",
            updates="http://127.0.0.1:1",
        )
        clinic.config.county = None
        self.folder = clinic.settings.data / "requests"
        self.start()

    def start(self) -> None:
        own = self.clinic
        tools = InboxTools(
            own.settings, own.store, own.stamp, self.signature, lambda: self.busy, tuple, lambda _: None, lambda: None
        )
        self.county = StationCounty(tools, True, tuple)
        self.worker = CountyRequests(own.doctor, self.county)

    def put(self, request: StationRequest | bytes) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "request.json").write_bytes(request if isinstance(request, bytes) else request.encode())

    def take(self, request: StationRequest | bytes) -> list[tuple[str, str]]:
        """What was told of it: outcomes and reasons."""
        before = len(self.events())
        self.put(request)
        assert self.worker.step() in (POLL_S, AFTER_REFUSAL_S)
        return [(row["outcome"], row["reason"]) for row in self.events()[before:]]

    def events(self) -> list[dict[str, Any]]:
        rows = self.clinic.store.outbox.pending(10_000)
        return [json.loads(row.body)["data"] for row in rows if row.type == "station.request.answered.v1"]

    def waits(self) -> bool:
        return (self.folder / "request.json").exists()

    def files(self) -> dict[str, bytes]:
        found = self.folder / "answers"
        return {path.name: path.read_bytes() for path in found.iterdir()} if found.is_dir() else {}
