"""What the pages and their server need."""

from __future__ import annotations

from typing import Protocol, TypeVar

S_co = TypeVar("S_co", covariant=True)


class SnapshotBoard(Protocol[S_co]):
    def snapshot(self) -> S_co: ...
    def wait(self, after: int, timeout_s: float) -> S_co | None: ...
    def wake(self) -> None: ...


class Endable(Protocol):
    """Streams that the server would otherwise wait for."""

    def stop(self) -> None: ...
