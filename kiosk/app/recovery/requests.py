"""The wizard's side: which stations may be put back, and what root is asked for. It opens no kit itself."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.app.recovery.media import MediaContents, good_manifest, read_bounded, scan_media
from kiosk.app.recovery.messages import WORKING, RecoveryRequest, RecoveryResponse, answer_file
from kiosk.app.shared.media import ROOTS, IsMount
from kiosk.base.root_requests import TIMEOUT_S, Asker, MessageFile, is_working
from kiosk.first_start.shared.recovery.ports import Lacks, OfferedRecovery, RecoveryRefused
from kiosk.station.recovery.kit_restore import has_series_file
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.envelope import KitEnvelope, KitKind

SCAN_BUDGET_S: Final = 2.0  # So long new files are read in one look; the next one reads on
_KIT_HEADER_BYTES: Final = 512  # Bytes of a kit's beginning that say what opens it
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

logger = logging.getLogger(__name__)

Key = tuple[str, int, int]


class NoRecoveries:
    """A machine that puts no station back: a demo, a test of something else."""

    def offered(self) -> tuple[OfferedRecovery, ...]:
        """None."""
        return ()

    def has_letters(self) -> bool:
        return False

    def begin(self, station: str, code: str, letter: str) -> None:
        """There is none."""
        raise RecoveryRefused("no_kit", f"there is no kit of {station} on any medium")

    def busy(self) -> bool:
        """Never."""
        return False

    def refusal(self) -> RecoveryRefused | None:
        return RecoveryRefused("cut", "nothing was begun")


@dataclass(frozen=True, slots=True)
class RequestedRecoveries:
    """Implements ``kiosk.first_start.shared.recovery.ports.Recoveries`` on a box. ``days`` and ``openable`` spare
    reading a file twice; ``clock`` is in seconds."""

    requests: MessageFile[RecoveryRequest]
    data: Path
    answers: MessageFile[RecoveryResponse] = field(default_factory=answer_file)
    media: tuple[Path, ...] = ROOTS
    is_mount: IsMount = os.path.ismount
    days: dict[Key, str | None] = field(default_factory=dict)
    openable: dict[Key, bool] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    timeout_s: float = TIMEOUT_S
    lock: threading.Lock = field(default_factory=threading.Lock)

    def offered(self) -> tuple[OfferedRecovery, ...]:
        """By number, those that can be put back first."""
        until = self.clock() + SCAN_BUDGET_S
        rows = [
            OfferedRecovery(station, self._day(found, until), self._lacks(found, until))
            for station, found in scan_media(self.media, self.is_mount).items()
        ]
        if self.clock() > until:
            logger.warning("what lies on media takes long to read: the next look reads on")
        return tuple(sorted(rows, key=lambda row: (bool(row.lacks), row.station)))

    def has_letters(self) -> bool:
        return has_series_file(self.data)

    def begin(self, station: str, code: str, letter: str) -> None:
        """Ask, and wait until root has judged the digits."""
        if self.busy():
            raise RecoveryRefused("busy", "a station is being put back")
        if not self.lock.acquire(blocking=False):  # a second tap must not replace the request of the first one
            raise RecoveryRefused("busy", "a request is waiting for its answer")
        try:
            asker = Asker(self.requests, self.answers, time.monotonic, self.timeout_s)
            answer = asker.ask(RecoveryRequest(station, code, letter))
        finally:
            self.lock.release()
        if answer is None and is_working(self.answers):
            raise RecoveryRefused("busy", "kiosk-recovery.service still works")
        if answer is None:
            raise RecoveryRefused("failed", "kiosk-recovery.service gave no answer", "silent")
        if answer.word and answer.word != WORKING:
            raise RecoveryRefused(answer.word, answer.message, answer.why, answer.wait_s)

    def busy(self) -> bool:
        """By its lock: an answer outlives a helper that was killed."""
        last = self.answers.last()
        return last is not None and last.body.word == WORKING and is_working(self.answers)

    def refusal(self) -> RecoveryRefused | None:
        last = self.answers.last()
        if last is None:
            return RecoveryRefused("cut", "nothing was begun since the start of this machine")
        answer = last.body
        if answer.word == WORKING:
            # Looked at in this order: the answer is written before the lock is let go.
            cut = not is_working(self.answers) and self.answers.last() == last
            return RecoveryRefused("cut", "kiosk-recovery.service has ended without a word") if cut else None
        return RecoveryRefused(answer.word, answer.message, answer.why, answer.wait_s) if answer.word else None

    def _lacks(self, found: MediaContents, until: float) -> Lacks:
        if not found.backups:
            return "backup"
        if any(self._is_openable(path, until) for path in found.kits):
            return ""
        return "opening" if found.kits or found.locked else "kit"

    def _day(self, found: MediaContents, until: float) -> str:
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
        return KitEnvelope.parse(read_bounded(path, _KIT_HEADER_BYTES)).kind is KitKind.CODE
    except (OSError, KitRefused):
        return True
