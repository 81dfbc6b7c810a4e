"""Recoveries for the wizard: which stations may be restored, and what is requested from root. It opens no kit.

Wizard and root helper communicate by the protocol of ``kiosk/base/root_requests.py``.
"""

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
from typing import Annotated, Final, get_args

import msgspec

from kiosk.app.recovery.media import MediaContents, good_manifest, scan_media
from kiosk.app.shared.helper_answer import HelperAnswer
from kiosk.app.shared.media import ROOTS, IsMount
from kiosk.base.files import read_bounded
from kiosk.base.refused import Refused
from kiosk.base.root_requests import Asker, RequestFiles, is_working
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.first_start.shared.ports import Lacks, OfferedRecovery, Recoveries, RecoveryRefusal
from kiosk.station.recovery.kit_restore import has_series_file
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.sealing import MAX_LINE_BYTES, KitFile

WORKING: Final = "working"
SCAN_BUDGET_S: Final = 2.0  # So long new files are read in one look; the next one reads on
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

logger = logging.getLogger(__name__)

Key = tuple[str, int, int]


class RecoveryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``code`` is secret. ``letter`` is that of the newest paper receipt, "" when the card knows it."""

    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{16}\Z")]
    letter: Annotated[str, msgspec.Meta(pattern=rf"^[{SERIES_LETTERS}]?\Z")] = ""

    def __repr__(self) -> str:
        return f"Request({self.station})"


class RecoveryResponse(HelperAnswer, frozen=True):
    """``word``: "working" from the moment the digits were found right, "" when the station is in place, else one of
    ``RecoveryRefusal``; ``why`` is one of ``RecoveryWhy``.
    """


FILES: Final = RequestFiles("recovery", msgspec.json.Decoder(RecoveryRequest), msgspec.json.Decoder(RecoveryResponse))
request_file, answer_file = FILES.request, FILES.answer


@dataclass(frozen=True, slots=True)
class RequestedRecoveries(Recoveries):
    """Those of a box. ``days`` and ``openable`` spare reading a file twice; ``clock`` is in seconds."""

    asker: Asker[RecoveryRequest, RecoveryResponse]
    data: Path
    media: tuple[Path, ...] = ROOTS
    is_mount: IsMount = os.path.ismount
    days: dict[Key, str | None] = field(default_factory=dict)
    openable: dict[Key, bool] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    lock: threading.Lock = field(default_factory=threading.Lock)

    def offered(self) -> tuple[OfferedRecovery, ...]:
        """Return them by number, those that can be restored first."""
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
        if self.busy():
            raise Refused("recovery_busy")
        if not self.lock.acquire(blocking=False):  # a second tap must not replace the request of the first one
            raise Refused("recovery_busy")
        try:
            answer = self.asker.ask(RecoveryRequest(station, code, letter))
        finally:
            self.lock.release()
        if answer is None and is_working(self.asker.answers.path.parent):
            raise Refused("recovery_busy")
        if answer is None:
            raise Refused("recovery_failed", "kiosk-recovery.service gave no answer", {"why": "silent"})
        if answer.word and answer.word != WORKING:
            raise refusal_of(answer)

    def busy(self) -> bool:
        """Return whether a helper runs, by its lock: an answer outlives a helper that was killed."""
        last = self.asker.answers.last()
        return last is not None and last.body.word == WORKING and is_working(self.asker.answers.path.parent)

    def refusal(self) -> Refused | None:
        last = self.asker.answers.last()
        if last is None:
            return Refused("recovery_cut")
        answer = last.body
        if answer.word == WORKING:
            # Looked at in this order: the answer is written before the lock is let go.
            cut = not is_working(self.asker.answers.path.parent) and self.asker.answers.last() == last
            return Refused("recovery_cut") if cut else None
        return refusal_of(answer) if answer.word else None

    def _lacks(self, found: MediaContents, until: float) -> Lacks:
        if not found.backups:
            return "backup"
        if any(self._is_openable(path, until) for path in found.kits):
            return ""
        return "opening" if found.kits or found.locked else "kit"

    def _day(self, found: MediaContents, until: float) -> str:
        """Return the day of the newest backup with a good manifest; on ext4 only root may be able to read it."""
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
        """Return whether digits open it, as far as can be seen here: root checks it again."""
        key = _key(path)
        if key is None:
            return False
        if key not in self.openable:
            if self.clock() > until:
                return True
            self.openable[key] = _may_be_opened(path)
        return self.openable[key]


def refusal_of(answer: RecoveryResponse) -> Refused:
    """Translate the answer: the screen has a sentence for each word, and shows no technical ones."""
    words = get_args(RecoveryRefusal)
    return answer.refusal("recovery", words, ("failed", *words))


def _key(path: Path) -> Key | None:
    with suppress(OSError):
        about = path.stat()
        return str(path), about.st_mtime_ns, about.st_size
    return None


def _may_be_opened(path: Path) -> bool:
    """Check the kind of kit; a damaged one is offered: root names its fault."""
    try:
        return not KitFile.parse(read_bounded(path, MAX_LINE_BYTES)).county
    except (OSError, KitRefused):
        return True
