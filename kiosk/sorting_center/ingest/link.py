"""One MQTT 5 connection that is kept up for as long as the program runs."""

from __future__ import annotations

import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.sorting_center.ingest.address import BrokerAddress

log = logging.getLogger(__name__)

_KEEPALIVE_S: Final = 30
_CONNECT_TIMEOUT_S: Final = 3.0
_RECONNECT_S: Final = ((1.0, 2.0), (15.0, 30.0))
"""The first pause and the longest, each random: many centers behind one broker do not come back at the same moment."""
MAX_PACKET_BYTES: Final = 1024 * 1024 + 64 * 1024
"""A batch of incompressible events, and its header. The broker drops what is larger."""

Trouble = Callable[[str], bool]
"""Takes what is wrong with the broker ("" = nothing); true when it is news."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the broker keeps of a client.

    ``expiry_s`` is how long it keeps the session, and unacknowledged messages with it; 0 = not at all.
    """

    client_id: str
    expiry_s: int
    receive_maximum: int


class MqttLink:
    """Connects, reconnects with growing random pauses, and says so once per change.

    ``on_up`` and ``on_down`` are called in the network thread: they must not block.
    """

    def __init__(
        self,
        address: BrokerAddress,
        session: Session,
        *,
        trouble: Trouble,
        on_up: Callable[[], None] = lambda: None,
        on_down: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = address
        self._trouble = trouble
        self._on_up = on_up
        self._on_down = on_down
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {session.client_id}", daemon=True)
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=session.client_id, protocol=mqtt.MQTTv5, manual_ack=True
        )
        self._configure(address)
        self._connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        self._connect.SessionExpiryInterval = session.expiry_s
        self._connect.ReceiveMaximum = session.receive_maximum
        self._connect.MaximumPacketSize = MAX_PACKET_BYTES
        self._clean_start = session.expiry_s == 0

    def _configure(self, address: BrokerAddress) -> None:
        client = self.client
        client.suppress_exceptions = True
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_connect_fail = self._unreachable
        first, longest = (random.uniform(*bounds) for bounds in _RECONNECT_S)  # noqa: S311
        client.reconnect_delay_set(min_delay=first, max_delay=longest)  # type: ignore[arg-type] # any number will do
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            client.tls_set_context(_tls_context(address))

    def start(self) -> None:
        """Begin to connect; returns at once, whether the broker is there or not."""
        self.client.connect_async(
            self._address.host,
            self._address.port,
            keepalive=_KEEPALIVE_S,
            clean_start=self._clean_start,
            properties=self._connect,
        )
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Say goodbye; what was published before still goes out."""
        self._stopping.set()
        self.client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def drop(self) -> None:
        """Cut the connection as a broken line would: the broker keeps the session, and `_run` connects again."""
        line = self.client.socket()
        if isinstance(line, socket.socket):  # of TLS too
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    @property
    def is_alive(self) -> bool:
        """Whether the network thread runs; it does until `stop`."""
        return self._thread.is_alive()

    @property
    def is_up(self) -> bool:
        """Connected at this moment, as far as anybody knows."""
        return self.client.is_connected()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.client.loop_forever(retry_first_connection=True)
            except Exception:
                log.exception("The connection to the broker at %s broke; trying again.", self._address)
            self._stopping.wait(1.0)

    def _connected(
        self, _client: mqtt.Client, _userdata: Any, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._report(
                f"The broker at {self._address} refuses the sorting center ({reason}): "
                "check user name, password and certificate."
            )
            return
        self._trouble("")
        log.info("Connected to the broker at %s.", self._address)
        self._on_up()

    def _disconnected(
        self, _client: mqtt.Client, _userdata: Any, _flags: mqtt.DisconnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        self._on_down()
        if not self._stopping.is_set():
            self._report(f"The broker at {self._address} is gone ({reason}); trying again.")

    def _unreachable(self, _client: mqtt.Client, _userdata: Any) -> None:
        self._report(f"The broker does not answer at {self._address}: check that it runs; trying again.")

    def _report(self, text: str) -> None:
        if self._trouble(text):
            log.warning("%s", text)


def _tls_context(address: BrokerAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if address.cert_file is not None:
        context.load_cert_chain(address.cert_file, address.key_file)
    return context
