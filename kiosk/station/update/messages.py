"""What station and root helper write to each other, by the protocol of ``kiosk/base/root_requests.py``.

The station asks with a ``Request``, and the helper's journal says what comes of it. The journal also asks whether the
station is busy: it writes an ``Answer``. The new release, on trial, writes a ``Verdict``; the helper that reads it is
that of the former release, so fields may be added and none may be changed. Both have the number of the update as id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.base.root_requests import REQUESTS, MessageFile
from kiosk.station.update.refusals import Why

BUNDLES: Final = "updates"
"""The folder in the station's data folder."""
BUNDLE_END: Final = ".kioskupdate"
_BUNDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\.kioskupdate")
_BUSY: Final = frozenset({Why.BUSY_PAN, Why.BUSY_INTAKE, Why.BUSY_PRINTING})
_FAILED: Final = frozenset({Why.PAGES, Why.SCALE, Why.INTAKE, Why.DATABASE})


@dataclass(frozen=True, slots=True)
class Request:
    """``bundle`` is the name of a file in the station's folder of bundles."""

    bundle: str

    def __post_init__(self) -> None:
        if not is_bundle_name(self.bundle):
            raise ValueError(f"{self.bundle!r} is no name of a bundle")


@dataclass(frozen=True, slots=True)
class Answer:
    """``busy`` is None when the station is quiet: it begins nothing more. ``scale``: whether it is heard."""

    busy: Why | None
    scale: bool

    def __post_init__(self) -> None:
        if self.busy is not None and self.busy not in _BUSY:
            raise ValueError("this is no reason to be busy")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the new release found. ``why`` is None when it is healthy."""

    why: Why | None
    detail: str = ""

    def __post_init__(self) -> None:
        if self.why is not None and self.why not in _FAILED:
            raise ValueError("this is nothing a trial finds")


class UpdateFiles:
    """Their files; ``rights`` as ``MessageFile`` has it."""

    def __init__(self, data: Path, rights: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        folder = data / REQUESTS
        self.request = MessageFile(folder / "update.json", Request, rights=rights)
        self.answer = MessageFile(folder / "update-answer.json", Answer, rights=rights)
        self.verdict = MessageFile(folder / "update-verdict.json", Verdict, rights=rights)


def is_bundle_name(text: str) -> bool:
    """One plain name, without a folder."""
    return _BUNDLE.fullmatch(text) is not None
