"""``sorting-center photos``: takes the stations' pictures in, and offers them updates."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.web import on_loopback, until_signal
from kiosk.sorting_center.ledger import without_password
from kiosk.sorting_center.photos.process import serve
from kiosk.sorting_center.shared.listen_socket import listening_socket, unix_socket

_FOLDER = click.Path(file_okay=False, resolve_path=True, path_type=Path)


@click.command()
@ledger_option
@click.option("--socket", metavar="PATH", help="Listen at this Unix socket, for nginx alone, which names the station.")
@click.option(
    "--http",
    metavar="HOST:PORT",
    help="Listen there instead, on loopback alone, and believe the path about the station: for trials without nginx.",
)
@click.option(
    "--photos-dir",
    required=True,
    type=_FOLDER,
    metavar="DIR",
    envvar="PHOTOS_DIR",
    show_envvar=True,
    help="Where pictures are kept; made when it is not there.",
)
@click.option(
    "--updates-dir",
    type=_FOLDER,
    metavar="DIR",
    envvar="UPDATES_DIR",
    show_envvar=True,
    help="Offer stations the update bundles of this folder, too (sorting-center update).",
)
@clear_errors
def photos(url: str, socket: str | None, http: str | None, photos_dir: Path, updates_dir: Path | None) -> None:
    """Take the stations' pictures in, and offer them updates; beside the sorting center of the same ledger.

    Changes the folder of pictures, and the list of pictures beside the ledger. nginx must be before it, which checks
    the certificates of stations: it sets the header X-Station to the station of the certificate.
    """
    address = on_loopback("--http", http)
    ending = until_signal()
    if socket is not None and address is None:
        listening, place = unix_socket(socket), socket
    elif address is not None and socket is None:
        listening = listening_socket(*address)
        place = f"http://{address[0]}:{listening.getsockname()[1]}"
    else:
        raise click.UsageError("give --socket PATH, where nginx finds it, or --http HOST:PORT for a trial")
    click.echo(f"pictures for {without_password(url)} on {place}", err=True)
    serve(url, photos_dir, updates_dir, listening, ending)
