"""Composition of ``kiosk-identity.service``: root finishes what a power cut has left, judges one request, answers."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kiosk.app.identity.claiming import IdentityClaimer, MachineTime
from kiosk.app.identity.mounted_folder import BOOT, mounted_folders
from kiosk.app.identity.requests import IdentityRequest, IdentityResponse, answer_file, request_file
from kiosk.app.mounting.writable import Writable, writable
from kiosk.app.shared.helper_answer import answer_fields
from kiosk.app.shared.media import ROOTS, IsMount
from kiosk.base.refused import Refused
from kiosk.base.root_requests import CannotRemove, MessageFile, serve, working
from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.first_start.identity.vault import NETWORKS, FileVault
from kiosk.station.shared.clock import read_boot_id
from kiosk.store.database.persistence import require_persistent
from kiosk.store.shared.errors import StoreError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IdentityPaths:
    """The paths of all files on a box; other folders in tests."""

    keys: Path = Path("/var/lib/kiosk-keys")
    credentials: Path = Path("/etc/credstore")
    networks: Path = NETWORKS
    data: Path = Path("/var/lib/kiosk")
    answers: MessageFile[IdentityResponse] = field(default_factory=answer_file)
    media: tuple[Path, ...] = ROOTS
    boot: Path = BOOT
    is_mount: IsMount = os.path.ismount
    writable: Writable = field(default=writable)


def now() -> MachineTime:
    wall = datetime.now(UTC).isoformat(timespec="seconds")
    return MachineTime(wall, read_boot_id(), time.monotonic_ns() // 1_000_000)


def handle_request(where: IdentityPaths, clock: Callable[[], MachineTime] = now) -> IdentityResponse:
    """Serve one request. Raises OSError, and StoreError without doing anything on a box without data partition."""
    for folder in (where.keys, where.credentials):
        require_persistent(folder)
    vault = FileVault(where.keys, where.credentials, where.networks)
    claimer = IdentityClaimer(vault, mounted_folders(where.media, where.boot, where.is_mount, where.writable), clock)
    with working(where.answers.path.parent):
        try:
            claimer.resume()
        except (OSError, Refused) as error:
            logger.warning("what was left is not finished: %s", error)
        try:
            answer = serve(
                request_file(where.data), lambda message: _answer(claimer, vault, message.body), where.answers
            )
        except CannotRemove as error:
            logger.warning("no request is carried out: %s", error)
            answer = None
        unknown = IdentityResponse(machine=vault.machine)
        return answer or where.answers.renew(unknown, in_use=vault.in_use())


def _answer(claimer: IdentityClaimer, vault: FileVault, request: IdentityRequest) -> IdentityResponse:
    try:
        claimer.claim(request.station, PaperCode(request.code) if request.code else None)
        return IdentityResponse(machine=vault.machine, in_use=vault.in_use())
    except Refused as refused:
        refusal = refused
    except BadCode as error:
        refusal = Refused("wrong", str(error))
    except (OSError, StoreError, ValueError) as error:
        refusal = Refused("failed", str(error), {"why": "machine"})
    logger.warning("the identity of %s was not taken: %s", request.station, refusal)
    return IdentityResponse(**answer_fields(refusal), machine=vault.machine, in_use=vault.in_use())
