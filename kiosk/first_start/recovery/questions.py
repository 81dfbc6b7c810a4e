"""The questions about a station that comes back on a new card: which, the letter of its receipts, the digits of its
paper, and the screen that waits. Root does the work.

The digits are in memory for as long as one answer takes, and in no draft.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.first_start.shared.draft import SettingsDraft
from kiosk.first_start.shared.ports import AnswerRefused, RecoveryView
from kiosk.first_start.shared.recovery.ports import Lacks, Recoveries, RecoveryRefused, Refusal

NEW: Final = "new"
NO_RECEIPT: Final = "none"
WAITS: Final = "recovery_wait"
QUESTIONS: Final = frozenset({"recovery", "recovery_letter", "recovery_code", WAITS})
_LACKING: Final[Mapping[Lacks, Refusal]] = {"kit": "no_kit", "backup": "no_backup", "opening": "unopened"}

Changes = Mapping[str, Any]


class RecoveryQuestions:
    """Gives what an answer changes in the draft."""

    def __init__(self, recoveries: Recoveries) -> None:
        self._recoveries = recoveries
        self._lock = threading.Lock()

    def busy(self) -> bool:
        """Whether a station is being put back: then nobody may make another one of this card."""
        return self._recoveries.busy()

    def offered(self) -> bool:
        """Whether there is anything to choose at this moment."""
        return bool(self._recoveries.offered())

    def view(self) -> RecoveryView:
        refusal = self._recoveries.refusal()
        if refusal is None:
            return RecoveryView()
        refused = _answer_refused(refusal)
        return RecoveryView(refused.code, refused.why, refused.seconds)

    def answer(self, draft: SettingsDraft, question: str, value: str) -> Changes:
        """Raises AnswerRefused; one at a time."""
        if not self._lock.acquire(blocking=False):
            raise AnswerRefused("recovery_busy")  # the answer to another tap is still awaited
        try:
            return self._answer(draft, question, value)
        except RecoveryRefused as refusal:
            raise _answer_refused(refusal) from refusal
        except OSError as error:
            raise AnswerRefused("recovery_failed", str(error), "machine") from error
        finally:
            self._lock.release()

    def _answer(self, draft: SettingsDraft, question: str, value: str) -> Changes:
        match question:
            case "recovery":
                return self._chosen(value)
            case "recovery_letter":
                return {"letter": _letter(value)}
            case "recovery_code":
                self._begin(draft, value)
                return {}
        raise AnswerRefused("recovery_busy")  # the screen that waits asks nothing

    def _chosen(self, value: str) -> Changes:
        if self._recoveries.busy():
            raise RecoveryRefused("busy", "a station is being put back")
        if value == NEW:
            return {"recovery": "", "letter": ""}
        row = next((one for one in self._recoveries.offered() if one.station == value), None)
        if row is None:
            raise RecoveryRefused("stick", f"nothing of {value} lies on any medium")
        if row.lacks:
            raise RecoveryRefused(_LACKING[row.lacks], f"{value} lacks its {row.lacks}")
        return {"recovery": row.station, "lettered": self._recoveries.has_letters(), "letter": ""}

    def _begin(self, draft: SettingsDraft, typed: str) -> None:
        try:
            code = PaperCode(typed)
        except BadCode:
            raise AnswerRefused("identity_digits") from None
        self._recoveries.begin(draft.recovery, code.digits, draft.letter)


def _letter(value: str) -> str:
    """Raises RecoveryRefused."""
    if value == NO_RECEIPT:
        return SERIES_LETTERS[0]
    if len(value) != 1 or value not in SERIES_LETTERS:
        raise RecoveryRefused("letter", "no letter of a receipt")
    return value


def _answer_refused(refusal: RecoveryRefused) -> AnswerRefused:
    """Its technical words are in the journal of kiosk-recovery.service; here nobody could read them."""
    if refusal.word == "wait":
        return AnswerRefused("identity_wait", str(refusal), "wait", refusal.wait_s)
    return AnswerRefused(f"recovery_{refusal.word}", "", refusal.why or "")
