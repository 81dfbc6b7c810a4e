"""``kiosk identity``: what the unit kiosk-identity.service runs as root."""

from __future__ import annotations

import click

from kiosk.app.identity.helper import IdentityPaths, handle_request
from kiosk.cli.shared.one_line import end
from kiosk.store.shared.errors import StoreError


@click.group()
def identity() -> None:
    """The identity of this machine: which station it is."""


@identity.command("attend")
def attend_() -> None:
    """Finish what a power cut has left, judge what the first start asks for, and answer it.

    What it changes: certificate and key go to /etc/credstore, the record of who this machine is to
    /var/lib/kiosk-keys; on the stick the identity is removed and a claim mark is left. Its unit runs it, as root.
    """
    try:
        answer = handle_request(IdentityPaths())
    except (OSError, StoreError) as error:
        end(str(error), 1)
    click.echo(f"{answer.in_use.station if answer.in_use else 'no station yet'} {answer.word or 'ok'}")
