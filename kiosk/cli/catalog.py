"""``kiosk catalog``: products, prices, containers, members."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import config_option, read_config
from kiosk.cli.station import opened_store, read_input
from kiosk.config.station import load
from kiosk.station.catalog.file import CatalogError, parse_catalog
from kiosk.station.shared.open_store import stamps


@click.group()
def catalog() -> None:
    """What can be brought in, and at which price."""


@catalog.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@config_option
def import_(file: Path | None, path: Path | None) -> None:
    """Bring a new version from one TOML or JSON FILE (standard input when it is - or absent)."""
    config = read_config(path, load)
    try:
        content = parse_catalog(*read_input(file))
    except (CatalogError, OSError) as error:
        end(str(error), 2)
    with opened_store(config) as store:
        version = store.catalogs.add(content, stamps(config.station)())
    click.echo(
        json.dumps(
            {
                "version": version,
                "products": len(content.products),
                "prices": len(content.prices),
                "containers": len(content.containers),
                "members": len(content.members),
            }
        )
    )
