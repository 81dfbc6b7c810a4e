"""The station's signing key: 32 random bytes in a file beside the database, which no backup, kit or bundle includes.

A database is copied and restored, or a card is put into another machine: the one that continues is another station, and
gets a key of its own. So a second file records the machine and the epoch the key was made for. The key itself is made
by the station's process alone, at its start; the relay and commands sign with the key they find.

A key that fails stops nothing: events are written without a signature, and one event covers them once it works again.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from kiosk.base.ed25519 import SEED_BYTES, Ed25519Key
from kiosk.base.files import read_bounded, write_durably
from kiosk.domain.events import KeyMade
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.journal.signing import SigningState

logger = logging.getLogger(__name__)

KEY_FILE: Final = "signing.key"
BINDING_FILE: Final = "signing.json"
_MODE: Final = 0o600
_MAX_BINDING_BYTES: Final = 4096
_RETRY_S: Final = 60.0
# Only what stays with the board: a copy of the card has all that is on it (docs/decisions/twins-by-boot.md).
_SERIAL: Final = Path("/proc/device-tree/serial-number")
# Epochs of a database that was restored, or that two machines had.
_OTHER_LIVES: Final = frozenset({"restored", "forked"})


class KeyBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key was made for; ``why`` as in ``KeyMade``."""

    public: str
    epoch: str
    machine: str
    why: str


_read_binding: Final = msgspec.json.Decoder(KeyBinding).decode


def read_machine(serial: Path = _SERIAL) -> str:
    """Hash the board's serial number with SHA-256; "" when it has none."""
    with suppress(OSError):
        return hashlib.sha256(serial.read_bytes()).hexdigest()
    return ""


class StationSigning:
    """May be used from any thread; the files are read again when they change, and once a minute while they fail."""

    def __init__(
        self, data: Path, machine: Callable[[], str] = read_machine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file, self._binding_file = data / KEY_FILE, data / BINDING_FILE
        self._machine, self._clock = machine, clock
        self._lock = Lock()
        self._key: Ed25519Key | None = None
        self._seen: tuple[int, int, int] | None = None
        self._retry_at = self._poll_at = float("-inf")
        self._is_started = self._has_logged = False

    def current_key(self) -> Ed25519Key | None:
        """Return the key; None while it fails, and on a station that has none yet."""
        with self._lock:
            try:
                found = self._file.stat()
                seen = found.st_ino, found.st_mtime_ns, found.st_size
                if seen != self._seen or (self._key is None and self._clock() >= self._retry_at):
                    self._seen = seen
                    self._key = self.load()
                    self._has_logged = False
            except (OSError, ValueError) as error:
                self._fail(error)
            return self._key

    def current_public(self) -> bytes | None:
        key = self.current_key()
        return key.public if key is not None else None

    def load(self) -> Ed25519Key:
        """Read the key from its file. Raises OSError, and ValueError for a file that is no key of this machine."""
        key, binding = Ed25519Key(read_bounded(self._file, SEED_BYTES)), self._binding()
        if binding is None or (binding.public, binding.machine) != (key.public.hex(), self._machine()):
            raise ValueError(f"{self._file} is not the key that was made on this machine")
        return key

    def sign(self, sha256: str) -> str:
        """Return the attribute ``signature`` of an event with this hash, "" while the key fails. Raises nothing."""
        try:
            key = self.current_key()
            return sign_event(key, sha256) if key is not None else ""
        except Exception as error:  # Whatever is wrong with it, the goods are on the pan
            self._fail(error)
            return ""

    def start(self, store: Store, stamps: Callable[[], Stamp]) -> None:
        """Make the key unless one fits, announce it, and cover what was written without one.

        ``stamps`` sign with this key. ``poll`` tries again what fails.
        """
        self._poll_at = self._clock() + _RETRY_S
        try:
            state = store.signing.state()
            why = self._why_new(state, self._binding())
            if why:
                self._make(why, list(state.epochs)[-1])
            self._announce(store, stamps)
            self._is_started = True
        except (OSError, StoreError) as error:
            self._fail(error)

    def poll(self, store: Store, stamps: Callable[[], Stamp]) -> None:
        """Do once a minute what failed before. A key that fails now gets no successor before the next start: it may be
        readable again. Raises StoreError.
        """
        if self._clock() < self._poll_at:
            return
        if not self._is_started:
            self.start(store, stamps)
            return
        self._poll_at = self._clock() + _RETRY_S
        self._announce(store, stamps)

    def _why_new(self, state: SigningState, binding: KeyBinding | None) -> str:
        """Return why another key has to be made, "" when this one goes on."""
        if binding is None and not state.epoch:
            return "first"
        if binding is not None and binding.machine != self._machine():
            return "moved"
        epochs, made_in = list(state.epochs), binding.epoch if binding is not None else state.epoch
        if made_in not in epochs or not _OTHER_LIVES.isdisjoint(
            state.epochs[epoch] for epoch in epochs[epochs.index(made_in) + 1 :]
        ):
            return "restored"
        if self.current_key() is not None:
            return ""
        # A power cut while it was made, or its file is not what it was.
        return binding.why if binding is not None and binding.public != state.public else "repaired"

    def _make(self, why: str, epoch: str) -> None:
        """Make the key, durable before it signs; its binding first: a key that does not match it is not used."""
        seed = secrets.token_bytes(SEED_BYTES)
        binding = KeyBinding(Ed25519Key(seed).public.hex(), epoch, self._machine(), why)
        write_durably(self._binding_file, msgspec.json.encode(binding), _MODE)
        write_durably(self._file, seed, _MODE)

    def _announce(self, store: Store, stamps: Callable[[], Stamp]) -> None:
        key, binding = self.current_key(), self._binding()
        if key is None or binding is None:
            return
        state = store.signing.state()
        if state.public != binding.public:
            store.signing.announce(KeyMade(binding.public, binding.why), stamps())
        if state.uncovered:
            store.signing.cover(stamps())

    def _binding(self) -> KeyBinding | None:
        with suppress(OSError, ValueError):
            return _read_binding(read_bounded(self._binding_file, _MAX_BINDING_BYTES))
        return None

    def _fail(self, error: Exception) -> None:
        self._key, self._retry_at = None, self._clock() + _RETRY_S
        if not self._has_logged and (self._is_started or not isinstance(error, FileNotFoundError)):
            self._has_logged = True
            logger.error("the signing key fails, events and papers are not signed: %s", error)
