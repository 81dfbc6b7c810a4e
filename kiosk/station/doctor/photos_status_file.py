"""What the photos lane says of itself, and the doctor's row of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.messaging.relay.photos.faults import PhotoFault
from kiosk.messaging.relay.photos.ports import Backlog
from kiosk.station.doctor.lane_status_file import LaneStatusFile
from kiosk.station.doctor.shared.finding import FINE, DoctorFinding, Severity
from kiosk.station.shared.page_heartbeat import since_boot

PHOTOS_STATUS_FILE: Final = "photos-mark"


@dataclass(frozen=True, slots=True)
class PhotosStatus:
    """What waits for the sorting center, and what a person must look into."""

    pictures: int
    size_bytes: int
    fault: PhotoFault | None


class PhotosStatusFile:
    """A ``PhotoWatcher``, and what the station reads."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._mark = LaneStatusFile(data / PHOTOS_STATUS_FILE, clock, boot_id)

    def report(self, backlog: Backlog, fault: PhotoFault | None) -> None:
        """Raises nothing."""
        values: dict[str, str | int] = {
            "pictures": backlog.pictures,
            "size_bytes": backlog.size_bytes,
            "fault": fault.value if fault is not None else "",
        }
        self._mark.write(values, values)

    def read(self) -> PhotosStatus | None:
        """None when nothing is known."""
        found = self._mark.read()
        if found is None:
            return None
        values, _ = found
        try:
            fault = PhotoFault(values["fault"]) if values["fault"] else None
            return PhotosStatus(int(values["pictures"]), int(values["size_bytes"]), fault)
        except (ValueError, KeyError, TypeError, OverflowError):
            return None


def pictures(mark: PhotosStatusFile) -> DoctorFinding:
    """The doctor's row of the pictures of goods: how many the sorting center does not have, and what keeps them."""
    found = mark.read()
    if found is None:
        return DoctorFinding("photos", None, None, word="photos_unknown")
    values = {"n": found.pictures}
    if found.fault is not None:
        return DoctorFinding("photos", True, False, Severity.WARN, f"photos_{found.fault.value}", values=values)
    return DoctorFinding("photos", True, True, word="photos_wait" if found.pictures else FINE, values=values)
