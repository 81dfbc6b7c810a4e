"""One running child process and its two pipes: ask, wait with a deadline, end, reap."""

from __future__ import annotations

import math
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Final

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

_END_S = 1.0
"""How long a child may take to end by itself, and then to be gone after SIGKILL."""
_LOOK_S = 0.2
"""How often somebody is asked whether the answer is still waited for."""
GIVE_WAY_S: Final = 2.0
"""For what is under way when somebody else waits: a usual picture is judged by then, also on a small board, and the
next need not wait for a new child."""


MakeRequest = Callable[[Number, Seconds], Request]
"""A request, once it has its number and the seconds that are left for it."""


class WorkerDied(Exception):
    """The child ended or closed its pipes before the answer was complete."""


class Patience:
    """Until monotonic second ``deadline``, and only GIVE_WAY_S longer once ``is_wanted`` says that somebody waits."""

    def __init__(self, deadline: float, is_wanted: Callable[[], bool] | None = None) -> None:
        self._deadline, self._is_wanted = deadline, is_wanted
        self._given_way = math.inf

    @property
    def gave_way(self) -> bool:
        """Whether it ended before its deadline."""
        return self._given_way < self._deadline

    def left_s(self) -> float:
        """Asks ``is_wanted`` anew."""
        now = time.monotonic()
        if self._is_wanted is not None and self._given_way == math.inf and self._is_wanted():
            self._given_way = now + GIVE_WAY_S
        return min(self._deadline, self._given_way) - now

    def next_look_s(self) -> float:
        """How long nothing need be asked; 0 and less when it is over."""
        left = self.left_s()
        return left if self._is_wanted is None else min(left, _LOOK_S)


class CameraWorker:
    """Not thread-safe except ``kill``; the owner serializes the rest."""

    def __init__(self, command: Sequence[str]) -> None:
        # A session of its own: Ctrl-C in a terminal reaches the station only, which then ends the child in order.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self._asked = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether the process is gone; reaps it when it is."""
        return self._process.poll() is not None

    def ask(self, make: MakeRequest, patience: Patience) -> tuple[Answer, bytes]:
        """Ask and wait.

        Raises TimeoutError, WorkerDied or WireError; after each of them the worker is good for nothing but ``end``.
        """
        self._asked += 1
        left = min(max(0.001, patience.left_s()), MAX_WITHIN_S)
        self._send(pack(make(self._asked, left)))
        head, body = unpack_prefix(self._receive(PREFIX.size, patience))
        answer = unpack_answer(self._receive(head, patience))
        if answer.number != self._asked:
            raise WireError(f"an answer to request {answer.number} when {self._asked} was asked")
        return answer, self._receive(body, patience)

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
            self._process.wait(_END_S)
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

    def _receive(self, count: int, patience: Patience) -> bytes:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(source, select.POLLIN)
        received = bytearray()
        while len(received) < count:
            left = patience.next_look_s()
            if left <= 0:
                raise TimeoutError
            if not poll.poll(left * 1000):
                continue
            chunk = os.read(source, min(count - len(received), 1 << 16))
            if not chunk:
                raise WorkerDied
            received += chunk
        return bytes(received)
