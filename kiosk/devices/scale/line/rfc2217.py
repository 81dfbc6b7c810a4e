"""A serial port behind a device server that speaks RFC 2217: Telnet, in which the station sets the line.

::

    IAC WILL 44                    ->                          RFC 2217, 2: the client offers COM-PORT-OPTION
                                   <-  IAC DO 44
    IAC SB 44  1 baud(4)   IAC SE  ->                          SET-BAUDRATE, most significant byte first
    IAC SB 44  2 5..8      IAC SE  ->                          SET-DATASIZE
    IAC SB 44  3 1|2|3     IAC SE  ->                          SET-PARITY: none, odd, even
    IAC SB 44  4 1|2       IAC SE  ->                          SET-STOPSIZE
                                   <-  IAC SB 44 101.. IAC SE  each is answered with the value that holds now

The bytes between are the line's; FF is doubled in both directions (RFC 854). BINARY (RFC 856) in both directions keeps
CR as it is. Until all four settings are answered with the requested value, no byte counts as a weight.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from kiosk.devices.scale.line.ports import BacklogDiscarded
from kiosk.devices.scale.line.tcp import TcpPort
from kiosk.protocols.scales.shared.protocol import LineSettings

IAC, DONT, DO, WONT, WILL, SB, SE = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
BINARY, ECHO, GO_AHEAD, COM_PORT = 0, 1, 3, 44
SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL, PURGE = 1, 2, 3, 4, 5, 12
ANSWER = 100  # What a server adds to the number of the command it answers
PARITY = {"N": 1, "O": 2, "E": 3}
_NO_FLOW_CONTROL, _PURGE_RECEIVED = 1, 1
_MAX_SUBNEGOTIATION_BYTES = 64  # No subnegotiation this client asks for is longer; the rest of a longer one is dropped
_NAMES = {SET_BAUDRATE: "speed", SET_DATASIZE: "data bits", SET_PARITY: "parity", SET_STOPSIZE: "stop bits"}


@dataclass
class Telnet:
    """Takes Telnet bytes apart, however they are cut: data, options, subnegotiations (FF undoubled)."""

    _verb: int = 0
    _after_iac: bool = False
    _sub: bytearray | None = None
    data: bytearray = field(default_factory=bytearray)
    options: list[tuple[int, int]] = field(default_factory=list)
    subs: list[bytes] = field(default_factory=list)

    def feed(self, received: bytes) -> None:
        """Add to ``data``, ``options`` and ``subs``, which the caller empties."""
        for byte in received:
            if self._verb:
                self.options.append((self._verb, byte))
                self._verb = 0
            elif self._after_iac:
                self._after_iac = False
                self._command(byte)
            elif byte == IAC:
                self._after_iac = True
            else:
                self._plain(byte)

    def _command(self, byte: int) -> None:
        if byte == IAC:
            self._plain(byte)
        elif byte in (DO, DONT, WILL, WONT):
            self._verb = byte
        elif byte == SB:
            self._sub = bytearray()
        elif byte == SE and self._sub is not None:
            self.subs.append(bytes(self._sub))
            self._sub = None

    def _plain(self, byte: int) -> None:
        if self._sub is None:
            self.data.append(byte)
        elif len(self._sub) < _MAX_SUBNEGOTIATION_BYTES:
            self._sub.append(byte)


def escaped(data: bytes) -> bytes:
    return data.replace(b"\xff", b"\xff\xff")


def subnegotiation(number: int, value: bytes) -> bytes:
    return bytes((IAC, SB, COM_PORT, number)) + escaped(value) + bytes((IAC, SE))


class Rfc2217Port(TcpPort):
    """One connection whose line settings have been answered for. Raises OSError, also for settings that are refused."""

    def __init__(self, host: str, port: int, line: LineSettings) -> None:
        self._requested = {
            SET_BAUDRATE: line.baud.to_bytes(4, "big"),
            SET_DATASIZE: bytes((line.bytesize,)),
            SET_PARITY: bytes((PARITY[line.parity],)),
            SET_STOPSIZE: bytes((line.stopbits,)),
        }
        super().__init__(host, port)
        self._open = self._offered = self._settings_sent = False
        self._telnet = Telnet()
        self._confirmed: dict[int, bytes] = {}
        self._agreed: set[tuple[int, int]] = set()

    @property
    def opening(self) -> bool:
        return not self._open

    def drain(self) -> list[bytes]:
        if not self._connected:
            if self._finish_connecting():
                self._offer()
            return []
        was_open = self._open
        try:
            self._telnet.feed(self._receive())
        except BacklogDiscarded:
            self._telnet = Telnet()  # its place in the middle of a command is lost with the backlog
            raise
        data = bytes(self._telnet.data)
        self._telnet.data.clear()
        self._negotiate()
        return [data] if data and was_open else []

    def write(self, data: bytes) -> None:
        super().write(escaped(data))

    def _offer(self) -> None:
        ours = ((WILL, COM_PORT), (WILL, BINARY), (DO, BINARY), (DO, GO_AHEAD))
        self._agreed.update(ours)
        super().write(b"".join(bytes((IAC, *pair)) for pair in ours))

    def _negotiate(self) -> None:
        for verb, option in self._telnet.options:
            self._option(verb, option)
        self._telnet.options.clear()
        for sub in self._telnet.subs:
            self._on_setting_answer(sub)
        self._telnet.subs.clear()

    def _option(self, verb: int, option: int) -> None:
        if option == COM_PORT and verb in (DONT, WONT):
            raise OSError(errno.EPROTONOSUPPORT, "the device server does not speak RFC 2217: use tcp://")
        if option == COM_PORT and verb == DO and not self._settings_sent:
            self._settings_sent = True
            orders = {**self._requested, SET_CONTROL: bytes((_NO_FLOW_CONTROL,)), PURGE: bytes((_PURGE_RECEIVED,))}
            super().write(b"".join(subnegotiation(number, value) for number, value in orders.items()))
        self._reply(verb, option)

    def _reply(self, verb: int, option: int) -> None:
        """Answer an option once: an answer to an answer would never end (RFC 854)."""
        if verb in (DONT, WONT):
            return
        known = option in (BINARY, GO_AHEAD, COM_PORT) or (verb == WILL and option == ECHO)
        yes, no = (WILL, WONT) if verb == DO else (DO, DONT)
        answer = (yes if known else no, option)
        if answer not in self._agreed:
            self._agreed.add(answer)
            super().write(bytes((IAC, *answer)))

    def _on_setting_answer(self, sub: bytes) -> None:
        if len(sub) < 3 or sub[0] != COM_PORT or sub[1] - ANSWER not in self._requested:
            return
        number, value = sub[1] - ANSWER, sub[2:]
        if value != self._requested[number]:
            requested = int.from_bytes(self._requested[number], "big")
            raise OSError(
                errno.EINVAL,
                f"the device server refuses the {_NAMES[number]}: {requested} was asked for,"
                f" {int.from_bytes(value, 'big')} is set",
            )
        self._confirmed[number] = value
        self._open = len(self._confirmed) == len(self._requested)
