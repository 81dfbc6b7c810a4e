"""What the program writes down about alarms and notices: a code and values, shown by a sentence of every language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader

# For programs, in webhooks. Codes without a sentence here are shown on pages alone.
ENGLISH: Final[Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("alarm_texts.toml").read_text("utf-8"))
_MINUTE_FORMAT: Final = "%Y-%m-%d %H:%M UTC"


class AlarmDetail(msgspec.Struct, frozen=True):
    """``code`` names the text ``said_{code}`` of the pages, and ``values`` fill it."""

    code: str
    values: dict[str, str | int]


_read_detail: Final = reader(msgspec.json.Decoder(AlarmDetail))


def format_detail(code: str, **values: str | int) -> str:
    """Format as stored: JSON. ``said`` is another detail."""
    return msgspec.json.encode(AlarmDetail(code, values)).decode()


def parse_detail(text: str) -> AlarmDetail | None:
    """Parse a stored detail; None for any other text: a software version, or text of an earlier version."""
    try:
        return _read_detail(text)
    except Unreadable:
        return None


def english_detail(text: str) -> str:
    """Return a stored detail as an English sentence; any other text unchanged."""
    found = parse_detail(text)
    if found is None or found.code not in ENGLISH:
        return text
    values = found.values
    if "said" in values:
        values = {**values, "said": english_detail(str(values["said"]))}
    return ENGLISH[found.code].format_map(values)


def format_minute(at: datetime) -> str:
    """Format a time as a value of a detail."""
    return at.astimezone(UTC).strftime(_MINUTE_FORMAT)


def parse_minute(at: str) -> datetime:
    return datetime.strptime(at, _MINUTE_FORMAT).replace(tzinfo=UTC)
