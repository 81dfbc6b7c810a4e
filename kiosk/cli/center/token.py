"""``sorting-center token``: what programs show to read the feed and the figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.user import COMMAND
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.tokens import PER_MINUTE, Scope


@click.group()
def token() -> None:
    """Keep the tokens of programs. Works also while a sorting center runs."""


@token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it opens, once for each: feed (events), read (receipts and figures), metrics (for Prometheus).",
)
@click.option("--per-minute", default=PER_MINUTE, show_default=True, help="How often it may ask.")
@click.option("--days", type=click.IntRange(1, 3650), help="For so long; else until it is revoked.")
@ledger_option
@clear_errors
def add(name: str, scopes: tuple[str, ...], per_minute: int, days: int | None, url: str) -> None:
    """Make a token NAME and print its secret, once: only a hash of it is kept.

    Changes the desk's database beside the ledger; the first call makes it.
    """
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        expires = now + timedelta(days=days) if days is not None else None
        secret = desk.tokens.add(name, map(Scope, scopes), now, per_minute, expires)
        desk.audit.record(COMMAND, AuditAction.TOKEN_ADDED, name, " ".join(scopes), now)
    click.echo(secret)


@token.command("list")
@ledger_option
@clear_errors
def list_tokens(url: str) -> None:
    """Every token, a JSON object each, without its secret. Changes nothing."""
    with CenterDesk.open(url) as desk:
        for found in desk.tokens.all():
            click.echo(json.dumps(asdict(found) | {"scopes": sorted(found.scopes)}))


@token.command("revoke")
@click.argument("name")
@ledger_option
@clear_errors
def revoke(name: str, url: str) -> None:
    """Have the token NAME open nothing any more, from the next request on."""
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        desk.tokens.revoke(name, now)
        desk.audit.record(COMMAND, AuditAction.TOKEN_REVOKED, name, "", now)
    click.echo(f"{name} opens nothing any more")
