"""The photos lane's process as the sorting center sees it: its port, its beginning and end."""

from __future__ import annotations

import logging
import sys
from typing import Final

import msgspec

from kiosk.sorting_center.child import SupervisedProcess, SupervisedProcessPlan
from kiosk.sorting_center.health import CenterHealth
from kiosk.sorting_center.listen_socket import listening_socket
from kiosk.sorting_center.photos.listener.tls import certificate_of
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.settings import PhotosSettings, PhotosTask

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.photos.process")


_decode_figures: Final = msgspec.json.Decoder(dict[str, int]).decode


class PhotosProcess:
    """A process of its own: whatever is sent to it, events are taken in beside it.

    Has its port from the moment it is made, also while the process is begun again. Raises OSError when the address or
    the certificates cannot be used, and LedgerError when the list of photos cannot.
    """

    def __init__(self, ledger_url: str, settings: PhotosSettings, health: CenterHealth) -> None:
        self._health = health
        if settings.tls is not None:
            certificate_of(*settings.tls)
        PhotoIndex.open(ledger_url).close()
        self._listening = listening_socket(settings.host, settings.port)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "https" if settings.tls else "http"
        self.url = f"{scheme}://{host}:{self._listening.getsockname()[1]}"
        descriptor = self._listening.fileno()
        task = msgspec.json.encode(PhotosTask(ledger_url, settings, descriptor)) + b"\n"
        self._child = SupervisedProcess(
            SupervisedProcessPlan("photos' process", _COMMAND, task, self._on_line, self._on_exit, (descriptor,))
        )

    @property
    def pid(self) -> int | None:
        """None while none runs."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is looked after."""
        return self._child.is_alive

    def start(self) -> None:
        """Begin it, and again whenever it ends."""
        self._child.start()

    def end(self) -> None:
        """Have it end, without waiting."""
        self._child.end()

    def stop(self, timeout_s: float) -> None:
        """Have it end; one that does not in time is killed."""
        self._child.stop(timeout_s)
        self._listening.close()

    def _on_line(self, line: bytes) -> None:
        """Its figures, now and then: the sign that it works."""
        try:
            figures = _decode_figures(line)
        except ValueError:
            log.warning("A line of the process that receives pictures could not be read.")
            return
        self._health.set_photo_counts(figures)
        self._health.set_fault("photos")

    def _on_exit(self, status: int) -> None:
        if self._health.set_fault("photos", "The process that receives pictures has ended; it is begun again."):
            log.error("The process that receives pictures has ended with status %d; it is begun again.", status)
