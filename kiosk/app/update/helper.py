"""The root helper ``kiosk-update.service``: settle what remains, report that, then carry out the request that waits.

Marks below ``/run`` keep station, relay and backup from starting meanwhile. The units name them
(``ConditionPathExists=!``), so that nothing starts them in between: a timer, a settings file that changes, a person. A
power cut removes the marks; then the helper is ordered before the station.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from kiosk.app.update.board import ThisBoard, UpdatePaths
from kiosk.app.update.database import StationDatabase, as_owner
from kiosk.app.update.releases import ReleaseFolder
from kiosk.base.root_requests import Message, serve, working
from kiosk.config.station import StationConfig
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.messages import Request, UpdateFiles
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.updater import UpdatePorts, Updater
from kiosk.store.database.persistence import NotPersistent, require_persistent


def station_files(data: Path) -> UpdateFiles:
    """Return what the station has written, read and removed with the rights of the station's user alone."""
    return UpdateFiles(data, partial(as_owner, data))


def make_updater(config: StationConfig, places: UpdatePaths) -> Updater:
    own = config.station
    return Updater(
        UpdatePorts(
            JournalFile(places.releases),
            ReleaseFolder(places.releases, places.package),
            StationDatabase(own.database),
            Units(places.runtime),
            station_files(own.data),
            ThisBoard(places.releases, own.data),
        )
    )


def run_helper(config: StationConfig, places: UpdatePaths, on_settled: Callable[[], None]) -> UpdateOutcome | None:
    """Run it; ``on_settled`` lets the station start. Raises UpdateRefused (no persistent disk), OSError, StoreError."""
    data = config.station.data
    if data != places.data:
        refuse_request(places.data, places, UpdateRefusalReason.NOT_FOUND)
    with working(places.releases):
        try:
            require_persistent(places.releases)
            require_persistent(data)
        except NotPersistent as error:
            refuse_request(data, places, UpdateRefusalReason.NOT_PERSISTENT, str(error))
            raise UpdateRefused(UpdateRefusalReason.NOT_PERSISTENT, str(error)) from error
        updater = make_updater(config, places)
        updater.recover()
        on_settled()
        return updater.serve()


def refuse_request(data: Path, places: UpdatePaths, why: UpdateRefusalReason, detail: str = "") -> None:
    """Remove a request that cannot be served: as long as one is there, the helper is started. Raises OSError."""
    journal = JournalFile(places.releases)

    def refuse(message: Message[Request]) -> None:
        if journal.read() is None:
            before = journal.outcome()
            failed = "" if before is None else before.failed
            journal.close(UpdateOutcome(ThisBoard(places.releases, data).new_number(), "", why, detail, failed=failed))

    if data.is_dir():
        serve(station_files(data).request, refuse)


STATION, RELAY, BACKUP = "kiosk-station.service", "kiosk-relay.service", "kiosk-backup.service"
STATION_HELD: Final = "station-held"
OTHERS_HELD: Final = "others-held"
_TO_START: Final = "to-start"
_RUNNING: Final = frozenset({"active", "activating", "reloading", "deactivating"})
_SYSTEMCTL_S: Final = 60.0  # The station has 20 s to stop, and is killed then

Systemctl = Callable[[Sequence[str]], str]


def systemctl(words: Sequence[str]) -> str:
    """Run systemctl; return its output, which says the same as its exit status. Raises OSError when it does not end."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, timeout=_SYSTEMCTL_S)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"systemctl {' '.join(words)} does not end") from error
    return done.stdout.strip()


class Units:
    """``runtime`` is on a file system that a power cut empties."""

    def __init__(self, runtime: Path, systemctl: Systemctl = systemctl) -> None:
        self._runtime, self._systemctl = runtime, systemctl

    def station_runs(self) -> bool:
        """Return true also while it is starting, or restarting after a failure."""
        return self._runs(STATION)

    def stop(self) -> None:
        """Note what runs before it is stopped: after a helper is killed, the units can still be started again."""
        to_start_file = self._runtime / _TO_START
        if not to_start_file.exists():
            # At boot nothing runs yet, and stopping takes what is enabled out of the queue.
            units = ((unit, self._systemctl(["is-enabled", unit])) for unit in (STATION, RELAY))
            to_start = [unit for unit, enabled in units if enabled == "enabled" or self._runs(unit)]
            fresh = to_start_file.with_suffix(".new")
            fresh.write_text("\n".join(to_start), "ascii")
            fresh.replace(to_start_file)
        for mark in (STATION_HELD, OTHERS_HELD):
            (self._runtime / mark).touch()
        self._systemctl(["stop", STATION, RELAY, BACKUP])

    def start_station(self) -> None:
        (self._runtime / STATION_HELD).unlink(missing_ok=True)
        self._start(STATION)

    def release(self) -> None:
        """Start what was stopped; delete the note last."""
        to_start_file = self._runtime / _TO_START
        for mark in (STATION_HELD, OTHERS_HELD):
            (self._runtime / mark).unlink(missing_ok=True)
        if to_start_file.exists():
            for unit in to_start_file.read_text("ascii").split():
                self._start(unit)
            to_start_file.unlink()
        to_start_file.with_suffix(".new").unlink(missing_ok=True)

    def _start(self, unit: str) -> None:
        self._systemctl(["reset-failed", unit])
        self._systemctl(["--no-block", "start", unit])

    def _runs(self, unit: str) -> bool:
        return self._systemctl(["is-active", unit]) in _RUNNING
