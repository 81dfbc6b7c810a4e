"""Runs another program for a moment: what it prints within a deadline and a size, and nothing of it left afterwards."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MAX_STDERR_BYTES: Final = 4_000
_READ_BYTES: Final = 1 << 16


class ProgramTimeout(Exception):
    """It had not ended by the deadline, and was killed."""


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """``status`` as subprocess has it; ``output`` may be cut off above the size, ``complaint`` is the end of what was
    said on standard error.
    """

    status: int
    output: bytes
    complaint: str


def run(command: Sequence[str], within_s: float, max_bytes: int, keep_open: Sequence[int] = ()) -> ProgramResult:
    """Run it. Whoever prints more than ``max_bytes`` is killed. Raises OutOfTime, and OSError when it cannot start.

    ``timeout`` of the coreutils stands between: should this process be killed meanwhile, it ends the program.
    """
    fenced = ("timeout", "--signal=KILL", f"{within_s + 1:.3f}", *command)
    end = time.monotonic() + within_s
    process = subprocess.Popen(
        fenced,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=keep_open,
        process_group=0,
    )
    try:
        output, complaint = _read(process, end, max_bytes)
        try:
            status = 0 if len(output) > max_bytes else process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise ProgramTimeout from None
    finally:
        _end(process)
    return ProgramResult(status, bytes(output), complaint.decode(errors="replace").strip())


def _read(process: subprocess.Popen[bytes], end: float, max_bytes: int) -> tuple[bytearray, bytearray]:
    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, buffer in ((process.stdout, output), (process.stderr, complaint)):
            assert pipe is not None
            selector.register(pipe, selectors.EVENT_READ, buffer)
        while selector.get_map() and len(output) <= max_bytes:
            if (left_s := end - time.monotonic()) <= 0:
                raise ProgramTimeout
            for key, _ in selector.select(left_s):
                if not (piece := os.read(key.fd, _READ_BYTES)):
                    selector.unregister(key.fd)
                key.data.extend(piece)
            del complaint[:-_MAX_STDERR_BYTES]
    return output, complaint


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    if process.returncode is None:
        # Not waited for yet, so that the group still bears its number, also when only others of it are left.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
