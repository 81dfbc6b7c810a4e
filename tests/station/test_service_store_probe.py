"""A station that cannot save says so, and is not restarted for it."""

from __future__ import annotations

from typing import Self

import pytest

from kiosk.station.desk.live import LiveBoard
from kiosk.station.service import StoreProbe
from kiosk.store.shared.errors import StoreError
from tests.station.fakes import Rig


class Shelf:
    def __init__(self) -> None:
        self.unread: StoreError | None = None
        self.unwritten: StoreError | None = None

    @property
    def outbox(self) -> Self:
        return self

    def counts(self) -> None:
        if self.unread:
            raise self.unread

    def check_writable(self) -> None:
        if self.unwritten:
            raise self.unwritten


@pytest.fixture
def board() -> LiveBoard:
    return LiveBoard(Rig().desk.view())


def test_what_cannot_be_written_is_marked_and_is_still_a_sign_of_life(board: LiveBoard) -> None:
    shelf = Shelf()
    probe = StoreProbe(shelf, board)
    probe.ask()
    assert board.snapshot().marks.store == "ok"
    shelf.unwritten = StoreError("read-only")
    probe.ask()
    assert board.snapshot().marks.store == "store_failed"
    shelf.unwritten = None
    probe.ask()
    assert board.snapshot().marks.store == "ok"


def test_what_cannot_be_read_is_no_sign_of_life(board: LiveBoard) -> None:
    shelf = Shelf()
    shelf.unread = StoreError("gone")
    with pytest.raises(StoreError, match="gone"):
        StoreProbe(shelf, board).ask()
