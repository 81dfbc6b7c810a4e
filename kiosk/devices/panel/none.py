"""The panel of a station that has neither lamps nor buttons."""

from __future__ import annotations


class NoPanel:
    """Stands where none is set up."""

    fitted = False

    def start(self) -> None:
        """Nothing to start."""

    def stop(self, timeout_s: float = 2.0) -> None:
        """Nothing to stop."""

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        """Nobody sees it."""

    def buzz(self, pattern: str) -> None:
        """Nobody hears it."""
