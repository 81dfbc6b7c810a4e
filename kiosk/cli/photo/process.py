"""The child that judges a picture, as the command sees it, and what the two say to each other."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from kiosk.domain.verdict import Reason
from kiosk.photo.channels.rules import ChannelRule

# Sent by the child when everything is loaded: failures before it are the program's fault, not the picture's.
READY: Final = b"ready\n"
JUDGE_TIMEOUT_S: Final = 30.0  # A picture of 40 megapixels takes a small board 10 s
MEMORY_BYTES: Final = 400_000_000

Row = tuple[str, int, int]  # Code, value, limit


class JudgeResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the child says in one line; the bytes of a channel's picture follow it."""

    accepted: bool
    reasons: tuple[Row, ...]  # Against the shot; value and limit in thousandths
    metrics: dict[str, float | None]
    why: str | None = None  # Of a file on which no verdict could be reached
    refused: tuple[Row, ...] = ()  # What the channel's rule has against the picture


def unreadable(why: str) -> JudgeResult:
    return JudgeResult(accepted=False, reasons=((Reason.UNREADABLE.value, 0, 0),), metrics={}, why=why)


# -P keeps modules in the working directory out of it.
CHILD: Final = (sys.executable, "-P", "-m", "kiosk.cli.photo.child")
STANDARD_INPUT: Final = Path("-")
_START_S: Final = 20.0  # For loading the libraries: a small board needs 5 s
# Each thread would use its own memory.
_ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")


_answer: Final = msgspec.json.Decoder(JudgeResult).decode


class ChildFault(RuntimeError):
    """The child could not start; the text says why. No picture can be judged then."""


class PictureJudge:
    """Judges pictures, each in its own child process. ``command`` replaces the child's command line."""

    def __init__(self, command: Sequence[str] = CHILD, within_s: float = JUDGE_TIMEOUT_S + _START_S) -> None:
        self._command, self._within_s = tuple(command), within_s

    def judge(self, file: Path, rule: ChannelRule | None = None) -> tuple[JudgeResult, bytes]:
        """Return the answer and, when a rule is given and kept, the channel's picture. ``-`` is standard input.

        A child that crashes or takes too long makes the file unreadable. Raises OSError when the file cannot be opened,
        ChildFault.
        """
        if file == STANDARD_INPUT:
            return self._ask(None, rule)
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe or device could block or never end
                return unreadable("it is not a regular file"), b""
            return self._ask(descriptor, rule)
        finally:
            os.close(descriptor)

    def _ask(self, descriptor: int | None, rule: ChannelRule | None) -> tuple[JudgeResult, bytes]:
        try:
            done = subprocess.run(
                [*self._command, msgspec.json.encode(rule).decode()],
                stdin=descriptor,
                capture_output=True,
                timeout=self._within_s,
                env={**os.environ, **_ONE_THREAD},
            )
        except subprocess.TimeoutExpired:
            return unreadable(f"it takes longer than {self._within_s:g} s"), b""
        if not done.stdout.startswith(READY):
            raise ChildFault(_last_line(done.stderr) or f"it ended with {_exit_text(done.returncode)}")
        line, _, body = done.stdout.removeprefix(READY).partition(b"\n")
        if done.returncode == -signal.SIGALRM:
            return unreadable(f"it takes longer than {JUDGE_TIMEOUT_S:g} s"), b""
        if done.returncode != 0:
            return unreadable(f"reading it ended the program with {_exit_text(done.returncode)}"), b""
        return _answer(line), body


def _exit_text(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit {status}"


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
