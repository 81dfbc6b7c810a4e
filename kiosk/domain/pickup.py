"""The pickup code: six random digits on a slip, good for one parcel and one time."""

from __future__ import annotations

import re
from typing import Final

PICKUP_DIGITS: Final = 6  # One guess in a million; five wrong ones in ten minutes lock the pad

_CODE = re.compile(rf"[0-9]{{{PICKUP_DIGITS}}}")


class BadPickupCode(ValueError):
    """The text cannot be a pickup code. It is not repeated in the message: it may be somebody's."""


def check_pickup_code(text: str) -> str:
    """Return the code unchanged; raises BadPickupCode unless it is six ASCII digits."""
    if not _CODE.fullmatch(text):
        raise BadPickupCode(f"a pickup code is {PICKUP_DIGITS} digits")
    return text
