"""Composition of ``kiosk-identity.service``: root finishes what a power cut has left, judges one request, answers."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kiosk.app.identity.messages import ANSWER, REQUEST, Answer, Request, file_content, read_answer, read_request
from kiosk.app.identity.place import BOOT, places
from kiosk.app.identity.vault import FileVault
from kiosk.app.media import ROOTS, IsMount
from kiosk.app.mounting.writable import Writable, writable
from kiosk.base.files import write_durably
from kiosk.base.json_reader import Unreadable
from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.first_start.identity.ports import IdentityRefused
from kiosk.first_start.identity.taking import Instant, Taking
from kiosk.station.clock import read_boot_id
from kiosk.store.database.lasting import require_lasting
from kiosk.store.errors import StoreError

logger = logging.getLogger(__name__)

_ANSWER_MODE = 0o644


@dataclass(frozen=True, slots=True)
class HelperPlaces:
    """Where everything lies on a box; other folders in tests."""

    keys: Path = Path("/var/lib/kiosk-keys")
    credentials: Path = Path("/etc/credstore")
    request: Path = REQUEST
    answer: Path = ANSWER
    media: tuple[Path, ...] = ROOTS
    boot: Path = BOOT
    is_mount: IsMount = os.path.ismount
    writable: Writable = field(default=writable)


def now() -> Instant:
    """By the clocks of this machine."""
    wall = datetime.now(UTC).isoformat(timespec="seconds")
    return Instant(wall, read_boot_id(), time.monotonic_ns() // 1_000_000)


def attend(where: HelperPlaces, clock: Callable[[], Instant] = now) -> Answer:
    """One turn. Raises OSError, and StoreError on a box whose data partition is missing: then nothing was done."""
    for folder in (where.keys, where.credentials):
        require_lasting(folder)
    vault = FileVault(where.keys, where.credentials)
    found = places(where.media, where.boot, where.is_mount, where.writable)
    taking = Taking(vault, found, clock)
    try:
        taking.resume()
    except (OSError, IdentityRefused) as error:
        logger.warning("what was left is not finished: %s", error)
    answer = Answer(vault.machine, in_use=vault.in_use())
    request = _request(where)
    answered = _answered(where)
    if request is not None and answered is not None and answered.id == request.id:
        answer = replace(answered, in_use=vault.in_use())
    elif request is not None:
        refusal = _refusal(taking, request.station, request.code)
        answer = Answer(vault.machine, request.id, in_use=vault.in_use())
        if refusal is not None:
            logger.warning("the identity of %s was not taken: %s", request.station, refusal)
            answer = replace(answer, word=refusal.word, message=str(refusal), why=refusal.why, wait_s=refusal.wait_s)
    write_durably(where.answer, msgspec.json.encode(answer), _ANSWER_MODE)
    return answer


def _request(where: HelperPlaces) -> Request | None:
    """None without one, and for what is none: anybody with the station's user may have written it."""
    try:
        content = file_content(where.request)
        return None if content is None else read_request(content)
    except (OSError, Unreadable) as error:
        logger.warning("the request %s is none: %s", where.request, error)
        return None


def _answered(where: HelperPlaces) -> Answer | None:
    """What was said last: who waits asks again, and one wrong code is not to count twice."""
    try:
        content = file_content(where.answer)
        return None if content is None else read_answer(content)
    except (OSError, Unreadable):
        return None


def _refusal(taking: Taking, station: str, code: str) -> IdentityRefused | None:
    try:
        taking.take(station, PaperCode(code) if code else None)
    except IdentityRefused as refusal:
        return refusal
    except BadCode as error:
        return IdentityRefused("wrong", str(error))
    except (OSError, StoreError, ValueError) as error:
        return IdentityRefused("failed", str(error), "machine")
    return None
