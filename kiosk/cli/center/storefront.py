"""``sorting-center storefront``: serves what is published to everybody."""

from __future__ import annotations

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.web import host_and_port, until_signal
from kiosk.sorting_center.ledger import without_password
from kiosk.sorting_center.shared.listen_socket import listening_socket
from kiosk.sorting_center.storefront.process import BadStorefrontSettings, StorefrontSettings, serve


@click.command()
@ledger_option
@click.option(
    "--http",
    required=True,
    metavar="HOST:PORT",
    envvar="STOREFRONT",
    show_envvar=True,
    help="Serve it there; port 0 takes a free one.",
)
@click.option(
    "--photos-dir",
    type=click.Path(file_okay=False, resolve_path=True),
    metavar="DIR",
    envvar="PHOTOS_DIR",
    show_envvar=True,
    help="Where the pictures of stations are kept; without it no picture is shown.",
)
@click.option(
    "--public-url",
    metavar="URL",
    envvar="STOREFRONT_URL",
    show_envvar=True,
    help="Under which buyers find it: https://goods.county.example.",
)
@clear_errors
def storefront(url: str, http: str, photos_dir: str | None, public_url: str | None) -> None:
    """Show what is published to everybody, without login; any number beside the sorting centers of the same ledger.

    Changes nothing, and waits for a desk that is not there yet.
    """
    host, port = host_and_port("--http", http)
    try:
        settings = StorefrontSettings(host=host, port=port, photos_dir=photos_dir, public_url=public_url).checked()
    except BadStorefrontSettings as error:
        raise click.UsageError(str(error)) from error
    ending = until_signal()
    listening = listening_socket(settings.host, settings.port)
    click.echo(f"storefront of {without_password(url)} on {settings.url(listening.getsockname()[1])}", err=True)
    serve(url, settings, listening, ending)
