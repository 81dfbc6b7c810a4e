"""What the parts of a station tell each other without knowing each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, ParamSpec

from kiosk.devices.ports import GoodsShot, LinkState
from kiosk.station.desk.view import DeskView, PhotoRequest

P = ParamSpec("P")


class Signal(Generic[P]):
    """Sent by calling it; its receivers are called in the order they were connected in, by the thread that sends.
    Receivers are connected before the first thread starts, and stay.
    """

    def __init__(self) -> None:
        self._receivers: list[Callable[P, object]] = []

    def connect(self, receiver: Callable[P, object]) -> None:
        """Call ``receiver`` from now on; what it raises reaches the sender."""
        self._receivers.append(receiver)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for receiver in self._receivers:
            receiver(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class StationSignals:
    # Something was committed: there may be papers to print and an event to send.
    committed: Signal[[]] = field(default_factory=Signal)
    paper_moved: Signal[[]] = field(default_factory=Signal)  # A print job has another state
    # The shot that was asked for, and its SHA-256: it is kept.
    photo_done: Signal[[PhotoRequest, str]] = field(default_factory=Signal)
    photo_retake: Signal[[PhotoRequest, GoodsShot]] = field(default_factory=Signal)  # It was not accepted
    # There is none, and a word the screens have a sentence for.
    photo_failed: Signal[[PhotoRequest, str]] = field(default_factory=Signal)
    desk_view: Signal[[DeskView]] = field(default_factory=Signal)
    scale_link: Signal[[LinkState]] = field(default_factory=Signal)
