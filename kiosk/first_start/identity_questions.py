"""The two questions about an identity that was brought on a stick. The answer may take seconds: a root helper gives it.

The code is in memory for as long as one answer takes, and in no draft.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.first_start.identity.ports import IdentityRefused, InUse
from kiosk.first_start.shared.draft import BrokerDraft, SettingsDraft
from kiosk.first_start.shared.ports import AnswerRefused, Identities

BY_HAND: Final = "by_hand"
QUESTIONS: Final = frozenset({"identity", "identity_code"})
# Where the relay's unit finds what lies as /etc/credstore/kiosk-relay.*.
CREDENTIALS: Final = "/run/credentials/kiosk-relay.service/kiosk-relay"
_SAYS_ALL: Final = frozenset({"wrong", "claimed", "gone", "other"})  # Refusals whose sentence needs no other

Changes = Mapping[str, Any]


class IdentityQuestions:
    """Gives what an answer changes in the draft."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._lock = threading.Lock()

    def offered(self) -> bool:
        """Whether there is anything to choose at this moment."""
        return self._identities.in_use() is not None or bool(self._identities.offered())

    def answer(self, draft: SettingsDraft, question: str, value: str) -> Changes:
        """Raises AnswerRefused; one at a time."""
        if not self._lock.acquire(blocking=False):
            raise AnswerRefused("identity_wait")  # the answer to another tap is still awaited
        try:
            changes = self._code(draft.identity, value) if question == "identity_code" else self._chosen(value)
            return {**changes, "proven": {**draft.proven, "broker": "unseen"}} if changes.get("taken") else changes
        except IdentityRefused as refusal:
            raise _answer_refused(refusal) from refusal
        except OSError as error:
            raise AnswerRefused("identity_failed", str(error), "machine") from error
        finally:
            self._lock.release()

    def _chosen(self, value: str) -> Changes:
        present = self._identities.in_use()
        if present is not None:
            if value != present.station:
                raise AnswerRefused("identity_other")
            return _identity_changes(present)
        if value == BY_HAND:
            return {"identity": "", "taken": False}
        row = next((one for one in self._identities.offered() if one.station == value), None)
        if row is None:
            raise AnswerRefused("identity_gone")
        if row.sealed:
            return {"identity": row.station}
        return _identity_changes(self._identities.take(row.station, ""))

    def _code(self, station: str, typed: str) -> Changes:
        try:
            code = PaperCode(typed)
        except BadCode:
            raise AnswerRefused("identity_digits") from None
        return _identity_changes(self._identities.take(station, code.digits))


def _answer_refused(refusal: IdentityRefused) -> AnswerRefused:
    """Its technical words are in the journal of kiosk-identity.service; here nobody could read them."""
    code = f"identity_{refusal.word}"
    if refusal.word == "wait":
        return AnswerRefused(code, str(refusal), "wait", refusal.wait_s)
    return AnswerRefused(code, "" if refusal.word in _SAYS_ALL else str(refusal), refusal.why or "")


def _identity_changes(found: InUse) -> Changes:
    """Everything the identity says; what the county has set is not asked again."""
    broker = BrokerDraft(
        "mqtts",
        urlsplit(found.broker_url).netloc,
        ca_file=f"{CREDENTIALS}.ca.crt" if found.authority else "",
        account="certificate",
        cert_file=f"{CREDENTIALS}.crt",
        key_file=f"{CREDENTIALS}.key",
        photos=found.photos,
        updates=found.updates,
    )
    names = {name: getattr(found, name) for name in ("station", "region", "village", "county_key")}
    return {**names, "identity": found.station, "taken": True, "broker": broker}
