"""``kiosk recovery``: what the unit kiosk-recovery.service runs as root."""

from __future__ import annotations

import click

from kiosk.app.recovery.helper import RecoveryPaths, handle_request
from kiosk.cli.shared.one_line import end
from kiosk.store.shared.errors import StoreError


@click.group()
def recovery() -> None:
    """A station that comes back on a new card."""


@recovery.command("attend")
def attend_() -> None:
    """Judge what the first start asks for, put the station back, and answer it.

    What it changes: all that `kiosk restore --kit` changes, and it has the station started anew. Nothing on a card that
    has its settings already. Its unit runs it, as root.
    """
    try:
        answer = handle_request(RecoveryPaths())
    except (OSError, StoreError) as error:
        end(str(error), 1)
    click.echo("no pending request" if answer is None else answer.word or "ok")
