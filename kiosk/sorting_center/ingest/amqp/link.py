"""One AMQP 0.9.1 connection with one channel, kept up for as long as the program runs.

The connection is touched by its own thread alone, which also answers heartbeats while a commit takes its time; others
hand it their calls.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pika
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowFailed, AMQPConnectorPhaseErrorBase
from pika.channel import Channel
from pika.connection import Connection
from pika.exceptions import (
    AuthenticationError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ConnectionClosedByClient,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from kiosk.base.worker import Worker
from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, tls_context

log = logging.getLogger(__name__)

_HEARTBEAT_S: Final = 30
_CONNECT_TIMEOUT_S: Final = 3.0
_STACK_TIMEOUT_S: Final = 10.0  # TCP, TLS and AMQP together: a broker that has just started takes its time
# The first pause and the longest, each cut at random: many workers of one broker do not come back together.
RECONNECT_S: Final = (2.0, 30.0)
# RabbitMQ 4.0 may never answer a request about a quorum queue that is just being recovered; the next channel is
# answered.
RESPONSE_TIMEOUT_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 0.5
_REFUSALS: Final = (
    AuthenticationError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    ConnectionClosedByBroker,
)
# A connection that broke, and a broker that is being stopped.
_NOT_REFUSALS: Final = ("StreamLostError", "CONNECTION_FORCED")


@dataclass(frozen=True, slots=True)
class AmqpCallbacks:
    """Called in the network thread: they must not block."""

    set_fault: Callable[[str], bool]  # Takes what is wrong with the broker ("" = nothing); true when it is news
    on_open: Callable[[Channel], None]  # A new channel is open
    on_closed: Callable[[], None] = lambda: None  # The channel was closed


class _AmqpConnection(SelectConnection):  # type: ignore[misc] # the library tells no types
    def abort(self) -> None:
        """End it without waiting for the broker, whose answer to a close may never come."""
        self._adapter_disconnect_stream()


class AmqpLink:
    """Connects, reconnects with growing random pauses, and logs each change once."""

    def __init__(self, address: BrokerAddress, name: str, callbacks: AmqpCallbacks) -> None:
        self._address, self._callbacks = address, callbacks
        self._parameters = parameters(address, name)
        self._backoff = Backoff(*RECONNECT_S, share=lambda: random.uniform(0.5, 1.0))  # noqa: S311
        self._lock = threading.Lock()
        self._loop: IOLoop | None = None
        self._connection: _AmqpConnection | None = None
        self.is_up = False  # A channel is open
        self.is_blocked = False  # The broker takes nothing from publishers: it is short of memory or disk
        self._is_working = False
        self._worker = Worker(f"amqp {name}", self._run_connection)
        # The library logs whole traces of what is logged here in one line.
        logging.getLogger("pika").setLevel(logging.CRITICAL)

    def start(self) -> None:
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        """Close the connection; what was published before still goes out."""
        self._worker.stop(0.0)
        self.drop()
        self._worker.stop(timeout_s)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Run ``call`` in the network thread, without waiting; it is dropped while there is no connection."""
        with self._lock:
            if self._loop is not None:
                self._loop.add_callback_threadsafe(call)

    def drop(self) -> None:
        """End the connection: the broker delivers what was not acknowledged again, to this or another worker."""
        self.call_soon(self._close)

    @property
    def is_alive(self) -> bool:
        return self._worker.is_alive

    def _run_connection(self) -> float:
        """Run one connection from beginning to end; return the seconds until the next one."""
        loop = IOLoop()
        with self._lock:
            self._loop = loop
        try:
            self._connection = _AmqpConnection(
                self._parameters,
                on_open_callback=self._opened,
                on_open_error_callback=self._not_opened,
                on_close_callback=self._closed,
                custom_ioloop=loop,
            )
            loop.start()
        except Exception:
            if not self._worker.is_stopping:  # else closed in the middle of the handshake: impossible for the library
                raise
        finally:
            with self._lock:
                self._loop = None
            self._mark_down()
            loop.close()
        return self._backoff.next()

    def _opened(self, connection: Connection) -> None:
        self._is_working = self.is_blocked = False
        connection.add_on_connection_blocked_callback(lambda *_: self._block(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._block(False))
        connection.channel(on_open_callback=self._channel_opened)

    def _block(self, is_blocked: bool) -> None:
        self.is_blocked = is_blocked
        if is_blocked:
            self._report(
                f"The broker at {self._address} is short of memory or disk and takes nothing more: look there."
            )
        else:
            self._callbacks.set_fault("")

    def _channel_opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(lambda _: self._close())  # a queue was deleted: the next connection declares it
        self.is_up = True
        self._callbacks.on_open(channel)
        if self._loop is not None:
            self._loop.call_later(RESPONSE_TIMEOUT_S, self._check_responding)

    def _check_responding(self) -> None:
        if self.is_up and not self._is_working:
            self._report(f"The broker at {self._address} does not answer what it is asked: connecting again.")
            self._close()

    def mark_working(self) -> None:
        """Mark the connection as working, which clears its fault. Call it in the network thread."""
        if not self._is_working:
            self._is_working = True
            self._backoff.reset()
            self._callbacks.set_fault("")
            log.info("Connected to the broker at %s.", self._address)

    def _channel_closed(self, _channel: Channel, reason: Exception) -> None:
        self._mark_down()
        if isinstance(reason, ChannelClosedByBroker):
            self._report(f"The broker at {self._address} refuses what the sorting center needs: {reason.reply_text}")
            self._close()

    def _not_opened(self, _connection: Connection, error: BaseException | str) -> None:
        # The library calls any end of a connection before it is open a probable refusal, and says which in the text.
        refusals = [
            found
            for found in _causes(error)
            if isinstance(found, _REFUSALS) and not any(word in str(found) for word in _NOT_REFUSALS)
        ]
        if refusals:
            own_texts = (str(found.reply_text) for found in refusals if isinstance(found, ConnectionClosedByBroker))
            reason = next(own_texts, str(refusals[0]) or type(refusals[0]).__name__)
            self._report(
                f"The broker at {self._address} refuses the sorting center ({reason}): "
                "check user name, password, virtual host and certificate."
            )
        else:
            first = next((found for found in _causes(error) if isinstance(found, OSError)), error)
            self._report(f"The broker does not answer at {self._address} ({first}): check that it runs; trying again.")
        self._end_loop()

    def _closed(self, _connection: Connection, reason: BaseException | str) -> None:
        self._mark_down()
        if not self._worker.is_stopping and not isinstance(reason, ConnectionClosedByClient):
            self._report(f"The broker at {self._address} is gone ({reason}); trying again.")
        self._end_loop()

    def _mark_down(self) -> None:
        if self.is_up:
            self.is_up = False
            self._callbacks.on_closed()

    def _close(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closed or connection.is_closing:
            return
        self._mark_down()
        if self._loop is not None:
            self._loop.call_later(_CLOSE_TIMEOUT_S, lambda: self._abort(connection))
        connection.close()

    def _abort(self, connection: _AmqpConnection) -> None:
        if connection is self._connection and not connection.is_closed:
            connection.abort()

    def _end_loop(self) -> None:
        if self._loop is not None:
            self._loop.stop()

    def _report(self, text: str) -> None:
        if self._callbacks.set_fault(text):
            log.warning("%s", text)


def parameters(address: BrokerAddress, name: str) -> pika.ConnectionParameters:
    """Build the parameters; RabbitMQ shows ``name`` for the connection. Raises OSError for unfit TLS files."""
    credentials = pika.PlainCredentials(
        address.username or "guest", address.password or "guest", erase_on_connect=False
    )
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.vhost,
        credentials=credentials,
        heartbeat=_HEARTBEAT_S,
        socket_timeout=_CONNECT_TIMEOUT_S,
        stack_timeout=_STACK_TIMEOUT_S,
        connection_attempts=1,
        ssl_options=pika.SSLOptions(tls_context(address), address.host) if address.tls else None,
        client_properties={"connection_name": name},
    )


def _causes(error: BaseException | str) -> Iterator[BaseException]:
    """Yield an error of the library and all its causes."""
    if isinstance(error, BaseException):
        yield error
        inner: list[object] = [*error.args, error.__cause__]
        if isinstance(error, AMQPConnectionWorkflowFailed):
            inner += error.exceptions
        elif isinstance(error, AMQPConnectorPhaseErrorBase):
            inner.append(error.exception)
        for found in inner:
            if isinstance(found, BaseException):
                yield from _causes(found)
