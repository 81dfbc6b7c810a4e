"""How the pages are served, as options; and ``sorting-center web``, which serves them and does nothing else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from kiosk.base.shutdown import ShutdownEvent, shutdown_event
from kiosk.cli.center.errors import clear_errors
from kiosk.cli.center.ledger import ledger_option
from kiosk.sorting_center.ledger import without_password
from kiosk.sorting_center.shared.listen_socket import listening_socket
from kiosk.sorting_center.web.child import RemoteHealth
from kiosk.sorting_center.web.shared.settings import CenterWebSettings, is_loopback

_OPTIONS = (
    click.option(
        "--http-name",
        "http_names",
        multiple=True,
        metavar="NAME",
        envvar="HTTP_NAMES",
        show_envvar=True,
        help="A name of the reverse proxy's certificate, once for each; others than this machine's are refused.",
    ),
    click.option(
        "--trusted-proxy",
        metavar="ADDRESS",
        help="Of the reverse proxy that speaks TLS: what it says of who asks is believed. Needed for any address but "
        "this machine's own.",
    ),
    click.option("--zone", default="Asia/Shanghai", show_default=True, help="In which the center's days begin."),
    click.option(
        "--allow-webhook-host",
        "webhook_hosts",
        multiple=True,
        metavar="NAME",
        help="A host inside this network that notices may go to: a webhook, over plain http too, or a mail server; "
        "once for each.",
    ),
    click.option(
        "--mail-logins",
        type=click.Path(exists=True, file_okay=False),
        metavar="DIR",
        help="Where the files with user and password of mail servers are.",
    ),
    click.option(
        "--storefront-url",
        metavar="URL",
        envvar="STOREFRONT_URL",
        show_envvar=True,
        help="Where buyers find the storefront, like https://goods.example.org: links in files for shops begin so.",
    ),
    click.option(
        "--photos-dir",
        type=click.Path(file_okay=False, resolve_path=True),
        metavar="DIR",
        envvar="PHOTOS_DIR",
        show_envvar=True,
        help="Where sorting-center photos keeps the pictures; without it every photo of a listing is pending.",
    ),
    click.option(
        "--term",
        "terms",
        multiple=True,
        metavar="KIND=DAYS",
        help="For how many days something about people stays, like audit=1095, once for each kind: see "
        "docs/personal-data.md.",
    ),
    click.option(
        "--publish-alone",
        is_flag=True,
        help="Who changed prices and goods may publish them without a second person; each release says so.",
    ),
)

_SETTING_OPTIONS = (
    *("trusted_proxy", "zone", "webhook_hosts", "mail_logins", "storefront_url", "photos_dir", "terms"),
    "publish_alone",
)


def web_options(required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options, passed to the command as one ``web``: settings, or None without ``--http``."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_settings(*args: Any, http: str | None, **rest: Any) -> None:
            options = {name: rest.pop(name) for name in _SETTING_OPTIONS}
            names = rest.pop("http_names")
            web = None
            if http is not None:
                host, port = host_and_port("--http", http)
                try:
                    web = CenterWebSettings(host=host, port=port, names=names, **options).validate()
                except ValueError as error:
                    raise click.UsageError(str(error)) from error
            command(*args, web=web, **rest)

        decorated: Callable[..., None] = with_settings
        for option in reversed(_OPTIONS):
            decorated = option(decorated)
        text = "Serve the pages there; port 0 takes a free one."
        return click.option("--http", metavar="HOST:PORT", required=required, help=text)(decorated)

    return add


@click.command()
@ledger_option
@web_options(required=True)
@clear_errors
def web(url: str, web: CenterWebSettings) -> None:
    """Serve the pages of a ledger, and take nothing in; any number beside the sorting centers of the same ledger.

    Changes the desk's database beside the ledger, where people, tokens and decisions are kept.
    """
    from kiosk.sorting_center.web.process import serve  # the options are those of other commands as well

    ending = until_signal()
    listening = listening_socket(web.host, web.port)
    click.echo(f"pages of {without_password(url)} on {web.url(listening.getsockname()[1])}", err=True)
    serve(url, web, listening, RemoteHealth(), ending)


def until_signal() -> ShutdownEvent:
    """Return an event set by SIGTERM and SIGINT; from now on the log goes to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    return shutdown_event()


def on_loopback(option: str, text: str | None) -> tuple[str, int] | None:
    """Parse like `host_and_port`, for this machine alone; None for None."""
    if text is None:
        return None
    host, port = host_and_port(option, text)
    if not is_loopback(host):
        raise click.UsageError(f"{option} {text!r} must be on this machine alone, like 127.0.0.1:9108")
    return host, port


def host_and_port(option: str, text: str) -> tuple[str, int]:
    """Parse HOST:PORT, also with an IPv6 host in brackets. Raises click.UsageError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise click.UsageError(f"{option} {text!r} must be HOST:PORT, like 127.0.0.1:8090")
    return host, int(port)
