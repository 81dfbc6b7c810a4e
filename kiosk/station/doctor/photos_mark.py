"""How the photos lane does, in a file: the relay, a process of its own, writes it, and the station reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.messaging.relay.photos.faults import PhotoFault
from kiosk.messaging.relay.photos.ports import Backlog
from kiosk.station.clock import read_boot_id
from kiosk.station.doctor.finding import FINE, Finding, Verdict
from kiosk.station.page_heartbeat import since_boot

PHOTOS_MARK: Final = "photos-mark"
_CHANGE_EVERY_S: Final = 20.0
"""A picture that arrives changes it; the memory card is spared."""
_AGAIN_S: Final = 300.0
_STALE_S: Final = 660.0
"""A lane that has said nothing for so long does not run: two lost turns."""


@dataclass(frozen=True, slots=True)
class PhotosOnTheirWay:
    """What waits for the sorting center, and what a person must look into."""

    pictures: int
    size_bytes: int
    fault: PhotoFault | None


class PhotosMark:
    """Not synced: after a power cut an older mark, or none, only makes the station say less. Nothing is raised."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._path = data / PHOTOS_MARK
        self._clock = clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._written: tuple[Backlog, PhotoFault | None] | None = None
        self._written_at = float("-inf")

    def tell(self, backlog: Backlog, fault: PhotoFault | None) -> None:
        """Of what has changed soon, of what stays as it is now and then."""
        now = self._clock()
        every_s = _AGAIN_S if (backlog, fault) == self._written else _CHANGE_EVERY_S
        if now < self._written_at + every_s:
            return
        mark = {
            "boot": self._boot_id,
            "second": int(now),
            "pictures": backlog.pictures,
            "size_bytes": backlog.size_bytes,
            "fault": fault.value if fault is not None else "",
        }
        partial = self._path.with_name(f".{PHOTOS_MARK}.part")
        self._written_at = now
        try:
            partial.write_text(json.dumps(mark), encoding="ascii")
            partial.replace(self._path)
        except OSError:
            return
        self._written = backlog, fault

    def read(self) -> PhotosOnTheirWay | None:
        """None when no lane has said anything for long, or since the start of the machine."""
        try:
            mark = json.loads(self._path.read_text(encoding="ascii"))
            if mark["boot"] != self._boot_id or not 0 <= self._clock() - float(mark["second"]) <= _STALE_S:
                return None
            fault = PhotoFault(mark["fault"]) if mark["fault"] else None
            return PhotosOnTheirWay(int(mark["pictures"]), int(mark["size_bytes"]), fault)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def pictures(mark: PhotosMark) -> Finding:
    """The doctor's row of the pictures of goods: how many the sorting center does not have, and what keeps them."""
    found = mark.read()
    if found is None:
        return Finding("photos", None, None, word="photos_unknown")
    values = {"n": found.pictures}
    if found.fault is not None:
        return Finding("photos", True, False, Verdict.WARN, f"photos_{found.fault.value}", values=values)
    return Finding("photos", True, True, word="photos_wait" if found.pictures else FINE, values=values)
