"""Composition of ``kiosk-recovery.service``: root judges one request of the first start, and restores the station.

Nothing in the request or on a medium is trusted. Anyone with a pen for its paper can make a kit, and root writes what
it brings: it may bring what a station and its relay are given, and no credential of another program here.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from kiosk.app.identity.claiming import MachineTime, counting_wrong_codes
from kiosk.app.identity.helper import now
from kiosk.app.recovery.media import MAX_KIT_TRIES, MediaContents, good_manifest, scan_media
from kiosk.app.recovery.requests import WORKING, RecoveryRequest, RecoveryResponse, answer_file, request_file
from kiosk.app.shared.helper_answer import answer_fields
from kiosk.app.shared.media import ROOTS, IsMount
from kiosk.app.shared.systemd_control import systemctl
from kiosk.base.files import read_bounded
from kiosk.base.refused import Refused
from kiosk.base.root_requests import Message, MessageFile, serve, working
from kiosk.config.station import load
from kiosk.domain.identifiers import BadIdentifier
from kiosk.first_start.identity.vault import FileVault
from kiosk.first_start.shared.draft import drop_draft
from kiosk.first_start.shared.ports import RecoveryRefusal
from kiosk.station.papers.network_printer import STATION_UNIT
from kiosk.station.recovery.kit_restore import (
    CardFailed,
    CardInUse,
    LetterMissing,
    NewCard,
    RestoreHooks,
    RestoreSource,
    make_station,
)
from kiosk.store.backup.kit.contents import CountyKeyRequired, Kit, KitRefused, UnsupportedKitVersion, WrongPaperCode
from kiosk.store.backup.kit.sealing import MAX_KIT_BYTES, KitFile, open_with_paper
from kiosk.store.backup.medium import database_file
from kiosk.store.backup.restore import BackupSealed
from kiosk.store.database.persistence import require_persistent
from kiosk.store.shared.errors import DatabaseDamaged, DatabaseNewer, DiskFull, StoreError

logger = logging.getLogger(__name__)

# What the units of relay and station import of /etc/credstore. Other names there belong to other programs: one of them
# would give root a password (systemd.system-credentials(7)).
_CREDENTIALS: Final = ("kiosk-relay.*", "kiosk-station.*")
_DISK_FULL_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT)
_MEDIUM_LOST_ERRNOS: Final = (errno.EIO, errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTDIR)
# The narrower one first.
_REFUSAL_BY_ERROR: Final[tuple[tuple[type[Exception], RecoveryRefusal], ...]] = (
    (WrongPaperCode, "wrong"),
    (CountyKeyRequired, "unopened"),
    (UnsupportedKitVersion, "software"),
    (DatabaseNewer, "software"),
    (CardInUse, "other"),
    (LetterMissing, "letter"),
    (DiskFull, "room"),
    (DatabaseDamaged, "backup"),
    (BackupSealed, "sealed"),
    (CardFailed, "failed"),
    (KitRefused, "kit"),
)


def restart_station() -> None:
    """Restart the unit, which is given the key found at its start: the one this card had made is not the station's.

    Not waited for. Raises OSError.
    """
    systemctl("--no-block", "try-restart", STATION_UNIT)


@dataclass(frozen=True, slots=True)
class RecoveryPaths:
    """The paths of all files on a box; other folders in tests."""

    settings: Path = Path("/etc/kiosk/station.toml")
    data: Path = Path("/var/lib/kiosk")
    keys: Path = Path("/var/lib/kiosk-keys")
    credentials: Path = Path("/etc/credstore")
    answers: MessageFile[RecoveryResponse] = field(default_factory=answer_file)
    media: tuple[Path, ...] = ROOTS
    is_mount: IsMount = os.path.ismount
    restart: Callable[[], None] = field(default=restart_station)
    clock: Callable[[], MachineTime] = field(default=now)


def handle_request(where: RecoveryPaths) -> RecoveryResponse | None:
    """Serve one request; None when none is pending. Raises OSError, and StoreError without data partition."""
    for folder in (where.settings.parent, where.data, where.keys, where.credentials):
        require_persistent(folder)
    with working(where.answers.path.parent):
        return serve(request_file(where.data), lambda message: _respond(where, message), where.answers)


def _respond(where: RecoveryPaths, message: Message[RecoveryRequest]) -> RecoveryResponse:
    station = message.body.station
    try:
        _restore_station(where, message)
    except Refused as refusal:
        logger.warning("%s was not put back: %s", station, refusal)
        return RecoveryResponse(**answer_fields(refusal))
    logger.info("this machine is %s again", station)
    return RecoveryResponse()


def _restore_station(where: RecoveryPaths, message: Message[RecoveryRequest]) -> None:
    """Restore the station. Raises Refused, and then the card is no station."""
    request = message.body
    _require_new(where)
    present = FileVault(where.keys, where.credentials).in_use()
    if present is not None and present.station != request.station:
        raise Refused("other", f"this machine is {present.station} already")
    found = scan_media(where.media, where.is_mount).get(request.station, MediaContents())
    if not found.kits:
        raise Refused("unopened" if found.locked else "no_kit", f"no medium has {request.station}.kit")
    if not found.backups:
        raise Refused("no_backup", f"no medium has a finished backup of {request.station}")
    kit = _open_kit(where, request, found.kits)
    backup = _newest_backup(found, request.station)
    steps = RestoreHooks(
        judged=lambda card: _check_card(where, message.id, card),
        before_settings=lambda: _restart_for_key(where),
    )
    try:
        given = RestoreSource(kit, backup, request.letter or None)
        back = make_station(given, where.settings, load, steps, where.credentials)
    except (StoreError, OSError, ValueError) as error:
        raise _refusal_for(error, backup) from error
    drop_draft(where.settings)  # a tap may have kept it once more
    if back.problem:
        logger.warning("the station is in place: %s", back.problem)


def _check_card(where: RecoveryPaths, ident: str, card: NewCard) -> None:
    """Check the card before the first byte is written, and report to the wizard that it need not wait any more."""
    _require_new(where)
    if card.config.station.data != where.data:
        raise Refused("shell", f"the settings in the kit name {card.config.station.data} for the data")
    for credential in card.kit.credentials:
        place = card.places.write_to(Path(credential.path))
        ours = place.parent in (where.settings.parent, where.data) and place != where.settings
        known = any(fnmatchcase(place.name, names) for names in _CREDENTIALS)
        if not ours and not (place.parent == where.credentials and known):
            raise Refused("shell", f"the kit brings {place}, which is for neither relay nor station")
    if card.key.parent != where.keys:
        raise Refused("shell", f"the settings in the kit keep the key in {card.key.parent}")
    where.answers.write(RecoveryResponse(WORKING), ident)


def _restart_for_key(where: RecoveryPaths) -> None:
    """Restart, now that key and database are in place. The first start must not become the station in the same process:
    it has been given the key of the new card. Raises Refused.
    """
    try:
        where.restart()
    except OSError as error:
        raise Refused("failed", str(error), {"why": "machine"}) from error
    drop_draft(where.settings)


def _require_new(where: RecoveryPaths) -> None:
    if os.path.lexists(where.settings):
        raise Refused("here", f"there is {where.settings} already: this card is a station")


def _open_kit(where: RecoveryPaths, request: RecoveryRequest, paths: list[Path]) -> Kit:
    """Open the kit; count a wrong code. Raises Refused."""
    vault = FileVault(where.keys, where.credentials)
    with counting_wrong_codes(vault, where.clock(), WrongPaperCode):
        try:
            kit = _open_first(paths, request)
            present = vault.in_use()
        except WrongPaperCode:
            raise
        except (KitRefused, OSError) as error:
            raise _refusal_for(error, paths[0]) from error
    if present is not None and present.region != kit.region:
        raise Refused("county", f"the kit is of {kit.region}, and this machine of {present.region}")
    return kit


def _open_first(paths: list[Path], request: RecoveryRequest) -> Kit:
    """Open the kit that the digits fit; there may be several on several sticks. Raises KitRefused, OSError."""
    refusals: list[Exception] = []
    for path in paths[:MAX_KIT_TRIES]:
        try:
            content = read_bounded(path, MAX_KIT_BYTES)
            outside = KitFile.parse(content)
            if outside.station != request.station:
                raise KitRefused(f"{path.name} is the kit of {outside.station}: it was renamed.")
            return open_with_paper(content, request.code)
        except (KitRefused, OSError) as error:
            refusals.append(error)
    raise next((one for kind, _ in _REFUSAL_BY_ERROR for one in refusals if isinstance(one, kind)), refusals[0])


def _newest_backup(found: MediaContents, station: str) -> Path:
    for path in found.backups:
        manifest = good_manifest(path)
        if manifest is not None and manifest.station == station:
            return database_file(path)
    raise Refused("backup", f"no backup of {station} has a manifest that can be used")


def _refusal_for(error: Exception, file: Path) -> Refused:
    """Translate an error; ``file`` is the one on the medium that was being read."""
    cause = error if isinstance(error, OSError) else error.__cause__
    code = cause.errno if isinstance(cause, OSError) else None
    if isinstance(error, StoreError) and code in _DISK_FULL_ERRNOS:
        return Refused("room", str(error))
    if isinstance(cause, BadIdentifier):
        return Refused("letter", str(error))
    if code in _MEDIUM_LOST_ERRNOS and not isinstance(error, CardFailed):
        return Refused("stick", str(error))
    if not file.exists():
        return Refused("stick", f"{file} is gone: {error}")
    word = next((word for kind, word in _REFUSAL_BY_ERROR if isinstance(error, kind)), "failed")
    return Refused(word, str(error), {"why": "machine"} if word == "failed" else {})
