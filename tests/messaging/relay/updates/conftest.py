from __future__ import annotations

from tests.station.update.machine import knows_both_schemas

__all__ = ["knows_both_schemas"]
