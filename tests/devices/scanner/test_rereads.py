"""One scan or two, by an injected clock."""

from __future__ import annotations

import pytest

from kiosk.devices.scanner.report import RereadFilter


@pytest.mark.parametrize(
    ("story", "codes", "counted"),
    [
        ("a code held before the lamp is one scan however long", [("A", 0), ("A", 0.9), ("A", 1.8), ("A", 2.7)], [0]),
        ("a deliberate second scan counts", [("A", 0), ("A", 1.0), ("A", 2.5)], [0, 1, 2]),
        ("another code counts at once", [("A", 0), ("B", 0.1), ("C", 0.2)], [0, 1, 2]),
        (
            "two labels before the lamp, seen in turn, are two scans",
            [("A", 0), ("B", 0.1), ("A", 0.6), ("B", 0.7), ("A", 1.4)],
            [0, 1],
        ),
        ("two parcels with the same goods' code, a hand apart", [("A", 0), ("B", 0.5), ("A", 1.1)], [0, 1, 2]),
        ("of many labels the older ones are forgotten", [(f"{n % 9}", 0.01 * n) for n in range(18)], list(range(18))),
        ("a burst of two", [("A", 0), ("B", 0)], [0, 1]),
        ("at the very start of a machine", [("A", 0.0)], [0]),
        ("just before the time is over", [("A", 5), ("A", 5.99)], [0]),
    ],
)
def test_repeats(story: str, codes: list[tuple[str, float]], counted: list[int]) -> None:
    repeat = RereadFilter(1.0)
    found = [at for at, (code, when) in enumerate(codes) if repeat.is_new(code, when)]
    assert found == counted, story
