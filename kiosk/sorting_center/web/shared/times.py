"""Moments on the wall clock of the county."""

from __future__ import annotations

from datetime import UTC, datetime


def start_of_day(now: datetime) -> str:
    """RFC 3339 in UTC of the last midnight in the zone of ``now``."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def local_time(timestamp: str, now: datetime) -> str:
    """A timestamp of the ledger on the wall clock of ``now``'s zone, with the date unless it is today."""
    local = datetime.fromisoformat(timestamp).astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")
