"""The settings file of a new station: written whole, read back as the station will read it, then put in its place."""

from __future__ import annotations

from pathlib import Path

from kiosk.config import load
from kiosk.setup_draft import Draft, draft_path, stage, sync_folder
from kiosk.setup_settings import toml

FILE_MODE = 0o640
"""The relay runs as another user of the same group (systemd/)."""


def write_settings(config_file: Path, draft: Draft, data: Path, port: int) -> None:
    """Put FILE in place and take its draft away. Raises BadConfig, and OSError; then there is no FILE.

    An existing FILE is never replaced: FileExistsError.
    """
    fresh = stage(config_file, toml(draft, data, port).encode("utf-8"), FILE_MODE)
    try:
        load(fresh)
        config_file.hardlink_to(fresh)  # unlike a rename it fails when somebody has put a file there meanwhile
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(config_file.parent)
    draft_path(config_file).unlink(missing_ok=True)
    sync_folder(config_file.parent)
