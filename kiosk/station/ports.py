"""What the station's own watchers need of others."""

from __future__ import annotations

from typing import Protocol


class LifeSign(Protocol):
    """Where the signs of life of one part come from."""

    @property
    def pulse(self) -> float | None:
        """The monotonic second of the last sign; None before the first."""


class ServiceManager(Protocol):
    """systemd, by sd_notify(3). No call raises."""

    watchdog_s: float | None
    """None when no watchdog is armed."""

    def ready(self, status: str) -> None: ...
    def alive(self) -> None: ...
    def status(self, text: str) -> None: ...
    def stopping(self) -> None: ...
