"""What is closed at the end of the block that uses it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Closable(ABC):
    """For ``with``."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Close the object. No call may follow."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
