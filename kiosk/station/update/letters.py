"""What station and root helper write to each other, as files below the station's folder: the helper trusts none of it.

The station asks with a ``Request``; the helper's journal asks back whether it is busy, and the station writes an
``Answer``; the new release, on trial, writes a ``Verdict``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from kiosk.station.update.refusals import Why

REQUEST, ANSWER, VERDICT = "update.json", "update-answer.json", "update-verdict.json"
MAX_BYTES: Final = 4096
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

    number: str
    busy: Why | None
    scale: bool

    def __post_init__(self) -> None:
        if self.busy is not None and self.busy not in _BUSY:
            raise ValueError("this is no reason to be busy")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the new release found. ``why`` is None when it is healthy."""

    number: str
    why: Why | None
    detail: str = ""

    def __post_init__(self) -> None:
        if self.why is not None and self.why not in _FAILED:
            raise ValueError("this is nothing a trial finds")


L = TypeVar("L", Request, Answer, Verdict)
_DECODE: Final[Mapping[type, Callable[[bytes], object]]] = {
    Request: msgspec.json.Decoder(Request).decode,
    Answer: msgspec.json.Decoder(Answer).decode,
    Verdict: msgspec.json.Decoder(Verdict).decode,
}


def is_bundle_name(text: str) -> bool:
    """One plain name, without a folder."""
    return _BUNDLE.fullmatch(text) is not None


def parse(raw: bytes, kind: type[L]) -> L | None:
    """None for anything but such a letter."""
    if len(raw) > MAX_BYTES:
        return None
    try:
        found = _DECODE[kind](raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None
