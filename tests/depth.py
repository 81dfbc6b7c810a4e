"""How deep a run looks: ``KIOSK_TESTS`` is ``quick`` for `make quick`, ``torture`` for `make torture`.

A promise holds in every run; what differs is how often it is tried, and in how many combinations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

QUICK: Final = os.environ.get("KIOSK_TESTS") == "quick"
TORTURE: Final = os.environ.get("KIOSK_TESTS") == "torture"

Scene = TypeVar("Scene")
Panel = TypeVar("Panel")
Language = TypeVar("Language")


def many(promised: int, torture: int, quick: int | None = None) -> int:
    """How often something is done that is done again and again; ``quick`` where even once takes its time."""
    if QUICK and quick is not None:
        return quick
    return torture if TORTURE else promised


def looks(
    scenes: Sequence[Scene], panels: Sequence[Panel], languages: Sequence[Language]
) -> Iterator[tuple[Scene, list[tuple[Panel, Language]]]]:
    """Each scene with the panels and languages it is looked at in.

    A Latin square: every scene on every panel and in every language, and over the scenes every panel with every
    language. The first panel, the smallest, is the one that a scene is seen on most often. `make torture` looks at the
    whole product.
    """
    for number, scene in enumerate(scenes):
        if TORTURE:
            yield scene, [(panel, language) for panel in panels for language in languages]
        else:
            most = max(len(panels), len(languages))
            yield (
                scene,
                [(panels[at % len(panels)], languages[(number + at) % len(languages)]) for at in range(most)],
            )
