"""A camera that has failed is closed: the next shot opens it anew, as if it had been plugged in again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def closing_on_failure(close: Callable[[], None]) -> Iterator[None]:
    """Whatever goes wrong goes on to the caller."""
    try:
        yield
    except Exception:
        close()
        raise
