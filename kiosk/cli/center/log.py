"""``sorting-center log``, ``proof`` and ``consistency``: the county's log that can only grow."""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from pathlib import Path

import click

from kiosk.cli.center.errors import PROGRAM, clear_errors, write_output
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.shared.one_line import progress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.log.checkpoints import days_proof, receipt_proof
from kiosk.sorting_center.log.verification import verify_log

_OUT = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write, instead of standard output."
)


@click.group("log")
def log_group() -> None:
    """Verify the log of all events, in which every later change shows."""


@log_group.command()
@ledger_option
@clear_errors
def verify(url: str) -> None:
    """Compare the log with the events, with the checkpoint of each day, and with what stations keep. Changes nothing.

    Prints a line of JSON for each thing that does not fit, then one of what was compared. Ends with 1 when something
    does not fit.
    """
    with Ledger.open_readonly(url) as opened, progress("verifying", "events") as show, opened.reading() as connection:
        check = verify_log(connection, show)
    for fault in check.faults:
        click.echo(json.dumps(fault._asdict()))
    figures = {"events": check.events, "checkpoints": check.checkpoints, "witnesses": check.witnesses}
    click.echo(json.dumps({**figures, "faults": len(check.faults)}))
    if check.faults:
        sys.exit(1)


@click.command()
@click.argument("receipt")
@ledger_option
@_OUT
@clear_errors
def proof(receipt: str, url: str, out: Path | None) -> None:
    """Prove that a receipt, like 0147-A-000381, is in the county's log: a file for any checker. Changes nothing."""
    if re.fullmatch(r"[0-9]{4}-[A-Z]-[0-9]{6}", receipt) is None:
        raise click.UsageError(f"{receipt!r} is no number of a receipt, like 0147-A-000381")
    with Ledger.open_readonly(url) as opened, opened.reading() as connection:
        found = receipt_proof(connection, receipt)
    _write(found.text, out)


@click.command()
@click.argument("first", metavar="DAY")
@click.argument("second", metavar="DAY")
@ledger_option
@click.option("--region", help="Which region's log, in a ledger of several.")
@_OUT
@clear_errors
def consistency(first: str, second: str, url: str, region: str | None, out: Path | None) -> None:
    """Prove that the log only grew between two days, like 2026-12-01: two checkpoints, a proof. Changes nothing."""
    for day in (first, second):
        try:
            date.fromisoformat(day)
        except ValueError:
            raise click.UsageError(f"{day!r} must be a day, like 2026-12-01") from None
    with Ledger.open_readonly(url) as opened, opened.reading() as connection:
        found = days_proof(connection, region, first, second)
    _write(found.text, out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        write_output(text.encode())
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"{PROGRAM}: {out} is written", err=True)
