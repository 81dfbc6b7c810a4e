"""The wizard's side: which stations may be put back, and what root is asked for. It opens no kit itself."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from kiosk.app.media import ROOTS, IsMount
from kiosk.app.recovery.media import OnMedia, good_manifest, look, read_bounded
from kiosk.app.recovery.messages import ANSWER, LOCK, WORKING, Answer, Request, file_content, read_answer
from kiosk.base.files import write_durably
from kiosk.base.json_reader import Unreadable
from kiosk.first_start.recovery.ports import Lacks, OfferedRecovery, RecoveryRefused
from kiosk.station.recovery.new_station import has_letters
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.envelope import Envelope, Kind

ANSWER_S: Final = 25.0
"""A Pi 3 starts Python and Argon2id within five seconds; a stick may be slow. The restore itself is not waited for."""
_LOOK_S: Final = 0.1
AGAIN_S: Final = 5.0
"""A path unit does not see what changes while the unit that it starts still runs: so it is asked once more."""
LOOK_S: Final = 2.0
"""So long new files are read in one look; the next one reads on."""
_REQUEST_MODE: Final = 0o600
_OUTSIDE: Final = 512
"""Bytes of a kit's beginning that say what opens it."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

logger = logging.getLogger(__name__)

Key = tuple[str, int, int]


class NoRecoveries:
    """A machine that puts no station back: a demo, a test of something else."""

    def offered(self) -> tuple[OfferedRecovery, ...]:
        """None."""
        return ()

    def has_letters(self) -> bool:
        """Nobody asks."""
        return False

    def begin(self, station: str, code: str, letter: str) -> None:
        """There is none."""
        raise RecoveryRefused("no_kit", f"there is no kit of {station} on any medium")

    def busy(self) -> bool:
        """Never."""
        return False

    def refusal(self) -> RecoveryRefused | None:
        """Nothing was begun."""
        return RecoveryRefused("cut", "nothing was begun")


@dataclass(frozen=True, slots=True)
class RequestedRecoveries:
    """Implements ``kiosk.first_start.recovery.ports.Recoveries`` on a box. ``days`` and ``openable`` spare reading a
    file twice; ``clock`` is in seconds.
    """

    request: Path
    data: Path
    answer: Path = ANSWER
    media: tuple[Path, ...] = ROOTS
    is_mount: IsMount = os.path.ismount
    days: dict[Key, str | None] = field(default_factory=dict)
    openable: dict[Key, bool] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def offered(self) -> tuple[OfferedRecovery, ...]:
        """By number, those that can be put back first."""
        until = self.clock() + LOOK_S
        rows = [
            OfferedRecovery(station, self._day(found, until), self._lacks(found, until))
            for station, found in look(self.media, self.is_mount).items()
        ]
        if self.clock() > until:
            logger.warning("what lies on media takes long to read: the next look reads on")
        return tuple(sorted(rows, key=lambda row: (bool(row.lacks), row.station)))

    def has_letters(self) -> bool:
        return has_letters(self.data)

    def begin(self, station: str, code: str, letter: str) -> None:
        """Ask, and wait until root has judged the digits."""
        if self.busy():
            raise RecoveryRefused("busy", "a station is being put back")
        asked = Request(secrets.token_hex(16), station, code, letter)
        self.request.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            answer = self._awaited(asked)
        finally:
            self.request.unlink(missing_ok=True)  # it holds the digits
        if answer.word and answer.word != WORKING:
            raise RecoveryRefused(answer.word, answer.message, answer.why, answer.wait_s)

    def busy(self) -> bool:
        """By its lock: an answer outlives a helper that was killed."""
        told = self._told()
        return told is not None and told.word == WORKING and self._at_work()

    def refusal(self) -> RecoveryRefused | None:
        told = self._told()
        if told is None:
            return RecoveryRefused("cut", "nothing was begun since the start of this machine")
        if told.word == WORKING:
            # Looked at in this order: the answer is written before the lock is let go.
            cut = not self._at_work() and self._told() == told
            return RecoveryRefused("cut", "kiosk-recovery.service has ended without a word") if cut else None
        return RecoveryRefused(told.word, told.message, told.why, told.wait_s) if told.word else None

    def _awaited(self, asked: Request) -> Answer:
        """The helper judges a request once, however often it is there. Raises RecoveryRefused, OSError."""
        begun, again, pause = time.monotonic(), 0.0, threading.Event()
        while (waited := time.monotonic() - begun) < ANSWER_S:
            if waited >= again:
                write_durably(self.request, msgspec.json.encode(asked), _REQUEST_MODE)
                again += AGAIN_S
            told = self._told()
            if told is not None and told.id == asked.id:
                return told
            pause.wait(_LOOK_S)
        if self._at_work():
            raise RecoveryRefused("busy", "kiosk-recovery.service still works")
        raise RecoveryRefused("failed", "kiosk-recovery.service gave no answer", "silent")

    def _at_work(self) -> bool:
        try:
            descriptor = os.open(self.answer.with_name(LOCK), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _told(self) -> Answer | None:
        with suppress(OSError, Unreadable):
            content = file_content(self.answer)
            return None if content is None else read_answer(content)
        return None

    def _lacks(self, found: OnMedia, until: float) -> Lacks:
        if not found.backups:
            return "backup"
        if any(self._is_openable(path, until) for path in found.kits):
            return ""
        return "opening" if found.kits or found.locked else "kit"

    def _day(self, found: OnMedia, until: float) -> str:
        """Of the newest backup with a good manifest; on ext4 its owner may be another user, whose files root can
        read."""
        for path in found.backups:
            key = _key(path)
            if key is None:
                continue
            if key not in self.days:
                if self.clock() > until:
                    return ""
                manifest = good_manifest(path)
                day = _DAY.match(manifest.made_at) if manifest else None
                self.days[key] = (day[0] if day else "") if manifest else None
            if (known := self.days[key]) is not None:
                return known
        return ""

    def _is_openable(self, path: Path, until: float) -> bool:
        """Whether digits open it, as far as can be seen here: root judges it anew."""
        key = _key(path)
        if key is None:
            return False
        if key not in self.openable:
            if self.clock() > until:
                return True
            self.openable[key] = _may_be_opened(path)
        return self.openable[key]


def _key(path: Path) -> Key | None:
    with suppress(OSError):
        about = path.stat()
        return str(path), about.st_mtime_ns, about.st_size
    return None


def _may_be_opened(path: Path) -> bool:
    """A damaged one is offered: root names its fault."""
    try:
        return Envelope.parse(read_bounded(path, _OUTSIDE)).kind is Kind.CODE
    except (OSError, KitRefused):
        return True
