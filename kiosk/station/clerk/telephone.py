"""A first or a forgotten PIN by telephone: the station shows digits, the county answers with digits.

The answer does not sign in: a new PIN is typed. A challenge is used up by the right answer, by ``TRIES`` wrong ones, by
that of another person and by a restart. Wrong answers count as wrong PINs do, which limits guessing.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kiosk.domain.telephone_pin import answer, challenge_text, read_secret
from kiosk.station.clerk.access import Access, is_same
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused

logger = logging.getLogger(__name__)

TRIES: Final = 5
ANSWERED_MS: Final = 5 * 60_000  # The new PIN must be typed within it: later another person may be there
_MAX_SECRET_FILE: Final = 100


@dataclass(frozen=True, slots=True)
class PinChallenge:
    """The challenge on the screen. ``token`` belongs to the browser in which the right answer was typed."""

    person: Person
    challenge: str
    tries: int = 0
    token: str = field(default="", repr=False)
    until_ms: int = 0

    @property
    def answered(self) -> bool:
        return bool(self.token)


def load_secret(path: Path | None) -> bytes | None:
    """Read the station's secret; None, and a line in the log, where it is missing or damaged."""
    if path is None:
        return None
    try:
        with path.open(encoding="ascii") as file:
            return read_secret(file.read(_MAX_SECRET_FILE).strip())
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it holds no secret"
        logger.error("%s cannot be used, so nobody gets a PIN by telephone: %s", path, problem)
        return None


class TelephonePin:
    """Thread-safe. ``secret`` is the one that the county has, too; None where there is no county."""

    def __init__(self, access: Access, station: str, secret: bytes | None, now_ms: Callable[[], int]) -> None:
        self._access, self._station, self._secret, self._now_ms = access, station, secret, now_ms
        self._lock = threading.Lock()
        self._open: PinChallenge | None = None

    def __repr__(self) -> str:
        return f"TelephonePin({self._station}, {'with' if self._secret else 'without'} a secret)"

    @property
    def current(self) -> PinChallenge | None:
        """The challenge on the screen, or the answered one while its new PIN may be typed."""
        with self._lock:
            return self._current()

    def begin(self, number: str) -> PinChallenge:
        """Show a challenge for this person; one already shown stays, so that the digits can be read again. Raises
        CounterRefused: no_county_secret, unknown_clerk.
        """
        if self._secret is None:
            raise CounterRefused("no_county_secret")
        person = next((one for one in self._access.staff() if one.number == number), None)
        if person is None:
            raise CounterRefused("unknown_clerk")
        with self._lock:
            found = self._current()
            if found is None or found.person != person or found.answered:
                found = self._open = PinChallenge(person, challenge_text(secrets.randbelow))
                logger.info("%s asks for a new PIN by telephone", person.actor)
            return found

    def check(self, challenge: str, typed: str) -> str:
        """Return the token with which the new PIN may be set. Raises CounterRefused: challenge_over (no longer the
        page's: it counts as no guess), wrong_answer, locked.
        """
        with self._lock:
            found = self._current()
            if found is None or found.answered or found.challenge != challenge:
                raise CounterRefused("challenge_over")
            try:
                self._access.guess_limit.guess(lambda: self._fits(found, typed) or None)
            except CounterRefused as error:
                if error.code != "wrong_pin":
                    raise
                self._open = replace(found, tries=found.tries + 1) if found.tries + 1 < TRIES else None
                raise CounterRefused("wrong_answer", values=error.values) from error
            token = secrets.token_urlsafe(32)
            self._open = replace(found, challenge="", token=token, until_ms=self._now_ms() + ANSWERED_MS)
            return token

    def answered_by(self, token: str) -> Person | None:
        """Return the person whose new PIN this browser may set."""
        found = self.current
        return found.person if found is not None and found.answered and is_same(found.token, token) else None

    def set_pin(self, token: str, pin: str) -> Person:
        """Set the PIN, once. Raises CounterRefused: challenge_over, and what ``Access.set_pin`` raises, BadPin too;
        then it may be tried again.
        """
        with self._lock:
            found = self._current()
            if found is None or not found.answered or not is_same(found.token, token):
                raise CounterRefused("challenge_over")
            self._access.set_pin(found.person.number, pin)
            self._open = None
        logger.info("%s has a new PIN by telephone", found.person.actor)
        return found.person

    def cancel(self) -> None:
        with self._lock:
            self._open = None

    def _current(self) -> PinChallenge | None:
        if self._open is not None and self._open.answered and self._now_ms() > self._open.until_ms:
            self._open = None
        return self._open

    def _fits(self, found: PinChallenge, typed: str) -> bool:
        assert self._secret is not None
        return is_same(answer(self._secret, self._station, found.person.number, found.challenge), typed)
