"""Wi-Fi by iwd over D-Bus (iwd's doc/*-api.txt). For a helper that ends when it is done: the station loads no D-Bus.

iwd keeps the password of a network only once it has joined it, so a wrong one is nowhere kept. The password is in the
answer to iwd's own question, and in no name, no log and no error here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, get_args

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from kiosk.base.refused import Refused
from kiosk.devices.network.ports import Wifi, WifiNetwork, WifiSecurity

SERVICE: Final = "net.connman.iwd"
SYSTEM_BUS: Final = "SYSTEM"
CALL_S: Final = 10.0
SCAN_S: Final = 15.0
CONNECT_S: Final = 45.0
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_AGENT: Final = "/net/connman/iwd/kiosk"
_POLL_S: Final = 0.2
_STEPS_DBM: Final = (-60, -67, -75)  # Above the first it is 4; below the last 1, where a connection hardly holds
_MAX_NETWORKS: Final = 20  # An answer is a small file
# What an error of iwd or of the bus means; every other one is "network_failed".
_ERRORS: Final = {
    f"{SERVICE}.InvalidFormat": "network_wrong_password",
    f"{SERVICE}.NotFound": "network_out_of_range",
    f"{SERVICE}.NotConnected": "network_out_of_range",
    f"{SERVICE}.Timeout": "network_out_of_range",
    f"{SERVICE}.InProgress": "network_busy",
    f"{SERVICE}.Busy": "network_busy",
    f"{SERVICE}.NotSupported": "network_kind",
    f"{SERVICE}.NotConfigured": "network_kind",
    "org.freedesktop.DBus.Error.ServiceUnknown": "network_no_service",
    "org.freedesktop.DBus.Error.NameHasNoOwner": "network_no_service",
    "org.freedesktop.DBus.Error.UnknownObject": "network_no_adapter",
    "org.freedesktop.DBus.Error.UnknownMethod": "network_no_adapter",
    "org.freedesktop.DBus.Error.NoReply": "network_no_answer",
}


@dataclass(frozen=True, slots=True)
class Iwd(Wifi):
    """``clock`` is monotonic, in seconds."""

    bus: str = SYSTEM_BUS
    clock: Callable[[], float] = time.monotonic
    scan_s: float = SCAN_S
    connect_s: float = CONNECT_S

    def networks(self, *, scan: bool) -> tuple[WifiNetwork, ...]:
        with self._service() as iwd:
            if scan:
                iwd.scan(self.scan_s)
            return tuple(network for _, network in iwd.networks())[:_MAX_NETWORKS]

    def join(self, name: str, security: str, password: str) -> None:
        if security not in ("open", "psk"):
            raise Refused("network_kind", security)
        with self._service() as iwd:
            path = iwd.find(name, security)
            if path is None:
                iwd.scan(self.scan_s)
                path = iwd.find(name, security)
            if path is None:
                raise Refused("network_out_of_range")
            iwd.connect(path, password, self.connect_s, secured=security != "open")

    def forget(self, name: str, security: str) -> None:
        """Forget a network, also one out of reach; do nothing for one that is not known."""
        with self._service() as iwd:
            for path, about in iwd.objects("KnownNetwork"):
                if (about["Name"], about["Type"]) == (name, security):
                    iwd.call(path, "KnownNetwork", "Forget")

    @contextmanager
    def _service(self) -> Iterator[_IwdService]:
        try:
            with open_dbus_connection(self.bus, auth_timeout=CALL_S) as connection:
                yield _IwdService(connection, self.clock)
        except TimeoutError:
            raise Refused("network_no_answer") from None
        except OSError as error:  # no bus, or it ended meanwhile
            raise Refused("network_no_service", str(error)) from error


class _IwdService:
    def __init__(self, connection: DBusConnection, clock: Callable[[], float]) -> None:
        self._connection, self._clock, self._pause = connection, clock, threading.Event()

    def call(self, path: str, interface: str, method: str, *parts: Any) -> Any:
        """Call iwd and return its reply. ``parts`` are a signature and its values. Raises Refused, TimeoutError."""
        call = new_method_call(DBusAddress(path, SERVICE, _full(interface)), method, *_signed(parts))
        return _body(self._connection.send_and_get_reply(call, timeout=CALL_S))

    def objects(self, interface: str) -> list[tuple[str, dict[str, Any]]]:
        """Return path and properties of every object that has this interface."""
        (found,) = self.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return [
            (path, {key: value for key, (_, value) in interfaces[_full(interface)].items()})
            for path, interfaces in found.items()
            if _full(interface) in interfaces
        ]

    def station(self) -> str:
        """Return the path of the card that joins networks; switch it on where it is off."""
        found = self._stations()
        if not found:
            devices = self.objects("Device")
            if not devices:
                raise Refused("network_no_adapter")
            self._switch_on([path for path, about in devices if not about["Powered"]])
            found = self._stations()
        if not found:
            raise Refused("network_blocked")
        return found[0]

    def _stations(self) -> list[str]:
        return [path for path, _ in self.objects("Station")]

    def _switch_on(self, devices: list[str]) -> None:
        for path in devices:
            try:
                self.call(path, _PROPERTIES, "Set", "ssv", _full("Device"), "Powered", ("b", True))
            except Refused as error:  # the kernel holds the radio: a switch, or a country that is not set
                raise Refused("network_blocked", str(error)) from error
        end = self._clock() + CALL_S
        while devices and not self._stations() and self._clock() < end:
            self._pause.wait(_POLL_S)

    def scan(self, timeout_s: float) -> None:
        station, end = self.station(), self._clock() + timeout_s
        try:
            self.call(station, "Station", "Scan")
        except Refused as error:
            if error.code != "network_busy":  # else one is under way
                raise
        while dict(self.objects("Station")).get(station, {}).get("Scanning"):
            if self._clock() >= end:
                raise TimeoutError
            self._pause.wait(_POLL_S)

    def networks(self) -> list[tuple[str, WifiNetwork]]:
        """Return networks with their paths, strongest first, without unknown securities and unprintable names."""
        (ordered,) = self.call(self.station(), "Station", "GetOrderedNetworks")
        about = dict(self.objects("Network"))
        rows = [(path, about[path], signal) for path, signal in ordered if path in about]
        return [
            (
                path,
                WifiNetwork(row["Name"], row["Type"], _strength(signal), "KnownNetwork" in row, bool(row["Connected"])),
            )
            for path, row, signal in rows
            if row["Type"] in get_args(WifiSecurity) and row["Name"].isprintable()
        ]

    def find(self, name: str, security: str) -> str | None:
        """Return the path of a network. Of two with the same name, the one with the chosen security."""
        found = (path for path, network in self.networks() if (network.name, network.security) == (name, security))
        return next(found, None)

    def connect(self, path: str, password: str, timeout_s: float, *, secured: bool) -> None:
        """Join a network. iwd requests the password when it has none, or one that has failed."""
        self.call("/net/connman/iwd", "AgentManager", "RegisterAgent", "o", _AGENT)
        end, password_requested = self._clock() + timeout_s, False
        serial = next(self._connection.outgoing_serial)
        self._connection.send(new_method_call(DBusAddress(path, SERVICE, _full("Network")), "Connect"), serial=serial)
        while (left := end - self._clock()) > 0:
            message = self._connection.receive(timeout=left)
            fields = message.header.fields
            if fields.get(HeaderFields.reply_serial) == serial:
                _judge_connect(message, secured=secured, needs_password=password_requested and not password)
                return
            if message.header.message_type is MessageType.method_call:
                password_requested = password_requested or fields.get(HeaderFields.member) == "RequestPassphrase"
                self._connection.send(_agent_reply(message, password))
        raise TimeoutError


def _agent_reply(call: Message, password: str) -> Message:
    if call.header.fields.get(HeaderFields.member) != "RequestPassphrase":
        return new_method_return(call)  # Release and Cancel mark the end
    if not password:
        return new_error(call, f"{SERVICE}.Agent.Error.Canceled")
    return new_method_return(call, "s", (password,))


def _judge_connect(reply: Message, *, secured: bool, needs_password: bool) -> None:
    """Raise Refused for an error. iwd reports any failed handshake alike; nearly always the password is wrong."""
    try:
        _body(reply)
    except Refused as error:
        if needs_password:
            raise Refused("network_needs_password") from None
        if secured and error.code == "network_failed":
            raise Refused("network_wrong_password", str(error)) from None
        raise


def _full(interface: str) -> str:
    return interface if "." in interface else f"{SERVICE}.{interface}"


def _signed(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return (parts[0], parts[1:]) if parts else ()


def _body(reply: Message) -> Any:
    """Return the body; raise Refused with the error's name for an error, whose other content may be of any kind."""
    if reply.header.message_type is MessageType.error:
        name = str(reply.header.fields.get(HeaderFields.error_name))
        raise Refused(_ERRORS.get(name, "network_failed"), name)
    return reply.body


def _strength(signal: int) -> int:
    """Convert hundredths of dBm, as iwd reports them, to 1 (too weak) to 4."""
    return 1 + sum(signal / 100 >= step for step in _STEPS_DBM)
