"""One connection to the broker, from CONNECT to its end. The only file of the station that speaks MQTT.

A connection is never reused: paho keeps unacknowledged messages in memory and sends them again by itself, and the
outbox is the one place that decides what is sent. No thread of paho's runs either; ``poll`` drives the socket, so
every happening is handled by the thread that owns the database connection.
"""

from __future__ import annotations

import select
import ssl
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from kiosk.messaging.contract.control import MAX_CONTROL_BYTES
from kiosk.messaging.relay.pace import TUNING, Tuning
from kiosk.messaging.relay.shared.center_line import tls_context
from kiosk.messaging.relay.shared.faults import NO_MQTT_5, NO_SUBSCRIBERS, LinkFault, fault_of
from kiosk.messaging.relay.shared.settings import RelaySettings

_MAX_INBOUND_PACKET: Final = MAX_CONTROL_BYTES + 1024


class BrokerFault(Exception):
    """The broker cannot be used now; the text says why and what to check."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """To which broker, by which version of MQTT. A broker of 3.1.1 alone is spoken to in that; it gives no reasons."""

    settings: RelaySettings
    mqtt_5: bool = True


@dataclass(frozen=True, slots=True)
class Ready: ...


@dataclass(frozen=True, slots=True)
class PubAck:
    """For packet ``mid``; ``why`` and its word say when the broker did not really take it."""

    mid: int
    why: str | None = None
    fault: LinkFault | None = None


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection is lost or was never granted; ``fault`` where the broker gave a reason that can be fixed.
    ``no_mqtt_5``: it was refused for the version of MQTT alone.
    """

    why: str
    fault: LinkFault | None = None
    no_mqtt_5: bool = False


ConnectionEvent = Ready | PubAck | Message | ConnectionLost


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when this connection ends without DISCONNECT."""

    topic: str
    payload: bytes


class BrokerConnection:
    """Use as a context manager: leaving it without ``disconnect`` drops the line and lets the will speak."""

    def __init__(
        self, options: ConnectionOptions, subscriptions: tuple[str, ...], will: Will, tuning: Tuning = TUNING
    ) -> None:
        self._settings, self._mqtt_5, self._tuning = options.settings, options.mqtt_5, tuning
        self._subscriptions = subscriptions
        self._events: list[ConnectionEvent] = []
        self._client = self._new_client(will)
        self._answer_by: float | None = None
        self._is_closed = False

    def __enter__(self) -> BrokerConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    def open(self) -> None:
        """Start to connect; Ready or Lost follow from ``poll``. Raises BrokerFault when nothing answers at all."""
        endpoint = self._settings.endpoint
        try:
            if self._mqtt_5:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = 0
                properties.MaximumPacketSize = _MAX_INBOUND_PACKET
                self._client.connect(
                    endpoint.host, endpoint.port, self._tuning.keepalive_s, clean_start=True, properties=properties
                )
            else:
                self._client.connect(endpoint.host, endpoint.port, self._tuning.keepalive_s)
        except (OSError, ValueError) as error:
            raise BrokerFault(_unreachable(self._settings, error)) from error
        self._answer_by = time.monotonic() + self._tuning.connect_timeout_s

    def poll(self, timeout_s: float) -> list[ConnectionEvent]:
        """Move bytes for at most ``timeout_s`` seconds and return what happened. Nothing comes after Lost."""
        if not self._is_closed:
            self._process_io(timeout_s)
        if self._answer_by is not None and time.monotonic() > self._answer_by:
            self._end_connection(f"no answer to CONNECT within {self._tuning.connect_timeout_s:g} s")
        events, self._events = self._events, []
        return events

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int | None:
        """Send with QoS 1; return the packet id that PubAck will name, or None when the connection just broke."""
        properties = None
        if self._mqtt_5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = content_type
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            self._end_connection("the line broke while sending")
            return None
        return info.mid

    def disconnect(self, status_topic: str, payload: bytes, content_type: str, timeout_s: float = 1.0) -> None:
        """Publish a last retained status and disconnect, so that the will is not sent. Never raises."""
        mid = self.publish(status_topic, payload, content_type, retain=True)
        until = time.monotonic() + timeout_s
        while not self._is_closed and time.monotonic() < until:
            if any(isinstance(happening, PubAck) and happening.mid == mid for happening in self.poll(0.05)):
                break
        self._client.disconnect()
        self._is_closed = True

    def drop(self) -> None:
        self._is_closed = True
        sock = self._client.socket()
        if sock is not None:
            self._client.on_disconnect = None
            sock.close()

    def _new_client(self, will: Will) -> mqtt.Client:
        settings = self._settings
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"kiosk-{settings.region}-{settings.station}",
            clean_session=None if self._mqtt_5 else True,
            protocol=mqtt.MQTTv5 if self._mqtt_5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._tuning.connect_timeout_s
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        if settings.username is not None:
            client.username_pw_set(settings.username, _password(settings))
        if settings.endpoint.tls:
            try:
                client.tls_set_context(tls_context(settings))
            except OSError as error:
                raise BrokerFault(str(error)) from error
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _process_io(self, timeout_s: float) -> None:
        sock = self._client.socket()
        if sock is None:
            self._end_connection("the broker closed the connection")
            return
        writing = select.POLLOUT if self._client.want_write() else 0
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN | writing)
        buffered = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        for _, event in poll.poll(0 if buffered else timeout_s * 1000):
            if event & select.POLLOUT:
                self._client.loop_write()
            if event & ~select.POLLOUT:
                buffered = 1
        if buffered:
            self._client.loop_read()
        self._client.loop_misc()

    def _end_connection(self, why: str, fault: LinkFault | None = None, *, no_mqtt_5: bool = False) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._events.append(ConnectionLost(why, fault, no_mqtt_5))

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: mqtt.ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            no_mqtt_5 = self._mqtt_5 and code.value == NO_MQTT_5
            self._end_connection(f"refused: {code} ({_advice(code)})", fault_of(code.value), no_mqtt_5=no_mqtt_5)
            return
        if self._mqtt_5:
            client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self._subscriptions])
        else:
            client.subscribe([(topic, 1) for topic in self._subscriptions])

    def _on_subscribe(
        self, client: mqtt.Client, _: object, mid: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = [code for code in codes if code.is_failure]
        if refused:
            names = ", ".join(map(str, refused))
            self._end_connection(
                f"may not listen to its acknowledgements: {names} ({_ADVICE[0x87]})",
                fault_of(refused[0].value) or LinkFault.REFUSED,
            )
            return
        self._answer_by = None
        self._events.append(Ready())

    def _on_publish(self, client: mqtt.Client, _: object, mid: int, code: ReasonCode, properties: Properties) -> None:
        if code.is_failure or code.value == NO_SUBSCRIBERS:
            self._events.append(PubAck(mid, f"{code} ({_advice(code)})", fault_of(code.value) or LinkFault.REFUSED))
        else:
            self._events.append(PubAck(mid))

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        self._events.append(Message(message.topic, bytes(message.payload)))

    def _on_disconnect(
        self,
        client: mqtt.Client,
        _: object,
        flags: mqtt.DisconnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._end_connection(f"connection ended: {code} ({_advice(code)})", fault_of(code.value))


_ADVICE: Final = {
    NO_SUBSCRIBERS: "nobody listens: is the sorting center running?",
    NO_MQTT_5: "it does not speak MQTT 5",
    0x86: "check user name and password",
    0x87: "the county lets this machine in no more, or not yet: ask there whether it was revoked or replaced",
    0x8E: "another machine uses this station's id: was the disk copied?",
    0x90: "it does not take this topic: check region and station",
    0x95: "a message is larger than the broker takes",
    0x97: "the broker's quota is used up",
}


def _advice(code: ReasonCode) -> str:
    return _ADVICE.get(code.value, "see the broker's log")


def _unreachable(settings: RelaySettings, error: Exception) -> str:
    endpoint = settings.endpoint
    hint = "check the network and that the broker runs"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        hint = "check this machine's clock, ca_file, and that the certificate is for this host name"
    return f"the broker does not answer at {endpoint.host}:{endpoint.port}: {error}: {hint}"


def _password(settings: RelaySettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        return settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise BrokerFault(f"the broker's password cannot be read: {error}") from error
