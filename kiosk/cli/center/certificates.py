"""``sorting-center certificates``: those of this server, and the authority that signs for the county."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from kiosk.base.files import write_durably
from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.shared.one_line import end
from kiosk.sorting_center.server.certificates import PUBLIC_MODE, RENEWED_BEFORE, ServerCertificates
from kiosk.sorting_center.server.layout import ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.stations.authority import expiry_of


@click.group()
def certificates() -> None:
    """List and renew the certificates of this server, and bring the county's authority to a stick."""


@certificates.command("list")
@clear_errors
def list_certificates() -> None:
    """List each file, and until when it is valid. Changes nothing."""
    layout = ServerLayout()
    own = [certificate for certificate, _ in layout.pairs()]
    for path in (layout.authority_certificate, layout.servers_certificate, *own):
        click.echo(f"{expiry_of(path.read_text()):%Y-%m-%d}  {path}")


@certificates.command()
@click.option(
    "--days",
    default=RENEWED_BEFORE.days,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Renew when fewer are left.",
)
@clear_errors
def renew(days: int) -> None:
    """Make a new certificate of this server when the present one ends soon, and have nginx and the broker use it.

    sorting-center-renew.timer does this every day.
    """
    try:
        renewed = ServerCertificates(ServerLayout(), ServerMachine()).renew(timedelta(days=days))
    except ValueError as error:
        end(f"{PROGRAM}: {error}", 1)
    click.echo("renewed, and in use" if renewed else "nothing is due")


@certificates.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@clear_errors
def export(folder: Path) -> None:
    """Copy the authority and the key of recovery kits into DIR, on a stick; both are sealed with the pass phrase.

    Without them and the pass phrase no new station can ever be made: keep the stick elsewhere than the server.
    """
    layout = ServerLayout()
    for path in layout.sealed_on_stick():
        content = path.read_bytes()
        write_durably(folder / path.name, content)  # A stick may know no modes; both keys are sealed
        if (folder / path.name).read_bytes() != content:
            end(f"{PROGRAM}: {folder / path.name} reads otherwise than it was written: take another stick", 1)
        click.echo(str(folder / path.name))
    write_durably(layout.exported, f"{ServerMachine().now():%Y-%m-%d}\n".encode("ascii"), PUBLIC_MODE)
