"""The runner that mutates: what it reads out of mutmut's list, and what it makes of it."""

from __future__ import annotations

from tests.mutation.__main__ import MUTATED, ROOMS, ROOT, chosen, report, too_weak, verdicts

_LIST = """
    kiosk.protocols.scales.shared.numbers.x_signed__mutmut_1: killed
    kiosk.protocols.scales.shared.numbers.x_signed__mutmut_2: survived
    kiosk.domain.metrology.pan.xǁPanǁput__mutmut_7: no tests
    kiosk.domain.metrology.pan.xǁPanǁput__mutmut_8: timeout
"""


def test_the_list_is_read() -> None:
    found = verdicts(_LIST)
    assert len(found) == 4
    assert found["kiosk.domain.metrology.pan.xǁPanǁput__mutmut_7"] == "no tests"


def test_the_report_names_what_was_not_killed_and_counts_the_rest() -> None:
    told = report(verdicts(_LIST)).splitlines()
    assert told[:2] == [
        "no tests: kiosk.domain.metrology.pan.xǁPanǁput__mutmut_7",
        "survived: kiosk.protocols.scales.shared.numbers.x_signed__mutmut_2",
    ]
    assert told[-3:] == [
        "engines 1 of 2 killed, 50.0 %",
        "metrology 1 of 2 killed, 50.0 %",
        "in all 2 of 4 killed, 50.0 %",
    ]
    assert "kiosk.protocols.scales.shared.numbers: 1 of 2 killed" in told


def found_in(engines: int, metrology: int) -> dict[str, str]:
    """Of a thousand mutants in each room so many were killed."""
    killed = {"engines": engines, "metrology": metrology}
    return {
        f"{start}room.x_f__mutmut_{number}": "killed" if number < killed[room] else "survived"
        for room, start in ROOMS.items()
        for number in range(1000)
    }


def test_each_room_has_to_reach_nine_of_ten_by_itself() -> None:
    assert too_weak(found_in(900, 900)) == []
    assert too_weak(found_in(1000, 899)) == ["metrology"], "94.9 % in all"
    assert too_weak(found_in(899, 1000)) == ["engines"]
    assert too_weak({}) == ["engines", "metrology"]


def test_every_mutated_module_is_of_a_room() -> None:
    for pattern in MUTATED:
        assert sum(pattern.replace("/", ".").startswith(start) for start in ROOMS.values()) == 1


def test_what_is_mutated_and_what_is_run_is_there() -> None:
    assert all(list(ROOT.glob(pattern)) for pattern in MUTATED)
    assert "tests/protocols/scales/test_golden.py" in chosen()
    assert "tests/domain/metrology" in chosen()
