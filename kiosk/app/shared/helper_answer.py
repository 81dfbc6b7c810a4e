"""The answer of root helpers that refuse: one format, and its conversion back to a refusal."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from kiosk.base.refused import Refused


class HelperAnswer(msgspec.Struct, frozen=True):
    """``word``: "" when all went well, else the code of a refusal; ``why`` and ``wait_s`` are its values. ``message``
    is for the journal, and holds no secret.
    """

    word: str = ""
    message: str = ""
    why: str = ""
    wait_s: int = 0

    def refusal(self, kind: str, words: Collection[str], say_nothing_of: Collection[str]) -> Refused:
        """Return it as shown: one of ``words``, else "failed". Its technical words are in the journal, too."""
        if self.word == "wait":
            return Refused("identity_wait", values={"why": "wait", "seconds": str(self.wait_s)})
        word = self.word if self.word in words else "failed"
        message = "" if word in say_nothing_of else self.message
        return Refused(f"{kind}_{word}", message, {"why": self.why} if self.why else {})


def answer_fields(refused: Refused) -> dict[str, Any]:
    """Return the fields of a ``HelperAnswer`` for a refusal."""
    values = refused.values
    seconds = int(values.get("seconds", 0))
    return {"word": refused.code, "message": str(refused), "why": values.get("why", ""), "wait_s": seconds}
