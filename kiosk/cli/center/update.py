"""``sorting-center update``: which update bundles stations are offered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click

from kiosk.cli.center.errors import PROGRAM
from kiosk.cli.shared.one_line import end
from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.messaging.contract.updates import MAX_OFFERS, UpdateOffer
from kiosk.sorting_center.updates.folder import OfferFolder, TargetedOffer, TooManyOffers
from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verify_manifest
from kiosk.station.update.refusals import UpdateRefused
from kiosk.station.update.release import order_of, parse_keys
from kiosk.station.update.updater import check_payload

# Laid down by the package; without it no bundle is taken.
VENDOR_KEYS: Final = Path("/usr/lib/sorting-center/vendor.pub")
_CHUNK: Final = 1024 * 1024

_folder = click.option(
    "--updates-dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    required=True,
    envvar="UPDATES_DIR",
    show_envvar=True,
    help="The folder that sorting-center run has, too.",
)


@click.group()
def update() -> None:
    """Updates of stations: what they are offered. They fetch it slowly, and a person there installs it."""


def _stations(context: click.Context, option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(sorted({check_station(name) for name in names}))
    except BadIdentifier as error:
        raise click.BadParameter(str(error)) from error


@update.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@_folder
@click.option(
    "--station",
    "stations",
    multiple=True,
    callback=_stations,
    help="For this one alone, once for each: a new version is tried where somebody is near. Without it for all.",
)
@click.option(
    "--vendor-keys",
    type=click.Path(path_type=Path, dir_okay=False),
    default=VENDOR_KEYS,
    help="The vendor's vendor.pub.",
)
def add(bundle: Path, folder: Path, stations: tuple[str, ...], vendor_keys: Path) -> None:
    """Offer BUNDLE, after its signature and every byte of it were checked. The same again changes whom it is for.

    Exit 0 when it is offered, 1 when it is refused, 2 on wrong usage.
    """
    with _errors_as_one_line():
        keys = parse_keys(vendor_keys.read_text("ascii")) if vendor_keys.exists() else ()
        with bundle.open("rb") as file:
            offer = _offer(file, keys)
            file.seek(0)
            OfferFolder(folder).add(file, TargetedOffer(offer, stations))
    click.echo(_line(TargetedOffer(offer, stations)))


@update.command("list")
@_folder
def list_(folder: Path) -> None:
    """List what is offered, the newest version first: version, board, size, whom it is for, and its SHA-256."""
    with _errors_as_one_line():
        shelf = OfferFolder(folder)
        offered, damaged = shelf.offers(), shelf.damaged()
    for one in sorted(offered, key=lambda one: order_of(one.offer.version), reverse=True):
        click.echo(_line(one))
    for name in damaged:
        click.echo(
            f"{PROGRAM}: {name!a} is damaged and offered to nobody: remove it, or add its bundle again", err=True
        )


@update.command()
@click.argument("sha256")
@_folder
def remove(sha256: str, folder: Path) -> None:
    """Offer it no more: SHA256 as ``list`` prints it, or its first digits. Stations that have it keep it.

    Exit 0 when it is gone, 1 when there is none, or more than one.
    """
    with _errors_as_one_line():
        shelf = OfferFolder(folder)
        names = (*(one.offer.sha256 for one in shelf.offers()), *shelf.damaged())
        found = [name for name in names if name.startswith(sha256)]
        if len(found) != 1 or not sha256:
            end(f"{PROGRAM}: {len(found)} updates begin with {sha256!r}: see sorting-center update list", 1)
        shelf.remove(found[0])


def _offer(file: BinaryIO, keys: tuple[bytes, ...]) -> UpdateOffer:
    """Verify the bundle and describe it as an offer. Raises UpdateRefused, OSError."""
    head = parse_head(file.read(HEAD_BYTES))
    manifest = verify_manifest(head, file.read(head.manifest_bytes), keys)
    check_payload(file, manifest)
    size = file.tell()
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_CHUNK):
        digest.update(piece)
    release = manifest.release
    return UpdateOffer(
        release.version,
        release.architecture,
        release.python,
        release.libraries,
        manifest.brings_libraries,
        size,
        digest.hexdigest(),
    )


def _line(one: TargetedOffer) -> str:
    offer = one.offer
    whom = " ".join(one.stations) or "all stations"
    what = "with libraries" if offer.brings_libraries else "code only"
    size = f"{offer.size_bytes / 1_000_000:.1f} MB {what}"
    return f"{offer.version}  {offer.architecture}  Python {offer.python}  {size}  {whom}  {offer.sha256}"


@contextmanager
def _errors_as_one_line() -> Iterator[None]:
    try:
        yield
    except TooManyOffers:
        end(f"{PROGRAM}: {MAX_OFFERS} updates are offered already: remove one first", 1)
    except UpdateRefused as error:
        end(f"{PROGRAM}: {error}", 1)
    except BlockingIOError:
        end(f"{PROGRAM}: another update is being added or removed: try again when that is over", 1)
    except OSError as error:
        end(f"{PROGRAM}: {error.filename or 'the update'} cannot be used: {error.strerror or error}", 1)
    except ValueError as error:
        end(f"{PROGRAM}: {error}", 1)
