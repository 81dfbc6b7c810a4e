"""What the taking of an identity needs: the places where one may lie, and the machine that takes it."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import msgspec

from kiosk.domain.lockout import Lockout
from kiosk.first_start.identity.format import StationIdentity

# The code does not open it; too many did not; nobody can use it; another machine has it; it lies nowhere; this machine
# is another station.
Refusal = Literal["wrong", "wait", "damaged", "claimed", "gone", "other"]
# What is behind `damaged` and `failed`, as far as a technician can do something about it: the file cannot be read; it
# was renamed; it was made for other software; its certificate is no station's of this number; its key is not that of
# the certificate; the stick cannot be written; this machine cannot keep it; nobody answers.
Why = Literal["file", "renamed", "software", "certificate", "key", "stick", "machine", "silent"]


class IdentityRefused(Exception):
    """Nothing was taken. ``word`` ends a text ``setup.refused.identity_…``, ``why`` one ``setup.refused.why_…``; the
    message is technical. ``wait_s`` is how long until the next try.
    """

    def __init__(
        self, word: Refusal | Literal["failed"], message: str, why: Why | None = None, wait_s: int = 0
    ) -> None:
        super().__init__(message)
        self.word: Final = word
        self.why: Final = why
        self.wait_s: Final = wait_s


class IdentityFolder(Protocol):
    """One folder of a stick or of the boot partition. Every change is durable when it returns; all raise OSError."""

    def names(self) -> tuple[str, ...]:
        """Files that are named like an identity; a bounded number. Nothing when the medium was pulled."""

    def read(self, name: str) -> bytes | None:
        """At most one byte more than may be; None when there is no such file."""

    def mark(self, name: str, content: bytes) -> None:
        """Write or replace the file as a whole."""

    def remove(self, name: str) -> None:
        """Nothing to do when it is gone."""


class PendingIdentity(msgspec.Struct, frozen=True):
    """An identity that is on its way: root's alone, on the data partition. ``name`` is its file on the medium.

    ``claimed``: the mark on the medium was seen to be this machine's. Until then this copy is worth nothing.
    """

    identity: StationIdentity
    name: str
    claimed: bool = False


class InUse(msgspec.Struct, frozen=True):
    """The station this machine is, as far as everybody may know it."""

    station: str
    region: str
    village: str
    broker_url: str
    authority: bool
    photos: str = ""
    updates: str = ""
    county_key: str = ""


class Vault(Protocol):
    """The machine's own side. Every change is durable when it returns; all raise OSError."""

    @property
    def machine(self) -> str:
        """SHA-256 of the machine's own random number, made with its data partition."""

    def pending(self) -> PendingIdentity | None: ...

    def save_pending(self, identity: PendingIdentity) -> None: ...

    def drop_pending(self) -> None:
        """What was kept is not needed any more."""

    def in_use(self) -> InUse | None: ...

    def wrong_codes(self) -> Lockout:
        """Those that were typed here, counted on after a restart."""

    def count(self, wrong_codes: Lockout) -> None: ...

    def install(self, identity: StationIdentity) -> None:
        """Certificate and key to where the relay takes them from; safe to repeat."""
