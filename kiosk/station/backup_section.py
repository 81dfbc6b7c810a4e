"""The UUID of the backup medium in a settings file: the rest of the file stays as it is, comments too."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from kiosk.station.scale.section import replace_text

_SECTION: Final = re.compile(r"\s*\[\s*backup\s*\]\s*(#.*)?")
_HEADER: Final = re.compile(r"\s*\[")
_KEY: Final = re.compile(r"\s*[\"']?uuid[\"']?\s*=")


def bind(file: Path, uuid: str, check: Callable[[Path], object]) -> Path:
    """Put ``uuid`` into ``[backup]`` of the file, read back by ``check`` first; returns the copy of the former one.

    Raises NotWritten; then the file is as it was.
    """
    return replace_text(file, lambda text: with_uuid(text, uuid), check)


def with_uuid(text: str, uuid: str) -> str:
    """The text with this UUID. Raises ValueError when only a person can change it."""
    changed = "".join(_changed(text.splitlines(keepends=True), f'uuid = "{uuid}"\n'))
    before, after = tomllib.loads(text), tomllib.loads(changed)
    former = before.get("backup")
    if not isinstance(former, dict):
        raise ValueError("there is no section [backup]: a person has to write it, with the folder of the medium")
    if after != {**before, "backup": {**former, "uuid": uuid}}:
        raise ValueError(f'[backup] is written in a way that only a person can change: add uuid = "{uuid}" to it')
    return changed


def _changed(rows: list[str], line: str) -> Iterator[str]:
    inside = False
    for row in rows:
        if _HEADER.match(row):
            inside = bool(_SECTION.fullmatch(row.rstrip("\r\n")))
        elif inside and _KEY.match(row):
            continue
        yield row if row.endswith("\n") else row + "\n"
        if inside and _HEADER.match(row):
            yield line
