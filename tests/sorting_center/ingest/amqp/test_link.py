"""What is told of a broker that lets nobody in, and of one that is lost on the way."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from pika import frame, spec

from kiosk.sorting_center.ingest.amqp.link import AmqpCallbacks, AmqpLink
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.desk.notices.receivers import listening

START = frame.Method(0, spec.Connection.Start(server_properties={}, mechanisms="PLAIN", locales="en_US")).marshal()


def closes(code: int, text: str) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        lost(connection)
        connection.sendall(frame.Method(0, spec.Connection.Close(code, text, 0, 0)).marshal())
        connection.recv(4096)

    return handle


def lost(connection: socket.socket) -> None:
    """In the middle of the handshake, where the library only guesses."""
    connection.recv(8)
    connection.sendall(START)
    connection.recv(4096)


def opened_and_lost(connection: socket.socket) -> None:
    """At the first thing that is asked."""
    lost(connection)
    connection.sendall(frame.Method(0, spec.Connection.Tune(10, 131_072, 0)).marshal())
    connection.recv(4096)
    connection.sendall(frame.Method(0, spec.Connection.OpenOk()).marshal())
    connection.recv(4096)


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        (lost, "does not answer"),
        (closes(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"), "does not answer"),
        (closes(403, "ACCESS_REFUSED - Login was refused"), "check user name, password"),
        (closes(530, "NOT_ALLOWED - vhost / not found"), "check user name, password"),
    ],
)
def test_a_connection_that_is_lost_is_no_missing_right(handle: Callable[[socket.socket], None], said: str) -> None:
    told: list[str] = []
    with listening(handle) as port:
        address = BrokerAddress.parse(f"amqp://127.0.0.1:{port}")
        link = AmqpLink(address, "test", AmqpCallbacks(lambda text: told.append(text) is None, lambda _channel: None))
        link.start()
        try:
            until(lambda: told)
        finally:
            link.stop(SOON_S)
    assert said in told[0]
