"""Parts that tell each other without knowing each other."""

from __future__ import annotations

import pytest

from kiosk.station.service import Signal, StationSignals


def test_receivers_are_called_in_the_order_they_were_connected_in() -> None:
    told: list[tuple[str, str, str]] = []
    signal: Signal[[str, str]] = Signal()
    signal("lot", "nobody hears this")
    signal.connect(lambda lot, word: told.append(("first", lot, word)))
    signal.connect(lambda lot, word: told.append(("second", lot, word)))
    signal("L-1", word="done")
    assert told == [("first", "L-1", "done"), ("second", "L-1", "done")]


def test_what_a_receiver_raises_reaches_the_sender() -> None:
    def fail() -> None:
        raise OSError("the screen was not told")

    signal: Signal[[]] = Signal()
    signal.connect(fail)
    with pytest.raises(OSError, match="not told"):
        signal()


def test_each_station_has_signals_of_its_own() -> None:
    told: list[str] = []
    one, other = StationSignals(), StationSignals()
    one.committed.connect(lambda: told.append("one"))
    other.committed()
    assert told == []
