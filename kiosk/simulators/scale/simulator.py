"""A scale outside the process boundary: an indicator that writes frames to a line, and answers requests."""

from __future__ import annotations

import copy
import math
import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from kiosk.devices.scale.supervision import WakePipe
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.params import validated
from kiosk.protocols.scales.shared.protocol import Params, ScaleProtocol, TransmissionMode, Transport
from kiosk.simulators.scale.line import PtyLine
from kiosk.simulators.scale.packets import ConversionLine, ReportLine
from kiosk.simulators.scale.pan import SimulatedPan, grams
from kiosk.simulators.scale.ports import SimulatedLine
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault

_WEIGHT_COMMANDS = ("request_weight", "read", "read_gross", "read_net", "print")


@dataclass(frozen=True, slots=True)
class IndicatorSettings:
    """What has been set at the keys of an indicator.

    ``unit`` left out: the format's own, else kg. ``decimals`` as shown in kilograms, ``step_g`` the scale interval d,
    ``params`` of the format.
    """

    unit: str | None = None
    decimals: int = 3
    step_g: int = 1
    params: Mapping[str, str] = field(default_factory=dict)


class ScaleSimulator:
    """An indicator of one protocol with goods on its pan, obeying the scale's fault words and its host's commands.

    ``hz`` frames a second of a format that speaks by itself (0: only what ``write_now`` sends); a polled one answers
    instead. ``settle_s`` is how long a change of load swings. ``line`` is the cable, or the place of the format's usual
    one: a raw 8N1 pseudo-terminal, a file of USB reports, the pins of a converter. All methods may be called from any
    thread. Raises UnknownProtocol or BadParameter.
    """

    def __init__(
        self,
        protocol: str,
        line: SimulatedLine | Path | None = None,
        hz: float = 10.0,
        settle_s: float = 0.4,
        settings: IndicatorSettings | None = None,
    ) -> None:
        if not 0 <= hz <= 10_000:
            raise ValueError(f"a scale cannot send {hz} frames a second")
        settings = settings or IndicatorSettings()
        self._row = registry.get(protocol)
        self._params = validated(protocol, registry.parameters(protocol), settings.params)
        self._period_s = 1 / hz if hz and self._row.mode is TransmissionMode.STREAM else None
        # Left to itself an indicator shows kg, or grams when its format has no place for the decimals
        for usual in (settings.unit,) if settings.unit else (self._row.default_unit or "kg", "g"):
            self._pan = SimulatedPan(usual, settings.decimals, settings.step_g, settle_s)
            self._pan.put(1234, 0, settle=False)
            with suppress(ValueError):
                self._row.encode_frame(self._pan.shown(0), self._params)
                break
        self._pan.put(0, 0, settle=False)
        self.usual_unit = self._pan.unit
        self._commands = Commands(self._row, self._params)
        self._line = _LINES[self._row.transport](line) if line is None or isinstance(line, Path) else line
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._bell: WakePipe | None = None
        self._thread = threading.Thread(target=self._run, name="scale-simulator", daemon=True)
        self._frames_sent = self._accepted = 0
        self._owed = b""
        self._last_frames: dict[str, bytes] = {}
        self._heal()

    def _heal(self) -> None:
        self._frozen = self._silent = self._cut = False
        self._line.slow = False
        self._garble = 0

    @property
    def path(self) -> str:
        return self._line.path

    @property
    def unit(self) -> str:
        return self._pan.unit

    @property
    def frames_sent(self) -> int:
        return self._frames_sent

    @property
    def accepted(self) -> int:
        """Answers the host has said to have got whole, in a format in which it says so."""
        return self._accepted

    def start(self) -> None:
        """Plug in and begin to send. Raises FileExistsError when the link's place is taken by a file."""
        try:
            self._line.plug()
        except OSError:
            self._line.close()
            raise
        self._bell = WakePipe()
        self._thread.start()

    def stop(self) -> None:
        """Stop sending and remove the line and its link; may be called twice."""
        self._stopping.set()
        if self._bell is not None:
            self._bell.wake()
            self._thread.join()
            self._bell.close()
            self._bell = None
        with self._lock:
            self._line.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def write_now(self, load_g: int | None = None) -> bytes:
        """Send one frame at once, with ``load_g`` at rest on the pan if given; returns what was sent.

        Raises ValueError when the format cannot carry what the display shows.
        """
        with self._lock:
            if load_g is not None:
                self._pan.put(load_g, time.monotonic(), settle=False)
            return self._emit()

    def command(self, text: str) -> None:
        """Carry out a fault word such as "put 2.480kg"; raises BadFaultWord and then changes nothing.

        A load or unit that the format cannot carry is refused like a wrong word.
        """
        word, argument = parse_fault("scale", text)
        with self._lock:
            before = copy.copy(self._pan)
            self._obey(word, argument)
            try:
                self._row.encode_frame(self._pan.shown(math.inf), self._params)
            except ValueError as error:
                self._pan = before
                raise BadFaultWord(f"{self._row.id} cannot send what the display would show: {error}") from error
        if self._bell is not None:
            self._bell.wake()  # a replugged line has new descriptors

    def _run(self) -> None:
        assert self._bell is not None
        due = time.monotonic()
        while not self._stopping.is_set():
            self._wait(self._bell, due)
            with self._lock, suppress(ValueError):  # a swing the format cannot carry: the indicator keeps silent
                self._listen()
                if self._period_s is not None and time.monotonic() >= due:
                    due = max(due + self._period_s, time.monotonic())
                    self._emit()

    def _wait(self, bell: WakePipe, due: float) -> None:
        poll = select.poll()
        with self._lock:
            for number in (bell.fileno(), *self._line.descriptors()):
                poll.register(number, select.POLLIN)
        poll.poll(None if self._period_s is None else max(0.0, due - time.monotonic()) * 1000)
        if not self._stopping.is_set():
            bell.clear()

    def _listen(self) -> None:
        """Carry out and answer the station's commands."""
        if not self._line.plugged:
            self._commands.forget()
            return
        for name in self._commands.feed(self._line.read()):
            if name == ACCEPT:
                self._accepted += 1
            elif name == REFUSE:
                self._send(self._owed, carries_weight=False)
            elif not self._silent:
                self._press(name)
                self._owed = self._answer(name)
                self._send(self._owed, self._carries_weight(name))

    def _press(self, name: str) -> None:
        """Apply a command; like a key it works only on a pan at rest."""
        now = time.monotonic()
        shown = self._pan.shown(now)
        if not shown.stable or shown.overload:
            return
        if name == "zero":
            self._pan.zero_now(now)
        elif name == "tare":
            self._pan.tare_now(now)
        elif name == "clear_tare":
            self._pan.tare(0)

    def _carries_weight(self, name: str) -> bool:
        return name in _WEIGHT_COMMANDS if self._row.poll is None else name == self._row.poll.steps[-1]

    def _answer(self, name: str) -> bytes:
        if self._row.respond is not None:
            respond = self._row.respond
            return self._remembered(name, lambda: respond(name, self._pan.shown(time.monotonic()), self._params))
        return self._frame() if self._carries_weight(name) or name in _WEIGHT_COMMANDS else b""

    def _emit(self) -> bytes:
        if self._silent or not self._line.plugged:
            return b""
        return self._send(self._frame(), carries_weight=True)

    def _send(self, frame: bytes, carries_weight: bool) -> bytes:
        sent = self._damaged(frame) if carries_weight and frame else frame
        if sent:
            self._frames_sent += 1  # before the write: a reader of the frame finds it counted
            self._line.write(sent)
        return sent

    def _frame(self) -> bytes:
        return self._remembered("", lambda: self._row.encode_frame(self._pan.shown(time.monotonic()), self._params))

    def _remembered(self, name: str, build: Callable[[], bytes]) -> bytes:
        if not (self._frozen and self._last_frames.get(name)):
            self._last_frames[name] = build()
        return self._last_frames[name]

    def _damaged(self, frame: bytes) -> bytes:
        if self._cut:
            self._cut = False
            return frame[: len(frame) // 2]
        if self._garble:
            self._garble -= 1
            return self._line.damaged(frame)
        return frame

    def _obey(self, word: str, argument: str) -> None:
        match word:
            case "put":
                self._pan.put(grams(argument), time.monotonic())
            case "take":
                self._pan.put(0, time.monotonic())
            case "jitter":
                self._pan.jitter(grams(argument))
            case "net":
                self._pan.tare(grams(argument))
            case "unit":
                self._switch_unit(argument)
            case "overload":
                self._pan.overload = True
            case "freeze":
                self._frozen = True
            case "silent":
                self._silent = True
            case "low-baud":
                self._line.slow = True
            case "cut":
                self._cut = True
            case "garble":
                if not (argument.isascii() and argument.isdigit() and len(argument) <= 6):
                    raise BadFaultWord(f"scale garble needs a number of frames like 3, not {argument!r}")
                self._garble = int(argument)
            case "unplug":
                self._line.unplug()
            case "replug":
                self._heal()
                if not self._line.plugged:
                    self._line.plug()

    def _switch_unit(self, unit: str) -> None:
        """Switch with one decimal less if all do not fit the format, like pounds on many kilogram scales."""
        for fewer in (0, 1):
            self._pan.switch_unit(unit, fewer)
            with suppress(ValueError):
                self._row.encode_frame(self._pan.shown(math.inf), self._params)
                return
        self._pan.switch_unit(unit)


_LINES: dict[Transport, Callable[[Path | None], SimulatedLine]] = {
    Transport.SERIAL: PtyLine,
    Transport.HID: ReportLine,
    Transport.GPIO: ConversionLine,
}

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
                self._names.setdefault(row.command(name, params), name)
        if row.poll is not None:
            self._names |= {row.poll.accept: ACCEPT, row.poll.refuse: REFUSE}
        self._names.pop(b"", None)
        self._received = b""

    def feed(self, data: bytes) -> list[str]:
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
