"""Environment check: what is no device. Database, card, clock, people, link, backup, fonts, and the box itself.

They need nothing of a running station, so the page and the command line say the same.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Final

from kiosk.domain.clerk import Role
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.labels.typesetting.fonts import SOURCES, FontProblem, find, require_shaping
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.station.doctor import box
from kiosk.station.doctor.link_status import QUIET_S
from kiosk.station.doctor.liveness import RelayHeartbeat
from kiosk.station.doctor.photos_status_file import PhotosStatusFile, pictures
from kiosk.station.doctor.records import records
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity, unreadable
from kiosk.station.doctor.updates_status_file import updates
from kiosk.station.parcels.pickup_key import CREDENTIALS, PickupKey, key_path
from kiosk.station.photos.space import MIN_FREE_BYTES
from kiosk.station.shared.ports import Configuration
from kiosk.station.shared.settings import StationSettings
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.kit_files import is_kit_of, load_county_key
from kiosk.store.backup.medium import disk_of, finished_manifests, read_manifest, uuid_of
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.connection import LOG_FILES
from kiosk.store.database.inspection import DatabaseSummary, inspect_database
from kiosk.store.database.persistence import WriteBlocker, is_box, memory_file_system, write_blocker
from kiosk.store.database.schema import SCHEMA_VERSION
from kiosk.store.journal.series import SeriesMarker
from kiosk.store.shared.errors import DatabaseLocked, StoreError

MB: Final = 1_000_000
# Low-water mark: from here on no shot is taken, so that an intake can still be kept.
LOW_MB: Final = MIN_FREE_BYTES // MB
FULL_MB: Final = 20
OLD_DAYS: Final = 2  # A nightly backup that is missing for two nights
_SYSTEMD: Final = Path("/run/systemd/system")
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
    """All of them, in the order a technician reads them."""
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
    yield from link(env)
    if config.relay is not None and config.relay.photos is not None:
        yield pictures(PhotosStatusFile(data))
    if (row := updates(config)) is not None:
        yield row
    yield _checked_row("backup", lambda: backup(env))
    services = box.findings(box.BoxContext(data, moment, _SYSTEMD, environ))
    yield from (row for row in services if row.device != "unit_relay" or config.relay is not None)


def machine(data: Path, moment: Moment, environ: Mapping[str, str] = os.environ) -> Iterator[DoctorFinding]:
    """What can be said while there are no settings; ``data`` is looked at on a box alone."""
    if is_box(environ):
        yield _checked_row("disk", lambda: disk(data, environ), needed=True)
    yield clock(moment)
    yield _checked_row("fonts", fonts, needed=True)
    yield from box.findings(box.BoxContext(data, moment, _SYSTEMD, environ))


def _checked_row(device: str, run_check: Callable[[], DoctorFinding], *, needed: bool = False) -> DoctorFinding:
    """One row; one that the caller may not look at does not cost the others."""
    try:
        return run_check()
    except OSError as error:
        return unreadable(device, error, needed=needed)


def database(station: StationSettings) -> tuple[DatabaseSummary | None, DoctorFinding]:
    """The state of the database, and its row."""
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
    """Raises OSError: SQLite only says that it cannot open, which would look like damage.

    Asked, never opened: the station looks at its own database, and the first handle that a process closes gives back
    all its locks. The next program that closes the file would take the log away from under the station.
    """
    for file in (path, *(path.with_name(path.name + suffix) for suffix in LOG_FILES)):
        if file.exists() and not os.access(file, os.R_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


def _write_blocker(path: Path) -> DoctorFinding | None:
    """The first file of the database that the station could not write, with why."""
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
    """Room on the card, whether it can still be written, and whether it is a card at all. Raises OSError.

    Off a box memory is a choice, and only told.
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
    """How far the time on receipts may be believed."""
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
    """Whether there is anything to bring in."""
    if seen.catalog_version == 0:
        return _bad("catalog", "catalog_none", found=False)
    return DoctorFinding("catalog", True, True, needed=True)


def people(env: Environment, seen: DatabaseSummary) -> DoctorFinding:
    """At least one technician and one clerk with a PIN, kept under the key that is here."""
    missing = [role for role in (Role.TECHNICIAN, Role.CLERK) if not seen.people.get(role.value)]
    if not missing:
        return _pins(env, seen) or DoctorFinding("people", True, True, needed=True)
    return _bad("people", "people_none" if len(missing) == 2 else f"people_no_{missing[0].value}", found=False)


def _pins(env: Environment, seen: DatabaseSummary) -> DoctorFinding | None:
    """PINs nobody can check. Who may not read the key cannot tell."""
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
    """Whether this program can tell if the key is there: a credential is seen by the service alone, and the folder of a
    box by its administrator."""
    settings = env.config.parcels
    path = key_path(settings, env.config.station.data, env.environ)
    if settings.key_file is not None or env.environ.get(CREDENTIALS) or path.parent == env.config.station.data:
        return True
    return os.access(path.parent, os.X_OK)


def pickup_key(env: Environment) -> DoctorFinding:
    """The file the codes of parcels are checked with; a station without one makes it at its first start.

    A credential belongs to the service: only the service itself can see whether it is there.
    """
    settings, data = env.config.parcels, env.config.station.data
    given = settings.key_file is not None or bool(env.environ.get(CREDENTIALS))
    path, there = key_path(settings, data, env.environ), False
    if _can_see_key(env):
        there = path.is_file()
    elsewhere = not given and (not _can_see_key(env) or (_SYSTEMD.is_dir() and not there and path.parent == data))
    if elsewhere or (env.seen is None and not given):
        return DoctorFinding("pickup_key", None, None)
    if not there:
        values = {"place": str(path)}
        return DoctorFinding("pickup_key", False, False, Severity.WARN, "key_missing", values=values)
    return DoctorFinding("pickup_key", True, True)


def link(env: Environment) -> Iterator[DoctorFinding]:
    """The relay, and the sorting center behind it: a station works for weeks without either."""
    if env.config.relay is None:
        yield DoctorFinding("link", False, None, Severity.WARN, "link_none")
        return
    relay = RelayHeartbeat(env.config.station.data)
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
    alarm = RelayHeartbeat(env.config.station.data).alarm()
    if alarm:
        return DoctorFinding("center", True, was_reached, Severity.WARN, f"center_{alarm}", last_seen_s=age)
    if apart:
        values = {"n": apart}
        return DoctorFinding("center", True, was_reached, Severity.WARN, "center_apart", last_seen_s=age, values=values)
    if not was_reached:
        return DoctorFinding("center", None, False, Severity.WARN, "center_never")
    return DoctorFinding("center", True, True, last_seen_s=age)


def _waited_s(env: Environment) -> float | None:
    """How long the oldest event waits; None when the clock cannot tell."""
    if env.seen is None or env.seen.waiting_since is None or env.moment.quality is ClockQuality.UNSET:
        return None
    try:
        waited = (env.moment.utc - datetime.fromisoformat(env.seen.waiting_since)).total_seconds()
    except (ValueError, TypeError):  # a flipped bit: the row of the records tells it
        return None
    return waited if waited >= 0 else None


def backup(env: Environment) -> DoctorFinding:
    """The second medium and the newest backup on it."""
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
    made = finished_manifests(folder, station.station)
    if not made:
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_never", values=values)
    newest = read_manifest(made[-1])
    unset = ClockQuality.UNSET in (moment.quality, newest.clock)
    age = (moment.utc - datetime.fromisoformat(newest.made_at)).total_seconds()
    days = 0 if unset or age < 0 else int(age // 86_400)
    if days >= OLD_DAYS:
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_old", last_seen_s=age, values={"n": days})
    return _recovery_kit(settings, made[-1], env, None if unset or age < 0 else age)


def _unfit(settings: BackupSettings, values: dict[str, str | int]) -> DoctorFinding | None:
    """Another medium than the bound one, or none is bound and this one could be."""
    uuid, bind_values = uuid_of(settings.folder), {**values, "command": "kiosk backup --bind"}
    if settings.uuid and uuid.lower() != settings.uuid.lower():
        return DoctorFinding("backup", True, False, Severity.WARN, "backup_other", values=bind_values)
    if uuid and not settings.uuid:
        return DoctorFinding("backup", True, None, Severity.WARN, "backup_unbound", values=bind_values)
    return None


def _bad(device: str, word: str, *, found: bool, place: object = None) -> DoctorFinding:
    values: dict[str, str | int] = {} if place is None else {"place": str(place)}
    return DoctorFinding(device, found, False, Severity.FAIL, word, needed=True, values=values)


def _recovery_kit(settings: BackupSettings, newest: Path, env: Environment, age_s: float | None) -> DoctorFinding:
    """The row of a backup that is in order: what it says of the recovery kit beside it.

    ``newest`` is the backup's manifest, ``age_s`` how long ago it was made, None when no clock tells. Without a
    county's key no kit is made: somebody with a shell can copy the station's key, on a box the kit is the only way.

    Raises PermissionError.
    """
    try:
        county = load_county_key(settings)
    except KitRefused:
        values = {"place": "[backup] county_key_file"}
        return DoctorFinding("backup", True, False, Severity.WARN, "kit_key", last_seen_s=age_s, values=values)
    if county is None:
        values = {"place": "[backup] county_key"}
        box = is_box(env.environ)
        verdict = Severity.WARN if box else Severity.OK
        return DoctorFinding("backup", True, not box, verdict, "kit_none", last_seen_s=age_s, values=values)
    if not is_kit_of(newest, env.config.station.station, county):
        return DoctorFinding("backup", True, False, Severity.WARN, "kit_missing", last_seen_s=age_s)
    return DoctorFinding("backup", True, True, last_seen_s=age_s)
