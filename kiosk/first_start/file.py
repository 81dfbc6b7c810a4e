"""The settings file of a new station: written whole, read back as the station will read it, then put in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.files import stage, sync_folder
from kiosk.first_start.draft import draft_path
from kiosk.first_start.ports import AnswerRefused

FILE_MODE = 0o640
"""The relay runs as another user of the same group (systemd/)."""


def write_settings(config_file: Path, text: str, check: Callable[[Path], object]) -> None:
    """Put FILE in place and take its draft away. ``check`` reads a file as the station will, or raises ValueError.

    Raises AnswerRefused for a file that the station would not take, and OSError; then there is no FILE. An existing
    FILE is never replaced: FileExistsError.
    """
    fresh = stage(config_file, text.encode("utf-8"), FILE_MODE)
    try:
        _checked(fresh, check)
        config_file.hardlink_to(fresh)  # unlike a rename it fails when somebody has put a file there meanwhile
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(config_file.parent)
    draft_path(config_file).unlink(missing_ok=True)
    sync_folder(config_file.parent)


def _checked(fresh: Path, check: Callable[[Path], object]) -> None:
    try:
        check(fresh)
    except ValueError as error:
        raise AnswerRefused("settings", str(error)) from error
