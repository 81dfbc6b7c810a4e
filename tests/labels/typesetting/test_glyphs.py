from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from kiosk.labels.papers.bag_label import BagLabel, render_bag_label
from kiosk.labels.papers.receipt import ReceiptDocument, render_receipt
from kiosk.labels.typesetting import glyphs
from tests.labels.heads import LABEL, STRIP

UNKNOWN = "\U0001f347"
"""A bunch of grapes: in no font of the papers."""


def test_what_the_papers_write_is_known(subtests: pytest.Subtests) -> None:
    for sign in [*"ئابپتجچخدرزژسشغفقكگڭلمنھوۇۆۈۋېىي،؟", *"Aag¥×−≈ñЖ·…", *"巴旦木，。《"]:
        with subtests.test(sign=sign):
            assert glyphs.has_glyph(sign)


def test_an_unknown_sign_is_a_box_on_the_paper_and_named_in_a_warning(
    bag: Callable[..., BagLabel], receipt: Callable[..., ReceiptDocument]
) -> None:
    named = ("no font has U+1F347: a box is printed in its place",)
    labels = [render_bag_label(bag(goods_en=f"Fig {sign}"), LABEL[203]) for sign in (UNKNOWN, "\U0001f34a", "")]
    assert labels[0].warnings == named
    assert labels[0] == labels[1] != labels[2]
    assert render_receipt(receipt(village=f"村{UNKNOWN}"), STRIP[203]).warnings == named
    assert render_receipt(receipt(), STRIP[203]).warnings == ()


def test_it_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert len(glyphs.missing_glyph_warnings(["\U0001f955\U0001f955", "x\U0001f955"])) == 1
    assert [record.getMessage() for record in caplog.records] == ["no font has U+1F955: a box is printed in its place"]
