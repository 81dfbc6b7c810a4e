"""The interfaces of finding out what a scale speaks: the station sees these, never the adapters behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kiosk.protocols.scales.probe import Proposal, Recording


class ProbeFailed(Exception):
    """The port cannot be listened to; the text names it and says what to do."""


class ProbeCancelled(Exception):
    """Somebody asked to end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` is 0 to 1. ``line`` is what is tried now, like "9600 8N1". ``heard`` are bytes so far, ``sample`` the
    newest of them, raw.
    """

    done: float = 0.0
    line: str = ""
    asking: bool = False
    heard: int = 0
    sample: bytes = b""


Told = Callable[[Progress], None]
"""Called from the probe's thread; must not block."""


class Probing(Protocol):
    """One look at one port."""

    def run(self) -> tuple[Proposal, ...]:
        """Listen, ask if that was allowed, and propose, best first. Raises ProbeFailed or ProbeCancelled."""

    def cancel(self) -> None:
        """End ``run`` soon; from any thread."""


class Ear(Protocol):
    """Stays at one port and hears what comes, or what is answered to the proposals' own questions."""

    @property
    def failure(self) -> str:
        """Why it hears nothing any more, "" while all is well."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def latest(self) -> tuple[Recording, ...]:
        """Of the last moments."""

    def mark(self) -> None:
        """Begin an observation."""

    def since_mark(self) -> tuple[Recording, ...]:
        """What was heard since then."""


class Supervisor(Protocol):
    """The station's own scale, which lets go of its port for a while."""

    def pause(self) -> None:
        """Close the port; from now on nothing is read. Does nothing when it is paused."""

    def resume(self) -> None:
        """Watch again as before. Does nothing when it is not paused."""
