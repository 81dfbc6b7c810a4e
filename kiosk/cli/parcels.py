"""``kiosk parcels``: the list of those that are on their way or here. ``kiosk catalog``: what can be brought in."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kiosk.cli.shared.one_line import end
from kiosk.cli.shared.settings import config_option, opened_store, read_config, read_input
from kiosk.config.station import load
from kiosk.domain.parcel import TERMINAL_STATES, ParcelState
from kiosk.messaging.contract.catalog.file import CatalogError, parse_catalog
from kiosk.station.parcels.expected_file import ExpectedError, parse_expected
from kiosk.station.shared.open_store import stamps
from kiosk.store.shared.records import ParcelRow

PAGE = 500
_OPEN = frozenset(ParcelState) - TERMINAL_STATES


@click.group()
def parcels() -> None:
    """Parcels: the list of those that are on their way."""


@parcels.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@config_option
def expect(file: Path | None, path: Path | None) -> None:
    """Take over the list of a delivery from FILE (standard input when it is - or absent).

    JSON lines or CSV with the columns waybill, carrier and phone_last4. All of the file is taken over or nothing.
    """
    config = read_config(path, load)
    try:
        rows = parse_expected(*read_input(file))
    except (ExpectedError, OSError) as error:
        end(str(error), 2)
    with opened_store(config) as store:
        new = store.deliveries.expect(rows, stamps(config.station)())
    click.echo(json.dumps({"listed": len(rows), "new": new}))


@parcels.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice([state.value for state in ParcelState]))
@config_option
def list_(states: tuple[str, ...], path: Path | None) -> None:
    """Parcels in these states, one JSON object a line; without --state all that are expected or here.

    The last four characters stand for a waybill: the list may be printed or sent.
    """
    config = read_config(path, load)
    selected = frozenset(map(ParcelState, states)) or _OPEN
    with opened_store(config) as store:
        offset = 0
        while rows := store.parcels.in_states(selected, limit=PAGE, offset=offset):
            for row in rows:
                click.echo(json.dumps(_row_json(row)))
            offset += len(rows)


def _row_json(row: ParcelRow) -> dict[str, object]:
    names = ("phone_last4", "expected", "surplus", "damaged", "arrived_at")
    return {
        "parcel": str(row.number),
        "state": row.state.value,
        "shelf": row.shelf,
        "carrier": row.carrier,
        "waybill_last4": row.waybill[-4:],
        **{name: getattr(row, name) for name in names},
    }


@click.group()
def catalog() -> None:
    """Manage what can be brought in, and at which price."""


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
    counts = {name: len(getattr(content, name)) for name in ("products", "prices", "containers", "members")}
    click.echo(json.dumps({"version": version, **counts}))
