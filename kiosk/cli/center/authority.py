"""The county's authority as the commands use it that make certificates of machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from kiosk.cli.center.errors import PROGRAM
from kiosk.cli.center.secrets import prompt_password, read_secret
from kiosk.cli.shared.one_line import end
from kiosk.sorting_center.stations.authority import BadAuthority, BadPassPhrase, CountyAuthority

AUTHORITY: Final = Path("/etc/sorting-center/authority")
_MAX_CHARACTERS: Final = 64 * 1024
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS: Final = (
    click.option(
        "--authority",
        type=click.Path(file_okay=False, path_type=Path),
        default=AUTHORITY,
        show_default=True,
        help="Where authority.crt, authority.key and kit.pub are.",
    ),
    click.option("--pass-phrase-file", type=_FILE, help="Holds the pass phrase of authority.key, else asked for."),
    click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder."),
)


def authority_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def open_authority(folder: Path, pass_phrase_file: Path | None) -> CountyAuthority:
    """Ask for the pass phrase unless a file holds it. Ends the program with one line; raises OSError."""
    certificate, key = (read_text(folder / name) for name in ("authority.crt", "authority.key"))
    phrase = read_secret(pass_phrase_file) if pass_phrase_file is not None else prompt_password(known=True)
    try:
        return CountyAuthority.open(certificate, key, phrase)
    except (BadAuthority, BadPassPhrase) as error:
        end(f"{PROGRAM}: {folder}: {error}", 2)


def read_text(file: Path) -> str:
    """Raises OSError."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_MAX_CHARACTERS)
