"""``sorting-center reader``: programs on other machines that read the feed from the broker."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.people import COMMAND
from kiosk.cli.center.station import authority_options, county_command, only_region, open_authority, revoke_machine
from kiosk.cli.provision.folder import PRIVATE_FILE, complete_folder, require_free, write_new
from kiosk.messaging.relay.shared.settings import Endpoint
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject

_READER: Final = MachineKind.READER
_READABLE_FILE: Final = 0o644


@click.group()
def reader() -> None:
    """Keep the programs on other machines that read the feed. Works also while a sorting center runs."""


@reader.command()
@click.argument("name")
@authority_options
@clear_errors
def add(
    name: str, region: str | None, broker_url: str, authority: Path, pass_phrase_file: Path | None, out: Path, url: str
) -> None:
    """Let the reader NAME in: makes a folder with its certificate and key, and a README with the command.

    Whoever has the key reads the feed of the region: take the folder to that machine, and delete it here.
    """
    require_free(out)
    try:
        broker = Endpoint.parse(broker_url)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        region = region or only_region(desk)
        try:
            (subject,) = desk.certificates.next_subjects(region, _READER, [name])
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        county = open_authority(authority, pass_phrase_file)
        issued = county.issue_machine(subject, now)
        rows = [(subject, issued.not_after, b"")]
        with complete_folder(out, lambda: desk.certificates.add(rows, now, replacing=False)) as fresh:
            write_new(fresh / f"{name}.key", issued.key.encode(), PRIVATE_FILE)
            write_new(fresh / f"{name}.crt", issued.certificate.encode(), _READABLE_FILE)
            write_new(fresh / "authority.crt", county.certificate.encode(), _READABLE_FILE)
            write_new(fresh / "README", _readme(subject, broker).encode(), _READABLE_FILE)
        desk.audit.record(COMMAND, AuditAction.IDENTITY_MADE, f"{region}/{name}", str(subject), now)
    click.echo(f"{name} may read the feed of {region}: {out}")


def _readme(subject: MachineSubject, broker: Endpoint) -> str:
    name, topic = subject.name, f"kiosk/v1/{subject.region}/feed/#"
    tls = f"--cafile authority.crt --cert {name}.crt --key {name}.key"
    address = f"-h {shlex.quote(broker.host)} -p {broker.port}"
    return (
        f"{name} reads the feed of {subject.region} with the files in this folder; keep {name}.key secret.\n"
        f"mosquitto_sub -V mqttv5 {address} {tls} -i {name} -c -x 604800 -q 1 -t '{topic}'\n"
        "What was missed meanwhile: GET /feed of the sorting center, see messaging.md.\n"
    )


@reader.command("list")
@ledger_option
@clear_errors
def list_readers(url: str) -> None:
    """Print every reader, a JSON object each. Changes nothing."""
    with CenterDesk.open(url) as desk:
        found = desk.certificates.newest(_READER)
    for (region, name), one in found.items():
        row = {"region": region, "name": name, "made_at": one.made_at, "not_after": one.not_after}
        click.echo(json.dumps(row | {"revoked_at": one.revoked_at, "reason": one.reason}, ensure_ascii=False))


@reader.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why.")
@county_command
def revoke(desk: CenterDesk, region: str, name: str, reason: str) -> None:
    """Let the reader NAME in no more."""
    revoke_machine(desk, (region, _READER, name), reason)
