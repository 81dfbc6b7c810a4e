"""Scenes are seen everywhere."""

from __future__ import annotations

from itertools import product

import pytest

from tests import depth


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
