"""One MQTT 5 connection that is kept open as long as the program runs.

The loop is our own: with the library's loop each message and each acknowledgement is a turn of its own, and costs half
as much again. Only the network thread touches the client; other threads pass it their calls.
"""

from __future__ import annotations

import logging
import os
import random
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.base.worker import Worker
from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, tls_context

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 30
CONNECT_TIMEOUT_S: Final = 3.0
# The first pause and the longest, each cut at random: many centers behind one broker do not come back together.
RECONNECT_S: Final = (2.0, 30.0)
# A batch of incompressible events, and its header. The broker drops what is larger.
MAX_PACKET_BYTES: Final = 1024 * 1024 + 64 * 1024
_POLL_TIMEOUT_S: Final = 1.0
_MAX_PACKETS_PER_TURN: Final = 200
_MAX_IN_FLIGHT: Final = 500
_DISCONNECT_TIMEOUT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class MqttSession:
    """What the broker keeps of a client.

    ``expiry_s`` is how long it keeps the session, and unacknowledged messages with it; 0 = not at all.
    """

    client_id: str
    expiry_s: int
    receive_maximum: int


@dataclass(frozen=True, slots=True)
class MqttCallbacks:
    """Called in the network thread: they must not block."""

    set_fault: Callable[[str], bool]  # Takes what is wrong with the broker ("" = nothing); true when it is news
    on_connected: Callable[[], None] = lambda: None
    on_disconnected: Callable[[], None] = lambda: None
    on_message: Callable[[mqtt.MQTTMessage], None] = lambda _: None
    on_read: Callable[[], None] = lambda: None  # After each handful of messages


class _WakeUp:
    """Ends a poll of the network thread; harmless when that thread has ended."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._is_open = True

    def wake(self) -> None:
        with self._lock:
            if self._is_open:
                os.eventfd_write(self.fd, 1)

    def close(self) -> None:
        with self._lock:
            self._is_open = False
            os.close(self.fd)


def log_in(client: mqtt.Client, address: BrokerAddress) -> None:
    """Set the login from the address; raises OSError for files that cannot be read or do not fit."""
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set_context(tls_context(address))


class MqttLink:
    """Connects, reconnects with growing random pauses, and logs each change once."""

    def __init__(self, address: BrokerAddress, session: MqttSession, callbacks: MqttCallbacks) -> None:
        self._address, self._callbacks = address, callbacks
        self._calls: deque[Callable[[], object]] = deque()
        self._received_count = 0
        self._was_refused = False
        self._backoff = Backoff(*RECONNECT_S, share=lambda: random.uniform(0.5, 1.0))  # noqa: S311
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=session.client_id, protocol=mqtt.MQTTv5, manual_ack=True
        )
        self._configure(address)
        self._connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        self._connect.SessionExpiryInterval = session.expiry_s
        self._connect.ReceiveMaximum = session.receive_maximum
        self._connect.MaximumPacketSize = MAX_PACKET_BYTES
        self._clean_start = session.expiry_s == 0
        self._wake_up = _WakeUp()
        self._worker = Worker(f"mqtt {session.client_id}", self._run_connection, on_end=self._wake_up.close)

    def _configure(self, address: BrokerAddress) -> None:
        client = self.client
        client.suppress_exceptions = True
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(_MAX_IN_FLIGHT)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        # The library then leaves writing to the loop, which writes many packets in one turn.
        client.on_socket_register_write = lambda *_: None
        log_in(client, address)

    def start(self) -> None:
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        """Disconnect; what was published before still goes out."""
        self._worker.stop(0.0)
        self._wake_up.wake()
        self._worker.stop(timeout_s)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Run ``call`` in the network thread, without waiting; while offline it is kept for the next connection."""
        self._calls.append(call)
        self._wake_up.wake()

    def drop(self) -> None:
        """Cut the connection as a broken line would: the broker keeps the session, and the next step connects again."""
        line = self.client.socket()
        if isinstance(line, socket.socket):  # of TLS too
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    @property
    def is_alive(self) -> bool:
        return self._worker.is_alive

    @property
    def is_up(self) -> bool:
        return self.client.is_connected()

    def _run_connection(self) -> float:
        """Run one connection from beginning to end; return the seconds until the next one."""
        self._was_refused = False
        try:
            self.client.connect(
                self._address.host,
                self._address.port,
                keepalive=KEEPALIVE_S,
                clean_start=self._clean_start,
                properties=self._connect,
            )
        except (OSError, ValueError) as error:
            self._report(f"The broker does not answer at {self._address} ({error}): check that it runs; trying again.")
            return self._backoff.next()
        while (line := self.client.socket()) is not None and not self._worker.is_stopping:
            self._process_events(line)
        if self._worker.is_stopping:
            self.client.disconnect()
            give_up = time.monotonic() + _DISCONNECT_TIMEOUT_S
            while (line := self.client.socket()) is not None and (left := give_up - time.monotonic()) > 0:
                select.select([], [line], [], left)
                self.client.loop_write()
            if line is not None:
                line.close()
                self._callbacks.on_disconnected()
        return self._backoff.next()

    def _process_events(self, line: Any) -> None:
        poll = select.poll()
        poll.register(self._wake_up.fd, select.POLLIN)
        poll.register(line, select.POLLIN | (select.POLLOUT if self.client.want_write() else 0))
        unread = line.pending() if isinstance(line, ssl.SSLSocket) else 0
        ready = dict(poll.poll(0 if unread else _POLL_TIMEOUT_S * 1000))
        if self._wake_up.fd in ready:
            os.eventfd_read(self._wake_up.fd)
        if unread or ready.get(line.fileno(), 0) & ~select.POLLOUT:
            for _ in range(_MAX_PACKETS_PER_TURN):
                came = self._received_count
                self.client.loop_read()
                if self._received_count == came:  # nothing more, or no message
                    break
            self._callbacks.on_read()
        while self._calls and self.is_up:
            self._calls.popleft()()
        if self.client.want_write():
            self.client.loop_write()
        self.client.loop_misc()

    def _message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._received_count += 1
        self._callbacks.on_message(message)

    def _connected(
        self, _client: mqtt.Client, _userdata: Any, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._was_refused = True
            self._report(
                f"The broker at {self._address} refuses the sorting center ({reason}): "
                "check user name, password and certificate."
            )
            return
        self._backoff.reset()
        self._callbacks.set_fault("")
        log.info("Connected to the broker at %s.", self._address)
        self._callbacks.on_connected()

    def _disconnected(
        self, _client: mqtt.Client, _userdata: Any, _flags: mqtt.DisconnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        self._callbacks.on_disconnected()
        if not self._worker.is_stopping and not self._was_refused:
            self._report(f"The broker at {self._address} is gone ({reason}); trying again.")

    def _report(self, text: str) -> None:
        if self._callbacks.set_fault(text):
            log.warning("%s", text)
