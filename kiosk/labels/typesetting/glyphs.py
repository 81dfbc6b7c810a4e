"""Signs that no font of the papers has: they are printed as a box, and reported as warnings."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache

from kiosk.labels.typesetting.fonts import Script, load
from kiosk.labels.typesetting.shaping import MARKS, script_of

logger = logging.getLogger(__name__)

_UNMAPPED_CHARACTER = "\U000f0000"  # A private character that no font has: what is drawn for it is the box

_COMPARISON_SIZE = 20  # Dots of em at which a sign is compared with the box; one at which faces are open anyway


def missing_glyph_warnings(texts: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each sign that will be a box, in order of the texts; log each once in a process."""
    found = dict.fromkeys(sign for text in texts for sign in text if not has_glyph(sign))
    return tuple(_missing_sign_warning(sign) for sign in found)


@lru_cache(maxsize=4096)
def has_glyph(sign: str) -> bool:
    script = script_of(sign)
    if script is None or sign in MARKS or not sign.isprintable():
        return True
    face = load(script, False, _COMPARISON_SIZE)
    return bytes(face.getmask(sign, mode="1")) != _box(script)


@lru_cache(maxsize=len(Script))
def _box(script: Script) -> bytes:
    return bytes(load(script, False, _COMPARISON_SIZE).getmask(_UNMAPPED_CHARACTER, mode="1"))


@lru_cache(maxsize=4096)
def _missing_sign_warning(sign: str) -> str:
    text = f"no font has U+{ord(sign):04X}: a box is printed in its place"
    logger.warning("%s", text)
    return text
