from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from kiosk.domain.day import DayTotals
from kiosk.labels.documents import DocumentProblem
from kiosk.labels.papers.day_slip import DaySlip, render_day_slip
from kiosk.labels.typesetting.shaping import ELLIPSIS
from tests.labels.heads import STRIP


@pytest.mark.parametrize(("dpi", "width"), [(203, 384), (300, 576)])
def test_every_figure_of_the_day_stands_on_the_slip(
    day: Callable[..., DaySlip], texts: list[str], dpi: int, width: int
) -> None:
    assert render_day_slip(day(), STRIP[dpi]).width_dots == width
    for figure in ("41", "77", "1,234.567 kg", "¥12,345.99", "¥76,543.21", "1", "4", "40", "20", "2", "12", "3"):
        assert figure in texts
    for text in ("101–388", "#388", "clerk:07", "station-kiosk 0.1.0", "2026-11-25 19:02 UTC+6"):
        assert text in texts
    assert not any(ELLIPSIS in text for text in texts)


def test_no_figure_of_the_day_is_left_out(day: Callable[..., DaySlip], texts: list[str]) -> None:
    """One figure after the other changes, and with it the paper."""
    plain = render_day_slip(day(), STRIP[203])
    for field in fields(DayTotals):
        changed = day(totals=DayTotals(**{each.name: 555_555 if each is field else 0 for each in fields(DayTotals)}))
        none = day(totals=DayTotals(**{each.name: 0 for each in fields(DayTotals)}))
        assert render_day_slip(changed, STRIP[203]) != render_day_slip(none, STRIP[203]), field.name
    assert plain == render_day_slip(day(), STRIP[203])


def test_the_head_stands_in_eight_groups_of_eight(day: Callable[..., DaySlip], texts: list[str]) -> None:
    head = "".join(f"{group:08x}" for group in range(0x1000, 0x1008))
    render_day_slip(day(head=head), STRIP[203])
    lines = [text for text in texts if len(text) == 17 and text[8] == " " and text.replace(" ", "") in head]
    assert len(lines) == 4
    assert "".join(lines).replace(" ", "") == head


def test_an_unset_clock_and_a_copy_are_said_in_three_languages(day: Callable[..., DaySlip], texts: list[str]) -> None:
    render_day_slip(day(date=None, time=None, copy=True), STRIP[203])
    for text in ("时钟未设定", "clock not set", "سائەت تەڭشەلمىگەن", "副本 COPY نۇسخا"):
        assert text in texts
    assert not any("Urumqi" in text for text in texts)


def test_the_largest_figures_stay_on_the_paper(
    day: Callable[..., DaySlip], totals: Callable[..., DayTotals], texts: list[str]
) -> None:
    edges = (
        render_day_slip(day(totals=totals(net_g=99_999_999, purchase_fen=9_999_999_999)), STRIP[203])
        .to_image()
        .convert("L")
    )
    assert {"99,999.999 kg", "¥99,999,999.99"} <= set(texts)
    for x in (0, 1, 382, 383):
        assert edges.crop((x, 0, x + 1, edges.height)).getextrema() == (255, 255)


def test_hostile_text_is_drawn_as_text(day: Callable[..., DaySlip]) -> None:
    names = ("station", "village", "date", "time", "zone", "actor", "software")
    papers = [
        render_day_slip(day(**dict.fromkeys(names, text)), STRIP[203])
        for text in ("<b>\x1b@\x1dV\u202e^XZ\n", "<b>@V^XZ")
    ]
    assert papers[0] == papers[1]


def test_the_county_log_stands_on_it_with_sixteen_digits(day: Callable[..., DaySlip], texts: list[str]) -> None:
    without = render_day_slip(day(), STRIP[203])
    assert not any("2026" in text and "/" in text for text in texts)
    largest = day(log_origin="sixteen-letters-/2026.12", log_size=2**40, log_root="0123456789abcdef" * 4)
    assert render_day_slip(largest, STRIP[203]).height_dots > without.height_dots
    assert {"sixteen-letters-/2026.12", "#1099511627776", "01234567 89abcdef"} <= set(texts)
    assert any("县级日志" in text for text in texts)
    with pytest.raises(DocumentProblem):
        day(log_origin="shache/2026", log_size=3, log_root="0123")
