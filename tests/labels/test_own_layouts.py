"""A village's own layouts: read by the rules of the shipped ones, used at once and after a start, put back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import LABELS, LayoutProblem, label_layout, shipped_text, use_own
from kiosk.labels.own_layouts import LONGEST, OwnLayouts
from kiosk.labels.papers.samples import SAMPLES
from kiosk.labels.symbols import SymbolTooWide
from kiosk.protocols.barcodes.reader import read
from tests.labels.heads import LABEL

SAMPLE = SAMPLES["bag"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnLayouts]:
    yield OwnLayouts(tmp_path / "layouts")
    for kind in LABELS:
        use_own(kind, None)


def narrower(text: str) -> str:
    return text.replace("width = 60", "width = 61")


def test_what_is_kept_is_used_at_once_and_after_a_start_until_it_is_put_back(own: OwnLayouts) -> None:
    assert not own.is_own("bag")
    own.keep("bag", narrower(own.text("bag")), SAMPLE)
    assert (own.is_own("bag"), label_layout("bag").width, own.text("bag")) == (True, 61, narrower(shipped_text("bag")))
    use_own("bag", None)
    own.load()
    assert label_layout("bag").width == 61
    own.put_back("bag")
    assert (own.is_own("bag"), label_layout("bag").width) == (False, 60)
    own.put_back("bag")


def test_a_layout_is_refused_with_its_reason_and_the_old_one_stays(own: OwnLayouts) -> None:
    text = shipped_text("bag")
    for wrong, reason in (
        ("name = ", "Invalid value"),
        (text.replace("width = 60", "width = 20"), "edge of the label"),
        (text.replace('field = "harvest"', 'field = "copy_2"'), "must show harvest"),
        (text.replace('field = "mode"', 'field = "moud"'), "there is no field moud; there are bag_caption"),
        (text.replace('name = "bag"', 'name = "crate"'), "called 'bag', not 'crate'"),
        ("#" * (LONGEST + 1), "at most"),
        (text.replace("w = 60\n", "w = 40\n"), "needs 440 dots across, the label has 320"),
    ):
        with pytest.raises((LayoutProblem, SymbolTooWide), match=reason):
            own.keep("bag", wrong, SAMPLE)
    assert not own.is_own("bag")
    assert label_layout("bag").width == 60


def test_a_file_that_cannot_be_read_is_named_and_the_shipped_layout_used(
    own: OwnLayouts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "bag_60x40.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "layouts" / "seal_60x40.toml").write_text("width = 1", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        own.load()
    assert [label_layout(kind).width for kind in ("bag", "seal")] == [60, 60]
    assert ["bag" in record.getMessage() for record in caplog.records] == [True, False]


def test_samples_hold_every_field_and_no_code_of_a_station() -> None:
    for kind, sample in SAMPLES.items():
        assert {box.field for box in label_layout(kind).boxes} <= set(sample.texts)
        found = read(draw_label(label_layout(kind), sample, LABEL[203]).to_image())
        assert {symbol.text for symbol in found} == {"TEST"}, kind
