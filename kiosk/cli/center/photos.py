"""Where pictures of stations are received, as options of ``sorting-center run``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from kiosk.cli.center.web import host_and_port
from kiosk.sorting_center.photos.settings import BadPhotosSettings, PhotosSettings

_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)
_OPTIONS = (
    click.option(
        "--photos",
        metavar="HOST:PORT",
        envvar="PHOTOS",
        show_envvar=True,
        help="Receive the stations' pictures there, over TLS with their certificates; plain HTTP on loopback alone.",
    ),
    click.option(
        "--photos-dir",
        type=click.Path(file_okay=False, resolve_path=True),
        metavar="DIR",
        envvar="PHOTOS_DIR",
        show_envvar=True,
        help="Where pictures are kept; made when it is not there.",
    ),
    click.option(
        "--photos-cert",
        type=_FILE,
        envvar="PHOTOS_CERT",
        show_envvar=True,
        help="Certificate of the place where pictures are received.",
    ),
    click.option("--photos-key", type=_FILE, envvar="PHOTOS_KEY", show_envvar=True, help="Its key."),
    click.option(
        "--photos-ca",
        type=_FILE,
        envvar="PHOTOS_CA",
        show_envvar=True,
        help="Who signed the stations' certificates; nobody else is let in.",
    ),
    click.option(
        "--updates-dir",
        type=click.Path(file_okay=False, resolve_path=True),
        metavar="DIR",
        envvar="UPDATES_DIR",
        show_envvar=True,
        help="Offer stations the update bundles of this folder, at the same place (sorting-center update).",
    ),
)


def photos_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options, given to the command as one ``photos``: settings, or None without ``--photos``."""

    @wraps(command)
    def with_settings(
        *args: Any, photos: str | None, photos_dir: str | None, updates_dir: str | None, **rest: Any
    ) -> None:
        files = {name: rest.pop(f"photos_{name}") for name in ("cert", "key", "ca")}
        if photos is None and (photos_dir is not None or any(files.values())):
            raise click.UsageError("--photos-dir, --photos-cert, --photos-key and --photos-ca need --photos HOST:PORT")
        if photos is None and updates_dir is not None:
            raise click.UsageError("--updates-dir needs --photos HOST:PORT: stations fetch updates there")
        settings = None
        if photos is not None:
            if photos_dir is None:
                raise click.UsageError("--photos needs --photos-dir: where pictures are kept")
            host, port = host_and_port("--photos", photos)
            try:
                settings = PhotosSettings(
                    host=host, port=port, folder=photos_dir, updates=updates_dir, **files
                ).checked()
            except BadPhotosSettings as error:
                raise click.UsageError(str(error)) from error
        command(*args, photos=settings, **rest)

    decorated: Callable[..., None] = with_settings
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
