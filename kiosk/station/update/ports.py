"""What an update needs of the machine it runs on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import BinaryIO, Protocol

from kiosk.station.update.bundle import UpdateManifest
from kiosk.station.update.journal import UpdateOutcome
from kiosk.station.update.release import Release


class Releases(Protocol):
    """The folder of releases. Raises OSError and UpdateRefused."""

    def running(self) -> Release: ...
    def packaged(self) -> Release: ...
    def current(self) -> str:
        """Return the folder that `current` names; "" when the packaged release runs."""

    def has_libraries(self, lock: str) -> bool:
        """Return whether the libraries of this lock are in the package or beside the releases."""

    def unpack(self, manifest: UpdateManifest, payload: BinaryIO) -> None:
        """Unpack the release, whole and durable, beside the others; replace what a power cut left of it."""

    def switch(self, name: str) -> None:
        """Make launchers take this folder from now on, "" for the packaged release. Durable."""

    def sweep(self, keep: Collection[str]) -> None:
        """Remove every other release, every incomplete one, and libraries that no release needs."""

    def keys(self) -> tuple[bytes, ...]: ...  # The vendor's public keys that hold now

    def rotate(self, version: str, accepted: tuple[str, ...]) -> None:
        """Accept these keys, in hex, from now on. Durable."""


class OfflineDatabase(Protocol):
    """The station's database while no process has it open. Raises StoreError and OSError."""

    def size(self) -> int: ...  # Bytes, with its log
    def schema(self) -> int: ...
    def copy(self) -> str: ...  # Copy it, check the copy, make it durable; returns its SHA-256
    def newest_event(self) -> int: ...  # Its position, 0 for none

    def put_back(self, sha256: str, schema: int) -> str:
        """Put the copy in its place and return ""; a repeated call changes nothing. Where the copy is spoiled, or the
        database holds something that the copy does not, never put it there: a whole database with this schema stays,
        and the reason is returned.
        """

    def copy_may_come_back(self, sha256: str) -> bool:
        """Return whether the copy is whole and holds all that the database does."""

    def served_since(self, position: int, schema: int) -> bool:
        """Return whether any service took place after this event, in a whole database of a higher schema."""

    def check(self) -> None: ...  # Raises StoreError when the database is not whole
    def forget(self) -> None: ...  # Delete the copy, when there is one


class Services(Protocol):
    """Station and relay as units. Raises OSError."""

    def station_runs(self) -> bool: ...
    def stop(self) -> None: ...  # Stop everything that opens the database, and keep it from starting
    def start_station(self) -> None: ...  # Let the station start; the others stay stopped
    def release(self) -> None: ...  # Let everything start that ``stop`` has stopped, and start it. Again does nothing


class UpdateHost(Protocol):
    @property
    def architecture(self) -> str: ...  # ``amd64`` or ``arm64``
    @property
    def python(self) -> str: ...  # ``3.13``
    def free_bytes(self) -> int: ...  # On the partition of releases and database
    def monotonic(self) -> float: ...
    def wait(self, seconds: float) -> None: ...
    def new_number(self) -> str: ...  # 16 random hex digits


class BundleShelf(Protocol):
    """Bundles and releases of this machine, as the station may read them. Raises OSError."""

    def names(self) -> Sequence[str]: ...  # Of bundles that were handed in, the newest file first
    def on_sticks(self) -> Sequence[str]: ...  # The paths of bundles on media that are plugged in
    def head(self, name: str, size: int) -> bytes: ...  # The first bytes of a bundle, by its name or its path

    def bring(self, path: str, size: int) -> str:
        """Copy a bundle of ``size`` bytes from a stick, beside those that were handed in; return its name there. Raises
        UpdateRefused.
        """

    def running(self) -> Release: ...
    def keys(self) -> tuple[bytes, ...]: ...
    def outcome(self) -> UpdateOutcome | None: ...
    def waits(self) -> bool: ...  # Whether a request is there that the helper has not taken yet
    def ask(self, bundle: str) -> None: ...
