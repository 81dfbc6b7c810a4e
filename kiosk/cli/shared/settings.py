"""What the commands of a station have in common: its settings file, its database, a file to bring in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from kiosk.cli.shared.one_line import end
from kiosk.config.file import BadConfig

if TYPE_CHECKING:  # the relay reads its settings here, and has no memory for all that
    from kiosk.config.station import StationConfig
    from kiosk.store import Store

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
    """Return the named file, else the first usual place with one, or in an unreadable folder: opening reports it."""
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


@contextmanager
def opened_store(config: StationConfig) -> Iterator[Store]:
    """Open the station's database; ends with 3 and one line when it cannot be used."""
    from kiosk.station.shared.open_store import open_store
    from kiosk.store import StoreError

    try:
        with closing(open_store(config.station)) as store:
            yield store
    except StoreError as error:
        end(str(error), 3)


def read_input(file: Path | None) -> tuple[bytes, str]:
    """Read FILE, or standard input when it is - or absent; return bytes and a name for messages. Raises OSError."""
    if file is None or str(file) == "-":
        return sys.stdin.buffer.read(), "standard input"
    return file.read_bytes(), str(file)
