"""Who is at the counter: signed in by number and PIN, signed out when the counter is not used.

One counter, one person: a sign-in ends the session before. A session also ends with its PIN, its role and the
employment of its person, at the next touch. ``GuessLimit`` limits wrong PINs and wrong pickup codes.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from kiosk.domain.clerk import Role
from kiosk.station.clerk.guess_limit import PIN, GuessLimit
from kiosk.station.clerk.pin_hash import NO_PIN_KEY, Person, PinKey, add_person, hash_pin
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.store.shared.records import ClerkRow, Stamp
from kiosk.store.store import Store

logger = logging.getLogger(__name__)


_MAX_PIN_LENGTH = 16  # Characters; a longer text is no PIN and not worth hashing


@dataclass(frozen=True, slots=True)
class CounterSession:
    """A person signed in at the counter. ``token`` is the browser's cookie."""

    token: str = field(repr=False)
    person: Person


@dataclass(frozen=True, slots=True)
class _OpenSession:
    session: CounterSession
    row: ClerkRow
    used_ms: int


class Access:
    """Thread-safe. A session ends unused after ``idle_s``; ``on_change`` hears that one began or ended. ``guess_limit``
    counts wrong PINs.
    """

    def __init__(
        self,
        store: Store,
        idle_s: float,
        stamps: Callable[[], Stamp],
        on_change: Callable[[Access], None] = lambda access: None,
        pins: PinKey = NO_PIN_KEY,
    ) -> None:
        self._pins = pins
        self._clerks = store.clerks
        self._idle_ms = idle_s * 1000
        self._stamps, self._on_change = stamps, on_change
        self.guess_limit = GuessLimit(PIN, store.lockouts, stamps)
        self._lock = threading.Lock()
        self._retiring = threading.Lock()
        self._open: _OpenSession | None = None

    def people(self) -> tuple[Person, ...]:
        with as_counter_refusals():
            return tuple(_person(row) for row in self._clerks.everyone() if row.pin_hash)

    def staff(self) -> Mapping[Person, bool]:
        """Map every active person, by number, to whether their PIN can be checked."""
        with as_counter_refusals():
            rows = self._clerks.everyone()
        return {_person(row): bool(row.pin_hash) and self._pins.knows(row.pin_hash) for row in rows}

    def sign_in(self, number: str, pin: str) -> CounterSession:
        """Begin a session. Raises CounterRefused: no_pin (no person has one yet), no_own_pin (this person has none
        yet), pin_unreadable (stored under another key), wrong_pin, locked.
        """
        row = self._check(number, pin)
        session = CounterSession(secrets.token_urlsafe(32), _person(row))
        with self._lock:
            self._open = _OpenSession(session, row, self._now_ms())
        self._on_change(self)
        return session

    def authenticate_second(self, number: str, pin: str, not_same_as: Person) -> Person:
        """Check another clerk who agrees. Raises CounterRefused: same_person, forbidden and as above."""
        if is_same(number, not_same_as.number):
            raise CounterRefused("same_person")
        person = _person(self._check(number, pin))
        if person.number == not_same_as.number:
            raise CounterRefused("same_person")
        if person.role is not Role.CLERK:
            raise CounterRefused("forbidden")
        return person

    def session(self, token: str) -> CounterSession | None:
        """Return and renew the open session of this token; None when it is not, or no longer, open."""
        return self._find(token, renew=True)

    def peek(self, token: str) -> CounterSession | None:
        """Return the same without renewing it: for streams and beats, which come without a touch."""
        return self._find(token, renew=False)

    def current(self) -> CounterSession | None:
        """Return the open session without a token; not renewed."""
        self.expire()
        with self._lock:
            return self._open.session if self._open else None

    def is_clerk_present(self) -> bool:
        session = self.current()
        return session is not None and session.person.role is Role.CLERK

    def sign_out(self, token: str) -> None:
        with self._lock:
            found = self._open
        if found is not None and is_same(found.session.token, token):
            self._end(found)

    def expire(self) -> None:
        with self._lock:
            found = self._open
        if found is not None and (self._now_ms() - found.used_ms > self._idle_ms):
            self._end(found)

    def add(self, name: str, role: Role, pin: str) -> Person:
        with as_counter_refusals():
            return _person(add_person(self._clerks, name, role, hash_pin(self._pins, pin), self._stamps()))

    def set_pin(self, number: str, pin: str) -> None:
        """Replace a PIN; an open session of that person ends. Raises BadPin, CounterRefused."""
        with as_counter_refusals():
            self._clerks.set_pin(number, hash_pin(self._pins, pin), self._stamps())

    def retire(self, number: str) -> None:
        """Retire a person who no longer works here; their open session ends. Raises CounterRefused: last_technician,
        when no one else could add people; unknown_clerk.
        """
        with self._retiring, as_counter_refusals():
            row = self._clerks.by_number(number) if number.isascii() else None
            if row is None or not row.active:
                raise CounterRefused("unknown_clerk")
            able = (person for person, has_pin in self.staff().items() if has_pin)
            technicians = {person.number for person in able if person.role is Role.TECHNICIAN}
            if technicians == {row.number}:
                raise CounterRefused("last_technician")
            self._clerks.retire(row.number, self._stamps())

    def _check(self, number: str, pin: str) -> ClerkRow:
        """Find the row of number and PIN, at the same pace for an unknown number."""
        staff = self.staff()
        if not self.people():
            raise CounterRefused("no_own_pin" if staff else "no_pin")
        row = self._row(number)
        if row is None and number in [person.number for person in staff]:
            raise CounterRefused("no_own_pin")
        if row is not None and not self._pins.knows(row.pin_hash):
            logger.error("the PIN of %s was kept under another key: a technician has to set it anew", row.number)
            raise CounterRefused("pin_unreadable")
        return self.guess_limit.guess(lambda: self._matching(number, pin))

    def _row(self, number: str) -> ClerkRow | None:
        if not number.isascii():
            return None
        with as_counter_refusals():
            row = self._clerks.by_number(number)
        return row if row is not None and row.active and row.pin_hash else None

    def _matching(self, number: str, pin: str) -> ClerkRow | None:
        row = self._row(number)
        if not pin.isascii() or len(pin) > _MAX_PIN_LENGTH:
            return None
        return row if self._pins.matches(pin, row.pin_hash if row else None) else None

    def _find(self, token: str, *, renew: bool) -> CounterSession | None:
        self.expire()
        with self._lock:
            found = self._open
        if found is None or not is_same(found.session.token, token):
            return None
        with as_counter_refusals():
            current = self._clerks.by_number(found.row.number)
        if current != found.row:
            self._end(found)
            return None
        if renew:
            with self._lock:
                if self._open is not None and self._open.session is found.session:
                    self._open = replace(self._open, used_ms=self._now_ms())
        return found.session

    def _end(self, found: _OpenSession) -> None:
        with self._lock:
            if self._open is None or self._open.session is not found.session:
                return
            self._open = None
        logger.info("the counter is locked")
        self._on_change(self)

    def _now_ms(self) -> int:
        return self._stamps().moment.monotonic_ms


def _person(row: ClerkRow) -> Person:
    return Person(row.number, row.name, row.role)


def is_same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "backslashreplace"), right.encode("utf-8", "backslashreplace"))
