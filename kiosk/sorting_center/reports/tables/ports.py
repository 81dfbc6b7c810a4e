"""Who follows the ledger."""

from __future__ import annotations

from typing import Protocol


class LeaderLock(Protocol):
    """Of all processes that have the reports open, one follows the ledger."""

    def is_held(self) -> bool:
        """Whether it is this one; tries to become it. Ends with the process, however that ends."""

    def close(self) -> None: ...
