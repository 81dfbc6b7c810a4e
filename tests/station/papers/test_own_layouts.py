"""A village's own layouts: used after a start, put back; of a wrong one the shipped one is used."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.labels.layout import Layouts, shipped_layout, shipped_text
from kiosk.station.papers.own_layouts import OwnLayouts


@pytest.fixture
def own(tmp_path: Path) -> OwnLayouts:
    return OwnLayouts(tmp_path / "layouts")


def narrower(text: str) -> str:
    return text.replace("width = 60", "width = 61")


def width(layouts: Layouts) -> float:
    return layouts.of("bag").width


def test_what_is_chosen_is_used_at_once_and_after_a_start_until_it_is_put_back(own: OwnLayouts, tmp_path: Path) -> None:
    printing = own.layouts
    assert not own.is_own("bag")
    own.choose("bag", "bag_small")
    assert (own.is_own("bag"), width(printing)) == (True, 40)
    assert width(OwnLayouts(tmp_path / "layouts").layouts) == 40
    assert shipped_layout("bag").width == 60
    own.put_back("bag")
    assert (own.is_own("bag"), width(printing)) == (False, 60)
    own.put_back("bag")


def test_a_file_of_the_village_is_used_from_the_next_start_on(own: OwnLayouts, tmp_path: Path) -> None:
    folder = tmp_path / "layouts"
    folder.mkdir()
    (folder / "bag_60x40.toml").write_text(narrower(shipped_text("bag")), encoding="utf-8")
    assert (width(own.layouts), width(OwnLayouts(folder).layouts)) == (60, 61)


def test_a_layout_that_is_chosen_takes_the_place_of_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "bag_60x40.toml").write_bytes(b"\xff\xfe")
    own = OwnLayouts(tmp_path / "layouts")
    assert own.damage("bag") is not None
    own.choose("bag", "bag_shop")
    assert (own.damage("bag"), OwnLayouts(tmp_path / "layouts").damage("bag")) == (None, None)
    with pytest.raises(KeyError):
        own.choose("bag", "poster")


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


def test_a_layout_that_breaks_a_rule_is_not_used_and_the_page_can_say_why(tmp_path: Path) -> None:
    """A copy of such a label looks like the label."""
    (tmp_path / "layouts").mkdir()
    hiding = shipped_text("bag").replace('field = "copy"', 'field = "grade"')
    (tmp_path / "layouts" / "bag_60x40.toml").write_text(narrower(hiding), encoding="utf-8")
    own = OwnLayouts(tmp_path / "layouts")
    assert width(own.layouts) == 60
    assert "copy" in str(own.damage("bag"))
    (tmp_path / "layouts" / "bag_60x40.toml").write_text(narrower(shipped_text("bag")), encoding="utf-8")
    own = OwnLayouts(tmp_path / "layouts")
    assert (width(own.layouts), own.damage("bag")) == (61, None)
