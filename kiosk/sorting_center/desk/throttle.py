"""The limit on guessed passwords, checked before a hash is computed, and on PINs given by telephone.

Attempts are counted by address, and by address and name. A name alone never counts: a stranger's attempts must not lock
the user out. An attempt is counted as wrong before it is checked, so that a hundred at once are not all checked first.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, select

from kiosk.domain.lockout import Lockout, LockoutRule
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import throttle
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.times import to_rfc3339

_MINUTE_MS: Final = 60_000
NAME_RULE: Final = LockoutRule(tries=5, window_ms=15 * _MINUTE_MS, lockout_ms=15 * _MINUTE_MS)
# A whole office may come from one address, and not all of them type well.
ADDRESS_RULE: Final = LockoutRule(tries=30, window_ms=15 * _MINUTE_MS, lockout_ms=15 * _MINUTE_MS, delay_ms=(0,))
# Answers to the challenges of one station, and of all stations by one person: each one counts.
STATION_PINS: Final = LockoutRule(tries=6, window_ms=60 * _MINUTE_MS, lockout_ms=30 * _MINUTE_MS, delay_ms=(0,))
PERSON_PINS: Final = LockoutRule(tries=20, window_ms=60 * _MINUTE_MS, lockout_ms=30 * _MINUTE_MS, delay_ms=(0,))
MAX_ROWS: Final = 5_000
_IPV6_NETWORK: Final = 64  # Prefix of one subscriber, which has all addresses in it (RFC 6177)


@dataclass(frozen=True, slots=True)
class AttemptTime:
    """``monotonic_ms`` counts from the boot; the wall clock ``now`` only orders rows that are deleted."""

    boot_id: str
    monotonic_ms: int
    now: datetime


class SignInThrottle:
    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def attempt(self, name: str, address: str, at: AttemptTime) -> int:
        """Return 0 when it may be checked: it counts as wrong until `succeeded`. Else return milliseconds to wait."""
        return self._attempt(_keys(name, address), at)

    def attempt_pin(self, who: str, station: str, at: AttemptTime) -> int:
        """Return 0 when this person may answer a challenge of this station, and count it; else milliseconds to wait."""
        return self._attempt([(f"pin {_hashed(station)}", STATION_PINS), (f"pins {_hashed(who)}", PERSON_PINS)], at)

    def _attempt(self, keys: list[tuple[str, LockoutRule]], at: AttemptTime) -> int:
        with self._database.writing() as connection:
            known = _load_lockouts(connection, [key for key, _ in keys])
            waits = [known[key].wait(rule, at.boot_id, at.monotonic_ms) for key, rule in keys if key in known]
            if wait := max(waits, default=0):
                return wait
            rows = [
                _row(key, known.get(key, Lockout()).after_failure(rule, at.boot_id, at.monotonic_ms), at)
                for key, rule in keys
            ]
            upsert_rows(connection, throttle, rows)
            if connection.execute(select(func.count()).select_from(throttle)).scalar_one() > MAX_ROWS:
                oldest = select(throttle.c.key).order_by(throttle.c.touched_at, throttle.c.key).limit(MAX_ROWS // 10)
                connection.execute(delete(throttle).where(throttle.c.key.in_(oldest)))
        return 0

    def succeeded(self, name: str, address: str, at: AttemptTime) -> None:
        """Forget the attempts with this name and address, and one of the address."""
        (own, _), (whole, _) = _keys(name, address)
        with self._database.writing() as connection:
            connection.execute(delete(throttle).where(throttle.c.key == own))
            known = _load_lockouts(connection, [whole])
            if whole in known and not known[whole].locked:
                before = known[whole]
                remaining = Lockout(before.failures_ms[:-1], 0, before.boot_id, before.monotonic_ms)
                upsert_rows(connection, throttle, [_row(whole, remaining, at)])


def _keys(name: str, address: str) -> list[tuple[str, LockoutRule]]:
    network = _network_key(address)
    return [(f"{network} {_hashed(name)}", NAME_RULE), (network, ADDRESS_RULE)]


def _hashed(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]  # any length may have been typed


def _network_key(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
    return str(found)


def _load_lockouts(connection: Connection, keys: list[str]) -> dict[str, Lockout]:
    rows = connection.execute(select(throttle).where(throttle.c.key.in_(keys)).with_for_update())
    return {
        row.key: Lockout(tuple(map(int, row.failures_ms.split())), row.wait_ms, row.boot_id, row.monotonic_ms)
        for row in rows
    }


def _row(key: str, found: Lockout, at: AttemptTime) -> tuple[object, ...]:
    ages = " ".join(map(str, found.failures_ms))
    return key, ages, found.boot_id, found.wait_ms, found.monotonic_ms, to_rfc3339(at.now)
