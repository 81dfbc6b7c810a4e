"""The panel of a station that has neither lamps nor buttons."""

from __future__ import annotations


class NoPanel:
    """Stands where none is set up."""

    fitted = False

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 2.0) -> None: ...

    def show(self, ready: bool, busy: bool, fault: bool) -> None: ...

    def buzz(self, pattern: str) -> None: ...
