"""``kiosk verify``: papers, proofs and ledgers, checked by public keys alone: on any machine, without a county."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import IO, Final

import click

from kiosk.cli.shared.one_line import counted, end, progress
from kiosk.messaging.contract.envelope import MAX_EVENT_BYTES
from kiosk.messaging.contract.event_chain import EVENT_CHECKS, EventLine, NamedCheck, event_faults
from kiosk.messaging.contract.paper_checks import CheckedFile, check_text, unreadable, with_slips
from kiosk.messaging.contract.public_keys import KeyRing, PublicKeys, parse_public_keys
from kiosk.messaging.contract.statement import MAX_BYTES, check_statement
from kiosk.store import StoreError
from kiosk.store.database.inspection import sealed_events

MAX_FAULTS: Final = 20  # Of each check; the others are counted
_MAX_LINE: Final = MAX_EVENT_BYTES + 2
_STATEMENT, _STATEMENT_HEAD = b'"kind":"statement"', 200  # Its place in the canonical form of a statement
_DATABASE: Final = b"SQLite format 3\0"


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The county's public keys; without them nothing that is signed is valid.",
)
def verify(files: tuple[str, ...], keys_file: Path | None) -> None:
    """Check slips, proofs of the county's log, exports and stations' databases: one JSON object for each FILE.

    Standard input when it is - or absent. A slip is the text of its code. A proof that is given together with slips
    must be that of one of them. Changes nothing. Ends with 1 when one of them is not valid.
    """
    keys = _read_keys(keys_file)
    found = [(name, _check_file(name, keys)) for name in files or ("-",)]
    heads = [one.says["head"] for _, one in found if one.kind == "slip" and one.says]
    verdicts = set()
    for name, one in found:
        checked = with_slips(one, heads)
        checks = [
            {key: value for key, value in row._asdict().items() if key in ("name", "ok") or (value and not row.ok)}
            for row in checked.checks
        ]
        row = {"file": name, "kind": checked.kind, "verdict": checked.verdict, "checks": checks}
        click.echo(json.dumps({**row, "says": checked.says} if checked.says else row))
        verdicts.add(checked.verdict)
    raise SystemExit(0 if verdicts == {"valid"} else 1)


def _read_keys(path: Path | None) -> KeyRing:
    if path is None:
        return KeyRing(PublicKeys(""))
    try:
        return KeyRing(parse_public_keys(path.read_bytes()))
    except (OSError, ValueError) as error:
        end(f"--keys {path}: no file of public keys: {error}", 2)


def _check_file(name: str, keys: KeyRing) -> CheckedFile:
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:  # noqa: PTH123 - as it is
            first = file.readline(_MAX_LINE)
            if first.startswith(b"{") and _STATEMENT in first[:_STATEMENT_HEAD]:
                rows = check_statement(first + file.read(MAX_BYTES), keys.source)
                return CheckedFile("statement", [NamedCheck(*row) for row in rows])
            if first.startswith(b"{"):
                return _check_events("export", _lines(first, file), keys)
            if not first.startswith(_DATABASE):
                content = first + file.read(_MAX_LINE)
                return unreadable(None, "too large") if file.read(1) else check_text(content.decode("utf-8"), keys)
        events = (EventLine(body, place, sha256) for place, sha256, body in sealed_events(Path(name)))
        return _check_events("journal", events, keys)
    except UnicodeDecodeError:
        return unreadable(None, "this is no text")
    except (OSError, ValueError) as error:
        return unreadable(None, getattr(error, "strerror", None) or str(error))
    except StoreError as error:
        return unreadable("journal", str(error))


def _lines(first: bytes, file: IO[bytes]) -> Iterator[EventLine]:
    pieces = chain([first], iter(lambda: file.readline(_MAX_LINE), b""))
    return (EventLine(piece.removesuffix(b"\n"), f"line {number}") for number, piece in enumerate(pieces, 1))


def _check_events(kind: str, lines: Iterator[EventLine], keys: KeyRing) -> CheckedFile:
    faults: list[NamedCheck] = []
    counts: Counter[str] = Counter()
    with progress("checking", "events") as show:

        def count(number: int) -> None:
            counts[""] = number
            show(number)

        for fault in event_faults(counted(lines, count), keys):
            counts[fault.name] += 1
            if counts[fault.name] <= MAX_FAULTS:
                faults.append(fault)
    is_form = counts.pop("", 0) > counts["readable"]
    form = NamedCheck("form", is_form, "no event of a station is in it")
    more = [NamedCheck(name, False, f"{n - MAX_FAULTS} more") for name, n in counts.items() if n > MAX_FAULTS]
    right = [NamedCheck(name, True) for name in EVENT_CHECKS if not counts[name]]
    return CheckedFile(kind, [form, *right, *faults, *more])
