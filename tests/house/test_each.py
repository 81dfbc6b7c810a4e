"""The tests' own tools: rows that are all tried and named, and scenes that are seen everywhere."""

from __future__ import annotations

from itertools import product

import pytest

from tests import depth
from tests.each import each


def failed(test: object) -> tuple[str, list[str]]:
    """What a test with rows says, and the notes of every failure."""
    assert callable(test)
    with pytest.raises(BaseExceptionGroup) as caught:
        test()
    return caught.value.message, [" / ".join(error.__notes__) for error in caught.value.exceptions]


def test_every_row_is_tried_and_every_one_that_failed_is_named() -> None:
    tried = []

    @each("number", range(5))
    def even(number: int) -> None:
        tried.append(number)
        assert number % 2 == 0

    assert failed(even) == ("2 failed: 1; 3", ["row: 1", "row: 3"])
    assert tried == [0, 1, 2, 3, 4]


def test_rows_that_hold_say_nothing() -> None:
    @each(("one", "other"), [(1, 1), (2, 2)])
    def same(one: int, other: int) -> None:
        assert one == other

    same()


def test_two_of_them_are_the_product_of_their_rows() -> None:
    seen = []

    @each("letter", "ab")
    @each("number", [1, 2], ids=["one", "two"])
    def never(letter: str, number: int) -> None:
        seen.append((letter, number))
        raise ValueError(letter)

    told, notes = failed(never)
    assert seen == list(product("ab", [1, 2]))
    assert told == "4 failed: a one; a two; b one; b two"
    assert notes[1] == "row: two / row: a"


@pytest.mark.parametrize(
    ("rows", "ids", "name"),
    [
        ([pytest.param("x", id="by hand")], None, "by hand"),
        (["x"], str.upper, "X"),
        (["x"], lambda _: None, "x"),
        (["x"], ["listed"], "listed"),
        (["x" * 90], None, "x" * 57 + "..."),
    ],
)
def test_a_row_is_named_as_a_case_would_be(rows: list[str], ids: object, name: str) -> None:
    @each("text", rows, ids)  # type: ignore[arg-type]
    def never(text: str) -> None:
        pytest.fail(text)

    assert failed(never)[0] == f"1 failed: {name}"


def test_a_method_keeps_its_object() -> None:
    class Some:
        @each("number", [1])
        def test(self, number: int) -> None:
            assert self is not number

    Some().test()  # type: ignore[call-arg]


def test_rows_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no row of number"):
        each("number", [])
    with pytest.raises(ValueError, match="does not take text"):
        each("text", ["x"])(lambda number: None)
    with pytest.raises(ValueError, match="row 1 has 1 values, not 2"):
        each("one, other", [(1, 2), (1,)])


@pytest.mark.parametrize("panels", [("7in",), ("7in", "10in"), ("7in", "10in", "15in")])
def test_every_scene_is_seen_on_the_smallest_panel_and_every_panel_with_every_language(
    panels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth, "TORTURE", False)
    languages, together = ("ug", "zh", "en"), set()
    for number, seen_on in depth.looks(range(24), panels, languages):
        assert len(seen_on) == (1 if number % 4 else 2)
        assert seen_on[0][0] == panels[0]
        assert seen_on[-1][0] in (panels[1:] or panels) or len(seen_on) == 1
        assert len({language for _, language in seen_on}) == len(seen_on)
        together |= set(seen_on)
    assert together == set(product(panels, languages))
