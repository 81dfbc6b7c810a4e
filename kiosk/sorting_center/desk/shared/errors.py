"""The desk's error, and the one rule that all its names have."""

from __future__ import annotations

import re
from typing import Final

from kiosk.base.refused import Refused

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,39}")


class DeskError(Exception):
    """The desk's database cannot be used; the text names it and the act."""


def check_name(name: str) -> None:
    """Check the name of a person, token or target. Raises Refused: bad_name."""
    if not _NAME.fullmatch(name):
        raise Refused("bad_name", "a name has 2 to 40 of a-z, 0-9, dot, dash and underscore, and begins with a letter")
