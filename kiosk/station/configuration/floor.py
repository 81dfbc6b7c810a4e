"""Outside the database, so that an older copy of it cannot go back: the newest document that was ever about to be
applied here, and the newest day whose prices were. And which documents were refused, so that one that comes again and
again is reported once. In a second file the same of the county's requests, with the answers.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from kiosk.base.files import write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.configuration import ConfigurationVersion
from kiosk.domain.events import RequestAnswered

logger = logging.getLogger(__name__)

FILE_NAME: Final = "configuration-floor.json"  # In the station's data folder
MAX_REFUSALS_A_DAY: Final = 10  # A hostile broker must not fill the journal
MAX_ANSWERS: Final = 10
_MAX_REMEMBERED: Final = 20


class RefusedDocument(msgspec.Struct, frozen=True):
    """A document that was not applied. ``key`` and ``number`` are 0 where it could not be read; ``at``: RFC 3339;
    ``reason``: a `RefusalReason`, or a word of a request's answer.
    """

    sha256: str
    key: int
    number: int
    reason: str
    at: str

    @property
    def version(self) -> ConfigurationVersion | None:
        return ConfigurationVersion(self.key, self.number) if self.number else None


class RecordedAnswer(msgspec.Struct, frozen=True):
    """``request``: SHA-256 of its RFC 8785 bytes."""

    request: str
    answer: RequestAnswered


class _Content(msgspec.Struct, frozen=True):
    key: int = 0
    number: int = 0
    day: str = ""
    refused: tuple[RefusedDocument, ...] = ()  # The oldest first
    reported: int = 0  # Of those, on the day of the newest
    answers: tuple[RecordedAnswer, ...] = ()  # The oldest first


_read: Final = reader(msgspec.json.Decoder(_Content))


class FloorFile:
    """For one thread. A file that cannot be read says nothing."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE_NAME
        try:
            self._content = _read(self._path.read_bytes())
        except FileNotFoundError:
            self._content = _Content()
        except (OSError, Unreadable) as error:
            logger.error(
                "%s cannot be read (%s): only the database says which document is the newest", FILE_NAME, error
            )
            self._content = _Content()

    @property
    def version(self) -> ConfigurationVersion | None:
        return ConfigurationVersion(self._content.key, self._content.number) if self._content.number else None

    @property
    def last_refusal(self) -> RefusedDocument | None:
        return self._content.refused[-1] if self._content.refused else None

    @property
    def day(self) -> str:
        return self._content.day

    def raise_to(self, version: ConfigurationVersion) -> None:
        """Raise the newest known version. Durable when it returns. Raises OSError."""
        if self.version is None or version > self.version:
            self._write(replace(self._content, key=version.key, number=version.number))

    @property
    def answers(self) -> tuple[RecordedAnswer, ...]:
        return self._content.answers

    def record(self, made: RecordedAnswer) -> None:
        """Record the answer, and the newest number with it. Durable when it returns. Raises OSError."""
        answers = (*self.answers, made)[-MAX_ANSWERS:]
        self._write(replace(self._content, answers=answers, key=made.answer.key, number=made.answer.number))

    def raise_day(self, day: str) -> None:
        """Raise the price day. Durable when it returns. Raises OSError."""
        if day > self.day:
            self._write(replace(self._content, day=day))

    def may_report(self, refused: RefusedDocument) -> bool:
        """Return whether to report the refusal: once per document and reason, and not too many on one day."""
        is_known = any((row.sha256, row.reason) == (refused.sha256, refused.reason) for row in self._content.refused)
        return not is_known and self._reported_on_day_of(refused) < MAX_REFUSALS_A_DAY

    def remember(self, refused: RefusedDocument) -> None:
        """Store a refusal that was reported. Raises OSError."""
        rows = (*self._content.refused, refused)[-_MAX_REMEMBERED:]
        self._write(replace(self._content, refused=rows, reported=self._reported_on_day_of(refused) + 1))

    def _reported_on_day_of(self, refused: RefusedDocument) -> int:
        last = self.last_refusal
        return self._content.reported if last is not None and last.at[:10] == refused.at[:10] else 0

    def _write(self, content: _Content) -> None:
        write_durably(self._path, msgspec.json.encode(content))
        self._content = content
