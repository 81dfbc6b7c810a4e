"""Composition of ``kiosk-bundle.service``: root copies a support bundle to the stick that is plugged in.

A technician has asked for it at the unlocked page, and the station through its request file. The stick is writable for
the copy alone, and for this unit alone.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.app.media import IsMount, mounted
from kiosk.app.mounting.rules import MEDIA
from kiosk.app.mounting.writable import Writable, writable
from kiosk.base.files import open_regular, write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.station.doctor.tools import COPY_REQUEST

LARGEST: Final = 64_000_000
"""A bundle is below 5 MB."""
_LONGEST_REQUEST: Final = 4096


class CopyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``bundle`` is the name of a file in the data folder."""

    bundle: Annotated[str, msgspec.Meta(pattern=r"^support-S[0-9]{4}-[0-9]{4}(-[0-9]{4}-[0-9]{2}-[0-9]{2})?\.zip\Z")]


_request: Final = reader(msgspec.json.Decoder(CopyRequest))


class NothingCopied(Exception):
    """There is no request, no stick, or no such bundle; the text says which."""


class RequestStays(Exception):
    """It was served and cannot be taken away; the text says why."""


@dataclass(frozen=True, slots=True)
class ExportPlaces:
    """Where everything lies on a box; other folders in tests."""

    data: Path = Path("/var/lib/kiosk")
    media: tuple[Path, ...] = (MEDIA,)
    is_mount: IsMount = os.path.ismount
    writable: Writable = field(default=writable)


def copy_bundle(where: ExportPlaces) -> Path:
    """The copy on the first stick. Raises NothingCopied, OSError, and RequestStays after all else.

    The request goes first, whatever it is: as long as one is there, the path unit starts the helper.
    """
    asked = where.data / COPY_REQUEST
    request: bytes | OSError
    try:
        request = _plain_file(asked, _LONGEST_REQUEST)
    except OSError as error:
        request = error
    stays = _take_away(asked)
    try:
        made = _copy(where, request)
    except NothingCopied as nothing:
        if stays is None:
            raise
        raise stays from nothing
    if stays is not None:
        raise stays
    return made


def _copy(where: ExportPlaces, request: bytes | OSError) -> Path:
    if isinstance(request, OSError):
        raise NothingCopied(f"no bundle was asked for: {request}")
    try:
        name = _request(request).bundle
        content = _plain_file(where.data / name, LARGEST)
    except (OSError, Unreadable) as error:
        raise NothingCopied(f"no bundle was asked for that is there: {error}") from error
    medium = next(iter(mounted(where.media, where.is_mount)), None)
    if medium is None:
        raise NothingCopied("there is no stick: plug one in and write the bundle again")
    with where.writable(medium):
        write_durably(medium / name, content)
    return medium / name


def _take_away(request: Path) -> RequestStays | None:
    """The folder is the station's, and no link to another is followed. What was in the way is returned."""
    try:
        folder = os.open(request.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _remove(request.name, folder)
        finally:
            os.close(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return RequestStays(str(error))
    return None


def _remove(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=folder)


def _plain_file(path: Path, most: int) -> bytes:
    """The folder is the station's: a link there could lead anywhere. Raises OSError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(f"{path.name} has more than {most} bytes")
        return file.read(most)
