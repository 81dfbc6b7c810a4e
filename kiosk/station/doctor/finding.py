"""What the doctor says of one device or service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kiosk.texts import Texts

FINE: Final = "fine"
NOT_FITTED: Final = "not_fitted"


class Severity(StrEnum):
    """How well it is; a station works on with a warning, and something it needs is broken with a failure."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One row. ``found``: it is there; ``answering``: it does its work; None: that cannot be known here.

    ``last_seen_s`` is the age of its last sign of life. ``needed``: without it the station cannot take goods in, print
    or keep. ``word`` is the end of the text id ``doctor.do.…`` that says what to do; ``values`` fill it: places,
    package names and counts, never personal data.
    """

    device: str
    found: bool | None
    answering: bool | None
    verdict: Severity = Severity.OK
    word: str = FINE
    needed: bool = False
    last_seen_s: float | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.verdict is Severity.OK

    @property
    def name_id(self) -> str:
        return f"doctor.device.{self.device}"

    @property
    def what_to_do(self) -> str:
        """The text id of the sentence, to be filled with ``values``."""
        return f"doctor.do.{self.word}"

    def sentence(self, texts: Texts) -> str:
        return texts.text(self.what_to_do, **self.values)

    def as_json(self) -> dict[str, object]:
        """Return the row for ``/doctor.json``: codes only, no place and no value."""
        return {
            "device": self.device,
            "found": self.found,
            "answering": self.answering,
            "last_seen_s": None if self.last_seen_s is None else round(self.last_seen_s, 1),
            "ok": self.ok,
            "verdict": self.verdict.value,
            "word": self.word,
            "needed": self.needed,
        }


def not_fitted(device: str) -> DoctorFinding:
    return DoctorFinding(device, False, None, word=NOT_FITTED)


def unreadable(device: str, error: OSError, *, needed: bool = False) -> DoctorFinding:
    """Return a row for what the caller may not look at, or what cannot be read, so that the other rows still follow."""
    values = {"place": str(error.filename or ""), "problem": error.strerror or type(error).__name__}
    return DoctorFinding(
        device, None, None, Severity.FAIL if needed else Severity.WARN, "unreadable", needed, values=values
    )


def has_failure(findings: tuple[DoctorFinding, ...]) -> bool:
    return any(row.needed and row.verdict is Severity.FAIL for row in findings)
