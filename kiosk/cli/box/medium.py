"""``kiosk medium``: what the unit kiosk-media@.service runs as root."""

from __future__ import annotations

from typing import Final

import click

from kiosk.app.mounting.export import ExportPaths, NothingCopied, copy_bundle
from kiosk.app.mounting.mounting import mount_medium
from kiosk.app.mounting.rules import MediumRefused
from kiosk.base.root_requests import CannotRemove
from kiosk.cli.shared.one_line import end

_EXIT_REQUEST_NOT_REMOVED: Final = 3  # Its unit pauses, and tries again


@click.group()
def medium() -> None:
    """Sticks and disks that are plugged in."""


@medium.command()
@click.argument("name")
def mount(name: str) -> None:
    """Mount the medium with this kernel NAME (sda1), when the rules allow it.

    What it changes: the medium appears below /run/kiosk-media, read-only; the one that [backup] is bound to at
    /mnt/kiosk-backup, to be written. Nothing is written on it. Its unit runs it, as root.
    """
    try:
        made = mount_medium(name)
    except MediumRefused as refusal:
        click.echo(f"not mounted: {refusal}")
        return
    except OSError as error:
        end(str(error), 1)
    click.echo(f"{made.what} is mounted at {made.where} ({','.join(made.options)})")


@medium.command("copy-bundle")
def copy_bundle_() -> None:
    """Copy the support bundle that the technician's page has just written to the stick.

    What it changes: the bundle appears at the top of the first stick, which is writable meanwhile and read-only again
    afterwards. Its unit runs it, as root.
    """
    try:
        made = copy_bundle(ExportPaths())
    except NothingCopied as reason:
        click.echo(f"nothing was copied: {reason}")
        return
    except CannotRemove as reason:
        end(f"the request cannot be taken away: {reason}", _EXIT_REQUEST_NOT_REMOVED)
    except OSError as error:
        end(str(error), 1)
    click.echo(f"the bundle lies at {made}")
