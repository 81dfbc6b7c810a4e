"""A stand-in for iwd on a private bus, as its documents (net.connman.iwd) and its errors are; no radio is behind it.

Fault words: ``wrong-password`` is what any other password than the network's is. ``no-antenna``: no device;
``blocked``: the radio cannot be switched on; ``out-of-range``: the network is gone when it is joined; ``weak``: the
handshake fails whatever is typed; ``busy``; ``silent``: a connection never ends; ``scans-for-ever``.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_error, new_method_call, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

SERVICE = "net.connman.iwd"
STATION = "/net/connman/iwd/0/3"


@dataclass
class Air:
    """A network in reach; ``signal`` in hundredths of dBm."""

    name: str
    security: str
    signal: int
    password: str = ""
    known: bool = False
    connected: bool = False
    failed: bool = False  # iwd asks again for a password with which it has failed


@contextmanager
def private_bus(folder: Path) -> Iterator[str]:
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={folder}/bus"]
    with subprocess.Popen([*command, "--print-address=1"], stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()


@dataclass
class IwdStandIn:
    address: str
    air: list[Air]
    faults: set[str] = field(default_factory=set)
    powered: bool = True
    agent: tuple[str, str] | None = None
    passwords_requested: int = 0
    scans: int = 0

    @contextmanager
    def running(self) -> Iterator[IwdStandIn]:
        connection = open_dbus_connection(self.address)
        Proxy(message_bus, connection).RequestName(SERVICE)
        thread = threading.Thread(target=self._serve, args=(connection,))
        thread.start()
        try:
            yield self
        finally:
            with open_dbus_connection(self.address) as other:  # wakes the thread, which then ends
                call = new_method_call(DBusAddress("/", SERVICE, "test.End"), "End")
                other.send_and_get_reply(call, timeout=10)
            thread.join()
            connection.close()

    def _serve(self, connection: DBusConnection) -> None:
        while True:
            call = connection.receive()
            if call.header.message_type is not MessageType.method_call:
                continue
            member = call.header.fields[HeaderFields.member]
            if member == "End":
                connection.send(new_method_return(call))
                return
            reply = self._reply(connection, call, member)
            if reply is not None:
                connection.send(reply)

    def _reply(self, connection: DBusConnection, call: Message, member: str) -> Message | None:
        path = call.header.fields[HeaderFields.path]
        if member == "GetManagedObjects":
            return new_method_return(call, "a{oa{sa{sv}}}", (self._objects(),))
        if member == "Set":
            if "blocked" in self.faults:
                return new_error(call, f"{SERVICE}.Failed", "s", ("RF-kill",))
            self.powered = True
        if member == "Scan":
            self.scans += 1
            if "busy" in self.faults:
                return new_error(call, f"{SERVICE}.InProgress")
        if member == "GetOrderedNetworks":
            ordered = sorted(self.air, key=lambda one: -one.signal)
            return new_method_return(call, "a(on)", ([(self._path(one), one.signal) for one in ordered],))
        if member == "RegisterAgent":
            self.agent = (call.header.fields[HeaderFields.sender], call.body[0])
        if member == "Forget":
            one = next(one for one in self.air if f"{self._path(one)}/known" == path)
            one.known = one.connected = False
        if member == "Connect":
            return self._connect(connection, call, next(one for one in self.air if self._path(one) == path))
        return new_method_return(call)

    def _connect(self, connection: DBusConnection, call: Message, one: Air) -> Message | None:
        if "out-of-range" in self.faults:
            return new_error(call, f"{SERVICE}.NotFound")
        if "silent" in self.faults:
            return None
        password = one.password
        if one.security == "psk" and (not one.known or one.failed):
            try:
                password = self._asked(connection, self._path(one))
            except LookupError:
                return new_error(call, f"{SERVICE}.Aborted")
            if len(password) < 8:
                return new_error(call, f"{SERVICE}.InvalidFormat")
        if password != one.password or "weak" in self.faults:
            one.failed = True
            return new_error(call, f"{SERVICE}.Failed")
        for other in self.air:
            other.connected = other is one
        one.known, one.failed = True, False
        return new_method_return(call)

    def _asked(self, connection: DBusConnection, path: str) -> str:
        assert self.agent is not None
        self.passwords_requested += 1
        question = DBusAddress(self.agent[1], self.agent[0], f"{SERVICE}.Agent")
        reply = connection.send_and_get_reply(new_method_call(question, "RequestPassphrase", "o", (path,)), timeout=10)
        if reply.header.message_type is MessageType.error:
            raise LookupError
        with suppress(IndexError):
            return str(reply.body[0])
        raise LookupError

    def _path(self, one: Air) -> str:
        return f"{STATION}/{one.name.encode().hex()}_{one.security}"

    def _objects(self) -> dict[str, Any]:
        objects: dict[str, Any] = {"/net/connman/iwd": {f"{SERVICE}.AgentManager": {}}}
        if "no-antenna" in self.faults:
            return objects
        objects[STATION] = {f"{SERVICE}.Device": {"Name": ("s", "wlan0"), "Powered": ("b", self.powered)}}
        if not self.powered:
            return objects
        objects[STATION][f"{SERVICE}.Station"] = {"Scanning": ("b", "scans-for-ever" in self.faults)}
        for one in self.air:
            about = {"Name": ("s", one.name), "Type": ("s", one.security), "Connected": ("b", one.connected)}
            if one.known:
                known = f"{self._path(one)}/known"
                about["KnownNetwork"] = ("o", known)
                objects[known] = {f"{SERVICE}.KnownNetwork": {"Name": ("s", one.name), "Type": ("s", one.security)}}
            objects[self._path(one)] = {f"{SERVICE}.Network": about}
        return objects
