"""The two questions about an identity that was brought on a stick. The answer may take seconds: a root helper gives it.

The code is in memory for as long as one answer takes, and in no draft.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from kiosk.first_start.draft import BrokerDraft, SettingsDraft
from kiosk.first_start.identity.paper_code import BadCode, PaperCode
from kiosk.first_start.identity.ports import IdentityRefused, InUse
from kiosk.first_start.ports import AnswerRefused, Identities

BY_HAND: Final = "by_hand"
QUESTIONS: Final = frozenset({"identity", "identity_code"})
CREDENTIALS: Final = "/run/credentials/kiosk-relay.service/kiosk-relay"
"""Where the relay's unit finds what lies as /etc/credstore/kiosk-relay.*."""
FREE_TRIES: Final = 3
PAUSE_S: Final = 30.0
"""Between two tries after the free ones: 2880 a day against 10**15 codes."""

Changes = Mapping[str, Any]


class IdentityQuestions:
    """Gives what an answer changes in the draft. ``clock`` is monotonic."""

    def __init__(self, identities: Identities, clock: Callable[[], float] = time.monotonic) -> None:
        self._identities, self._clock = identities, clock
        self._lock = threading.Lock()
        self._wrong = 0
        self._last_wrong = 0.0

    def offered(self) -> bool:
        """Whether there is anything to choose at this moment."""
        return self._identities.in_use() is not None or bool(self._identities.offered())

    def answer(self, draft: SettingsDraft, question: str, value: str) -> Changes:
        """Raises AnswerRefused; one at a time."""
        if not self._lock.acquire(blocking=False):
            raise AnswerRefused("identity_wait")
        try:
            changes = self._code(draft.identity, value) if question == "identity_code" else self._chosen(value)
            return {**changes, "proven": {**draft.proven, "broker": "unseen"}} if changes.get("taken") else changes
        except IdentityRefused as refusal:
            if refusal.word == "wrong":
                self._wrong += 1
                self._last_wrong = self._clock()
            raise AnswerRefused(f"identity_{refusal.word}", str(refusal)) from refusal
        except OSError as error:
            raise AnswerRefused("identity_failed", str(error)) from error
        finally:
            self._lock.release()

    def _chosen(self, value: str) -> Changes:
        present = self._identities.in_use()
        if present is not None:
            if value != present.station:
                raise AnswerRefused("identity_other", f"this machine is {present.station} already")
            return _taken(present)
        if value == BY_HAND:
            return {"identity": "", "taken": False}
        row = next((one for one in self._identities.offered() if one.station == value), None)
        if row is None:
            raise AnswerRefused("identity_gone", value)
        if row.sealed:
            return {"identity": row.station}
        return _taken(self._identities.take(row.station, ""))

    def _code(self, station: str, typed: str) -> Changes:
        try:
            code = PaperCode(typed)
        except BadCode as error:
            raise AnswerRefused("identity_digits", str(error)) from None
        left = self._last_wrong + PAUSE_S - self._clock()
        if self._wrong >= FREE_TRIES and left > 0:
            raise AnswerRefused("identity_wait", f"{left:.0f} s")
        return _taken(self._identities.take(station, code.digits))


def _taken(found: InUse) -> Changes:
    """Everything the identity says; what the county has set is not asked again."""
    broker = BrokerDraft(
        "mqtts",
        urlsplit(found.broker_url).netloc,
        ca_file=f"{CREDENTIALS}.ca.crt" if found.authority else "",
        account="certificate",
        cert_file=f"{CREDENTIALS}.crt",
        key_file=f"{CREDENTIALS}.key",
    )
    names = {name: getattr(found, name) for name in ("station", "region", "village")}
    return {**names, "identity": found.station, "taken": True, "broker": broker}
