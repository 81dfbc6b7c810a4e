"""Pictures that are not to be tried now, and why. No clock: time is passed in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.messaging.relay.photos.faults import PhotoFault

FIRST_RETRY_S: Final = 5.0
# The center takes the event in and makes its own list of it: a matter of seconds, unless it is being repaired.
MAX_RETRY_S: Final = 600.0
GIVE_UP_S: Final = 86_400.0  # A person has to look first; after a day somebody may have
MAX_TRIES: Final = 3  # A picture whose bytes arrive wrong is begun anew so often
# A center that has acknowledged an event and knows nothing of its picture for so long has lost something.
OVERDUE_S: Final = 86_400.0


@dataclass(slots=True)
class _Pause:
    since: float
    until: float
    pauses: Backoff
    fault: PhotoFault | None = None
    damaged_tries: int = 0


@dataclass(slots=True)
class PausedPictures:
    """``share`` is the part of a pause that is waited, random (`kiosk.domain.backoff`)."""

    share: Callable[[], float]
    _by_sha256: dict[str, _Pause] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_sha256)

    def is_due(self, sha256: str, now: float) -> bool:
        """Whether this picture may be tried."""
        hold = self._by_sha256.get(sha256)
        return hold is None or now >= hold.until

    def wait_s(self, now: float) -> float | None:
        """Until the first of them may be tried again; None when none is held."""
        return min((max(0.0, hold.until - now) for hold in self._by_sha256.values()), default=None)

    def postpone(self, sha256: str, now: float) -> None:
        """The center does not know it yet."""
        hold = self._pause_of(sha256, now)
        hold.until = now + hold.pauses.next()
        hold.fault = PhotoFault.NOT_ANNOUNCED if now - hold.since > OVERDUE_S else None

    def retry_damaged(self, sha256: str, now: float) -> bool:
        """Its bytes arrived wrong: whether it is to be begun anew."""
        hold = self._pause_of(sha256, now)
        hold.damaged_tries += 1
        if hold.damaged_tries < MAX_TRIES:
            hold.until = now + hold.pauses.next()
            return True
        self.stop(sha256, PhotoFault.CONTENT, now)
        return False

    def stop(self, sha256: str, fault: PhotoFault, now: float) -> None:
        """It is not tried for a day."""
        hold = self._pause_of(sha256, now)
        hold.until, hold.fault, hold.damaged_tries = now + GIVE_UP_S, fault, 0

    def done(self, sha256: str) -> None:
        self._by_sha256.pop(sha256, None)

    def retain_only(self, waiting: Collection[str]) -> None:
        """Forget those that do not wait any more."""
        self._by_sha256 = {sha256: hold for sha256, hold in self._by_sha256.items() if sha256 in waiting}

    @property
    def fault(self) -> PhotoFault | None:
        """Of the pictures that are stopped, the one that was stopped last."""
        stopped = [hold for hold in self._by_sha256.values() if hold.fault is not None]
        return max(stopped, key=lambda hold: hold.until).fault if stopped else None

    def _pause_of(self, sha256: str, now: float) -> _Pause:
        if sha256 not in self._by_sha256:
            self._by_sha256[sha256] = _Pause(now, now, Backoff(FIRST_RETRY_S, MAX_RETRY_S, self.share))
        return self._by_sha256[sha256]
