"""``sorting-center user``: who may look at and work on the pages of a sorting center."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.secrets import prompt_password
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction

COMMAND = "command"  # Who acts here, in the audit: whoever may run programs on this machine

_role = click.option(
    "--role", required=True, type=click.Choice([role.word for role in StaffRole]), help="What this person may do."
)


@click.group()
def user() -> None:
    """Keep the people who sign in: their roles and passwords. Works also while a sorting center runs."""


@user.command("add")
@click.argument("name")
@_role
@ledger_option
@clear_errors
def add(name: str, role: str, url: str) -> None:
    """Add NAME, and ask for the password: twice on a terminal, or one line of standard input.

    Changes the desk's database beside the ledger; the first call makes it.
    """
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        desk.people.add(name, StaffRole.of(role), prompt_password(), now)
        desk.audit.record(COMMAND, AuditAction.PERSON_ADDED, name, role, now)
        click.echo(f"{name} may sign in as {role}; kept in {desk.database}")


@user.command("list")
@ledger_option
@clear_errors
def list_people(url: str) -> None:
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
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        desk.people.get(name)
        desk.people.set_password(name, prompt_password(), now)
        desk.audit.record(COMMAND, AuditAction.PASSWORD_CHANGED, name, "", now)
    click.echo(f"{name} has a new password, and is signed out everywhere")


@user.command("role")
@click.argument("name")
@_role
@ledger_option
@clear_errors
def role_of(name: str, role: str, url: str) -> None:
    """Give NAME another role. Signs NAME out everywhere."""
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        desk.people.set_role(name, StaffRole.of(role), now)
        desk.audit.record(COMMAND, AuditAction.ROLE_CHANGED, name, role, now)
    click.echo(f"{name} is {role}")


@user.command("disable")
@click.argument("name")
@ledger_option
@clear_errors
def disable(name: str, url: str) -> None:
    """Let NAME in no more. What NAME did stays in the audit; `enable` takes it back."""
    _set_disabled(name, url, True)
    click.echo(f"{name} is let in no more")


@user.command("enable")
@click.argument("name")
@ledger_option
@clear_errors
def enable(name: str, url: str) -> None:
    """Re-enable NAME; the password is unchanged."""
    _set_disabled(name, url, False)
    click.echo(f"{name} may sign in again")


def _set_disabled(name: str, url: str, disabled: bool) -> None:
    now = datetime.now(UTC)
    with CenterDesk.open(url) as desk:
        desk.people.set_disabled(name, disabled, now)
        desk.audit.record(
            COMMAND, AuditAction.PERSON_DISABLED if disabled else AuditAction.PERSON_ENABLED, name, "", now
        )
