"""Identities for the wizard: which are on media, and what is requested from root. It opens none itself.

Wizard and root helper communicate by the protocol of ``kiosk/base/root_requests.py``.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, get_args

import msgspec

from kiosk.app.identity.mounted_folder import BOOT, MountedFolder, mounted_folders
from kiosk.app.shared.helper_answer import HelperAnswer
from kiosk.app.shared.media import ROOTS, IsMount
from kiosk.base.refused import Refused
from kiosk.base.root_requests import Asker, RequestFiles
from kiosk.first_start.identity.format import (
    CLEAR,
    BadClaim,
    BadIdentity,
    claim_name,
    read_claim,
    read_clear,
    read_sealed,
)
from kiosk.first_start.identity.vault import InUse
from kiosk.first_start.shared.ports import Identities, IdentityRefusal, OfferedIdentity

# So long new files are read in one look; the next one reads on. A stick may hold a thousand of any kind.
SCAN_BUDGET_S: Final = 2.0
_SAYS_ALL: Final = ("wrong", "claimed", "gone", "other")  # Refusals whose sentence needs no other

logger = logging.getLogger(__name__)


class IdentityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``code`` is secret, and "" for an identity in the clear."""

    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    code: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{16})?\Z")] = ""

    def __repr__(self) -> str:
        return f"Request({self.station})"


class IdentityResponse(HelperAnswer, frozen=True, kw_only=True):
    """``word``: one of ``IdentityRefusal``, or "failed"; ``why`` is one of ``IdentityWhy``. ``in_use`` is the station
    this machine is. ``machine`` is whose marks are its own.

    The helper writes one at each start of the machine, too, which answers no request.
    """

    machine: str
    in_use: InUse | None = None


FILES: Final = RequestFiles("identity", msgspec.json.Decoder(IdentityRequest), msgspec.json.Decoder(IdentityResponse))
request_file, answer_file = FILES.request, FILES.answer


@dataclass(frozen=True, slots=True)
class RequestedIdentities(Identities):
    """Those of a box. ``seen`` spares reading a file twice; ``clock`` is in seconds."""

    asker: Asker[IdentityRequest, IdentityResponse]
    media: tuple[Path, ...] = ROOTS
    boot: Path = BOOT
    is_mount: IsMount = os.path.ismount
    seen: dict[tuple[str, int, int], OfferedIdentity | None] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def offered(self) -> tuple[OfferedIdentity, ...]:
        """Return the identities by number, without those another machine has claimed."""
        own, until = self.asker.answers.last(), self.clock() + SCAN_BUDGET_S
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
        """Return what root has published since the start of the machine."""
        last = self.asker.answers.last()
        return last.body.in_use if last else None

    def take(self, station: str, code: str) -> InUse:
        answer = self.asker.ask(IdentityRequest(station, code))
        if answer is None:
            raise Refused("identity_failed", "kiosk-identity.service gave no answer", {"why": "silent"})
        if answer.word or answer.in_use is None:
            raise refusal_of(answer)
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


def refusal_of(answer: IdentityResponse) -> Refused:
    return answer.refusal("identity", get_args(IdentityRefusal), _SAYS_ALL)


def _offered(name: str, content: bytes) -> OfferedIdentity | None:
    """Parse a file; None for an invalid one: root names its fault when it is requested by number."""
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
