"""What the commands of a station have in common: which settings file, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from kiosk.cli.shared.one_line import end
from kiosk.config.file import BadConfig

Config = TypeVar("Config")

SETTINGS_PATHS = (Path("station.toml"), Path("/etc/kiosk/station.toml"))

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KIOSK_CONFIG",
    help="The station's settings file (TOML); else $KIOSK_CONFIG, station.toml, /etc/kiosk/station.toml.",
)


def settings_path(path: Path | None) -> Path | None:
    """The file that was named, else the first of the usual places where one is or may be: a folder that the caller may
    not look into is told by whoever opens the file."""
    return path or next((place for place in SETTINGS_PATHS if _may_be(place)), None)


def _may_be(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError:
        return True


def read_config(path: Path | None, load: Callable[[Path], Config]) -> Config:
    """Load the settings or end with status 2 and one clear line."""
    found = settings_path(path)
    if found is None:
        end(f"no settings file: name one with --config, or put one at {SETTINGS_PATHS[1]}", 2)
    try:
        return load(found)
    except BadConfig as error:
        end(str(error), 2)
