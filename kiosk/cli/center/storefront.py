"""``sorting-center storefront``: serves what is published to everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.web import host_and_port, until_signal
from kiosk.sorting_center.ledger import without_password
from kiosk.sorting_center.shared.listen_socket import listening_socket
from kiosk.sorting_center.storefront.process import BadStorefrontSettings, StorefrontSettings, serve
from kiosk.sorting_center.storefront.seller import Seller

_SELLER_OPTIONS: Final = {
    "seller-zh": "Who sells, in Chinese: the name of the cooperative or of the county's company.",
    "seller-ug": "The same in Uyghur.",
    "seller-en": "The same in English.",
    "licence": "The number of the seller's business licence.",
    "phone": "A telephone number for buyers, like +86 998 555 0147.",
    "chat": "An address that opens a chat with the seller: https://… or weixin://…; buyers see it as a QR code, too.",
}


def _seller_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_SELLER_OPTIONS.items()):
        variable = f"STOREFRONT_{name.upper().replace('-', '_')}"
        option = click.option(f"--{name}", default="", metavar="TEXT", envvar=variable, show_envvar=True, help=text)
        command = option(command)
    return command


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
@_seller_options
@clear_errors
def storefront(url: str, http: str, photos_dir: str | None, public_url: str | None, **seller: str) -> None:
    """Show what is published to everybody, without login; any number beside the sorting centers of the same ledger.

    Changes nothing, and waits for a desk that is not there yet.
    """
    host, port = host_and_port("--http", http)
    try:
        settings = StorefrontSettings(
            host=host, port=port, photos_dir=photos_dir, public_url=public_url, seller=Seller(**seller)
        ).checked()
    except BadStorefrontSettings as error:
        raise click.UsageError(str(error)) from error
    ending = until_signal()
    listening = listening_socket(settings.host, settings.port)
    click.echo(f"storefront of {without_password(url)} on {settings.url(listening.getsockname()[1])}", err=True)
    serve(url, settings, listening, ending)
