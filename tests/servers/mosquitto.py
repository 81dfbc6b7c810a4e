"""The county's Mosquitto as it is shipped, with its paths and ports replaced, and a county that issues certificates."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.simulators.broker import Broker
from kiosk.sorting_center.stations.authority import CountyAuthority, IssuedCertificate, ServerAuthority
from kiosk.sorting_center.stations.broker_access import (
    CONTROL_TOPIC,
    BrokerRights,
    Command,
    commands,
    initial_document,
    message,
)
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject
from tests.messaging.ports import SOON_S, claimed_port, wait_for_listener

SHIPPED = Path(__file__).parents[2] / "firmware_config" / "mosquitto"
PASSWORD = "secret"


@dataclass
class CountyFiles:
    """Certificates and keys of a county's machines, as files."""

    folder: Path
    region: str = "hotan"
    _issued: dict[str, tuple[Path, Path]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.authority = CountyAuthority.create(self.region, datetime.now(UTC))
        self.servers = ServerAuthority(self.authority.issue_server_authority(self.region, datetime.now(UTC)))
        self.file = self.folder / f"{self.region}-ca.crt"
        self.file.write_text(self.authority.certificate)

    def machine(self, subject: MachineSubject) -> tuple[Path, Path]:
        """Certificate and key, made once for each subject."""
        if str(subject) not in self._issued:
            issued = self.authority.issue_machine(subject, datetime.now(UTC))
            self._issued[str(subject)] = self._write(f"machine-{len(self._issued)}", issued)
        return self._issued[str(subject)]

    def server(self, name: str = "127.0.0.1") -> tuple[Path, Path]:
        return self._write(f"server-{name}", self.servers.issue(self.region, [name], datetime.now(UTC)))

    def _write(self, name: str, issued: IssuedCertificate) -> tuple[Path, Path]:
        files = self.folder / f"{self.region}-{name}.crt", self.folder / f"{self.region}-{name}.key"
        files[0].write_text(issued.certificate)
        files[1].write_text(issued.key)
        return files


class ControlClient:
    """The sorting center's user at the broker, for what a person does there by hand."""

    def __init__(self, port: int) -> None:
        self._port = port

    def run(self, found: list[Command]) -> dict[str, Any]:
        """The first response; every one must be without an error."""
        key, answers = uuid4().hex, list[Any]()  # Everybody hears the answers to everybody
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set("sorting-center", PASSWORD)
        client.on_subscribe = lambda subscribed, *_: subscribed.publish(CONTROL_TOPIC, message(found, key))
        client.on_message = lambda _client, _userdata, came: answers.append(json.loads(came.payload)["responses"])
        client.connect("127.0.0.1", self._port)
        client.subscribe(f"{CONTROL_TOPIC}/response")
        while not any(responses[0]["correlationData"] == key for responses in answers):
            assert client.loop(SOON_S) == mqtt.MQTT_ERR_SUCCESS
        client.disconnect()
        responses = next(one for one in answers if one[0]["correlationData"] == key)
        assert not [one for one in responses if "error" in one], responses
        return dict(responses[0])

    def client(self, name: str) -> dict[str, Any] | None:
        """What the broker has of it."""
        found = self.run([{"command": "listClients", "verbose": True}])["data"]["clients"]
        return next((dict(one) for one in found if one["username"] == name), None)


class CountyBroker(Broker):
    """As it is shipped; ``port`` is the one for programs on this machine."""

    def __init__(self, county: CountyFiles, ports: tuple[int, int], more: Mapping[str, str]) -> None:
        self.county, self.tls_port = county, ports[1]
        self.rights_file = county.folder / "dynamic-security.json"
        server = county.server()
        conf = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
        for shipped, here in {
            "listener 1883 127.0.0.1\n": "",
            "listener 8883": f"listener {self.tls_port} 127.0.0.1",
            "/var/lib/mosquitto/dynamic-security.json": str(self.rights_file),
            "/etc/mosquitto/sorting-center/ca.crt": str(county.file),
            "/etc/mosquitto/sorting-center/server.crt": str(server[0]),
            "/etc/mosquitto/sorting-center/server.key": str(server[1]),
            **more,
        }.items():
            assert conf.count(shipped) == 1, shipped
            conf = conf.replace(shipped, here)
        super().__init__(county.folder / "broker", ports[0], conf)
        self.control = ControlClient(self.port)
        self.forget()

    def __enter__(self) -> Self:
        super().__enter__()
        wait_for_listener(self.tls_port)
        return self

    def restart(self) -> None:
        super().restart()
        wait_for_listener(self.tls_port)

    def forget(self) -> None:
        """Its file of rights is again the first one, from its next start on."""
        self.rights_file.write_bytes(initial_document(PASSWORD))
        self.rights_file.chmod(0o600)

    def let_in(self, *subjects: MachineSubject) -> None:
        """Those that it does not know yet."""
        new = [one for one in subjects if self.control.client(str(one)) is None]
        found = commands(BrokerRights({}, {}), new)
        if found:
            self.control.run(found)

    def freeze(self) -> None:
        """Its connections stay, and nothing is answered on them any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def county_broker(folder: Path, more: Mapping[str, str] | None = None, region: str = "hotan") -> Iterator[CountyBroker]:
    """``more``: further replacements in the shipped file."""
    with (
        claimed_port() as port,
        claimed_port() as tls_port,
        CountyBroker(CountyFiles(folder, region), (port, tls_port), more or {}) as broker,
    ):
        yield broker


def station(name: str, generation: int = 1, region: str = "hotan") -> MachineSubject:
    return MachineSubject(region, MachineKind.STATION, name, generation)
