"""Pictures of figures: a scale that can be read, and bars that are as long as it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.sorting_center.web.staff.charts import ChartPoint, chart, grid_values, money_text, percent, weight_text
from kiosk.texts import formats


@given(st.integers(-(10**6), 2**70))
def test_a_scale_ends_above_the_highest_in_few_steps(highest: int) -> None:
    values = grid_values(highest)
    assert values[0] == 0 and values[-1] >= max(1, highest) and 2 <= len(values) <= 5
    assert str(values[1]).rstrip("0") in ("1", "2", "5")
    assert values[-1] - values.step < max(1, highest), "no empty step above"


def test_bars_are_parts_of_the_scale_and_say_their_value() -> None:
    points = [ChartPoint(3_000_000, "1", "/days/1", "2026-11-01"), ChartPoint(1), ChartPoint(-5), ChartPoint(0)]
    drawn = chart(points)
    assert [line.text.replace("\u00a0", " ") for line in drawn.grid] == ["0 kg", "1 t", "2 t", "3 t"]
    assert [line.y for line in drawn.grid] == [100, 66.67, 33.33, 0]
    first, least, below, nothing = drawn.bars
    assert (first.height, first.y, first.title.replace("\u00a0", " ")) == (100, 0, "2026-11-01: 3 t")
    assert least.height > 1, "what is there is seen"
    assert (below.height, nothing.height, drawn.highest, drawn.behind) == (0, 0, 3_000_000, ())


def test_what_was_before_is_drawn_behind_on_the_same_scale() -> None:
    drawn = chart([ChartPoint(5, "00", before=10)], formats.number)
    assert (drawn.bars[0].height, drawn.behind[0].height, drawn.highest) == (50, 100, 5)
    assert drawn.behind[0].width > drawn.bars[0].width


def test_a_picture_of_nothing_has_a_base_line_and_no_bars() -> None:
    assert [(line.y, line.text) for line in chart([], formats.number).grid] == [(100, "0"), (0, "1")]


def test_values_are_short_and_right() -> None:
    weights = [weight_text(grams).replace("\u00a0", " ") for grams in (500, 20_000, 1_500_000, 12_345_678)]
    assert weights == ["0.5 kg", "20 kg", "1.5 t", "12.345 t"]
    assert [money_text(fen) for fen in (2_000_000, 150)] == ["¥20,000", "¥1.50"]
    assert [percent(1, 3), percent(-1, 3), percent(5, 3), percent(5, 0)] == [33, 0, 100, 0]
