"""A village's own layouts: used at once and after a start, put back; a wrong one leaves the old one in use."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.labels.layout import LayoutProblem, Layouts, shipped_layout, shipped_text
from kiosk.labels.papers.samples import SAMPLES
from kiosk.labels.symbols import SymbolTooWide
from kiosk.station.papers.own_layouts import OwnLayouts

SAMPLE = SAMPLES["bag"]


@pytest.fixture
def own(tmp_path: Path) -> OwnLayouts:
    return OwnLayouts(tmp_path / "layouts")


def narrower(text: str) -> str:
    return text.replace("width = 60", "width = 61")


def width(layouts: Layouts) -> float:
    return layouts.of("bag").width


def test_what_is_kept_is_used_at_once_and_after_a_start_until_it_is_put_back(own: OwnLayouts, tmp_path: Path) -> None:
    printing = own.layouts
    assert not own.is_own("bag")
    own.keep("bag", narrower(own.text("bag")), SAMPLE)
    assert (own.is_own("bag"), width(printing), own.text("bag")) == (True, 61, narrower(shipped_text("bag")))
    assert width(OwnLayouts(tmp_path / "layouts").layouts) == 61
    assert shipped_layout("bag").width == 60
    own.put_back("bag")
    assert (own.is_own("bag"), width(printing)) == (False, 60)
    own.put_back("bag")


def test_a_layout_that_is_refused_leaves_the_old_one_in_use(own: OwnLayouts) -> None:
    shipped = shipped_text("bag")
    for old, width_mm in ((shipped, 60), (narrower(shipped), 61)):
        for wrong in ("name = ", shipped.replace("width = 60", "width = 20"), shipped.replace("w = 60\n", "w = 40\n")):
            with pytest.raises((LayoutProblem, SymbolTooWide)):
                own.keep("bag", wrong, SAMPLE)
            assert (own.text("bag"), width(own.layouts)) == (old, width_mm)
        own.keep("bag", narrower(shipped), SAMPLE)


def test_a_file_that_cannot_be_read_is_named_and_the_shipped_layout_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "bag_60x40.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "layouts" / "seal_60x40.toml").write_text("width = 1", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        layouts = OwnLayouts(tmp_path / "layouts").layouts
    assert [layouts.of(kind).width for kind in ("bag", "seal")] == [60, 60]
    assert ["bag" in record.getMessage() for record in caplog.records] == [True, False]


def test_a_kept_layout_that_no_longer_passes_is_not_used_and_the_page_can_say_why(tmp_path: Path) -> None:
    """Kept by an earlier version, or put there by hand: a copy of such a label looks like the label."""
    (tmp_path / "layouts").mkdir()
    hiding = shipped_text("bag").replace('field = "copy"', 'field = "grade"')
    (tmp_path / "layouts" / "bag_60x40.toml").write_text(narrower(hiding), encoding="utf-8")
    own = OwnLayouts(tmp_path / "layouts")
    assert width(own.layouts) == 60
    assert "copy" in str(own.damage("bag"))
    (tmp_path / "layouts" / "bag_60x40.toml").write_text(narrower(shipped_text("bag")), encoding="utf-8")
    own = OwnLayouts(tmp_path / "layouts")
    assert (width(own.layouts), own.damage("bag")) == (61, None)
