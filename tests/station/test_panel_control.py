"""Lamps, sounds and buttons follow the board."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kiosk.station.desk.live import LiveBoard
from kiosk.station.desk.view import DeskStep, PhotoView, PrintView
from kiosk.station.panel_control import Lamps, PanelControl, lamps
from tests.station.fakes import Rig

WAIT_S = 30.0


class FakePanel:
    """Keeps what was shown and sounded; can be made to fail once."""

    fitted = True

    def __init__(self) -> None:
        self.shown: list[tuple[bool, bool, bool]] = []
        self.sounds: list[str] = []
        self.fail = False
        self._told = threading.Condition()

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 2.0) -> None: ...

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        with self._told:
            if self.fail:
                self.fail = False
                raise OSError("a pin is gone")
            self.shown.append((ready, busy, fault))
            self._told.notify_all()

    def buzz(self, pattern: str) -> None:
        with self._told:
            self.sounds.append(pattern)
            self._told.notify_all()

    def wait(self, shown: tuple[bool, bool, bool] | None = None, sound: str | None = None) -> None:
        def there() -> bool:
            return (not shown or self.shown[-1:] == [shown]) and (not sound or sound in self.sounds)

        with self._told:
            assert self._told.wait_for(there, WAIT_S), (self.shown, self.sounds)


READY, BUSY, FAULT = (True, False, False), (False, True, False), (False, False, True)


@pytest.fixture
def board() -> LiveBoard:
    board = LiveBoard(Rig().desk.view())
    board.mark(scale="ok")
    return board


@pytest.fixture
def panel(board: LiveBoard) -> Iterator[FakePanel]:
    panel = FakePanel()
    control = PanelControl(board, panel)
    control.start()
    panel.wait(READY)
    yield panel
    control.stop()


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({"scale": "ok"}, Lamps(True, False, False)),
        ({"scale": "scale_missing"}, Lamps(False, False, True)),
        ({"scale": "ok", "printer": "paper_out"}, Lamps(False, False, True)),
        ({"scale": "ok", "store": "store_failed"}, Lamps(False, False, True)),
        ({"scale": "ok", "link": "link_down"}, Lamps(True, False, False)),
        ({"scale": "ok", "camera": "camera_missing"}, Lamps(True, False, False)),
    ],
)
def test_what_the_lamps_say(marks: dict[str, str], expected: Lamps) -> None:
    board = LiveBoard(Rig().desk.view())
    board.mark(**marks)
    assert lamps(board.snapshot()) == expected


def test_paper_on_its_way_and_a_shot_are_busy(board: LiveBoard, panel: FakePanel) -> None:
    view = board.snapshot().view
    board.show(replace(view, prints=(PrintView("receipt", 0, "queued"),)))
    panel.wait(BUSY)
    board.show(replace(view, photo=PhotoView("taking")))
    panel.wait(BUSY)
    board.show(view)
    panel.wait(READY)


def test_the_clerk_is_called_once_when_a_shot_needs_help(board: LiveBoard, panel: FakePanel) -> None:
    view = board.snapshot().view
    for state in ("taking", "help", "help"):
        board.show(replace(view, photo=PhotoView(state), revision=view.revision + 1))
    panel.wait(READY, "attention")
    board.mark(scale="scale_missing")
    panel.wait(FAULT, "error")
    assert panel.sounds == ["attention", "error"]


def test_the_clerk_is_called_once_for_each_code(board: LiveBoard, panel: FakePanel) -> None:
    board.notify("my_parcel")
    board.notify("clerk_called")
    panel.wait(READY, "attention")
    board.mark(scale="scale_missing")
    panel.wait(FAULT, "error")
    assert panel.sounds == ["attention", "error"]


@pytest.mark.parametrize(("word", "sound"), [("right", "ok"), ("unreadable", "attention"), ("changed", "error")])
def test_a_checked_receipt_sounds_once(board: LiveBoard, panel: FakePanel, word: str, sound: str) -> None:
    board.notify("slip.hold")
    board.notify(f"slip.{word}")
    panel.wait(READY, sound)
    board.mark(scale="scale_missing")
    panel.wait(FAULT, "error")
    assert panel.sounds == [sound, "error"]


def test_a_fault_sounds_once_and_clears_itself(board: LiveBoard, panel: FakePanel) -> None:
    board.mark(scale="scale_missing")
    panel.wait(FAULT, "error")
    board.mark(printer="paper_out")
    board.mark(scale="ok", printer="ok")
    panel.wait(READY)
    assert panel.sounds == ["error"]


def test_what_was_agreed_sounds(board: LiveBoard, panel: FakePanel) -> None:
    view = board.snapshot().view
    board.show(replace(view, step=DeskStep.AGREE))
    board.show(replace(view, photo=PhotoView("taking"), step=DeskStep.AGREE))
    panel.wait(BUSY)
    board.show(replace(view, step=DeskStep.TAKE))
    panel.wait(READY, "ok")
    assert panel.sounds == ["ok"]


def test_a_failing_pin_ends_nothing(board: LiveBoard, panel: FakePanel) -> None:
    panel.fail = True
    board.mark(scale="scale_missing")
    board.mark(scale="ok")
    board.mark(scale="scale_silent")
    panel.wait(FAULT)


@pytest.mark.parametrize("failing", [False, True], ids=["", "a pin fails once"])
def test_the_station_s_own_state_comes_back_after_a_lamp_test(board: LiveBoard, failing: bool) -> None:
    panel = FakePanel()
    control = PanelControl(board, panel)
    control.start()
    panel.wait(READY)
    board.mark(scale="scale_missing")
    panel.wait(FAULT, "error")  # the sound is the last of a change: nothing moves now
    panel.show(False, True, False)
    panel.fail = failing
    control.redraw()
    panel.wait(FAULT)
    control.stop()


def test_buttons(board: LiveBoard) -> None:
    panel = FakePanel()
    control = PanelControl(board, panel)
    for button, how in (("ok", "press"), ("help", "press"), ("ok", "hold")):
        control.on_button(button, how)
        assert board.snapshot().press.button == button
    assert board.snapshot().press.count == 3
    control.on_button("help", "hold")
    assert board.snapshot().press.count == 3
    assert panel.sounds == ["attention"]
