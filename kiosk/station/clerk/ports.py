"""What is needed of the store to know who stands at the counter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kiosk.domain.clerk import Role
from kiosk.domain.events import AuthLocked
from kiosk.domain.lockout import Lockout
from kiosk.store.records import ClerkRow, Stamp


class PeopleStore(Protocol):
    """Takes people on and keeps their PINs."""

    def add_clerk(self, name: str, role: Role, pin_hash: str, stamp: Stamp) -> ClerkRow: ...
    def set_pin(self, number: str, pin_hash: str, stamp: Stamp) -> None: ...


class LockoutStore(Protocol):
    """Keeps how often somebody guessed wrong."""

    def lockout(self, scope: str) -> Lockout: ...
    def save_lockout(self, scope: str, lockout: Lockout, locked_event: AuthLocked | None, stamp: Stamp) -> None: ...


class AccessStore(LockoutStore, PeopleStore, Protocol):
    """Everybody who works here, now or before."""

    def clerks(self, active: bool = True) -> list[ClerkRow]: ...
    def clerk(self, number: str) -> ClerkRow | None: ...
    def retire_clerk(self, number: str, stamp: Stamp) -> None: ...
    def wrap_pins(self, wrap: Callable[[str], str | None]) -> int: ...
