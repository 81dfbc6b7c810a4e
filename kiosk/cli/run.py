"""``kiosk run`` and ``kiosk relay``: the two processes of a station."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

import click

from kiosk.config.file import BadConfig

Config = TypeVar("Config")

NOT_LASTING = 4
"""The status of a station whose data would lie in memory. Its units do not start it again for it: another start
changes nothing, kiosk-data.service does when the data partition is there (systemd/)."""
PLACES = (Path("station.toml"), Path("/etc/kiosk/station.toml"))

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KIOSK_CONFIG",
    help="The station's settings file (TOML); else $KIOSK_CONFIG, station.toml, /etc/kiosk/station.toml.",
)


def settings_place(path: Path | None) -> Path | None:
    """The file that was named, else the first of the usual places where one is or may be: a folder that the caller may
    not look into is told by whoever opens the file."""
    return path or next((place for place in PLACES if _may_be(place)), None)


def _may_be(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError:
        return True


def read_config(path: Path | None, load: Callable[[Path], Config]) -> Config:
    """Load the settings or end with status 2 and one clear line."""
    found = settings_place(path)
    if found is None:
        click.echo(f"no settings file: name one with --config, or put one at {PLACES[1]}", err=True)
        sys.exit(2)
    try:
        return load(found)
    except BadConfig as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _run(config: Config, work: Callable[[Config, Event], None]) -> None:
    from kiosk.app.process import lean_heap, setup_logging, short_turns, until_signal
    from kiosk.store import StoreError
    from kiosk.store.database.lasting import NotLasting

    lean_heap()
    short_turns()
    setup_logging()
    try:
        work(config, until_signal())
    except NotLasting as error:
        click.echo(str(error), err=True)
        sys.exit(NOT_LASTING)
    except (StoreError, ValueError, OSError) as error:
        click.echo(f"the station cannot run: {error}", err=True)
        sys.exit(3)


@click.command()
@config_option
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8080,
    show_default=True,
    help="Of the pages, when the first start makes the settings file.",
)
def run(path: Path | None, port: int) -> None:
    """The station: pages, devices, print workers; the first start when its settings file is not there yet."""
    from kiosk.app.station import run_station
    from kiosk.config.station import load
    from kiosk.first_start.draft import needs_first_start

    if path is not None and needs_first_start(path) and not _set_up(path, port):
        return
    file = settings_place(path)
    _run(read_config(file, load), lambda config, stop: run_station(config, stop, file))


def _set_up(path: Path, port: int) -> bool:
    """The first start; whether it has made the settings file and the station shall go on."""
    from kiosk.app.first_start import run_first_start

    done: list[bool] = []
    _run(path, lambda file, stop: done.append(run_first_start(file, stop, port=port) and not stop.is_set()))
    return done == [True]


@click.command()
@config_option
def relay(path: Path | None) -> None:
    """The relay: sends what the station has kept to the sorting center."""
    # Only what the relay needs: the station's pages, devices and languages would double its memory.
    from kiosk.app.relay import run_relay
    from kiosk.config.relay import load

    _run(read_config(path, load), run_relay)
