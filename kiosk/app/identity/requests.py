"""The wizard's side: which identities lie on media, and what root is asked for. It opens none itself."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import msgspec

from kiosk.app.identity.messages import ANSWER, Answer, Request, file_content, read_answer
from kiosk.app.identity.place import BOOT, FolderPlace, places
from kiosk.app.media import ROOTS, IsMount
from kiosk.base.files import write_durably
from kiosk.base.json_reader import Unreadable
from kiosk.first_start.identity.claim import BadClaim, claim_name, read_claim
from kiosk.first_start.identity.format import CLEAR, BadIdentity, read_clear, read_sealed
from kiosk.first_start.identity.ports import IdentityRefused, InUse, Refusal
from kiosk.first_start.ports import OfferedIdentity

ANSWER_S: Final = 25.0
"""A Pi 3 starts Python and Argon2id within five seconds; a stick may be slow."""
_LOOK_S: Final = 0.1
AGAIN_S: Final = 5.0
"""A path unit does not see what changes while the unit that it starts still runs: so it is asked once more."""
LOOK_S: Final = 2.0
"""So long new files are read in one look; the next one reads on. A stick may hold a thousand of any kind."""
_REQUEST_MODE: Final = 0o600

logger = logging.getLogger(__name__)


class NoIdentities:
    """A machine that takes none: a demo, a test of something else."""

    def offered(self) -> tuple[OfferedIdentity, ...]:
        """None."""
        return ()

    def in_use(self) -> InUse | None:
        """None."""
        return None

    def take(self, station: str, code: str) -> InUse:
        """There is none."""
        raise IdentityRefused("gone", f"there is no identity of {station} on any medium")


@dataclass(frozen=True, slots=True)
class RequestedIdentities:
    """Implements ``kiosk.first_start.ports.Identities`` on a box. ``seen`` spares reading a file twice; ``clock`` is in
    seconds.
    """

    request: Path
    answer: Path = ANSWER
    media: tuple[Path, ...] = ROOTS
    boot: Path = BOOT
    is_mount: IsMount = os.path.ismount
    seen: dict[tuple[str, int, int], OfferedIdentity | None] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def offered(self) -> tuple[OfferedIdentity, ...]:
        """By number, those another machine has claimed left out."""
        own, until = self._told(), self.clock() + LOOK_S
        found: dict[str, OfferedIdentity] = {}
        for place in places(self.media, self.boot, self.is_mount):
            for name in place.names():
                row = self._read(place, name, until)
                if row is not None and _is_free(place, row.station, own.machine if own else ""):
                    found.setdefault(row.station, row)
        if self.clock() > until:
            logger.warning("what lies on media takes long to read: the next look reads on")
        return tuple(found[station] for station in sorted(found))

    def in_use(self) -> InUse | None:
        """What root has published since the start of the machine."""
        told = self._told()
        return told.in_use if told else None

    def take(self, station: str, code: str) -> InUse:
        """Ask, and wait for the answer. Raises IdentityRefused, OSError."""
        asked = Request(secrets.token_hex(16), station, code)
        self.request.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            answer = self._awaited(asked)
        finally:
            self.request.unlink(missing_ok=True)  # it holds the code
        if answer.word or answer.in_use is None:
            word: Refusal | None = next((one for one in get_args(Refusal) if one == answer.word), None)
            raise IdentityRefused(word or "failed", answer.message, answer.why, answer.wait_s)
        return answer.in_use

    def _awaited(self, asked: Request) -> Answer:
        """The helper judges a request once, however often it is there. Raises IdentityRefused, OSError."""
        begun, again, pause = time.monotonic(), 0.0, threading.Event()
        while (waited := time.monotonic() - begun) < ANSWER_S:
            if waited >= again:
                write_durably(self.request, msgspec.json.encode(asked), _REQUEST_MODE)
                again += AGAIN_S
            told = self._told()
            if told is not None and told.id == asked.id:
                return told
            pause.wait(_LOOK_S)
        raise IdentityRefused("failed", "kiosk-identity.service gave no answer", "silent")

    def _told(self) -> Answer | None:
        with suppress(OSError, Unreadable):
            content = file_content(self.answer)
            return None if content is None else read_answer(content)
        return None

    def _read(self, place: FolderPlace, name: str, until: float) -> OfferedIdentity | None:
        file = place.folder / name
        with suppress(OSError):
            about = file.stat()
            key = (str(file), about.st_mtime_ns, about.st_size)
            if key not in self.seen:
                if self.clock() > until:
                    return None
                content = place.read(name)
                self.seen[key] = None if content is None else _offered(name, content)
            return self.seen[key]
        return None


def _offered(name: str, content: bytes) -> OfferedIdentity | None:
    """A file that is none is not offered: root names its fault when it is asked for by number."""
    with suppress(BadIdentity):
        one = read_clear(content) if name == CLEAR else read_sealed(content, name)
        return OfferedIdentity(one.station, one.region, one.village, sealed=name != CLEAR)
    return None


def _is_free(place: FolderPlace, station: str, own: str) -> bool:
    try:
        mark = place.read(claim_name(station))
        return mark is None or read_claim(mark).machine == own
    except (OSError, BadClaim):
        return True  # root judges it, and says what is wrong
