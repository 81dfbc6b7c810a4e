"""The two times a PIN is typed. Between them it is in memory alone: a draft that is stolen holds no PIN, and nothing
that could be tried out without the station's key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from kiosk.domain.clerk import BadPin, check_pin
from kiosk.first_start.shared.draft import PersonDraft, SettingsDraft
from kiosk.first_start.shared.ports import AnswerRefused
from kiosk.station.clerk.pin_hash import hash_pin
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings

FIRST_ENTRIES: Mapping[str, str] = {"technician_pin": "technician", "clerk_pin": "clerk"}
CONFIRMATIONS: Mapping[str, str] = {"technician_again": "technician", "clerk_again": "clerk"}


class PinQuestions:
    """Takes the answers of the PIN questions. The key is that of the station which is being set up in ``data``."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._typed = ""

    def forget(self) -> None:
        """Another question is on the screen."""
        self._typed = ""

    def takes(self, question: str) -> bool:
        """Whether a question is one of these."""
        return question in FIRST_ENTRIES or question in CONFIRMATIONS

    def answer(self, draft: SettingsDraft, question: str, pin: str) -> SettingsDraft:
        """The draft with the hash once both agree. Raises AnswerRefused, which never holds the PIN."""
        if question in FIRST_ENTRIES:
            try:
                self._typed = check_pin(pin)
            except BadPin as error:
                raise AnswerRefused(f"pin_{error.code}") from None
            return draft
        if not self._typed or pin != self._typed:
            raise AnswerRefused("pin_differs")
        self.forget()
        role = CONFIRMATIONS[question]
        person: PersonDraft = getattr(draft, role)
        return replace(draft, **{role: replace(person, pin_hash=self._hash_pin(pin))})

    def _hash_pin(self, pin: str) -> str:
        """The settings file that could name another key is not there yet."""
        try:
            return hash_pin(PickupKey.load(ParcelSettings(), self._data, os.environ).pins(), pin)
        except CounterRefused as refusal:
            raise AnswerRefused("not_written", str(refusal)) from refusal
