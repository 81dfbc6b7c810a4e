"""How a lane of the relay does, in a file: the relay, a process of its own, writes it, and the station reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from kiosk.station.clock import read_boot_id
from kiosk.station.page_heartbeat import since_boot

_CHANGE_EVERY_S: Final = 20.0
"""Every picture that arrives, and every part of an update, changes it; the memory card is spared."""
_AGAIN_S: Final = 300.0
_STALE_S: Final = 660.0
"""A lane that has said nothing for so long does not run: two lost turns."""


class LaneMark:
    """Not synced: after a power cut an older mark, or none, only makes the station say less. Nothing is raised."""

    def __init__(self, path: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._path, self._clock = path, clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._written: object = None
        self._written_at = float("-inf")

    def write(self, said: Mapping[str, str | int], about: object) -> None:
        """Of what has changed soon, of what stays as it is now and then; ``about`` is compared."""
        now = self._clock()
        if now < self._written_at + (_AGAIN_S if about == self._written else _CHANGE_EVERY_S):
            return
        partial = self._path.with_name(f".{self._path.name}.part")
        self._written_at = now
        try:
            partial.write_text(json.dumps({"boot": self._boot_id, "second": int(now), **said}), encoding="ascii")
            partial.replace(self._path)
        except OSError:
            return
        self._written = about

    def read(self) -> tuple[dict[str, Any], float] | None:
        """What was said, of whatever kind, and how many seconds ago.

        None when no lane has said anything for long, or since the start of the machine.
        """
        try:
            said = json.loads(self._path.read_text(encoding="ascii"))
            age_s = self._clock() - float(said["second"])
            return (said, age_s) if said["boot"] == self._boot_id and 0 <= age_s <= _STALE_S else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
