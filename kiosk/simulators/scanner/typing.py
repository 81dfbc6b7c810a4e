"""A scanner in keyboard mode, and another keyboard: key events in named pipes, listed as the kernel lists them.

The station's own adapter reads it unchanged, by ``kind = "evdev"`` and the link as ``port``. Fault words: see
faults.py, device "scanner".
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from select import PIPE_BUF

from kiosk.devices.scanner.keyboards import BITS_PER_WORD, FULL_KEYBOARD
from kiosk.devices.scanner.keys import EV_KEY, EV_SYN, NATIVE, PLAIN, PRESS, RELEASE, SHIFTED
from kiosk.simulators.scanner.simulator import SimulatedScanner
from kiosk.simulators.shared.faults import BadFaultWord

_SHIFT, _CTRL, _ENTER = 42, 29, 28
_SCANNER, _KEYBOARD = "event7", "event8"
# A piece of this size goes into a pipe whole or not at all, so a reader never gets half an event.
_WHOLE_EVENTS = PIPE_BUF - PIPE_BUF % NATIVE.size

_KEYS = {key: (code,) for code, key in sorted(PLAIN.items(), reverse=True)} | {
    key: (_SHIFT, code) for code, key in SHIFTED.items() if key not in PLAIN.values()
}
_CODES = {key: keys[-1] for key, keys in _KEYS.items() if len(keys) == 1}


def chord(character: str) -> tuple[int, ...]:
    """Return the keys a scanner presses for a character: control characters become Ctrl with a key, GS is Ctrl+]."""
    if character in _KEYS:
        return _KEYS[character]
    if "\x01" <= character <= "\x1d":
        return (_CTRL, _CODES[chr(ord(character) + 0x40).lower()])
    raise BadFaultWord(f"a scanner in keyboard mode has no key for {character!r}")


def typed(text: str) -> bytes:
    """Return the key events of a text and Enter; raises BadFaultWord for a character no key has."""
    events = bytearray()
    for keys in [*map(chord, text), (_ENTER,)]:
        for code in keys:
            events += _event(code, PRESS)
        for code in reversed(keys):
            events += _event(code, RELEASE)
    return bytes(events)


def _event(code: int, value: int) -> bytes:
    seconds, fraction = divmod(time.time_ns(), 10**9)
    stamp = (seconds, fraction // 1000)
    return NATIVE.pack(*stamp, EV_KEY, code, value) + NATIVE.pack(*stamp, EV_SYN, 0, 0)


class _Node:
    """One event node: a pipe that can be read, and its entry in the list of devices."""

    def __init__(self, folder: Path, name: str, port: str) -> None:
        self.path = folder / name
        self._entry = folder / "class" / name
        self._unlisted = folder / "class" / f".{name}"
        self._port = port
        self._pipe = -1

    @property
    def plugged(self) -> bool:
        return self._pipe >= 0

    def plug(self) -> None:
        if self.plugged:
            return
        self._list()
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path, 0o600)
        self._pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def unplug(self) -> None:
        if not self.plugged:
            return
        self.path.unlink(missing_ok=True)
        self._entry.rename(self._unlisted)
        shutil.rmtree(self._unlisted)
        os.close(self._pipe)
        self._pipe = -1

    def _list(self) -> None:
        """List the entry atomically: a concurrent reader sees all of it or nothing."""
        shutil.rmtree(self._entry, ignore_errors=True)
        about = self._unlisted / "device"
        (about / "capabilities").mkdir(parents=True, exist_ok=True)
        (about / "id").mkdir(exist_ok=True)
        for name, text in (("phys", f"usb-bench-{self._port}/input0"), ("id/vendor", "05e0"), ("id/product", "1200")):
            (about / name).write_text(f"{text}\n", encoding="ascii")
        (about / "capabilities" / "key").write_text(f"{kernel_words(FULL_KEYBOARD)}\n", encoding="ascii")
        self._unlisted.rename(self._entry)

    def send(self, events: bytes) -> None:
        for start in range(0, len(events), _WHOLE_EVENTS):
            piece = events[start : start + _WHOLE_EVENTS]
            try:
                os.write(self._pipe, piece)
            except BlockingIOError:
                with suppress(BlockingIOError):
                    while os.read(self._pipe, NATIVE.size * 1000):
                        pass
                os.write(self._pipe, piece)


def kernel_words(bits: int) -> str:
    """Format a bitmap as the kernel does: hexadecimal words, the highest first."""
    words = []
    while bits:
        words.append(f"{bits & (1 << BITS_PER_WORD) - 1:x}")
        bits >>= BITS_PER_WORD
    return " ".join(reversed(words))


class TypingScannerSimulator(SimulatedScanner):
    """``link`` follows the scanner's node, as udev makes one for a real scanner.

    A second keyboard stays plugged in for ``keyboard_s`` seconds after it was typed on. Raises FileExistsError when a
    file is at the path of the link.
    """

    def __init__(self, link: Path, keyboard_s: float = 3.0) -> None:
        self._link = link
        self._keyboard_s = keyboard_s
        self._folder = link.with_name(f"{link.name}.nodes")
        self._scanner = _Node(self._folder, _SCANNER, "1")
        self._keyboard = _Node(self._folder, _KEYBOARD, "2")
        self._lock = threading.RLock()
        self._leaving: threading.Timer | None = None
        self.plug()

    @property
    def keyboard(self) -> Path | None:
        return self._keyboard.path if self._keyboard.plugged else None

    def plug(self) -> None:
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(f"{self._link} is not a link to a simulated scanner: give another path.")
        with self._lock:
            self._scanner.plug()
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._scanner.path)

    def unplug(self) -> None:
        with self._lock:
            if self._scanner.plugged:
                self._link.unlink(missing_ok=True)
                self._scanner.unplug()

    def scan(self, code: str) -> None:
        self.send(typed(code))

    def send(self, events: bytes) -> None:
        with self._lock:
            if self._scanner.plugged:
                self._scanner.send(events)

    def type_elsewhere(self, text: str) -> None:
        """Plug in another keyboard and type; it is unplugged after a while. Raises BadFaultWord."""
        events = typed(text)
        with self._lock:
            self._forget_leaving()
            self._keyboard.plug()
            self._keyboard.send(events)
            self._leaving = threading.Timer(self._keyboard_s, self.take_keyboard)
            self._leaving.daemon = True
            self._leaving.start()

    def take_keyboard(self) -> None:
        with self._lock:
            self._forget_leaving()
            self._keyboard.unplug()

    def _forget_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def close(self) -> None:
        """Unplug everything for good; may be called twice."""
        self.take_keyboard()
        self.unplug()
        shutil.rmtree(self._folder, ignore_errors=True)
