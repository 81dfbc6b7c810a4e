"""Whether the station's pages are open: closed while an update wants it quiet, and while a new release is on trial."""

from __future__ import annotations

import threading


class Gate:
    """Asked by every request, from any thread."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        """Pages say that the station is being updated, and nothing else."""
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()

    def open(self) -> None:
        self._closed.clear()
