"""A process that checks signatures on another core, beside the one that accepts events.

Checks are sent in parts while messages are read. A commit does the rest of its work and takes the answers that have
arrived; unanswered ones it checks itself, from the end on, until the two meet. So nothing ever waits for this process:
when it has ended or stalls, checking takes longer and that is all.
"""

from __future__ import annotations

import logging
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from kiosk.sorting_center.shared.child_process import (
    SupervisedProcess,
    SupervisedProcessPlan,
    exit_with_parent,
    open_stdin,
    read_task,
)
from kiosk.sorting_center.shared.signature_checks import check_inline, verdicts

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.ingest.signature_process")
MIN_SENT: Final = 17  # Fewer are checked in less time than another process needs to wake up for them
_PART_CHECKS: Final = 16  # At most so many are checked by both: 0.8 ms
_PLACE: Final = struct.Struct("!II")  # Of which call of `begin`, and which of its parts
_MAX_STARTED: Final = 128  # Calls; those started for failed commits are forgotten
_MAX_PART_BYTES: Final = 64 * 1024
STALL_S: Final = 5.0  # A part takes a millisecond


class SignatureProcess:
    """For one thread."""

    def __init__(self, stall_s: float = STALL_S) -> None:
        # Messages, each whole or not at all. Both ends stay open here: the next process continues where one has ended.
        self._own, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._own.setblocking(False)
        task = b"%d\n" % self._theirs.fileno()
        plan = SupervisedProcessPlan(
            "signature checks", _COMMAND, task, lambda _: None, self._log_exit, (self._theirs.fileno(),)
        )
        self._process = SupervisedProcess(plan)
        self._stall_s = stall_s
        self._started = 0
        self._answers: dict[int, dict[int, bytes]] = {}  # Of calls of `begin` that are not collected yet
        self._waiting_since: float | None = None  # For any answer

    @staticmethod
    def _log_exit(status: int) -> None:
        log.error("The process of signature checks has ended with status %d; it is begun again.", status)

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def start(self) -> None:
        self._process.start()

    def stop(self, timeout_s: float) -> None:
        self._process.stop(timeout_s)
        self._own.close()
        self._theirs.close()

    def begin(self, checks: Sequence[bytes]) -> Callable[[], bytes]:
        """Begin checks as `BeginChecks`."""
        if len(checks) < MIN_SENT:
            return check_inline(checks)
        self._receive()
        self._started = (self._started + 1) % 2**32
        self._answers[self._started] = {}
        if len(self._answers) > _MAX_STARTED:
            del self._answers[next(iter(self._answers))]
        since = self._waiting_since
        if since is not None and time.monotonic() - since > self._stall_s:
            self._waiting_since = None
            self._process.restart()
        parts = [b"".join(checks[start : start + _PART_CHECKS]) for start in range(0, len(checks), _PART_CHECKS)]
        for number, part in enumerate(parts):
            try:
                self._own.send(_PLACE.pack(self._started, number) + part)
            except OSError:  # As much waits there as there is room for
                break
            self._waiting_since = self._waiting_since or time.monotonic()
        return partial(self._collect, self._started, parts)

    def _collect(self, started: int, parts: Sequence[bytes]) -> bytes:
        answers = self._answers.setdefault(started, {})
        for number in reversed(range(len(parts))):
            self._receive()
            if number not in answers:
                answers[number] = verdicts(parts[number])
        del self._answers[started]
        return b"".join(answers[number] for number in range(len(parts)))

    def _receive(self) -> None:
        """Receive the answers that have come; drop those that come too late."""
        while True:
            try:
                answer = self._own.recv(_MAX_PART_BYTES)
            except OSError:
                return
            self._waiting_since = None
            started, number = _PLACE.unpack_from(answer)
            if started in self._answers:
                self._answers[started][number] = answer[_PLACE.size :]


def main() -> int:
    """Run until the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the sorting center ends this one
    lines = open_stdin()
    with socket.socket(fileno=int(read_task(lines))) as line, suppress(OSError):
        threading.Thread(target=exit_with_parent, args=(lines.fileno(),), daemon=True).start()
        while part := line.recv(_MAX_PART_BYTES):
            line.send(part[: _PLACE.size] + verdicts(part[_PLACE.size :]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
