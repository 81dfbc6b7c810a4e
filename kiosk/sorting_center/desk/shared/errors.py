"""What cannot be done because of the machine; what is refused is a `kiosk.base.refused.Refused`."""

from __future__ import annotations


class DeskError(Exception):
    """The desk's database cannot be used; the text names it and the act."""
