"""``kiosk run`` and ``kiosk relay``: the two processes of a station."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

import click

from kiosk.settings_file import BadConfig

Config = TypeVar("Config")

PLACES = (Path("station.toml"), Path("/etc/kiosk/station.toml"))

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KIOSK_CONFIG",
    help="The station's settings file (TOML); else $KIOSK_CONFIG, station.toml, /etc/kiosk/station.toml.",
)


def settings_place(path: Path | None) -> Path | None:
    return path or next((place for place in PLACES if place.is_file()), None)


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
    from kiosk.process import lean_heap, setup_logging, short_turns, until_signal
    from kiosk.store import StoreError

    lean_heap()
    short_turns()
    setup_logging()
    try:
        work(config, until_signal())
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
    from kiosk.config import load
    from kiosk.runtime import run_station
    from kiosk.setup_draft import needs_setup

    if path is not None and needs_setup(path) and not _set_up(path, port):
        return
    file = settings_place(path)
    _run(read_config(file, load), lambda config, stop: run_station(config, stop, file))


def _set_up(path: Path, port: int) -> bool:
    """The first start; whether it has made the settings file and the station shall go on."""
    from kiosk.setup_runtime import run_setup

    done: list[bool] = []
    _run(path, lambda file, stop: done.append(run_setup(file, stop, port=port) and not stop.is_set()))
    return done == [True]


@click.command()
@config_option
def relay(path: Path | None) -> None:
    """The relay: sends what the station has kept to the sorting center."""
    # Only what the relay needs: the station's pages, devices and languages would double its memory.
    from kiosk.relay_config import load
    from kiosk.relay_runtime import run_relay

    _run(read_config(path, load), run_relay)
