"""What a simulated indicator does with the bytes a station sends: which command they are, what it does to the pan."""

from __future__ import annotations

from kiosk.protocols.scales.shared.protocol import Params, ScaleProtocol

ACCEPT, REFUSE = "06", "15"  # What a host may say of an answer; no command of a format has such a name

_MAX_BUFFER_BYTES = 256
_PREFERRED = ("request_weight", "zero", "tare", "clear_tare")


class Commands:
    """Finds the commands of one format, with the parameters of one indicator, in a stream of bytes.

    Bytes that begin no command are skipped, as an indicator does with noise and with another one's address. Where two
    commands have the same bytes the steps of a question win, then the plain names.
    """

    def __init__(self, row: ScaleProtocol, params: Params) -> None:
        steps = row.poll.steps if row.poll is not None else ()
        names = dict.fromkeys((*steps, *_PREFERRED, *row.commands))
        self._names: dict[bytes, str] = {}
        for name in names:
            if name in row.commands:
                self._names.setdefault(row.commands[name](params), name)
        if row.poll is not None:
            self._names |= {row.poll.accept: ACCEPT, row.poll.refuse: REFUSE}
        self._names.pop(b"", None)
        self._received = b""

    def feed(self, data: bytes) -> list[str]:
        """The names of the commands that are complete now."""
        self._received = (self._received + data)[-_MAX_BUFFER_BYTES:]
        found = []
        while self._received:
            whole = max((known for known in self._names if self._received.startswith(known)), key=len, default=b"")
            if whole:
                found.append(self._names[whole])
                self._received = self._received[len(whole) :]
            elif any(known.startswith(self._received) for known in self._names):
                break
            else:
                self._received = self._received[1:]
        return found

    def forget(self) -> None:
        self._received = b""
