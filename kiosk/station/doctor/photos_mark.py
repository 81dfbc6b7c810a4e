"""What the photos lane says of itself, and the doctor's row of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.messaging.relay.photos.faults import PhotoFault
from kiosk.messaging.relay.photos.ports import Backlog
from kiosk.station.doctor.finding import FINE, Finding, Verdict
from kiosk.station.doctor.lane_mark import LaneMark
from kiosk.station.page_heartbeat import since_boot

PHOTOS_MARK: Final = "photos-mark"


@dataclass(frozen=True, slots=True)
class PhotosOnTheirWay:
    """What waits for the sorting center, and what a person must look into."""

    pictures: int
    size_bytes: int
    fault: PhotoFault | None


class PhotosMark:
    """A ``PhotoWatcher``, and what the station reads."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._mark = LaneMark(data / PHOTOS_MARK, clock, boot_id)

    def tell(self, backlog: Backlog, fault: PhotoFault | None) -> None:
        """Raises nothing."""
        said: dict[str, str | int] = {
            "pictures": backlog.pictures,
            "size_bytes": backlog.size_bytes,
            "fault": fault.value if fault is not None else "",
        }
        self._mark.write(said, said)

    def read(self) -> PhotosOnTheirWay | None:
        """None when nothing is known."""
        found = self._mark.read()
        if found is None:
            return None
        said, _ = found
        try:
            fault = PhotoFault(said["fault"]) if said["fault"] else None
            return PhotosOnTheirWay(int(said["pictures"]), int(said["size_bytes"]), fault)
        except (ValueError, KeyError, TypeError, OverflowError):
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
