"""The section ``[scale]`` of a settings file with another format: the rest of the file stays as it is, comments too."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from kiosk.files import sync_folder
from kiosk.protocols.scales.probe.weights import Profile
from kiosk.protocols.scales.protocol import Mode

Table = Mapping[str, Any]
COPY: Final = ".before"
"""What the copy of the former file ends in."""
_SECTION: Final = re.compile(r"\s*\[\s*scale\s*\]\s*(#.*)?")
_PARAMS: Final = re.compile(r"\s*\[\s*scale\s*\.\s*params\s*\]\s*(#.*)?")
_HEADER: Final = re.compile(r"\s*\[")
_KEY: Final = re.compile(r"\s*([A-Za-z_]+)\s*[.=]")
_COMMENT: Final = re.compile(r"\s+#[^\"']*$")


class NotWritten(Exception):
    """The settings file is as it was; the text says why."""


def settings_of(profile: Profile, port: str) -> dict[str, Any]:
    """The keys that the taught format needs. A key that is None must not be there."""
    line = profile.candidate.line
    return {
        "port": port,
        "protocol": profile.candidate.protocol,
        **({"unit": profile.unit} if profile.unit else {}),
        "baud": line.baud,
        "bytesize": line.bytesize,
        "parity": line.parity,
        "stopbits": line.stopbits,
        "params": dict(profile.candidate.params) or None,
        **({} if profile.candidate.row.mode is Mode.POLL else {"poll_s": None}),
    }


def lines(table: Table) -> tuple[str, ...]:
    """The section as it stands in a file."""
    return tuple(f"{key} = {_toml(value)}" for key, value in table.items() if value is not None)


def with_scale(text: str, table: Table) -> str:
    """The file with these keys in ``[scale]``. Raises ValueError when the rest would have to be touched."""
    changed = "".join(_changed(text.splitlines(keepends=True), table))
    before, after = tomllib.loads(text), tomllib.loads(changed)
    former = before.get("scale")
    if not isinstance(former, dict):
        raise ValueError("there is no section [scale]: a person has to write it")
    scale = {**former, **table}
    if after != {**before, "scale": {key: value for key, value in scale.items() if value is not None}}:
        raise ValueError("the section [scale] is written in a way that only a person can change")
    return changed


def _changed(rows: list[str], table: Table) -> Iterator[str]:
    left = {key: value for key, value in table.items() if value is not None}
    inside = ""
    held: list[str] = []
    """Blank lines and comments at the end of the section, behind which nothing is put."""
    for row in rows:
        header = bool(_HEADER.match(row))
        if header and inside == "scale":
            yield from _rest(left, held)
            held = []
        if header:
            bare = row.rstrip("\r\n")
            inside = "scale" if _SECTION.fullmatch(bare) else "params" if _PARAMS.fullmatch(bare) else "other"
            if inside == "params":
                continue
        key = _KEY.match(row)
        if inside == "scale" and not header and key is None:
            held.append(row)
            continue
        yield from held
        held = []
        if inside == "params" and key is not None:
            continue
        if inside != "scale" or key is None or header or key[1] not in table:
            yield row if row.endswith("\n") else row + "\n"
        elif key[1] in left:
            comment = _COMMENT.search(row.rstrip("\r\n"))
            yield f"{key[1]} = {_toml(left.pop(key[1]))}{comment[0] if comment else ''}\n"
    if inside == "scale":
        yield from _rest(left, [])
    yield from held


def _rest(left: dict[str, Any], held: list[str]) -> Iterator[str]:
    yield from (f"{row}\n" for row in lines(left))
    left.clear()
    yield from held


def _toml(value: Any) -> str:
    """Strings as JSON writes them are TOML basic strings; DEL alone is not (TOML 1.0, String)."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return str(value)


def writable(file: Path | None) -> bool:
    """Whether the file can be replaced: its folder takes a new one."""
    return file is not None and file.is_file() and os.access(file.parent, os.W_OK) and os.access(file, os.W_OK)


def rewrite(file: Path, table: Table, check: Callable[[Path], object]) -> Path:
    """Put the file with these keys in its place, read back by ``check`` first; returns the copy of the former one.

    Raises NotWritten; then the file is as it was.
    """
    return replace_text(file, lambda text: with_scale(text, table), check)


def replace_text(file: Path, change: Callable[[str], str], check: Callable[[Path], object]) -> Path:
    """The same for any change of the text; ``change`` raises ValueError when only a person can make it."""
    fresh, copy = file.with_name(f".{file.name}.taught"), file.with_name(file.name + COPY)
    try:
        former = file.read_bytes()
        text = change(former.decode("utf-8"))
        _put(fresh, text.encode("utf-8"), file)
        check(fresh)
        spare = file.with_name(f".{copy.name}.part")
        _put(spare, former, file)
        spare.replace(copy)
        fresh.replace(file)
        sync_folder(file.parent)
    except (OSError, ValueError) as error:
        raise NotWritten(str(error)) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return copy


def _put(path: Path, data: bytes, like: Path) -> None:
    """Written through to the disk, readable for the same people as ``like``."""
    stat = like.stat()
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as file:
        made = os.fstat(number)
        if (made.st_uid, made.st_gid) != (stat.st_uid, stat.st_gid):
            os.fchown(number, stat.st_uid if made.st_uid == 0 else -1, stat.st_gid)
        os.fchmod(number, stat.st_mode & 0o777)
        file.write(data)
        file.flush()
        os.fsync(number)
