"""The county's key that signs what stations are given: made by its authority, a new generation for one that was stolen.

``issue_key(authority, desk.documents, file, now)`` puts the key and its certificate (``.crt``) on the server.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from shutil import chown
from typing import Final

from kiosk.base.files import stage, sync_folder
from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.documents import StationDocuments
from kiosk.sorting_center.stations.authority import (
    BadAuthority,
    ConfigurationKey,
    CountyAuthority,
    IssuedCertificate,
    expiry_of,
)

KEY_FILE: Final = Path("/etc/sorting-center/tls/configuration.key")
_KEY_MODE, _CERTIFICATE_MODE = 0o600, 0o644


def certificate_of(key: Path) -> Path:
    return key.with_suffix(".crt")


def load_key(file: Path) -> ConfigurationKey:
    """Read the files on each call; return the same object until they change. Raises OSError, BadAuthority."""
    return _key(*(path.read_text("ascii", "replace") for path in (certificate_of(file), file)))


@lru_cache(maxsize=4)
def _key(certificate: str, key: str) -> ConfigurationKey:
    return ConfigurationKey(IssuedCertificate(certificate, key, expiry_of(certificate)))


def issue_key(
    authority: CountyAuthority,
    documents: StationDocuments,
    file: Path,
    now: datetime,
    *,
    generation: int | None = None,
    owner: str = "",
) -> int:
    """Make the next generation and return its number. ``owner``: a user to whom root gives the files.

    The number is stored before the files exist: after a kill in between, the next call makes a further generation, and
    no number ever belongs to two keys. Raises Refused: older_key; OSError.
    """
    last = documents.last_generation(authority.region)
    with suppress(OSError, BadAuthority):
        last = max(last, load_key(file).subject.generation)
    if generation is not None and generation <= last:
        raise Refused("older_key", f"generation {last} is there already: a new one must have a larger number")
    made = generation or last + 1
    issued = authority.issue_configuration_key(authority.region, made, now)
    documents.add_generation(authority.region, made, issued.certificate, now)
    for path, text, mode in (
        (certificate_of(file), issued.certificate, _CERTIFICATE_MODE),
        (file, issued.key, _KEY_MODE),
    ):
        fresh = stage(path, text.encode("ascii"), mode)
        if owner and os.geteuid() == 0:
            chown(fresh, owner, owner)
        fresh.replace(path)
    sync_folder(file.parent)
    return made
