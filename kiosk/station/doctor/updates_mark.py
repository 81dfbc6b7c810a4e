"""What the updates lane says of itself, and the row of it for doctor, page and command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.relay.updates.ports import Fetching, UpdateFault
from kiosk.station.doctor.finding import Finding, Verdict
from kiosk.station.doctor.lane_mark import LaneMark
from kiosk.station.page_heartbeat import since_boot
from kiosk.station.ports import Configuration
from kiosk.station.update.release import is_version

UPDATES_MARK: Final = "updates-mark"
_KB: Final = 1000
_LOOKED_AT: Final = msgspec.json.Decoder(Fetching)


class UpdatesMark:
    """An ``UpdateWatcher``, and what the station reads."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        """``clock``: seconds since the start of the machine."""
        self._mark = LaneMark(data / UPDATES_MARK, clock, boot_id)

    def tell(self, fetching: Fetching) -> None:
        """Raises nothing."""
        self._mark.write(
            msgspec.to_builtins(fetching), msgspec.structs.replace(fetching, asked_s=min(fetching.asked_s, 0))
        )

    def read(self) -> Fetching | None:
        """None when nothing is known."""
        found = self._mark.read()
        if found is None:
            return None
        said, age_s = found
        try:
            fetching = msgspec.convert(said, Fetching)
        except msgspec.ValidationError:
            return None
        if not all(not version or is_version(version) for version in (fetching.version, fetching.here)):
            return None
        return msgspec.structs.replace(
            fetching, asked_s=fetching.asked_s + round(age_s) if fetching.asked_s >= 0 else -1
        )


def updates(config: Configuration) -> Finding | None:
    """The row where the settings name a place of updates; last seen: the center has said so long ago what it has."""
    relay = config.relay
    return None if relay is None or relay.updates is None else told(UpdatesMark(config.station.data))


def told(mark: UpdatesMark) -> Finding:
    """Whether an update is on its way over the line, has come, or why none comes."""
    found = mark.read()
    if found is None:
        return Finding("updates", None, None, word="updates_unknown")
    asked_s = float(found.asked_s) if found.asked_s >= 0 else None
    if found.fault is not None:
        reached = found.fault is not UpdateFault.NO_WAY
        return Finding("updates", reached, False, Verdict.WARN, f"updates_{found.fault}", last_seen_s=asked_s)
    values: dict[str, str | int] = {"version": found.version or found.here}
    if found.version:
        values |= {"n": found.have_bytes // _KB, "size": found.size_bytes // _KB}
        return Finding("updates", True, True, word="updates_comes", last_seen_s=asked_s, values=values)
    if found.here:
        return Finding("updates", True, True, word="updates_here", last_seen_s=asked_s, values=values)
    if asked_s is None:
        return Finding("updates", None, None, word="updates_not_asked")
    return Finding("updates", True, True, word="updates_none", last_seen_s=asked_s)
