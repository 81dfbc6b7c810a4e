"""Sends the county's requests to its stations: each when it is made, and again at a hello until it is answered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from kiosk.messaging.contract.station_request import StationRequest
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.desk.station_requests import AskedRequest, StationRequests
from kiosk.sorting_center.stations.authority import ConfigurationKey

MIN_REPEAT_S: Final = 30.0  # Also for a station that says hello without an end


class RequestSender:
    def __init__(self, send: Callable[[str, bytes], bool]) -> None:
        """``send`` says whether there was a connection."""
        self._send = send
        self._sent: dict[str, tuple[int, float]] = {}  # By station which number, and when

    def follow(
        self, asked: StationRequests, key: ConfigurationKey, greeted: Collection[str], now: datetime, at: float
    ) -> None:
        """``greeted``: stations that have said hello since the last call; ``at``: monotonic. Raises DeskError."""
        region = key.subject.region
        for one in asked.next_open(region, now):
            number, sent_at = self._sent.get(one.station, (0, 0.0))
            is_due = number != one.number or (one.station in greeted and at >= sent_at + MIN_REPEAT_S)
            if is_due and self._send(Topics(region, one.station).cmd, signed_request(one, key).encode()):
                self._sent[one.station] = one.number, at


def signed_request(one: AskedRequest, key: ConfigurationKey) -> StationRequest:
    """The same bytes each time, for Ed25519 has no chance in it; in another generation of the key another version."""
    issued, expires = (f"{text[:19]}Z" for text in (one.issued_at, one.expires_at))
    version = key.subject.generation, one.number
    return key.sign(StationRequest(one.station, one.region, version, issued, expires, one.kind, one.release, ""))
