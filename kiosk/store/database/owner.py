"""Who owns what the store makes: a command typed by root must leave nothing that the station cannot write."""

from __future__ import annotations

import logging
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_ROOT: Final = 0
_OWN_BITS: Final = 0o700
"""What the umask of the station's unit leaves (``systemd/kiosk-station.service``)."""


class Hindrance(StrEnum):
    """Why the station cannot write a file of its own."""

    OWNER = "owner"
    READ_ONLY = "read_only"


def hindrance(path: Path) -> Hindrance | None:
    """Why the owner of the folder cannot write this file or folder; None when it can. Root is not asked for itself."""
    made, keeper = path.stat(), (path if path.is_dir() else path.parent).stat()
    if os.geteuid() == _ROOT and keeper.st_uid != _ROOT:
        may = os.access(path, os.W_OK) and _may_write(made, keeper)
    else:
        may = os.access(path, os.W_OK)
    if may:
        return None
    return Hindrance.READ_ONLY if made.st_uid == keeper.st_uid else Hindrance.OWNER


def _may_write(made: os.stat_result, keeper: os.stat_result) -> bool:
    """By owner, group and mode; root's own access would say yes to everything but a read-only disk."""
    if made.st_uid == keeper.st_uid:
        return bool(made.st_mode & stat.S_IWUSR)
    if made.st_gid == keeper.st_gid:
        return bool(made.st_mode & stat.S_IWGRP)
    return bool(made.st_mode & stat.S_IWOTH)
