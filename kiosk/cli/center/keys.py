"""``sorting-center keys``: the keys with which stations sign slips and events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from kiosk.base.refused import Refused
from kiosk.cli.center.errors import clear_errors, write_output
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.people import COMMAND
from kiosk.cli.center.station import only_region, region_option
from kiosk.sorting_center.configuration.ledger_parts import public_keys
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import station_keys


@click.group()
def keys() -> None:
    """List, export and revoke the keys with which stations sign. Works while a center runs."""


@keys.command("list")
@region_option
@ledger_option
@clear_errors
def list_keys(region: str | None, url: str) -> None:
    """Print a JSON object per key, by station, the oldest first: id, known since, state. Changes nothing.

    The state is "" for a valid key, else `revoked` or `cloned`.
    """
    with Ledger.open_readonly(url) as ledger, ledger.reading() as connection:
        rows = station_keys.of_region(connection, _chosen(url, region))
    for row in rows:
        found = {"station": row.station, "key": row.key_id.hex(), "since": row.received_at, "state": row.state}
        click.echo(json.dumps(found | {"public": row.public}))


@keys.command()
@region_option
@ledger_option
@clear_errors
def export(region: str | None, url: str) -> None:
    """Write the public keys of stations and county log, and void receipts, as a file for `kiosk verify --keys`.

    To standard output. Changes nothing. There is no secret in it: publish it where everybody finds it.
    """
    of = _chosen(url, region)
    with CenterDesk.open(url) as desk, Ledger.open_readonly(url) as ledger:
        write_output(public_keys(ledger, of, desk.documents.certificates(of)).encode() + b"\n")


@keys.command()
@click.argument("station", metavar="STATION")
@click.argument("key", metavar="KEY")
@region_option
@ledger_option
@clear_errors
def revoke(station: str, key: str, region: str | None, url: str) -> None:
    """Revoke KEY of STATION, because it was stolen. KEY is its id, as `list` shows it.

    Changes the ledger. Slips that are signed with it are shown as such at every station with its next document, and its
    events count as unsigned, until the station has a new key. This cannot be taken back.
    """
    of = _chosen(url, region)
    with CenterDesk.open(url) as desk, Ledger.open_shared(url) as ledger:
        if not ledger.revoke_key(of, station, key.lower()):
            raise Refused("no_such_key", f"{station[:20]!r} of {of} has no key {key[:20]!r}: `keys list` shows them")
        desk.audit.record(COMMAND, AuditAction.KEY_REVOKED, f"{of}/{station}", key.lower(), datetime.now(UTC))


def _chosen(url: str, region: str | None) -> str:
    if region is not None:
        return region
    with CenterDesk.open(url) as desk:
        return only_region(desk)
