"""Environment check of everything but devices: database, card, clock, people, link, backup, fonts, and the box itself.

It needs no running station, so the page and the command line report the same.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Final

from kiosk.base import systemd
from kiosk.domain.clerk import Role
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.labels.typesetting.fonts import SOURCES, FontProblem, find, require_shaping
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.messaging.relay.updates.ports import UpdateFault
from kiosk.station.doctor.finding import FINE, DoctorFinding, Severity, unreadable
from kiosk.station.doctor.hardware import MACHINE, WATCHDOG_PROPERTIES, MachineChecks, read
from kiosk.station.doctor.liveness import QUIET_S
from kiosk.station.doctor.status_files import PhotosStatusFile, RelayStatusFile, UpdatesStatusFile
from kiosk.station.parcels.pickup_key import CREDENTIALS, PickupKey, key_path
from kiosk.station.photos.folder import MIN_FREE_BYTES
from kiosk.station.shared.ports import Configuration
from kiosk.station.shared.settings import StationSettings
from kiosk.station.shared.signing import StationSigning
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.kit_files import is_kit_of, load_county_key
from kiosk.store.backup.medium import disk_of, finished_manifests, read_manifest, uuid_of
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.connection import LOG_FILES
from kiosk.store.database.inspection import DatabaseSummary, inspect_database
from kiosk.store.database.persistence import (
    WriteBlocker,
    is_box,
    memory_file_system,
    root_is_writable,
    unit_properties,
    write_blocker,
)
from kiosk.store.database.schema import SCHEMA_VERSION
from kiosk.store.journal.sealed_rows import read_all_altered, read_altered_newest
from kiosk.store.journal.series import SeriesMarker
from kiosk.store.shared.errors import DatabaseLocked, StoreError

# The units of each row: the first must run, the others must not have failed.
UNITS: Final = {
    "unit_station": ("kiosk-station.service",),
    "unit_relay": ("kiosk-relay.service",),
    "unit_browser": ("kiosk-browser.service",),
    "unit_splash": ("kiosk-splash.service",),
    "unit_watch": ("kiosk-browser-watch.timer",),
    "unit_data": ("kiosk-data.service",),
    "unit_backup": ("kiosk-backup.timer", "kiosk-backup.service"),
}
NEEDED: Final = frozenset({"unit_station", "unit_browser"})
MANY_RESTARTS: Final = 3
SETTLED_S: Final = 120.0  # A unit that was restarted often and has run for so long since then has got over it
_PROPERTIES: Final = "LoadState,ActiveState,SubState,NRestarts,ActiveEnterTimestampMonotonic"
_COMMAND_LINE: Final = Path("/proc/cmdline")
_SEALED: Final = "overlayroot="
_SEALING_PARTS: Final = "apt-get install overlayroot busybox"
_UNSEALED: Final = ("overlayroot=disabled", "overlayroot=")

State = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BoxContext:
    data: Path
    moment: Moment
    systemd: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def _box_findings(place: BoxContext, machine: MachineChecks = MACHINE) -> Iterator[DoctorFinding]:
    """Yield the root and hardware of a box, and the services that systemd knows; no services without systemd."""
    if is_box(place.environ):
        yield root()
        yield from machine.findings(place.data, place.moment, lambda: unit_properties(WATCHDOG_PROPERTIES))
    if place.systemd.is_dir():
        for device, units in UNITS.items():
            yield from _row(device, units)


def root(is_open: Callable[[], bool] = root_is_writable, command_line: Path = _COMMAND_LINE) -> DoctorFinding:
    """Check whether a power cut can harm the system itself. An initramfs without overlayroot or busybox leaves the root
    open without a message, whatever the command line asks for.
    """
    try:
        if is_open():
            if not _is_to_be_sealed(read(command_line)):
                return DoctorFinding("root", True, False, Severity.WARN, "root_open")
            values = {"command": _SEALING_PARTS}
            return DoctorFinding("root", True, False, Severity.WARN, "root_unsealed", values=values)
    except OSError as error:
        return unreadable("root", error)
    return DoctorFinding("root", True, True)


def _is_to_be_sealed(command_line: str) -> bool:
    words = [word for word in command_line.split() if word.startswith(_SEALED)]
    return bool(words) and words[-1] not in _UNSEALED


def _row(device: str, units: tuple[str, ...]) -> Iterator[DoctorFinding]:
    states = {unit: unit_properties(_PROPERTIES, unit) for unit in units}
    main = states[units[0]]
    if main.get("LoadState") != "loaded":
        return
    for unit, state in states.items():
        values: dict[str, str | int] = {"place": unit, "n": _number(state, "NRestarts")}
        if state.get("ActiveState") == "failed":
            yield DoctorFinding(device, True, False, Severity.FAIL, "unit_failed", device in NEEDED, values=values)
            return
        if _restarts_for_ever(state):
            yield DoctorFinding(device, True, False, Severity.FAIL, "unit_restarts", device in NEEDED, values=values)
            return
    if main.get("ActiveState") == "inactive":
        yield DoctorFinding(device, True, False, Severity.WARN, "unit_off", values={"place": units[0]})
    else:
        yield DoctorFinding(device, True, True)


def _restarts_for_ever(state: State) -> bool:
    """Detect a restart loop: between two starts the unit is "activating (auto-restart)", never failed, then active."""
    if _number(state, "NRestarts") < MANY_RESTARTS:
        return False
    entered = _number(state, "ActiveEnterTimestampMonotonic") / 1_000_000
    return state.get("ActiveState") != "active" or time.monotonic() - entered < SETTLED_S


def _number(state: State, name: str) -> int:
    text = state.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else 0


MB: Final = 1_000_000
# Low-water mark: from here on no shot is taken, so that an intake can still be kept.
LOW_MB: Final = MIN_FREE_BYTES // MB
FULL_MB: Final = 20
OLD_DAYS: Final = 2  # A nightly backup that is missing for two nights
_CURES: Final = {
    WriteBlocker.OWNER: "chown --reference={folder} {file}",
    WriteBlocker.READ_ONLY: "chmod u+w {file}",
}
_SHAPING_PACKAGE: Final = "libfribidi0"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the rows are judged by. ``seen`` is the database, None when it cannot be read."""

    config: Configuration
    moment: Moment
    seen: DatabaseSummary | None
    environ: Mapping[str, str]


def findings(config: Configuration, moment: Moment, environ: Mapping[str, str] = os.environ) -> Iterator[DoctorFinding]:
    data = config.station.data
    seen, database_row = database(config.station)
    env = Environment(config, moment, seen, environ)
    yield database_row
    if seen is not None and seen.schema == SCHEMA_VERSION:
        yield _checked_row("records", lambda: records(config.station), needed=True)
    yield _checked_row("disk", lambda: disk(data, environ), needed=True)
    yield clock(moment)
    yield _checked_row("fonts", fonts, needed=True)
    if seen is not None:
        yield catalog(seen)
        yield people(env, seen)
    yield _checked_row("pickup_key", lambda: pickup_key(env))
    if seen is not None:
        yield _checked_row("signing_key", lambda: signing_key(data))
    yield from link(env)
    if config.relay is not None and config.relay.photos is not None:
        yield pictures(PhotosStatusFile(data))
    if (row := updates(config)) is not None:
        yield row
    yield _checked_row("backup", lambda: backup(env))
    services = _box_findings(BoxContext(data, moment, systemd.MARK, environ))
    yield from (row for row in services if row.device != "unit_relay" or config.relay is not None)


def machine(data: Path, moment: Moment, environ: Mapping[str, str] = os.environ) -> Iterator[DoctorFinding]:
    """Yield what can be checked without settings; ``data`` is checked on a box only."""
    if is_box(environ):
        yield _checked_row("disk", lambda: disk(data, environ), needed=True)
    yield clock(moment)
    yield _checked_row("fonts", fonts, needed=True)
    yield from _box_findings(BoxContext(data, moment, systemd.MARK, environ))


def _checked_row(device: str, run_check: Callable[[], DoctorFinding], *, needed: bool = False) -> DoctorFinding:
    """Run one check; one that the caller may not carry out becomes an unreadable row and spares the others."""
    try:
        return run_check()
    except OSError as error:
        return unreadable(device, error, needed=needed)


def database(station: StationSettings) -> tuple[DatabaseSummary | None, DoctorFinding]:
    path = station.database
    try:
        if not path.exists():
            return None, _bad("database", "database_missing", found=False, place=path)
        _try_to_read(path)
        seen = inspect_database(path)
        hindered = _write_blocker(path)
    except OSError as error:
        return None, unreadable("database", error, needed=True)
    except DatabaseLocked:
        return None, _bad("database", "database_locked", found=True, place=path)
    except (StoreError, ValueError, KeyError, TypeError):
        seen = hindered = None
    if seen is None or seen.station != station.station:
        return None, _bad("database", "database_broken", found=True, place=path)
    return seen, hindered or DoctorFinding("database", True, True, needed=True)


def _try_to_read(path: Path) -> None:
    """Check the right to read. Raises OSError: SQLite only says that it cannot open, which would look like damage. The
    files are never opened: the station checks its own database, and the first handle that a process closes releases all
    its locks. The next program that closes the file would remove the log under the station.
    """
    for file in (path, *(path.with_name(path.name + suffix) for suffix in LOG_FILES)):
        if file.exists() and not os.access(file, os.R_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


def _write_blocker(path: Path) -> DoctorFinding | None:
    logs = (path.with_name(path.name + suffix) for suffix in LOG_FILES)
    for file in (path, *logs, *SeriesMarker(path).files):
        try:
            why = write_blocker(file)
        except FileNotFoundError:
            continue
        if why is not None:
            values = {
                "place": str(file),
                "command": _CURES[why].format(file=quote(str(file)), folder=quote(str(file.parent))),
            }
            return DoctorFinding(
                "database", True, False, Severity.FAIL, f"database_{why.value}", needed=True, values=values
            )
    return None


def disk(data: Path, environ: Mapping[str, str] = os.environ) -> DoctorFinding:
    """Check the free space, that the disk is writable, and that it is not in memory. Raises OSError. Off a box memory
    is a choice and only a warning.
    """
    if memory_file_system(data):
        at_work = not is_box(environ)
        verdict = Severity.WARN if at_work else Severity.FAIL
        return DoctorFinding("disk", at_work, at_work, verdict, "disk_in_memory", True, values={"place": str(data)})
    if not data.is_dir() or write_blocker(data) is not None:
        return _bad("disk", "disk_read_only", found=data.is_dir(), place=data)
    free = shutil.disk_usage(data).free // MB
    if free < LOW_MB:
        verdict, word = (Severity.FAIL, "disk_full") if free < FULL_MB else (Severity.WARN, "disk_low")
        return DoctorFinding("disk", True, True, verdict, word, True, values={"place": str(data), "n": free})
    return DoctorFinding("disk", True, True, needed=True)


def clock(moment: Moment) -> DoctorFinding:
    word = {ClockQuality.UNSET: "clock_unset", ClockQuality.RESTORED: "clock_restored"}.get(moment.quality)
    if word is None:
        return DoctorFinding("clock", True, True)
    return DoctorFinding("clock", True, False, Severity.WARN, word)


def fonts() -> DoctorFinding:
    for script, bold in SOURCES:
        try:
            find(script, bold)
        except FontProblem:
            return _bad("fonts", "fonts_missing", found=False, place=SOURCES[script, bold][0].package)
    try:
        require_shaping()
    except FontProblem:
        return _bad("fonts", "fonts_missing", found=False, place=_SHAPING_PACKAGE)
    return DoctorFinding("fonts", True, True, needed=True)


def catalog(seen: DatabaseSummary) -> DoctorFinding:
    if seen.catalog_version == 0:
        return _bad("catalog", "catalog_none", found=False)
    return DoctorFinding("catalog", True, True, needed=True)


def people(env: Environment, seen: DatabaseSummary) -> DoctorFinding:
    missing = [role for role in (Role.TECHNICIAN, Role.CLERK) if not seen.people.get(role.value)]
    if not missing:
        return _pins(env, seen) or DoctorFinding("people", True, True, needed=True)
    return _bad("people", "people_none" if len(missing) == 2 else f"people_no_{missing[0].value}", found=False)


def _pins(env: Environment, seen: DatabaseSummary) -> DoctorFinding | None:
    if not _can_see_key(env):
        return None
    settings, data = env.config.parcels, env.config.station.data
    there = key_path(settings, data, env.environ).is_file()
    own = (PickupKey.from_existing(settings, data, env.environ) if there else PickupKey(None)).pins()
    other = sum(count for name, count in seen.pin_keys.items() if name != own.name)
    if other:
        values: dict[str, str | int] = {"n": other, "command": "kiosk clerk pin"}
        return DoctorFinding("people", True, False, Severity.FAIL, "people_other_key", needed=True, values=values)
    return None


def _can_see_key(env: Environment) -> bool:
    """Return whether this program could see the key: only the service sees a credential, only an admin a box's."""
    settings = env.config.parcels
    path = key_path(settings, env.config.station.data, env.environ)
    if settings.key_file is not None or env.environ.get(CREDENTIALS) or path.parent == env.config.station.data:
        return True
    return os.access(path.parent, os.X_OK)


def pickup_key(env: Environment) -> DoctorFinding:
    """Check the key file for the codes of parcels; a station without one makes it at its first start. Only the service
    itself can see whether a credential exists.
    """
    settings, data = env.config.parcels, env.config.station.data
    given = settings.key_file is not None or bool(env.environ.get(CREDENTIALS))
    path, there = key_path(settings, data, env.environ), False
    if _can_see_key(env):
        there = path.is_file()
    elsewhere = not given and (not _can_see_key(env) or (systemd.is_booted() and not there and path.parent == data))
    if elsewhere or (env.seen is None and not given):
        return DoctorFinding("pickup_key", None, None)
    if not there:
        values = {"place": str(path)}
        return DoctorFinding("pickup_key", False, False, Severity.WARN, "key_missing", values=values)
    return DoctorFinding("pickup_key", True, True)


def signing_key(data: Path) -> DoctorFinding:
    """Check the key that signs events and papers, by reading it now. Goods are taken in without it as well."""
    try:
        StationSigning(data).load()
    except PermissionError:
        raise  # Another user cannot check it
    except (OSError, ValueError) as error:
        found = not isinstance(error, FileNotFoundError)
        return DoctorFinding("signing_key", found, False, Severity.WARN, "signing_key_failed")
    return DoctorFinding("signing_key", True, True)


def link(env: Environment) -> Iterator[DoctorFinding]:
    """Yield the rows of the relay and of the sorting center behind it: a station works for weeks without either."""
    if env.config.relay is None:
        yield DoctorFinding("link", False, None, Severity.WARN, "link_none")
        return
    relay = RelayStatusFile(env.config.station.data)
    age, fault = relay.age_s(), relay.link_fault()
    pending = env.seen.pending if env.seen else 0
    waited = _waited_s(env)
    quiet = pending > 0 and (age is None or age > QUIET_S) and (waited is None or waited > QUIET_S)
    if fault is not None:
        yield DoctorFinding("link", True, fault is LinkFault.MQTT_3, Severity.WARN, f"link_{fault}", last_seen_s=age)
    elif quiet:
        yield DoctorFinding("link", True, False, Severity.WARN, "link_waits", last_seen_s=age, values={"n": pending})
    else:
        yield DoctorFinding("link", True, None if age is None else True, last_seen_s=age)
    yield _center(env, age)


def _center(env: Environment, age: float | None) -> DoctorFinding:
    apart = env.seen.quarantined if env.seen else 0
    was_reached = age is not None or bool(env.seen and env.seen.epoch.acked_upto)
    alarm = RelayStatusFile(env.config.station.data).alarm()
    if alarm:
        return DoctorFinding("center", True, was_reached, Severity.WARN, f"center_{alarm}", last_seen_s=age)
    if apart:
        values = {"n": apart}
        return DoctorFinding("center", True, was_reached, Severity.WARN, "center_apart", last_seen_s=age, values=values)
    if not was_reached:
        return DoctorFinding("center", None, False, Severity.WARN, "center_never")
    return DoctorFinding("center", True, True, last_seen_s=age)


def pictures(mark: PhotosStatusFile) -> DoctorFinding:
    found = mark.read()
    if found is None:
        return DoctorFinding("photos", None, None, word="photos_unknown")
    values = {"n": found.pictures}
    if found.fault is not None:
        return DoctorFinding("photos", True, False, Severity.WARN, f"photos_{found.fault.value}", values=values)
    return DoctorFinding("photos", True, True, word="photos_wait" if found.pictures else FINE, values=values)


def updates(config: Configuration) -> DoctorFinding | None:
    """Return the row when the settings name a source of updates; last seen: the center's last report of what it has."""
    relay = config.relay
    return None if relay is None or relay.updates is None else updates_finding(UpdatesStatusFile(config.station.data))


def updates_finding(mark: UpdatesStatusFile) -> DoctorFinding:
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
        values |= {"n": found.have_bytes // 1000, "size": found.size_bytes // 1000}
        return DoctorFinding("updates", True, True, word="updates_comes", last_seen_s=last_poll_s, values=values)
    if found.here:
        return DoctorFinding("updates", True, True, word="updates_here", last_seen_s=last_poll_s, values=values)
    if last_poll_s is None:
        return DoctorFinding("updates", None, None, word="updates_not_asked")
    return DoctorFinding("updates", True, True, word="updates_none", last_seen_s=last_poll_s)


def _waited_s(env: Environment) -> float | None:
    """Return how long the oldest event has waited; None when the clock is not reliable."""
    if env.seen is None or env.seen.waiting_since is None or env.moment.quality is ClockQuality.UNSET:
        return None
    try:
        waited = (env.moment.utc - datetime.fromisoformat(env.seen.waiting_since)).total_seconds()
    except (ValueError, TypeError):  # a flipped bit: the row of the records reports it
        return None
    return waited if waited >= 0 else None


def backup(env: Environment) -> DoctorFinding:
    settings = env.config.backup
    if settings is None:
        return DoctorFinding("backup", False, None, Severity.WARN, "backup_none")
    values: dict[str, str | int] = {"place": str(settings.folder)}
    try:
        return _backup_on(settings, env, values)
    except PermissionError:
        raise
    except (OSError, StoreError, ValueError, TypeError):  # a manifest with a flipped bit in its time is damaged, too
        return DoctorFinding("backup", False, False, Severity.WARN, "backup_medium", values=values)


def _backup_on(settings: BackupSettings, env: Environment, values: dict[str, str | int]) -> DoctorFinding:
    folder, station, moment = settings.folder, env.config.station, env.moment
    if not folder.is_dir():
        return DoctorFinding("backup", False, False, Severity.WARN, "backup_medium", values=values)
    if disk_of(folder) == disk_of(station.data):
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_same_disk", values=values)
    if unfit := _unfit(settings, values):
        return unfit
    try:
        county = load_county_key(settings)
    except KitRefused:
        values = {"place": "[backup] county_key_file"}
        return DoctorFinding("backup", True, False, Severity.WARN, "kit_key", values=values)
    made = finished_manifests(folder, station.station)
    if not made:
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_never", values=values)
    newest = read_manifest(made[-1])
    unset = ClockQuality.UNSET in (moment.quality, newest.clock)
    age = (moment.utc - datetime.fromisoformat(newest.made_at)).total_seconds()
    days = 0 if unset or age < 0 else int(age // 86_400)
    if days >= OLD_DAYS:
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_old", last_seen_s=age, values={"n": days})
    return _recovery_kit(county, made[-1], env, None if unset or age < 0 else age)


def _unfit(settings: BackupSettings, values: dict[str, str | int]) -> DoctorFinding | None:
    """Report a medium other than the bound one, or that none is bound and this one could be."""
    uuid, bind_values = uuid_of(settings.folder), {**values, "command": "kiosk backup --bind"}
    if settings.uuid and uuid.lower() != settings.uuid.lower():
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_other", values=bind_values)
    if uuid and not settings.uuid:
        return DoctorFinding("backup", True, None, Severity.WARN, "backup_unbound", values=bind_values)
    return None


def _bad(device: str, word: str, *, found: bool, place: object = None) -> DoctorFinding:
    values: dict[str, str | int] = {} if place is None else {"place": str(place)}
    return DoctorFinding(device, found, False, Severity.FAIL, word, needed=True, values=values)


def _recovery_kit(county: CountyKey | None, newest: Path, env: Environment, age_s: float | None) -> DoctorFinding:
    """Return the row of a good backup, by the recovery kit beside it. ``newest`` is the backup's manifest, ``age_s``
    its age, None when no clock tells. Without a county's key no kit is made: on other machines a shell user can copy
    the station's key, on a box the kit is the only way. Raises PermissionError.
    """
    if county is None:
        values = {"place": "[backup] county_key"}
        box = is_box(env.environ)
        verdict = Severity.WARN if box else Severity.OK
        return DoctorFinding("backup", True, not box, verdict, "kit_none", last_seen_s=age_s, values=values)
    if not is_kit_of(newest, env.config.station.station, county):
        return DoctorFinding("backup", True, False, Severity.WARN, "kit_missing", last_seen_s=age_s)
    return DoctorFinding("backup", True, True, last_seen_s=age_s)


def records(station: StationSettings, *, thorough: bool = False) -> DoctorFinding:
    """Check the newest receipts; with ``thorough`` all of them and every link of the journal, for which a running
    station has no time. The row of the database reports what cannot be read.
    """
    path = station.database
    try:
        found, problem = read_all_altered(path) if thorough else (read_altered_newest(path), "")
    except StoreError:
        return DoctorFinding("records", True, None)
    if not found and not problem:
        return DoctorFinding("records", True, True, needed=True)
    word = "records_altered" if found else "journal_altered"
    values: dict[str, str | int] = {"problem": problem}
    if found:
        values = {"receipt": found[0].receipt, "n": len(found)}
    return DoctorFinding("records", True, False, Severity.FAIL, word, needed=True, values=values)
