"""Masters to a ZIP of a channel's pictures, and a report of those that are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from kiosk.photo.channels.picture import ChannelRefused, make_picture_from_jpeg
from kiosk.photo.channels.rules import ChannelRule
from kiosk.sorting_center.export.spreadsheet import csv_lines
from kiosk.sorting_center.listings.exports.pictures.child import Master, PictureExportResult, PictureOrder
from kiosk.sorting_center.photos.folder import read_picture

COLUMNS: Final = ("picture", "photo", "reason", "value", "limit", "meaning")
REPORT: Final = "report.csv"
MISSING: Final = "missing"  # Not here, or its file cannot be read
DAMAGED: Final = "damaged"  # Other bytes than were received, no picture, or one that takes too long
# Of every file, so that the same pictures come to the same ZIP; the first that the format has.
_FIXED_TIMESTAMP: Final = (1980, 1, 1, 0, 0, 0)
_FILE_MODE: Final = 0o644 << 16


@dataclass(frozen=True, slots=True)
class OmissionReason:
    """Why a picture is left out: a word, and what was measured beside its limit where there is one."""

    word: str
    value: int | str = ""
    limit: int | str = ""


PictureOrReasons = bytes | tuple[OmissionReason, ...]  # A picture, or every reason why there is none


def picture(master: Master, rule: ChannelRule) -> PictureOrReasons:
    """The channel's picture, or every reason why there is none."""
    if not master.path:
        return (OmissionReason(MISSING),)
    try:
        jpeg = read_picture(Path(master.path), master.sha256)
    except OSError:
        return (OmissionReason(MISSING),)
    if jpeg is None:
        return (OmissionReason(DAMAGED),)
    try:
        return make_picture_from_jpeg(jpeg, rule).data
    except ChannelRefused as refused:
        return tuple(OmissionReason(row.reason.value, row.value, row.limit) for row in refused.findings)
    except Exception:  # whatever a library makes of a stranger's file, the others are made
        return (OmissionReason(DAMAGED),)


def make(
    order: PictureOrder, to: IO[bytes], make_one: Callable[[Master, ChannelRule], PictureOrReasons] = picture
) -> PictureExportResult:
    """``{id}/1.jpg`` and so on in the order of the photos, the name of one that is left out remains free; and REPORT.
    ``make_one`` makes each of them. Raises OSError.
    """
    made, left_out = 0, list[tuple[str, Master, tuple[OmissionReason, ...]]]()
    with ZipFile(to, "w", ZIP_STORED) as archive:
        for name, master in _names(order):
            found = make_one(master, order.rule)
            if isinstance(found, bytes):
                archive.writestr(_entry(name), found)
                made += 1
            else:
                left_out.append((name, master, found))
        rows = (
            [name, master.sha256, *cells] for name, master, why in left_out for cells in _report_cells(why, order.words)
        )
        archive.writestr(_entry(REPORT), b"".join(csv_lines(COLUMNS, rows, str)))
    return PictureExportResult(made, len(left_out))


def _names(order: PictureOrder) -> Iterator[tuple[str, Master]]:
    for listing in order.listings:
        for place, master in enumerate(listing.photos, 1):
            yield f"{listing.name}/{place}.jpg", master


def _report_cells(why: tuple[OmissionReason, ...], words: Mapping[str, str]) -> Iterator[list[str | int]]:
    for reason in why:
        yield [reason.word, reason.value, reason.limit, words.get(reason.word, "")]


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _FIXED_TIMESTAMP)
    entry.external_attr, entry.create_system = _FILE_MODE, 3  # as of Unix, wherever it is made
    return entry
