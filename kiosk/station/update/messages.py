"""What station and root helper write to each other, by the protocol of ``kiosk/base/root_requests.py``.

The station asks with a ``Request``, and the helper's journal says what comes of it. The journal also asks whether the
station is busy: it writes an ``Answer``. The new release, on trial, writes a ``Verdict``; the helper that reads it is
that of the former release, so fields may be added and none may be changed. Both have the number of the update as id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from kiosk.base.files import open_regular
from kiosk.base.json_reader import reader
from kiosk.base.root_requests import REQUESTS, BadMessage, MessageFile
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused

BUNDLES: Final = "updates"  # The folder in the station's data folder
POLL_NOW: Final = "poll-for-updates"  # A file beside it: the relay shall ask for updates now, and removes it
BUNDLE_END: Final = ".kioskupdate"
_BUNDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\.kioskupdate")
_BUSY: Final = frozenset(
    {UpdateRefusalReason.BUSY_PAN, UpdateRefusalReason.BUSY_INTAKE, UpdateRefusalReason.BUSY_PRINTING}
)
_FAILED: Final = frozenset(
    {UpdateRefusalReason.PAGES, UpdateRefusalReason.SCALE, UpdateRefusalReason.INTAKE, UpdateRefusalReason.DATABASE}
)


@dataclass(frozen=True, slots=True)
class Request:
    bundle: str

    def __post_init__(self) -> None:
        if not is_bundle_name(self.bundle):
            raise ValueError(f"{self.bundle!r} is no name of a bundle")


@dataclass(frozen=True, slots=True)
class Answer:
    """``busy`` is None when the station is quiet: it starts nothing more. ``scale``: whether it is received."""

    busy: UpdateRefusalReason | None
    scale: bool

    def __post_init__(self) -> None:
        if self.busy is not None and self.busy not in _BUSY:
            raise ValueError("this is no reason to be busy")


@dataclass(frozen=True, slots=True)
class Verdict:
    why: UpdateRefusalReason | None
    detail: str = ""

    def __post_init__(self) -> None:
        if self.why is not None and self.why not in _FAILED:
            raise ValueError("this is nothing a trial finds")


_read_request: Final = reader(msgspec.json.Decoder(Request))
_read_answer: Final = reader(msgspec.json.Decoder(Answer))
_read_verdict: Final = reader(msgspec.json.Decoder(Verdict))


class UpdateFiles:
    """Their files and the bundles, in the station's data folder; ``rights`` as ``MessageFile`` has it."""

    def __init__(self, data: Path, rights: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        folder, self._bundles, self._rights = data / REQUESTS, data / BUNDLES, rights
        self.request = MessageFile(folder / "update.json", _read_request, rights=rights)
        self.answer = MessageFile(folder / "update-answer.json", _read_answer, rights=rights)
        self.verdict = MessageFile(folder / "update-verdict.json", _read_verdict, rights=rights)

    def clear(self) -> None:
        for file in (self.answer, self.verdict):
            with suppress(BadMessage):
                file.take()

    @contextmanager
    def bundle(self, name: str) -> Iterator[BinaryIO]:
        """Open the bundle once: what happens to its name afterwards changes nothing. Raises UpdateRefused."""
        try:
            with self._rights():
                file = open_regular(self._bundles / name)
        except OSError as error:
            raise UpdateRefused(UpdateRefusalReason.NOT_FOUND, error.strerror or str(error)) from error
        with file:
            yield file

    def drop_bundle(self, name: str) -> None:
        with self._rights():
            (self._bundles / name).unlink(missing_ok=True)


def is_bundle_name(text: str) -> bool:
    return _BUNDLE.fullmatch(text) is not None
