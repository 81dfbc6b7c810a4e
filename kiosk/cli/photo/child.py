"""``python -m kiosk.cli.photo.child RULE_JSON``: judges one picture from standard input, within limits, and exits.

A decoder is where a stranger's bytes meet C code. Here it has its own process: whatever it does with memory, time or an
address ends only this process, and the command reports that the file is unreadable.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from kiosk.cli.photo.process import JUDGE_TIMEOUT_S, MEMORY_BYTES, READY, JudgeResult, unreadable
from kiosk.photo.channels.picture import ChannelRefused, make_picture
from kiosk.photo.channels.rules import ChannelRule
from kiosk.photo.codec import MAX_BYTES

if TYPE_CHECKING:
    from kiosk.photo.pipeline import Inspection

Inspect = Callable[[bytes], "Inspection"]


def confine() -> None:
    """Limit the memory and the time of this process; neither can be undone."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    size, resident = (int(count) * resource.getpagesize() for count in pages[:2])
    # Addresses that are mapped and not used yet, as of libraries, do not count against the picture.
    limit = size - resident + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(
        signal.ITIMER_REAL, JUDGE_TIMEOUT_S
    )  # the kernel's own, also in a call that hangs inside a library


def judge(data: bytes, rule: ChannelRule | None, inspect: Inspect) -> tuple[JudgeResult, bytes]:
    try:
        seen = inspect(data)
        answer = JudgeResult(
            accepted=seen.verdict.accepted,
            reasons=tuple((row.reason.value, row.value, row.limit) for row in seen.verdict.findings),
            metrics={name: float(value) if math.isfinite(value) else None for name, value in seen.metrics.items()},
        )
        return _with_picture(answer, seen, rule) if rule is not None and answer.accepted else (answer, b"")
    except MemoryError:
        return unreadable(f"it needs more than {MEMORY_BYTES // 1_000_000} MB of memory"), b""
    except Exception as error:  # whatever a library makes of a stranger's file, there is an answer
        return unreadable(f"{type(error).__name__}: {error}"[:400]), b""


def _with_picture(answer: JudgeResult, seen: Inspection, rule: ChannelRule) -> tuple[JudgeResult, bytes]:
    cut = seen.natural if rule.cut == "natural" else seen.master
    if cut is None:
        raise ValueError("an accepted shot without its pictures")
    try:
        return answer, make_picture(cut, rule).data
    except ChannelRefused as refused:
        rows = tuple((row.reason.value, row.value, row.limit) for row in refused.findings)
        return msgspec.structs.replace(answer, refused=rows), b""


_rule: Final = msgspec.json.Decoder(ChannelRule | None).decode


def serve(arguments: Sequence[str], inspect: Inspect) -> None:
    """Answer on standard output, which image libraries cannot reach: what they print goes to standard error."""
    rule = _rule(arguments[0])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with answers:
        answers.write(READY)
        answers.flush()
        confine()
        answer, body = judge(sys.stdin.buffer.read(MAX_BYTES + 1), rule, inspect)
        answers.write(msgspec.json.encode(answer) + b"\n" + body)


if __name__ == "__main__":
    from kiosk.photo.pipeline import inspect_bytes

    serve(sys.argv[1:], inspect_bytes)
