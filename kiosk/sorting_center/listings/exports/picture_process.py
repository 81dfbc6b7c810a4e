"""A process that makes one ZIP of pictures and exits: ``python -m`` and the name of this module.

Masters are a stranger's bytes, and their decoder is C: whatever it does with memory, time or an address ends this
process, but not the pages.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import msgspec

from kiosk.photo.channels.picture import ChannelRefused, make_picture_from_jpeg
from kiosk.photo.channels.rules import ChannelRule
from kiosk.sorting_center.export.spreadsheet import csv_lines
from kiosk.sorting_center.listings.exports.pictures import (
    Master,
    PictureExportResult,
    PictureExportTask,
    PictureOrder,
)
from kiosk.sorting_center.photos.folder import read_picture
from kiosk.sorting_center.shared.child_process import NICENESS, exit_with_parent, open_stdin, read_task, write_result

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


PictureOrReasons = bytes | tuple[OmissionReason, ...]  # A picture, or every reason why it is missing


def picture(master: Master, rule: ChannelRule) -> PictureOrReasons:
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
    """Write ``{id}/1.jpg`` and so on in the order of the photos, leaving numbers of omitted ones free; and REPORT.
    ``make_one`` makes each of them. Raises OSError.
    """
    made, left_out = 0, list[tuple[str, Master, tuple[OmissionReason, ...]]]()
    with ZipFile(to, "w", ZIP_STORED) as archive:
        for listing in order.listings:
            for place, master in enumerate(listing.photos, 1):
                name, found = f"{listing.name}/{place}.jpg", make_one(master, order.rule)
                if isinstance(found, bytes):
                    archive.writestr(_entry(name), found)
                    made += 1
                else:
                    left_out.append((name, master, found))
        rows = (
            [name, master.sha256, one.word, one.value, one.limit, order.words.get(one.word, "")]
            for name, master, why in left_out
            for one in why
        )
        archive.writestr(_entry(REPORT), b"".join(csv_lines(COLUMNS, rows, str)))
    return PictureExportResult(made, len(left_out))


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _FIXED_TIMESTAMP)
    entry.external_attr, entry.create_system = _FILE_MODE, 3  # as of Unix, wherever it is made
    return entry


# A master of 8 MB may have 40 megapixels, 120 MB decoded; what is made of it is smaller.
_MEMORY_BYTES: Final = 500_000_000
_LIBC: Final = ctypes.CDLL(None)
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG, prctl(2)
_PICTURE_CPU_S: Final = 10.0  # Of a processor, for one picture: the largest master takes about two


_decode_task: Final = msgspec.json.Decoder(PictureExportTask).decode
_decode_picture: Final = msgspec.msgpack.Decoder(PictureOrReasons).decode


def main() -> int:
    """Make the pictures and report on the original standard output, which image libraries cannot reach."""
    os.nice(NICENESS)
    task = _decode_task(read_task(open_stdin()))
    threading.Thread(target=exit_with_parent, args=(sys.stdin.fileno(),), daemon=True).start()
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    confine(task.timeout_s)
    try:
        with os.fdopen(task.descriptor, "wb") as file:
            made = make(task.order, file, make_in_fork)
    except OSError as error:
        made = PictureExportResult(error=error.strerror or str(error))
    write_result(answers, msgspec.json.encode(made))
    return 1 if made.error else 0


_PictureMaker = Callable[[Master, ChannelRule], PictureOrReasons]


def make_in_fork(
    master: Master, rule: ChannelRule, timeout_s: float = _PICTURE_CPU_S, make_one: _PictureMaker = picture
) -> PictureOrReasons:
    """Call ``make_one`` in a fork of this process: a picture that crashes a decoder does not stop the others."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _LIBC.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
            os.close(reading)
            signal.setitimer(signal.ITIMER_PROF, timeout_s)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(msgspec.msgpack.encode(make_one(master, rule)))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        output = pipe.read()
    os.waitpid(pid, 0)
    try:
        found: PictureOrReasons = _decode_picture(output)
    except (ValueError, RecursionError):  # it was ended in between
        return (OmissionReason(DAMAGED),)
    return found


def confine(timeout_s: float) -> None:
    """Limit the memory and the time of this process; neither can be undone."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    size, resident = (int(count) * resource.getpagesize() for count in pages[:2])
    # Addresses that are mapped and not used yet, as of libraries, do not count against the pictures.
    limit_bytes = size - resident + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, timeout_s)  # the kernel's own, also in a call that hangs inside a library


if __name__ == "__main__":
    sys.exit(main())
