"""``sorting-center backup``: the whole server on another disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from kiosk.base import files
from kiosk.cli.center.county_key import county_key_option, county_seal
from kiosk.cli.center.errors import PROGRAM, clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.shared.one_line import end, progress
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.server.backup import ServerFiles, back_up_server, require_other_disk
from kiosk.sorting_center.server.layout import ServerLayout

LAYOUT: Final = ServerLayout()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@ledger_option
@click.option(
    "--photos-dir",
    type=click.Path(path_type=Path),
    default=LAYOUT.data / "photos",
    show_default=True,
    metavar="DIR",
    envvar="PHOTOS_DIR",
    help="Where the center keeps photographs.",
)
@click.option("--keep", type=click.IntRange(min=1), default=14, show_default=True, help="Delete all but the newest.")
@click.option("--same-disk", is_flag=True, help="Allow the disk of the server itself: for a trial, it is no backup.")
@county_key_option
@clear_errors
def backup(folder: Path, url: str, photos_dir: Path, keep: int, *, same_disk: bool, county_key: Path | None) -> None:
    """Write everything a server needs to come back into FOLDER, on another disk; while the center works. As root.

    Ledger, desk, photographs, settings, and the authority with its keys as they are sealed. With the county's key for
    recovery kits ledger and desk are encrypted to it. Passwords and the keys of servers are not in it: a restore makes
    new ones. Exit 1 also when photographs of the server are damaged.
    """
    now = datetime.now(UTC)
    source = ServerFiles(url, LAYOUT.settings.parent, photos_dir)
    if not same_disk:
        require_other_disk(folder, source.configuration, LAYOUT.data)
    seal = county_seal(county_key)
    with progress("backing up"):
        made, manifest = back_up_server(source, folder, now, keep, seal)
    note = {"at": to_rfc3339(now), "where": str(made)}
    files.write_durably(LAYOUT.backup, msgspec.json.encode(note), 0o600)
    click.echo(f"Backup {made}: {manifest.events} events, {manifest.photographs} photographs.")
    if manifest.damaged:
        end(f"{PROGRAM}: {manifest.damaged} photographs in {photos_dir} are damaged, and are not in the backup", 1)
