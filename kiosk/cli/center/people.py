"""``sorting-center user`` and ``token``: the people who sign in, and the programs that read the feed and figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.secrets import prompt_password
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.tokens import PER_MINUTE, Scope

COMMAND = "command"  # In the audit: the person who may run programs on this machine

_role = click.option(
    "--role", required=True, type=click.Choice([role.word for role in StaffRole]), help="What this person may do."
)


@contextmanager
def audited_desk(url: str, act: AuditAction, subject: str, detail: str = "") -> Iterator[tuple[CenterDesk, datetime]]:
    """Open the desk and yield it with the time of the act, which is recorded unless it was refused."""
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        yield desk, now
        desk.audit.record(COMMAND, act, subject, detail, now)


@click.group()
def user() -> None:
    """Keep the people who sign in: their roles and passwords. Works also while a sorting center runs."""


@user.command("add")
@click.argument("name")
@_role
@ledger_option
@clear_errors
def add_user(name: str, role: str, url: str) -> None:
    """Add NAME, and ask for the password: twice on a terminal, or one line of standard input.

    Changes the desk's database beside the ledger; the first call makes it.
    """
    with audited_desk(url, AuditAction.PERSON_ADDED, name, role) as (desk, now):
        desk.people.add(name, StaffRole.of(role), prompt_password(), now)
    click.echo(f"{name} may sign in as {role}; kept in {desk.database}")


@user.command("list")
@ledger_option
@clear_errors
def list_users(url: str) -> None:
    """Everybody, a JSON object each. Changes nothing."""
    with CenterDesk.open(url) as desk:
        for person in desk.people.all():
            row = {"name": person.name, "role": person.role.word, "disabled": person.disabled}
            click.echo(json.dumps(row | {"language": person.language}))


@user.command("password")
@click.argument("name")
@ledger_option
@clear_errors
def password(name: str, url: str) -> None:
    """Set a new password for NAME, asked for as by `add`. Signs NAME out everywhere."""
    with audited_desk(url, AuditAction.PASSWORD_CHANGED, name) as (desk, now):
        desk.people.get(name)
        desk.people.set_password(name, prompt_password(), now)
    click.echo(f"{name} has a new password, and is signed out everywhere")


@user.command("role")
@click.argument("name")
@_role
@ledger_option
@clear_errors
def role_of(name: str, role: str, url: str) -> None:
    """Give NAME another role. Signs NAME out everywhere."""
    with audited_desk(url, AuditAction.ROLE_CHANGED, name, role) as (desk, now):
        desk.people.set_role(name, StaffRole.of(role), now)
    click.echo(f"{name} is {role}")


@user.command("disable")
@click.argument("name")
@ledger_option
@clear_errors
def disable(name: str, url: str) -> None:
    """Let NAME in no more. What NAME did stays in the audit; `enable` takes it back."""
    with audited_desk(url, AuditAction.PERSON_DISABLED, name) as (desk, now):
        desk.people.set_disabled(name, True, now)
    click.echo(f"{name} is let in no more")


@user.command("enable")
@click.argument("name")
@ledger_option
@clear_errors
def enable(name: str, url: str) -> None:
    """Re-enable NAME; the password is unchanged."""
    with audited_desk(url, AuditAction.PERSON_ENABLED, name) as (desk, now):
        desk.people.set_disabled(name, False, now)
    click.echo(f"{name} may sign in again")


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
def add_token(name: str, scopes: tuple[str, ...], per_minute: int, days: int | None, url: str) -> None:
    """Make a token NAME and print its secret, once: only a hash of it is kept.

    Changes the desk's database beside the ledger; the first call makes it.
    """
    with audited_desk(url, AuditAction.TOKEN_ADDED, name, " ".join(scopes)) as (desk, now):
        expires = now + timedelta(days=days) if days is not None else None
        secret = desk.tokens.add(name, map(Scope, scopes), now, per_minute, expires)
    click.echo(secret)


@token.command("list")
@ledger_option
@clear_errors
def list_tokens(url: str) -> None:
    """Print every token, a JSON object each, without its secret. Changes nothing."""
    with CenterDesk.open(url) as desk:
        for found in desk.tokens.all():
            click.echo(json.dumps(asdict(found) | {"scopes": sorted(found.scopes)}))


@token.command("revoke")
@click.argument("name")
@ledger_option
@clear_errors
def revoke(name: str, url: str) -> None:
    """Have the token NAME open nothing any more, from the next request on."""
    with audited_desk(url, AuditAction.TOKEN_REVOKED, name) as (desk, now):
        desk.tokens.revoke(name, now)
    click.echo(f"{name} opens nothing any more")
