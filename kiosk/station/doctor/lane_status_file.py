"""What one process notes for another in a small file: how a lane of the relay does, and other marks of that kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.station.shared.clock import read_boot_id
from kiosk.station.shared.page_heartbeat import since_boot

# Every picture that arrives, and every part of an update, changes it; the memory card is spared.
_CHANGE_EVERY_S: Final = 20.0
_REPEAT_INTERVAL_S: Final = 300.0
_STALE_S: Final = 660.0  # A lane that has said nothing for so long does not run: two lost turns
_LATEST_S: Final = 10**10  # No machine runs for three hundred years

_decode_status: Final = reader(msgspec.json.Decoder(dict[str, Any]))


def write_status(path: Path, values: Mapping[str, object]) -> bool:
    """Whether it is there. Not synced: after a power cut an older one, or none, only makes the reader say less."""
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_bytes(msgspec.json.encode(values))
        partial.replace(path)
    except OSError:
        return False
    return True


def read_status(path: Path) -> dict[str, Any]:
    """What was said, of whatever kind; nothing when it is not there or cannot be read."""
    try:
        return _decode_status(path.read_bytes())
    except (OSError, Unreadable):
        return {}


def seconds(value: Any) -> float | None:
    """A number of seconds as a machine has them; None for anything else."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= _LATEST_S else None


class LaneStatusFile:
    def __init__(self, path: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._path, self._clock = path, clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._written: object = None
        self._written_at = float("-inf")

    def write(self, values: Mapping[str, str | int], about: object) -> None:
        """Of what has changed soon, of what stays as it is now and then; ``about`` is compared."""
        now = self._clock()
        if now < self._written_at + (_REPEAT_INTERVAL_S if about == self._written else _CHANGE_EVERY_S):
            return
        self._written_at = now
        if write_status(self._path, {"boot": self._boot_id, "second": int(now), **values}):
            self._written = about

    def read(self) -> tuple[dict[str, Any], float] | None:
        """What was said, of whatever kind, and how many seconds ago.

        None when no lane has said anything for long, or since the start of the machine.
        """
        values = read_status(self._path)
        second = seconds(values.get("second"))
        if second is None or values.get("boot") != self._boot_id:
            return None
        age_s = self._clock() - second
        return (values, age_s) if 0 <= age_s <= _STALE_S else None
