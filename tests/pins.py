"""PINs that cost next to nothing. What a station keeps is slow to make on purpose; tests/station/clerk judges that."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from kiosk.station.clerk import pin_hash

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NOBODY = CHEAP.hash("nobody has this one")


def cost_nothing(patch: pytest.MonkeyPatch) -> None:
    """Until the patch ends, every hash that is made or compared with in this process."""
    patch.setattr(pin_hash, "_hasher", lambda: CHEAP)
    patch.setattr(pin_hash, "_dummy_hash", lambda: NOBODY)
