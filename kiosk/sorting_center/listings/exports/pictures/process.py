"""A process that makes one ZIP of pictures and ends: ``python -m`` and the name of this module.

Masters are a stranger's bytes, and their decoder is C: whatever it does with memory, time or an address ends this
process, and nothing of the pages.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from kiosk.photo.channels.rules import ChannelRule
from kiosk.sorting_center.listings.exports.pictures.child import Master, PictureExportResult, PictureExportTask
from kiosk.sorting_center.listings.exports.pictures.making import (
    DAMAGED,
    OmissionReason,
    PictureOrReasons,
    make,
    picture,
)
from kiosk.sorting_center.shared.child_process import NICENESS, exit_with_parent, open_stdin, read_task, write_result

# A master of 8 MB may have 40 megapixels, 120 MB decoded; what is made of it is smaller.
_MEMORY_BYTES: Final = 500_000_000
_LIBC: Final = ctypes.CDLL(None)
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG, prctl(2)
_PICTURE_CPU_S: Final = 10.0  # Of a processor, for one picture: the largest master takes about two


_decode_task: Final = msgspec.json.Decoder(PictureExportTask).decode
_decode_picture: Final = msgspec.msgpack.Decoder(PictureOrReasons).decode


def main() -> int:
    """Make it, and say what came of it on standard output, which image libraries cannot reach."""
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
    """What ``make_one`` gives, made in a fork of this process: whatever a picture does to a decoder, the others are
    made."""
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
    """Bound the memory and the time of this process; neither can be taken back."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    size, resident = (int(count) * resource.getpagesize() for count in pages[:2])
    # Addresses that are mapped and not used yet, as of libraries, do not count against the pictures.
    limit_bytes = size - resident + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, timeout_s)  # the kernel's own, also in a call that hangs inside a library


if __name__ == "__main__":
    sys.exit(main())
