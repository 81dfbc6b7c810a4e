"""The topics: ``kiosk/v1/{region}/{station}/up|down/...`` and ``kiosk/v1/{region}/feed/...``.

No level ever holds a dot: RabbitMQ maps ``/`` to ``.`` and back, so a dot would come out as another level.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from kiosk.domain.identifiers import check_region, check_station
from kiosk.messaging.contract.envelope import TYPE_PATTERN

# MQTT 5 user property of a feed message: which unbroken life of the feed its `feedseq` counts in.
GENERATION_PROPERTY: Final = "generation"
ROOT: Final = "kiosk/v1"
UP_KINDS: Final = ("event", "batch", "hello", "status")
DOWN_KINDS: Final = ("ack", "resend", "config", "cmd")


class UpTopic(NamedTuple):
    """A topic a station publishes on, split up. ``kind`` is one of UP_KINDS."""

    region: str
    station: str
    kind: str


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one station; raises BadIdentifier for invalid ids."""

    region: str
    station: str

    def __post_init__(self) -> None:
        check_region(self.region)
        check_station(self.station)

    def _up(self, kind: str) -> str:
        return f"{ROOT}/{self.region}/{self.station}/up/{kind}"

    def _down(self, kind: str) -> str:
        return f"{ROOT}/{self.region}/{self.station}/down/{kind}"

    @property
    def event(self) -> str:
        """One event, ``application/cloudevents+json``."""
        return self._up("event")

    @property
    def batch(self) -> str:
        """Several events, a JSON array, zlib."""
        return self._up("batch")

    @property
    def hello(self) -> str:
        """Control.Hello: what the station has; asks for an acknowledgement."""
        return self._up("hello")

    @property
    def status(self) -> str:
        """Control.Status, retained, also the last will."""
        return self._up("status")

    @property
    def ack(self) -> str:
        """Control.Ack: what the ledger has committed."""
        return self._down("ack")

    @property
    def resend(self) -> str:
        return self._down("resend")

    @property
    def config(self) -> str:
        """ConfigurationMessage: what the county gives the station."""
        return self._down("config")

    @property
    def cmd(self) -> str:
        """Reserved, ignored until it is signed."""
        return self._down("cmd")


def parse_up(topic: str) -> UpTopic:
    """Split a topic that a station published on. Raises ValueError (BadIdentifier for a bad region or station)."""
    start, _, rest = topic.partition(f"{ROOT}/")
    parts = rest.split("/")
    if start or len(parts) != 4 or parts[2] != "up" or parts[3] not in UP_KINDS:
        raise ValueError(f"{topic[:120]!r} is no topic of a station")
    return UpTopic(check_region(parts[0]), check_station(parts[1]), parts[3])


def up_filter(kind: str, region: str = "+") -> str:
    """Build the subscription for one kind of message of every station, of one region or of all."""
    if kind not in UP_KINDS:
        raise ValueError(f"{kind!r} must be one of {', '.join(UP_KINDS)}")
    return f"{ROOT}/{region if region == '+' else check_region(region)}/+/up/{kind}"


def feed_topic(region: str, type_: str) -> str:
    """Return an accepted event's topic. Raises ValueError for a type other than station.object.verb.version."""
    if re.fullmatch(TYPE_PATTERN, type_) is None:
        raise ValueError(f"event type {type_[:120]!r} must look like station.intake.confirmed.v1")
    _, object_, verb, version = type_.split(".")
    return f"{ROOT}/{check_region(region)}/feed/{object_}/{verb}/{version}"
