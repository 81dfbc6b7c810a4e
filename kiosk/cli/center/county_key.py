"""The county's public key, to which backups of the center are encrypted."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from kiosk.cli.center.errors import PROGRAM
from kiosk.cli.shared.one_line import end
from kiosk.sorting_center.server.backup import Convert
from kiosk.sorting_center.server.layout import ServerLayout
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.kit_files import load_county_key
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.shared.age_file import seal_stream

county_key_option = click.option(
    "--county-key",
    "county_key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Encrypt to the county's public key in FILE, by default {ServerLayout().kit_public} when it is there.",
)


def county_seal(file: Path | None) -> Convert | None:
    """Return the encryption to the key in ``file``, else to this server's, if any. Ends when it is not usable."""
    place = file or ServerLayout().kit_public
    try:
        if file is None:
            place.stat()
        county = load_county_key(BackupSettings(Path(), county_key_file=place))
    except FileNotFoundError:
        return None
    except (KitRefused, OSError) as error:
        end(f"{PROGRAM}: no backup is made unencrypted while the county has a key: {error}", 1)
    return None if county is None else partial(seal_stream, public=county.public)
