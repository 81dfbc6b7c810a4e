"""``sorting-center storefront``: serves what is published to everybody; and the same as options of ``run``."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from kiosk.base.shutdown import ShutdownEvent
from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.cli.center.web import host_and_port
from kiosk.sorting_center.ledger import without_password
from kiosk.sorting_center.listen_socket import listening_socket
from kiosk.sorting_center.storefront.settings import BadStorefrontSettings, StorefrontSettings

_OPTIONS = (
    click.option(
        "--storefront",
        metavar="HOST:PORT",
        envvar="STOREFRONT",
        show_envvar=True,
        help="Show what is published to everybody there, without login; port 0 takes a free one.",
    ),
    click.option(
        "--storefront-cert", metavar="FILE", envvar="STOREFRONT_CERT", show_envvar=True, help="PEM: serve it over TLS."
    ),
    click.option("--storefront-key", metavar="FILE", envvar="STOREFRONT_KEY", show_envvar=True, help="Its key."),
)


def storefront_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options, given to the command as one ``storefront``: settings, or None without ``--storefront``.

    Above those of the staff's pages, which have the storefront's public address.
    """

    @wraps(command)
    def with_settings(*args: Any, storefront: str | None, storefront_url: str | None, **rest: Any) -> None:
        cert, key = rest.pop("storefront_cert"), rest.pop("storefront_key")
        settings = None
        if storefront is None and (cert or key):
            raise click.UsageError("--storefront-cert and --storefront-key need --storefront HOST:PORT")
        if storefront is not None:
            settings = _settings("--storefront", storefront, cert_file=cert, key_file=key, public_url=storefront_url)
        command(*args, storefront=settings, storefront_url=storefront_url, **rest)

    decorated: Callable[..., None] = with_settings
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


@click.command()
@ledger_option
@click.option("--http", required=True, metavar="HOST:PORT", help="Serve it there; port 0 takes a free one.")
@click.option("--http-cert", "cert_file", metavar="FILE", help="PEM: serve over TLS with it and what signed it.")
@click.option("--http-key", "key_file", metavar="FILE", help="Its key, without a password.")
@click.option(
    "--photos-dir",
    type=click.Path(file_okay=False, resolve_path=True),
    metavar="DIR",
    envvar="PHOTOS_DIR",
    show_envvar=True,
    help="Where the pictures of stations are kept; without it no picture is shown.",
)
@click.option("--public-url", metavar="URL", help="Under which buyers find it: https://goods.county.example.")
@clear_errors
def storefront(url: str, http: str, photos_dir: str | None, public_url: str | None, **files: str | None) -> None:
    """Show what is published to everybody, without login; any number beside the sorting centers of the same ledger.

    Changes nothing, and waits for a desk that is not there yet.
    """
    from kiosk.sorting_center.storefront.process import serve  # the options are those of `run` as well

    settings = _settings("--http", http, photos_dir=photos_dir, public_url=public_url, **files)
    ledger_name = without_password(url)
    ending = ShutdownEvent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    listening = listening_socket(settings.host, settings.port)
    click.echo(f"storefront of {ledger_name} on {settings.url(listening.getsockname()[1])}", err=True)
    serve(url, settings, listening, ending)


def _settings(option: str, place: str, **rest: str | None) -> StorefrontSettings:
    """Raises click.UsageError."""
    host, port = host_and_port(option, place)
    try:
        return StorefrontSettings(host=host, port=port, **rest).checked()
    except BadStorefrontSettings as error:
        raise click.UsageError(str(error)) from error
