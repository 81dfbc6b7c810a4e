"""What a release says of itself in its ``release.json``: version, machine, libraries, schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import msgspec

RELEASE_FILE: Final = "release.json"
ALL: Final = "all"  # The architecture of a release that brings no compiled code

_VERSION: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}(?:\+[0-9a-z]{1,40})?")
_PYTHON: Final = re.compile(r"3\.[0-9]{1,2}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{0,40}")


@dataclass(frozen=True, slots=True)
class Release:
    """``version`` like ``0.9.0+g2d3aa88``; ``libraries`` is the SHA-256 of the lock they were installed from;
    ``schema`` that of the station's database."""

    version: str
    commit: str
    architecture: str
    python: str
    libraries: str
    schema: int

    def __post_init__(self) -> None:
        patterns = (
            (_VERSION, self.version),
            (_COMMIT, self.commit),
            (_PYTHON, self.python),
            (_HASH, self.libraries),
        )
        strange = [text for pattern, text in patterns if not pattern.fullmatch(text)]
        if strange or self.architecture not in ("amd64", "arm64", ALL) or not 0 < self.schema < 1_000_000:
            raise ValueError(f"this is no release: {strange or self.architecture}")

    @property
    def order(self) -> tuple[int, ...]:
        """Releases are compared by their numbers alone; a commit is older or newer than no other."""
        return order_of(self.version)


def order_of(version: str) -> tuple[int, ...]:
    """``0.9.0+g2d3aa88`` as (0, 9, 0, 0)."""
    numbers = [int(part) for part in version.partition("+")[0].split(".")]
    return (*numbers, *([0] * (4 - len(numbers))))


def is_version(text: str) -> bool:
    """Whether it may be the name of a release's folder."""
    return _VERSION.fullmatch(text) is not None


_decode: Final = msgspec.json.Decoder(Release).decode


def parse_release(raw: bytes) -> Release:
    """Raises ValueError. Fields that are not known here are passed over."""
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"this is no release ({error})") from error
