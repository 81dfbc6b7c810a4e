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


def hand_over(*paths: Path) -> None:
    """Give what root has made to the owner and group of its folder, readable for that owner alone.

    A path that is not there is passed over; for any other user, and in a folder of root's own, nothing is done.
    """
    if os.geteuid() != _ROOT:
        return
    for path in paths:
        folder = path.parent.stat()
        if folder.st_uid != _ROOT and path.exists() and not path.is_symlink():
            _give(path, folder.st_uid, folder.st_gid)


def _give(path: Path, owner: int, group: int) -> None:
    """A medium whose file system knows no owners keeps its own: that is no reason to fail there."""
    made = path.stat()
    try:
        if (made.st_uid, made.st_gid) != (owner, group):
            os.chown(path, owner, group, follow_symlinks=False)
        if made.st_mode & ~_OWN_BITS & 0o777:
            path.chmod(made.st_mode & _OWN_BITS)
    except OSError as error:
        logger.warning("%s keeps its owner (%s): see that the station can write it", path, error)


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
