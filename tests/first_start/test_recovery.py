"""The first start with kits and backups on sticks: which station comes back, its letter, its digits, and the wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.identifiers import SERIES_LETTERS
from tests.first_start.identity.identities import CODE
from tests.web.first_start.answers import Kits
from tests.web.first_start.start import Start


class Helper(Kits):
    """Stands for the sticks and the root helper."""

    def __init__(self) -> None:
        super().__init__()
        self.plugged_in = True
        self.letters = False
        self.refused: Exception | None = None
        self.asked: list[tuple[str, str, str]] = []

    def has_letters(self) -> bool:
        return self.letters

    def begin(self, station: str, code: str, letter: str) -> None:
        self.asked.append((station, code, letter))
        if self.refused is not None:
            raise self.refused
        self.working = True


@pytest.fixture
def helper() -> Helper:
    return Helper()


@pytest.fixture
def start(tmp_path: Path, helper: Helper) -> Iterator[Start]:
    start = Start(tmp_path)
    start.machine = replace(start.machine, recoveries=helper)
    start.again()
    yield start
    start.wizard.close()


def at_the_code(start: Start, letter: str = "B") -> Start:
    start.walk("recovery").answer("recovery", {"value": "S0147"})
    start.wizard.answer("recovery_letter", {"value": letter})
    assert start.at == "recovery_code"
    return start


class TestChosen:
    def test_by_number_and_day_with_letter_and_digits(self, start: Start, helper: Helper) -> None:
        start.walk("recovery")
        tiles = [(tile.value, tile.detail, tile.detail_id.rpartition(".")[2]) for tile in start.wizard.view().choices]
        assert tiles == [
            ("new", "", ""),
            ("S0147", "2026-11-27", "recovery_whole"),
            ("S0148", "2026-11-26", "recovery_unopened"),
            ("S0149", "2026-11-25", "recovery_no_kit"),
            ("S0150", "", "recovery_no_backup"),
        ]
        start.wizard.answer("recovery", {"value": "S0147"})
        assert [tile.value for tile in start.wizard.view().choices] == ["none", *SERIES_LETTERS]
        start.wizard.answer("recovery_letter", {"value": "B"})
        start.wizard.answer("recovery_code", {"value": CODE.digits})
        assert (start.at, helper.asked) == ("recovery_wait", [("S0147", CODE.digits, "B")])
        assert CODE.digits not in start.draft_text

    def test_there_never_was_a_receipt(self, start: Start, helper: Helper) -> None:
        at_the_code(start, "none").wizard.answer("recovery_code", {"value": CODE.digits})
        assert helper.asked == [("S0147", CODE.digits, "A")]

    def test_a_card_that_knows_its_letters_asks_for_none(self, start: Start, helper: Helper) -> None:
        helper.letters = True
        start.walk("recovery").answer("recovery", {"value": "S0147"})
        assert start.at == "recovery_code"
        start.wizard.answer("recovery_code", {"value": CODE.digits})
        assert helper.asked == [("S0147", CODE.digits, "")]

    def test_a_new_station_goes_on_as_ever(self, start: Start) -> None:
        start.walk("recovery").answer("recovery", {"value": "new"})
        assert start.at == "station"

    def test_without_sticks_nobody_is_asked_and_one_that_comes_late_is_found_on_the_way_back(
        self, start: Start, helper: Helper
    ) -> None:
        helper.plugged_in = False
        start.walk("station")
        helper.plugged_in = True
        start.wizard.back()
        assert start.at == "recovery"


class TestTheWait:
    def test_nobody_leaves_it_while_root_works(self, start: Start, helper: Helper) -> None:
        at_the_code(start).wizard.answer("recovery_code", {"value": CODE.digits})
        assert not start.wizard.view().can_back
        start.wizard.back()
        assert start.at == "recovery_wait"
        assert start.refused("recovery_wait", "") == "recovery_busy"
        assert start.wizard.view().recovery_refused is None

    def test_a_refusal_is_told_and_the_way_back_is_open(self, start: Start, helper: Helper) -> None:
        at_the_code(start).wizard.answer("recovery_code", {"value": CODE.digits})
        helper.working, helper.ended = False, Refused("recovery_backup")
        view = start.wizard.view()
        assert view.recovery_refused is not None
        assert (view.recovery_refused.code, view.can_back) == ("recovery_backup", True)
        start.wizard.back()
        assert start.at == "recovery_code"

    def test_after_a_power_cut_the_digits_are_asked_again(self, start: Start, helper: Helper) -> None:
        at_the_code(start).wizard.answer("recovery_code", {"value": CODE.digits})
        start.restart()
        assert start.at == "recovery_code"

    def test_a_wizard_that_has_begun_anew_makes_no_other_station_meanwhile(self, start: Start, helper: Helper) -> None:
        start.walk("check", recovery="new")
        helper.working = True
        assert start.refused("check", "go") == "recovery_busy"
        assert not start.place.config_file.exists()
        helper.working = False
        start.wizard.answer("check", {})
        assert start.place.config_file.exists()

    def test_a_second_tap_asks_nobody(self, start: Start, helper: Helper) -> None:
        """The answer to the first is still awaited."""
        at_the_code(start)
        asked, go_on = threading.Event(), threading.Event()

        def begin(station: str, code: str, letter: str) -> None:
            helper.asked.append((station, code, letter))
            asked.set()
            assert go_on.wait(30)

        helper.begin = begin  # type: ignore[method-assign]
        form = {"value": CODE.digits}
        tap = threading.Thread(target=start.wizard.answer, args=("recovery_code", form), name="tap")
        tap.start()
        assert asked.wait(30)
        assert start.refused("recovery_code", CODE.digits) == "recovery_busy"
        go_on.set()
        tap.join()
        assert (start.at, len(helper.asked)) == ("recovery_wait", 1)


class TestRefused:
    def test_before_root_is_asked(self, start: Start, helper: Helper) -> None:
        start.walk("recovery")
        told = {"S0148": "unopened", "S0149": "no_kit", "S0150": "no_backup", "S0999": "stick"}
        assert {station: start.refused("recovery", station) for station in told} == {
            station: f"recovery_{word}" for station, word in told.items()
        }
        start.wizard.answer("recovery", {"value": "S0147"})
        for value in ("", "AB", "I", "1", "é"):
            assert start.refused("recovery_letter", value) == "recovery_letter"
        start.wizard.answer("recovery_letter", {"value": "A"})
        for typed in ("", CODE.digits[:-1], CODE.digits[:-1] + "0", "x" * 16):
            assert start.refused("recovery_code", typed) == "identity_digits"
        assert helper.asked == []

    def test_by_root(self, start: Start, helper: Helper) -> None:
        at_the_code(start)

        def refused(error: Exception) -> Refused:
            helper.refused = error
            with pytest.raises(Refused) as caught:
                start.wizard.answer("recovery_code", {"value": CODE.digits})
            assert start.at == "recovery_code"
            return caught.value

        assert refused(Refused("recovery_wrong")).code == "recovery_wrong"
        broken = refused(OSError("No space left on device"))
        assert (broken.code, broken.values) == ("recovery_failed", {"why": "machine"})
