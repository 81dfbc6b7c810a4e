"""What the updates lane says of itself, and the row of it for doctor, page and command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.relay.updates.ports import Fetching, UpdateFault
from kiosk.station.doctor.lane_status_file import LaneStatusFile
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity
from kiosk.station.shared.page_heartbeat import since_boot
from kiosk.station.shared.ports import Configuration
from kiosk.station.update.release import is_version

UPDATES_STATUS_FILE: Final = "updates-mark"
_KB: Final = 1000
_WARMED_UP_DECODER: Final = msgspec.json.Decoder(Fetching)


class UpdatesStatusFile:
    """An ``UpdateWatcher``, and what the station reads."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._mark = LaneStatusFile(data / UPDATES_STATUS_FILE, clock, boot_id)

    def report(self, fetching: Fetching) -> None:
        """Raises nothing."""
        self._mark.write(
            msgspec.to_builtins(fetching), msgspec.structs.replace(fetching, offers_age_s=min(fetching.offers_age_s, 0))
        )

    def read(self) -> Fetching | None:
        """None when nothing is known."""
        found = self._mark.read()
        if found is None:
            return None
        values, age_s = found
        try:
            fetching = msgspec.convert(values, Fetching)
        except msgspec.ValidationError:
            return None
        if not all(not version or is_version(version) for version in (fetching.version, fetching.here)):
            return None
        return msgspec.structs.replace(
            fetching, offers_age_s=fetching.offers_age_s + round(age_s) if fetching.offers_age_s >= 0 else -1
        )


def updates(config: Configuration) -> DoctorFinding | None:
    """The row where the settings name a place of updates; last seen: the center has said so long ago what it has."""
    relay = config.relay
    return None if relay is None or relay.updates is None else updates_finding(UpdatesStatusFile(config.station.data))


def updates_finding(mark: UpdatesStatusFile) -> DoctorFinding:
    """Whether an update is on its way over the line, has come, or why none comes."""
    found = mark.read()
    if found is None:
        return DoctorFinding("updates", None, None, word="updates_unknown")
    last_poll_s = float(found.offers_age_s) if found.offers_age_s >= 0 else None
    if found.fault is not None:
        reached = found.fault is not UpdateFault.UNREACHABLE
        return DoctorFinding(
            "updates", reached, False, Severity.WARN, f"updates_{found.fault}", last_seen_s=last_poll_s
        )
    values: dict[str, str | int] = {"version": found.version or found.here}
    if found.version:
        values |= {"n": found.have_bytes // _KB, "size": found.size_bytes // _KB}
        return DoctorFinding("updates", True, True, word="updates_comes", last_seen_s=last_poll_s, values=values)
    if found.here:
        return DoctorFinding("updates", True, True, word="updates_here", last_seen_s=last_poll_s, values=values)
    if last_poll_s is None:
        return DoctorFinding("updates", None, None, word="updates_not_asked")
    return DoctorFinding("updates", True, True, word="updates_none", last_seen_s=last_poll_s)
