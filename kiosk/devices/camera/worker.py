"""One running child process and its two pipes: ask, wait with a deadline, end, reap."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence

from kiosk.devices.camera.wire import (
    MAX_WITHIN_S,
    PREFIX,
    Answer,
    Number,
    Request,
    Seconds,
    WireError,
    pack,
    unpack_answer,
    unpack_prefix,
)

_EXIT_TIMEOUT_S = 1.0  # How long a child may take to end by itself, and then to be gone after SIGKILL

# A request, once it has its number and the seconds that are left for it.
RequestFactory = Callable[[Number, Seconds], Request]


class WorkerDied(Exception):
    """The child ended or closed its pipes before the answer was complete."""


class CameraWorker:
    """Not thread-safe except ``kill``; the owner serializes the rest."""

    def __init__(self, command: Sequence[str]) -> None:
        # A session of its own: Ctrl-C in a terminal reaches the station only, which then ends the child in order.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self._request_number = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether the process is gone; reaps it when it is."""
        return self._process.poll() is not None

    def request(self, make: RequestFactory, deadline: float) -> tuple[Answer, bytes]:
        """Ask, and wait until monotonic second ``deadline``.

        Raises TimeoutError, WorkerDied or WireError; after each of them the worker is good for nothing but ``end``.
        """
        self._request_number += 1
        left = min(max(0.001, deadline - time.monotonic()), MAX_WITHIN_S)
        self._send(pack(make(self._request_number, left)))
        head, body = unpack_prefix(self._receive(PREFIX.size, deadline))
        answer = unpack_answer(self._receive(head, deadline))
        if answer.number != self._request_number:
            raise WireError(f"an answer to request {answer.number} when {self._request_number} was asked")
        return answer, self._receive(body, deadline)

    def kill(self) -> None:
        """End the process at once, from any thread; ``end`` must follow."""
        self._process.kill()

    def end(self, *, gently: bool) -> bool:
        """Close the pipes, end the process and reap it; False when the kernel has not let go of it yet.

        A process inside a hung USB driver survives SIGKILL for a while: call again later.
        """
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if gently and self._wait():
            return True
        self._process.kill()
        return self._wait()

    def _wait(self) -> bool:
        try:
            self._process.wait(_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _send(self, message: bytes) -> None:
        # A request is far smaller than a pipe's buffer and only one is ever under way: this cannot block.
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(message)
        except OSError as error:
            raise WorkerDied from error

    def _receive(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(source, select.POLLIN)
        received = bytearray()
        while len(received) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not poll.poll(left * 1000):
                continue
            chunk = os.read(source, min(count - len(received), 1 << 16))
            if not chunk:
                raise WorkerDied
            received += chunk
        return bytes(received)
