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
_OWN_BITS: Final = 0o700  # What the umask of the station's unit leaves (`systemd/kiosk-station.service`)


class WriteBlocker(StrEnum):
    OWNER = "owner"
    READ_ONLY = "read_only"


def write_blocker(path: Path) -> WriteBlocker | None:
    """Why the owner of the folder cannot write this file or folder; None when it can. Root is not asked for itself."""
    file_stat, folder_stat = path.stat(), (path if path.is_dir() else path.parent).stat()
    if os.geteuid() == _ROOT and folder_stat.st_uid != _ROOT:
        writable = os.access(path, os.W_OK) and _may_write(file_stat, folder_stat)
    else:
        writable = os.access(path, os.W_OK)
    if writable:
        return None
    return WriteBlocker.READ_ONLY if file_stat.st_uid == folder_stat.st_uid else WriteBlocker.OWNER


def _may_write(file_stat: os.stat_result, folder_stat: os.stat_result) -> bool:
    """By owner, group and mode; root's own access would say yes to everything but a read-only disk."""
    if file_stat.st_uid == folder_stat.st_uid:
        return bool(file_stat.st_mode & stat.S_IWUSR)
    if file_stat.st_gid == folder_stat.st_gid:
        return bool(file_stat.st_mode & stat.S_IWGRP)
    return bool(file_stat.st_mode & stat.S_IWOTH)
