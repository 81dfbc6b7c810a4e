"""The process that makes a channel's pictures, as its caller sees it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.photo.channels.rules import ChannelRule
from kiosk.sorting_center.shared.child_process import run_job

MAX_LISTINGS: Final = 100  # Of one file. With ten photos each, which is the most, they take a core about two minutes.
EXPORT_TIMEOUT_S: Final = 600.0
_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.listings.exports.picture_process")
# Threads would take addresses, of which the process has few, and a second core from the pages.
_ENVIRONMENT: Final = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"),
    "OPENCV_LOG_LEVEL": "OFF",
}


class Master(msgspec.Struct, frozen=True):
    """One photo of a listing; ``path`` is "" while it is not here."""

    sha256: str
    path: str


class ListingPhotos(msgspec.Struct, frozen=True):
    name: str
    photos: tuple[Master, ...]


class PictureOrder(msgspec.Struct, frozen=True):
    """``words`` are those of the report, which names what is missing in the language of who ordered."""

    rule: ChannelRule
    listings: tuple[ListingPhotos, ...]
    words: Mapping[str, str]


class PictureExportTask(msgspec.Struct, frozen=True):
    """``descriptor`` is the file that was handed over, open for writing; ``timeout_s`` from now on."""

    order: PictureOrder
    descriptor: int
    timeout_s: float


class PictureExportResult(msgspec.Struct, frozen=True):
    """How many pictures there are, and how many are left out; or why there is no file."""

    pictures: int = 0
    left_out: int = 0
    error: str = ""


_decode_result: Final = reader(msgspec.json.Decoder(PictureExportResult))


def make_in_subprocess(order: PictureOrder, to: IO[bytes]) -> PictureExportResult:
    """Write the ZIP. Raises OSError, also on timeout."""
    task = msgspec.json.encode(PictureExportTask(order, to.fileno(), EXPORT_TIMEOUT_S))
    output = run_job(_COMMAND, task, (to.fileno(),), EXPORT_TIMEOUT_S, _ENVIRONMENT)
    try:
        made = _decode_result(output)
    except Unreadable:
        raise OSError(None, "the export process returned truncated output") from None
    if made.error:
        raise OSError(None, made.error)
    return made
