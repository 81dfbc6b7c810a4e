"""Composition of ``kiosk-bundle.service``: root copies a support bundle to the stick that is plugged in.

A technician has asked for it at the unlocked page, and the station through its request file. The stick is writable for
the copy alone, and for this unit alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.app.mounting.mounting import MEDIA
from kiosk.app.mounting.writable import Writable, writable
from kiosk.app.shared.media import IsMount, mounted
from kiosk.base.files import open_regular, write_durably
from kiosk.base.refused import Refused
from kiosk.base.root_requests import serve
from kiosk.station.doctor.tools import copy_request_file

MAX_BUNDLE_BYTES: Final = 64_000_000  # A bundle is below 5 MB


@dataclass(frozen=True, slots=True)
class ExportPaths:
    """Where everything lies on a box; other folders in tests."""

    data: Path = Path("/var/lib/kiosk")
    media: tuple[Path, ...] = (MEDIA,)
    is_mount: IsMount = os.path.ismount
    writable: Writable = field(default=writable)


def copy_bundle(where: ExportPaths) -> Path:
    """The copy on the first stick. Raises Refused, CannotRemove, OSError."""
    made = serve(copy_request_file(where.data), lambda message: _copy(where, message.body.bundle))
    if made is None:
        raise Refused("not_copied", "no bundle is requested")
    return made


def _copy(where: ExportPaths, name: str) -> Path:
    try:
        content = _plain_file(where.data / name, MAX_BUNDLE_BYTES)
    except OSError as error:
        raise Refused("not_copied", f"no bundle was asked for that is there: {error}") from error
    medium = next(iter(mounted(where.media, where.is_mount)), None)
    if medium is None:
        raise Refused("not_copied", "there is no stick: plug one in and write the bundle again")
    with where.writable(medium):
        write_durably(medium / name, content)
    return medium / name


def _plain_file(path: Path, max_bytes: int) -> bytes:
    """The folder is the station's: a link there could lead anywhere. Raises OSError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise OSError(f"{path.name} has more than {max_bytes} bytes")
        return file.read(max_bytes)
