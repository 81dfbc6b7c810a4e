"""One section of a settings file with other values: comments, order and all other text stay.

The new file is read as the station reads it before it replaces the former one, which is kept beside it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, InlineTable, Item, Table

from kiosk.base.files import stage, sync_folder

Values = Mapping[str, Any]  # Keys of one section. A value that is None must not be in the file.
COPY: Final = ".before"  # What the copy of the former file ends in


class NotWritten(Exception):
    """The settings file is as it was; the text says why."""


def writable(file: Path | None) -> bool:
    return file is not None and file.is_file() and os.access(file.parent, os.W_OK) and os.access(file, os.W_OK)


def rewrite(file: Path, section: str, values: Values, check: Callable[[Path], object]) -> Path:
    """Replace the file by one with these values; return the copy of the former one. ``check`` reads a file as the
    station will, or raises ValueError. Raises NotWritten; then the file is as it was.
    """
    staged: list[Path] = []
    try:
        former = file.read_bytes()
        text = with_values(former.decode("utf-8"), section, values)
        copy = file.with_name(file.name + COPY)
        staged.append(_stage_like(file, text.encode("utf-8"), file))
        check(staged[0])
        staged.append(_stage_like(copy, former, file))
        staged[1].replace(copy)
        staged[0].replace(file)
        sync_folder(file.parent)
    except (OSError, ValueError) as error:
        raise NotWritten(str(error)) from error
    finally:
        with suppress(OSError):
            for path in staged:
                path.unlink(missing_ok=True)
    return copy


def _stage_like(path: Path, content: bytes, like: Path) -> Path:
    """Stage a durable file beside ``path`` with ``like``'s access: the relay is another user of its group."""
    like_stat = like.stat()
    fresh = stage(path, content, like_stat.st_mode & 0o777)
    try:
        made = fresh.stat()
        if (made.st_uid, made.st_gid) != (like_stat.st_uid, like_stat.st_gid):
            os.chown(fresh, like_stat.st_uid if made.st_uid == 0 else -1, like_stat.st_gid)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def lines(values: Values) -> tuple[str, ...]:
    return tuple(f"{key} = {_item(value).as_string()}" for key, value in values.items() if value is not None)


def with_values(text: str, section: str, values: Values) -> str:
    """Return the text with these values in ``[section]``. Raises ValueError when only a person can change it."""
    text = text if text.endswith("\n") else text + "\n"
    before = tomllib.loads(text)
    former = before.get(section)
    if not isinstance(former, dict):
        raise ValueError(f"there is no section [{section}]: a person has to write it")
    expected = {**before, section: {**former, **values}}
    try:
        changed = _rewrite_section(text, section, values)
        is_equal = _normalized(tomllib.loads(changed), section) == _normalized(expected, section)
    except (TOMLKitError, tomllib.TOMLDecodeError):
        is_equal = False
    if not is_equal:
        by_hand = "; ".join(lines(values))
        raise ValueError(f"the section [{section}] is written in a way that only a person can change: {by_hand}")
    return changed


def _normalized(tables: Values, section: str) -> Values:
    """Drop empty tables from the section that was changed: there, one says as much as none."""
    return {
        **tables,
        section: {key: value for key, value in tables.get(section, {}).items() if value not in (None, {})},
    }


def _rewrite_section(text: str, section: str, values: Values) -> str:
    document = tomlkit.parse(text)
    # More than one when the section is written as dotted keys, or [scale.params] is apart from [scale].
    parts = [item for key, item in document.body if key is not None and key.key == section]
    tables = [part for part in parts if isinstance(part, Table | InlineTable)]
    fresh: dict[str, Any] = {}
    for key, value in values.items():
        if not _set_value(tables, key, value):
            fresh[key] = value
    home = next((table for table in tables if not (isinstance(table, Table) and table.is_super_table())), tables[0])
    _add(home, fresh)
    return document.as_string()


def _set_value(tables: list[Table | InlineTable], key: str, value: Any) -> bool:
    """Change the value in its place, or remove it; False when it has to be added."""
    for table in tables:
        held = [(name, item) for name, item in table.value.body if name is not None and name.key == key]
        if not held:
            continue
        name, item = held[0]
        if isinstance(item, Table) and not name.is_dotted() and isinstance(value, Mapping | None):
            for inner in list(item):
                item.remove(inner)
            _add(item, value or {})
            return True
        if value is not None and not isinstance(item, Table | AoT):
            table[key] = _item(value)
            return True
        table.remove(key)
    return value is None


def _add(table: Table | InlineTable, values: Values) -> None:
    """Add new keys after the last one; what is below it (blank lines, comments, further tables) stays below."""
    body = table.value.body
    simple = [at for at, (key, item) in enumerate(body) if key is not None and (key.is_dotted() or not _is_table(item))]
    below = body[simple[-1] + 1 if simple else 0 :] if isinstance(table, Table) else []
    for key, _ in below:
        if key is not None:
            table.remove(key)
    del body[len(body) - len(below) :]
    for name, value in values.items():
        table.append(name, _item(value))
    table.value.parsing(True)  # what was written goes back as it was: no blank line or indent is put before it
    for key, item in below:
        table.value.append(key, item)
    table.value.parsing(False)


def _is_table(item: Item) -> bool:
    return isinstance(item, Table | AoT)


def _item(value: Any) -> Item:
    if not isinstance(value, Mapping):
        made: Item = tomlkit.item(value)
        return made
    table = tomlkit.inline_table()
    table.add(tomlkit.ws(" "))
    for key, part in value.items():
        table.append(key, _item(part))
    table.add(tomlkit.ws(" "))
    return table
