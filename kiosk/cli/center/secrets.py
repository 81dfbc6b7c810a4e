"""Passwords on the command line: typed twice on a terminal, or one line of standard input; never an option."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

_MAX_LINE_LENGTH: Final = 4_096


def prompt_password(*, known: bool = False) -> str:
    """Read a password; a ``known`` one is typed once. Raises click.UsageError when there was no input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=False if known else "Once more"))
    line = sys.stdin.readline(_MAX_LINE_LENGTH).rstrip("\r\n")
    if not line:
        raise click.UsageError("no password came on standard input: give it as one line")
    return line


def read_secret(file: Path) -> str:
    """Read the first line of a file. Raises OSError."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.readline(_MAX_LINE_LENGTH).rstrip("\r\n")
