"""``kiosk run`` and ``kiosk relay``: the two processes of a station."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TypeVar

import click

from kiosk.base.loading import loading
from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import config_option, read_config, settings_path

Config = TypeVar("Config")

# The status of a station whose data would lie in memory. Its units do not start it again for it: another start changes
# nothing, kiosk-data.service does when the data partition is there (systemd/).
EXIT_NOT_PERSISTENT = 4


def _run(config: Config, work: Callable[[Config, Event], None]) -> None:
    from kiosk.app.process import limit_malloc, setup_logging, shorten_switch_interval
    from kiosk.base.shutdown import shutdown_event
    from kiosk.store import StoreError
    from kiosk.store.database.persistence import NotPersistent

    limit_malloc()
    shorten_switch_interval()
    setup_logging()
    try:
        work(config, shutdown_event())
    except NotPersistent as error:
        end(str(error), EXIT_NOT_PERSISTENT)
    except (StoreError, ValueError, OSError) as error:
        end(f"the station cannot run: {error}", 3)


@click.command()
@config_option
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Of the pages; default: the one of the settings file, 8080 in the first start.",
)
def run(path: Path | None, port: int | None) -> None:
    """Run the station: pages, devices, print workers; the first start when its settings file is not there yet."""
    with loading():
        from kiosk.app.station import run_station
        from kiosk.config.station import load
        from kiosk.first_start.shared.draft import drop_draft, needs_first_start

    if path is not None and needs_first_start(path) and not _run_first_start(path, port or 8080):
        return
    file = settings_path(path)
    config = read_config(file, load)
    if port is not None:
        config = replace(config, web=replace(config.web, port=port))
    if file is not None:
        drop_draft(file)
    _run(config, lambda config, stop: run_station(config, stop, file))


def _run_first_start(path: Path, port: int) -> bool:
    """Run the first start; return whether it made the settings file and the station is to go on."""
    with loading():
        from kiosk.app.first_start import run_first_start

    done: list[bool] = []
    _run(path, lambda file, stop: done.append(run_first_start(file, stop, port=port) and not stop.is_set()))
    return done == [True]


@click.command()
@config_option
def relay(path: Path | None) -> None:
    """Run the relay: send what the station has stored to the sorting center."""
    # Only what the relay needs: the station's pages, devices and languages would double its memory.
    with loading():
        from kiosk.app.relay import run_relay
        from kiosk.config.relay import load

    _run(read_config(path, load), run_relay)
