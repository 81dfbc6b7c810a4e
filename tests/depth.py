"""How deep a run looks: ``KIOSK_TESTS`` is ``quick`` for `make quick`, ``torture`` for `make torture`.

``appliance`` is `make appliance`, which installs and boots whole systems.

A promise holds in every run; what differs is how often it is tried, and in how many combinations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

QUICK: Final = os.environ.get("KIOSK_TESTS") == "quick"
TORTURE: Final = os.environ.get("KIOSK_TESTS") == "torture"
APPLIANCE: Final = os.environ.get("KIOSK_TESTS") == "appliance"

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

    On the first panel, the smallest and tightest; every fourth scene on one of the larger ones as well, in another
    language: that shows how a panel fills. Languages and larger panels are others from scene to scene, so that every
    panel is seen with every language. `make torture` looks at the whole product.
    """
    larger = panels[1:] or panels
    for number, scene in enumerate(scenes):
        if TORTURE:
            yield scene, [(panel, language) for panel in panels for language in languages]
            continue
        seen_on = [(panels[0], languages[number % len(languages)])]
        if number % 4 == 0:
            other = languages[(number + 1) % len(languages)]
            seen_on.append((larger[number // 4 // len(languages) % len(larger)], other))
        yield scene, seen_on
