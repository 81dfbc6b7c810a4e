"""The wizard's side: which identities lie on media, and what root is asked for. It opens none itself."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from kiosk.app.identity.messages import IdentityRequest, IdentityResponse, answer_file
from kiosk.app.identity.mounted_folder import BOOT, MountedFolder, mounted_folders
from kiosk.app.shared.media import ROOTS, IsMount
from kiosk.base.root_requests import TIMEOUT_S, Asker, MessageFile
from kiosk.first_start.identity.claim import BadClaim, claim_name, read_claim
from kiosk.first_start.identity.format import CLEAR, BadIdentity, read_clear, read_sealed
from kiosk.first_start.identity.ports import IdentityRefused, InUse, Refusal
from kiosk.first_start.shared.ports import OfferedIdentity

# So long new files are read in one look; the next one reads on. A stick may hold a thousand of any kind.
SCAN_BUDGET_S: Final = 2.0

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
    """Implements ``kiosk.first_start.shared.ports.Identities`` on a box. ``seen`` spares reading a file twice;
    ``clock`` is in seconds."""

    requests: MessageFile[IdentityRequest]
    answers: MessageFile[IdentityResponse] = field(default_factory=answer_file)
    media: tuple[Path, ...] = ROOTS
    boot: Path = BOOT
    is_mount: IsMount = os.path.ismount
    seen: dict[tuple[str, int, int], OfferedIdentity | None] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    timeout_s: float = TIMEOUT_S

    def offered(self) -> tuple[OfferedIdentity, ...]:
        """By number, those another machine has claimed left out."""
        own, until = self.answers.last(), self.clock() + SCAN_BUDGET_S
        found: dict[str, OfferedIdentity] = {}
        for place in mounted_folders(self.media, self.boot, self.is_mount):
            for name in place.names():
                row = self._read(place, name, until)
                if row is not None and _is_free(place, row.station, own.body.machine if own else ""):
                    found.setdefault(row.station, row)
        if self.clock() > until:
            logger.warning("what lies on media takes long to read: the next look reads on")
        return tuple(found[station] for station in sorted(found))

    def in_use(self) -> InUse | None:
        """What root has published since the start of the machine."""
        last = self.answers.last()
        return last.body.in_use if last else None

    def take(self, station: str, code: str) -> InUse:
        """Ask, and wait for the answer. Raises IdentityRefused, OSError."""
        asker = Asker(self.requests, self.answers, time.monotonic, self.timeout_s)
        answer = asker.ask(IdentityRequest(station, code))
        if answer is None:
            raise IdentityRefused("failed", "kiosk-identity.service gave no answer", "silent")
        if answer.word or answer.in_use is None:
            word: Refusal | None = next((one for one in get_args(Refusal) if one == answer.word), None)
            raise IdentityRefused(word or "failed", answer.message, answer.why, answer.wait_s)
        return answer.in_use

    def _read(self, place: MountedFolder, name: str, until: float) -> OfferedIdentity | None:
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


def _is_free(place: MountedFolder, station: str, own: str) -> bool:
    try:
        mark = place.read(claim_name(station))
        return mark is None or read_claim(mark).machine == own
    except (OSError, BadClaim):
        return True  # root judges it, and says what is wrong
