"""Composition of ``kiosk-recovery.service``: root judges one request of the first start, and puts the station back.

Nothing in the request or on a medium is believed. A kit is made by whoever has a pen for its paper, and what it brings
is written by root: it may bring what a station's relay is given, and no credential of anybody else on this machine.
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

from kiosk.app.identity.helper import now
from kiosk.app.identity.vault import FileVault
from kiosk.app.media import ROOTS, IsMount
from kiosk.app.printer_address import systemctl
from kiosk.app.recovery.media import MOST_KITS, OnMedia, good_manifest, look, read_bounded
from kiosk.app.recovery.messages import WORKING, Answer, Request, answer_file, request_file
from kiosk.base.root_requests import Message, MessageFile, serve, working
from kiosk.config.station import load
from kiosk.domain.identifiers import BadIdentifier
from kiosk.first_start.draft import drop_draft
from kiosk.first_start.identity.taking import RULE, Instant
from kiosk.first_start.recovery.ports import RecoveryRefused, Refusal
from kiosk.station.papers.network_printer import STATION_UNIT
from kiosk.station.recovery.new_station import Given, LetterMissing, Steps, make_station
from kiosk.station.recovery.put_back import CardFailed, CardTaken, NewCard
from kiosk.store.backup.kit.contents import Kit, KitRefused, NotOpened, OtherSoftware, WrongPaper
from kiosk.store.backup.kit.envelope import LONGEST_KIT, Envelope
from kiosk.store.backup.kit.sealing import open_with_paper
from kiosk.store.database.lasting import require_lasting
from kiosk.store.errors import DatabaseDamaged, DatabaseNewer, DiskFull, StoreError

logger = logging.getLogger(__name__)

_RELAYS: Final = "kiosk-relay.*"
"""What the relay's unit imports of /etc/credstore. Other names there belong to other programs: one of them would give
root a password (systemd.system-credentials(7))."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_PULLED: Final = (errno.EIO, errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTDIR)
_WORDS: Final[tuple[tuple[type[Exception], Refusal], ...]] = (
    (WrongPaper, "wrong"),
    (NotOpened, "unopened"),
    (OtherSoftware, "software"),
    (DatabaseNewer, "software"),
    (CardTaken, "other"),
    (LetterMissing, "letter"),
    (DiskFull, "room"),
    (DatabaseDamaged, "backup"),
    (CardFailed, "failed"),
    (KitRefused, "kit"),
)
"""The narrower one first."""


def restart_station() -> None:
    """Its unit gives it the key that it finds when it starts: the one this card had made is not the station's.

    Not waited for. Raises OSError.
    """
    systemctl("--no-block", "try-restart", STATION_UNIT)


@dataclass(frozen=True, slots=True)
class HelperPlaces:
    """Where everything lies on a box; other folders in tests."""

    settings: Path = Path("/etc/kiosk/station.toml")
    data: Path = Path("/var/lib/kiosk")
    keys: Path = Path("/var/lib/kiosk-keys")
    credentials: Path = Path("/etc/credstore")
    answers: MessageFile[Answer] = field(default_factory=answer_file)
    media: tuple[Path, ...] = ROOTS
    is_mount: IsMount = os.path.ismount
    restart: Callable[[], None] = field(default=restart_station)
    clock: Callable[[], Instant] = field(default=now)


def attend(where: HelperPlaces) -> Answer | None:
    """One turn; None when nobody asks. Raises OSError, and StoreError on a box whose data partition is missing."""
    for folder in (where.settings.parent, where.data, where.keys, where.credentials):
        require_lasting(folder)
    with working(where.answers):
        return serve(request_file(where.data), lambda message: _judged(where, message), where.answers)


def _judged(where: HelperPlaces, message: Message[Request]) -> Answer:
    station = message.body.station
    try:
        _put_back(where, message)
    except RecoveryRefused as refusal:
        logger.warning("%s was not put back: %s", station, refusal)
        return Answer(refusal.word, str(refusal), refusal.why, refusal.wait_s)
    logger.info("this machine is %s again", station)
    return Answer()


def _put_back(where: HelperPlaces, message: Message[Request]) -> None:
    """Raises RecoveryRefused, and then the card is no station."""
    request = message.body
    _require_new(where)
    _require_nobody_else(where, request.station)
    found = look(where.media, where.is_mount).get(request.station, OnMedia())
    if not found.kits:
        raise RecoveryRefused("unopened" if found.locked else "no_kit", f"no medium has {request.station}.kit")
    if not found.backups:
        raise RecoveryRefused("no_backup", f"no medium has a finished backup of {request.station}")
    kit = _opened(where, request, found.kits)
    backup = _newest(found, request.station)
    steps = Steps(
        judged=lambda card: _begin(where, message.id, card),
        before_settings=lambda: _make_way(where),
    )
    try:
        given = Given(kit, backup, request.letter or None)
        back = make_station(given, where.settings, load, steps, where.credentials)
    except (StoreError, OSError, ValueError) as error:
        raise _refused(error, backup) from error
    drop_draft(where.settings)  # a tap may have kept it once more
    if back.problem:
        logger.warning("the station is in place: %s", back.problem)


def _begin(where: HelperPlaces, ident: str, card: NewCard) -> None:
    """The last look before the first byte, and the word to the wizard that it need not wait any more."""
    _require_new(where)
    if card.config.station.data != where.data:
        raise RecoveryRefused("shell", f"the settings in the kit name {card.config.station.data} for the data")
    for credential in card.kit.credentials:
        place = card.places.write_to(Path(credential.path))
        ours = place.parent in (where.settings.parent, where.data) and place != where.settings
        if not ours and not (place.parent == where.credentials and fnmatchcase(place.name, _RELAYS)):
            raise RecoveryRefused("shell", f"the kit brings {place}, which is not for the relay")
    if card.key.parent != where.keys:
        raise RecoveryRefused("shell", f"the settings in the kit keep the key in {card.key.parent}")
    where.answers.write(Answer(WORKING), ident)


def _make_way(where: HelperPlaces) -> None:
    """Key and database are in place. From here on the first start must not become the station in the same process: it
    has been given the key of the new card. Raises RecoveryRefused.
    """
    try:
        where.restart()
    except OSError as error:
        raise RecoveryRefused("failed", str(error), "machine") from error
    drop_draft(where.settings)


def _require_new(where: HelperPlaces) -> None:
    if os.path.lexists(where.settings):
        raise RecoveryRefused("here", f"there is {where.settings} already: this card is a station")


def _require_nobody_else(where: HelperPlaces, station: str) -> None:
    present = FileVault(where.keys, where.credentials).in_use()
    if present is not None and present.station != station:
        raise RecoveryRefused("other", f"this machine is {present.station} already")


def _opened(where: HelperPlaces, request: Request, paths: list[Path]) -> Kit:
    """Wrong digits are counted on the disk before anybody hears of them. Raises RecoveryRefused."""
    vault, at = FileVault(where.keys, where.credentials), where.clock()
    known = vault.wrong_codes()
    wait_s = -(-known.wait(RULE, at.boot_id, at.monotonic_ms) // 1000)
    if wait_s:
        raise RecoveryRefused("wait", f"too many wrong codes: the next one in {wait_s} s", wait_s=wait_s)
    try:
        kit = _one_of(paths, request)
        present = vault.in_use()
    except WrongPaper as error:
        vault.count(known.failed(RULE, at.boot_id, at.monotonic_ms))
        raise RecoveryRefused("wrong", str(error)) from error
    except (KitRefused, OSError) as error:
        raise _refused(error, paths[0]) from error
    if present is not None and present.region != kit.region:
        raise RecoveryRefused("county", f"the kit is of {kit.region}, and this machine of {present.region}")
    return kit


def _one_of(paths: list[Path], request: Request) -> Kit:
    """The kit that the digits open; several may lie on several sticks. Raises KitRefused, OSError."""
    refusals: list[Exception] = []
    for path in paths[:MOST_KITS]:
        try:
            content = read_bounded(path, LONGEST_KIT)
            outside = Envelope.parse(content)
            if outside.station != request.station:
                raise KitRefused(f"{path.name} is the kit of {outside.station}: it was renamed.")
            return open_with_paper(content, request.code)
        except (KitRefused, OSError) as error:
            refusals.append(error)
    raise next((one for kind, _ in _WORDS for one in refusals if isinstance(one, kind)), refusals[0])


def _newest(found: OnMedia, station: str) -> Path:
    """The ``.db`` file of the newest backup with a good manifest. Raises RecoveryRefused."""
    for path in found.backups:
        manifest = good_manifest(path)
        if manifest is not None and manifest.station == station:
            return path.with_suffix(".db")
    raise RecoveryRefused("backup", f"no backup of {station} has a manifest that can be used")


def _refused(error: Exception, file: Path) -> RecoveryRefused:
    """``file`` is the one on the medium that was being read."""
    cause = error if isinstance(error, OSError) else error.__cause__
    code = cause.errno if isinstance(cause, OSError) else None
    if isinstance(error, StoreError) and code in _FULL:
        return RecoveryRefused("room", str(error))
    if isinstance(cause, BadIdentifier):
        return RecoveryRefused("letter", str(error))
    if code in _PULLED and not isinstance(error, CardFailed):
        return RecoveryRefused("stick", str(error))
    if not file.exists():
        return RecoveryRefused("stick", f"{file} is gone: {error}")
    word: Refusal = next((word for kind, word in _WORDS if isinstance(error, kind)), "failed")
    return RecoveryRefused(word, str(error), "machine" if word == "failed" else None)
