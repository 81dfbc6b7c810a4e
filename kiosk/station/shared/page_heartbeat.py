"""The heartbeat of the page, for the unit that restarts a browser that shows something else or nothing at all."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

logger = logging.getLogger(__name__)

FILE_NAME: Final = "page-alive"
# The file is written at most this often, however many pages ask; it lies in memory, not on the card.
EVERY_S: Final = 5.0


def since_boot() -> float:
    """Seconds since the machine started, as /proc/uptime counts them: setting the clock does not move it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class PageHeartbeat:
    """Writes the second of the newest beat into a file of the service's runtime folder; may be called by any thread.
    Without a folder (not a systemd service) nothing is written. A full or missing folder is logged once.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float] = since_boot) -> None:
        self._path = folder / FILE_NAME if folder is not None else None
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._failed = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """RUNTIME_DIRECTORY is set for a unit with RuntimeDirectory= (systemd.exec(5))."""
        folder = environ.get("RUNTIME_DIRECTORY", "")
        return cls(Path(folder) if folder else None)

    def beat(self) -> None:
        if self._path is None:
            return
        with self._lock:
            now = self._clock()
            if now < self._next:
                return
            self._next = now + EVERY_S
            self._write(self._path, f"{now:.0f}\n")

    def _write(self, path: Path, text: str) -> None:
        try:
            partial = path.with_name(f".{path.name}.part")
            partial.write_text(text, encoding="ascii")
            partial.replace(path)
            path.chmod(0o644)
        except OSError as error:
            if not self._failed:
                self._failed = True
                logger.warning("the page's sign of life cannot be written: %s", error)
