"""What the commands of the sorting center say when something is wrong, and how they end then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from functools import wraps
from typing import Final, NoReturn, ParamSpec

import click

from kiosk.base.refused import Refused
from kiosk.cli.shared.one_line import end
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ingest.shared.address import BrokerAddressError
from kiosk.sorting_center.ledger import LedgerAddressError, LedgerError, LedgerForeign, LedgerMissing, LedgerNotEmpty

PROGRAM: Final = "sorting-center"

P = ParamSpec("P")


def clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Report errors in one line on standard error: exit 2 for a wrong call, 1 for the machine or the file."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (
            BrokerAddressError,
            LedgerAddressError,
            LedgerMissing,
            LedgerForeign,
            LedgerNotEmpty,
            Refused,
        ) as error:
            end(f"{PROGRAM}: {error}", 2)
        except (LedgerError, DeskError, OSError) as error:
            end(f"{PROGRAM}: {error}", 1)

    return wrapped


def end_faults(faults: Collection[object]) -> NoReturn:
    """Print the faults of a file or a draft, a line each, and end with 2."""
    for fault in faults:
        click.echo(f"{PROGRAM}: {fault}", err=True)
    end(f"{PROGRAM}: nothing was taken, faults: {len(faults)}", 2)


def write_output(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
