"""Whether a second keyboard is plugged in, judged from the kernel's list of input devices.

A scanner in keyboard mode differs from a keyboard by its place alone. So while any other device could type, no scan is
accepted: it may be typed at the counter on another keyboard. There is no list of exceptions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# q to p, a to l, z to m, Enter (linux/input-event-codes.h).
_LETTERS_AND_ENTER = (*range(16, 26), *range(30, 39), *range(44, 51), 28)
FULL_KEYBOARD: int = sum(1 << code for code in _LETTERS_AND_ENTER)
BITS_PER_WORD = struct.calcsize("l") * 8  # The kernel prints bitmaps in words of the reading process's own size


@dataclass(frozen=True, slots=True)
class InputDevice:
    """``node`` is the event node like "event3"; ``board`` is the same for all nodes of one piece of hardware."""

    node: str
    board: str
    keys: int

    @property
    def is_keyboard(self) -> bool:
        """Whether it has every letter and Enter; power buttons, touch screens and remote controls have not."""
        return self.keys & FULL_KEYBOARD == FULL_KEYBOARD


def second_keyboards(devices: Sequence[InputDevice], scanner: str) -> tuple[InputDevice, ...]:
    """Return all keyboards but the scanner at event node ``scanner``, which may have several nodes."""
    boards = {device.board for device in devices if device.node == scanner and device.board}
    return tuple(
        device for device in devices if device.is_keyboard and device.node != scanner and device.board not in boards
    )


def key_bits(words: str, bits_per_word: int = BITS_PER_WORD) -> int:
    """Parse the kernel's ``capabilities/key``: hexadecimal words of a long, highest first. Raises ValueError."""
    bits = 0
    for word in words.split():
        bits = bits << bits_per_word | int(word, 16)
    return bits


class DeviceList:
    """Event nodes, read again only when they have changed: they are checked before each scan, and reading takes long.

    A node is the same while its entry is: the kernel makes a new one for every device that is plugged in.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], InputDevice] = {}

    def read(self, folder: Path) -> tuple[InputDevice, ...]:
        """Read every event node below ``folder``, laid out like /sys/class/input.

        A node that disappears while it is read is left out. Raises OSError when the folder cannot be read, and
        ValueError for invalid content: the keyboards are unknown then.
        """
        found: dict[tuple[str, int, int], InputDevice] = {}
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith("event"):
                try:
                    about = entry.stat()
                    same = (entry.name, about.st_ino, about.st_ctime_ns)
                    found[same] = self._known.get(same) or _device(entry)
                except FileNotFoundError:
                    continue
        self._known = found
        return tuple(found.values())


def _device(entry: Path) -> InputDevice:
    """Read sysfs, not /proc/bus/input/devices, which a service with ``ProcSubset=pid`` cannot see."""
    about = entry / "device"
    keys = key_bits((about / "capabilities" / "key").read_text(encoding="ascii"))
    place = (about / "phys").read_text(encoding="utf-8", errors="replace").strip()
    port = place.rpartition("/input")[0]
    vendor, product = ((about / "id" / name).read_text(encoding="ascii").strip() for name in ("vendor", "product"))
    return InputDevice(entry.name, f"{port} {vendor}:{product}" if port else "", keys)
