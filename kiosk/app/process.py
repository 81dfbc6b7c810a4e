"""What every process of a station begins with: its log, its malloc, its GIL switch interval."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Any


def setup_logging() -> None:
    """Log to standard error, where systemd and the demo read it; one line a record, whatever it contains."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("waitress").setLevel(logging.ERROR)


class OneLine(logging.Formatter):
    """One line per record: a name with a newline, a color or a direction mark cannot forge a line or hide one.

    The traceback of an exception follows on separate lines, each indented, each as plain.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _plain(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """Indent the traceback: an exception's own text is no safer than a name."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _indented(super().formatStack(stack_info))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _indented(text: str) -> str:
    return "\n".join(f"    {_plain(line)}" for line in text.split("\n"))


# glibc, malloc.h (mallopt(3)): from which size on a block is mapped by itself; how many arenas threads share.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
_MMAP_THRESHOLD_BYTES = 256 * 1024
_ARENAS = 2


def limit_malloc() -> None:
    """Keep the heap of a process with many mostly idle threads small.

    Two arenas: each further one keeps its own slack. Large blocks (a picture, the memory of Argon2) go back at once:
    left alone, glibc raises its threshold after the first of them and then keeps the later ones.
    Does nothing where the C library has no such choice.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, _ARENAS)
        mallopt(M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


SWITCH_INTERVAL_S = 0.001  # A fifth of Python's own


def shorten_switch_interval() -> None:
    """Let threads take turns more often.

    A thread that builds a page releases the interpreter at every read of the database, and then waits a whole turn of
    the thread that draws a paper.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
