"""The rules used for weighing: the version and digits of the legally relevant part, which are in every event."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from kiosk.domain.metrology.software import metrology_id

# Everything in the domain that can change what a reading becomes on the receipt, or what is stated about the scale.
LEGALLY_RELEVANT: Final = (
    "intake.py",
    "mass.py",
    "money.py",
    "metrology/check_weight.py",
    "metrology/frames.py",
    "metrology/indication.py",
    "metrology/pan.py",
    "metrology/pan_journal.py",
    "metrology/software.py",
    "metrology/legal_status.py",
)


@cache
def metrology() -> str:
    """Return ``1+a91f03c7``: printed on receipts, and in the envelope of every event this software writes."""
    domain = files("kiosk.domain")
    return metrology_id({name: domain.joinpath(name).read_bytes() for name in LEGALLY_RELEVANT})
