"""What each channel asks of a picture: dated rows of rules.toml, and a village's own file laid over them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

MAX_SIDE_PX: Final = 4000  # Of a picture that is made here: 48 MB of pixels
MAX_BYTES: Final = 20_000_000  # The channels take at most 16 MB
MAX_FILE_BYTES: Final = 1_000_000  # Bytes of a file of rules; the one of the house has 6,000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<field>\w*)[^`]*`)?\Z", re.DOTALL)
_NAMED: Final = re.compile(r"field `(\w+)`")
_OVERLAY_MUST_SAY: Final = ("source", "as_of", "confirmed")
Pixels: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Size: TypeAlias = tuple[Pixels, Pixels]
Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, date]


class BadRules(ValueError):
    """The text names the file, the row and the field."""


class UnknownChannel(ValueError):
    """The text lists the channels there are."""


class ChannelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row; rules.toml says what each field means. Pairs are width and height, or least and most."""

    channel: str
    size_px: Size
    least_px: Size = (1, 1)
    most_px: Size = (MAX_SIDE_PX, MAX_SIDE_PX)
    ratio: Size | None = None
    format: Literal["jpeg"]
    least_bytes: int
    most_bytes: int
    cut: Literal["white", "natural"]
    background: Literal["white", "free"]
    margin_px: Size | None = None
    least_goods_px: Pixels = 0
    source: str
    as_of: date
    confirmed: bool
    valid_from: date = date.min

    @property
    def aimed_margin_px(self) -> float:
        """The middle of what is allowed."""
        return sum(self.margin_px) / 2 if self.margin_px else 0.0


class ChannelRules:
    """The rows of all files, later files over earlier ones."""

    def __init__(self, rows: Mapping[Key, ChannelRule]) -> None:
        self._rows = {key: rows[key] for key in sorted(rows)}

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(channel for channel, _ in self._rows))

    def __iter__(self) -> Iterator[ChannelRule]:
        return iter(self._rows.values())

    def on(self, channel: str, day: date) -> ChannelRule:
        """Return the rule that holds for a channel on that day. Raises UnknownChannel."""
        in_force = [rule for (name, since), rule in self._rows.items() if name == channel and since <= day]
        if not in_force:
            raise UnknownChannel(f"there is no channel {channel!r}: there are {', '.join(self.channels)}")
        return in_force[-1]


@cache
def shipped_rules() -> ChannelRules:
    return ChannelRules(_read(Path(__file__).with_name("rules.toml"), {}))


def rules_with(village: Path) -> ChannelRules:
    """Merge the rows of a village's file over the shipped rules.

    A row changes the fields it has of the shipped row for the same channel and day, and must give their origin:
    ``source``, ``as_of``, ``confirmed``. A row for another channel or day must be complete. Raises BadRules.
    """
    house = {(rule.channel, rule.valid_from): rule for rule in shipped_rules()}
    return ChannelRules({**house, **_read(village, house)})


def _read(path: Path, below: Mapping[Key, ChannelRule]) -> dict[Key, ChannelRule]:
    found: dict[Key, ChannelRule] = {}
    for number, row in enumerate(_rows_of(path), 1):
        name = row.get("channel")
        where = f"{path}: row {number}" + (f" ({name})" if isinstance(name, str) and _NAME.match(name) else "")
        rule = _rule(row, where, below)
        key = rule.channel, rule.valid_from
        if key in found:
            raise BadRules(f"{where}: valid_from: there is already a row for this channel and day")
        found[key] = rule
    return found


def _rows_of(path: Path) -> list[Row]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise BadRules(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        tables = tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise BadRules(f"{path}: cannot be read: {error.strerror}") from error
    except BadRules:
        raise
    except ValueError as error:
        raise BadRules(f"{path}: is not TOML: {_printable(str(error))}") from error
    except RecursionError as error:
        raise BadRules(f"{path}: is not TOML: nested too deeply") from error
    rows = tables.pop("rules", None)
    if tables or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadRules(f"{path}: must hold [[rules]] and nothing else")
    return rows


_PREBUILT_DECODER: Final = msgspec.json.Decoder(ChannelRule)


def _rule(row: Row, where: str, below: Mapping[Key, ChannelRule]) -> ChannelRule:
    name, since = row.get("channel"), row.get("valid_from", date.min)
    under = below.get((name, since)) if isinstance(name, str) and isinstance(since, date) else None
    if under is not None:
        silent = [field for field in _OVERLAY_MUST_SAY if field not in row]
        if silent:
            raise BadRules(f"{where}: {silent[0]}: is missing: a row that changes another says where it comes from")
        row = {**msgspec.structs.asdict(under), **row}
    try:
        rule = msgspec.convert(row, ChannelRule)
    except msgspec.ValidationError as error:
        raise BadRules(f"{where}: {_field_first(str(error))}") from error
    for field, problem in _problems(rule):
        raise BadRules(f"{where}: {field}: {problem}")
    return rule


def _field_first(message: str) -> str:
    match = _PLACE.match(message)
    named = _NAMED.search(message)
    field = (match["field"] if match else "") or (named[1] if named else "")
    what = _printable(match["what"] if match else message)
    return f"{field}: {what}" if field else what


def _problems(rule: ChannelRule) -> Iterator[tuple[str, str]]:
    """Yield each wrong field and what is wrong with it."""
    if not _NAME.match(rule.channel):
        yield "channel", "must be 1 to 32 of a-z, 0-9 and _, and begin with a letter"
    if not all(1 <= side <= MAX_SIDE_PX for side in rule.size_px):
        yield "size_px", f"each side must be 1 to {MAX_SIDE_PX}"
    if any(side < minimum for side, minimum in zip(rule.size_px, rule.least_px, strict=True)):
        yield "size_px", f"is smaller than least_px, {_times(rule.least_px)}"
    if any(side > maximum for side, maximum in zip(rule.size_px, rule.most_px, strict=True)):
        yield "size_px", f"is larger than most_px, {_times(rule.most_px)}"
    yield from _problems_of_ratio(rule)
    if rule.least_bytes < 1:
        yield "least_bytes", "must be 1 or more"
    if not rule.least_bytes < rule.most_bytes <= MAX_BYTES:
        yield "most_bytes", f"must be above least_bytes and at most {MAX_BYTES}"
    yield from _problems_of_goods(rule)
    if not rule.source.strip():
        yield "source", "must say where the figures come from"


def _problems_of_ratio(rule: ChannelRule) -> Iterator[tuple[str, str]]:
    if rule.ratio is None:
        return
    width, height = rule.ratio
    if min(rule.ratio) < 1:
        yield "ratio", "both numbers must be 1 or more"
    elif abs(rule.size_px[0] * height - rule.size_px[1] * width) > max(rule.ratio) // 2:
        yield "size_px", f"is not {width} to {height}"


def _problems_of_goods(rule: ChannelRule) -> Iterator[tuple[str, str]]:
    if rule.cut == "natural":
        if rule.background != "free":
            yield "background", "must be free: the natural cut is not on white"
        if rule.margin_px is not None:
            yield "margin_px", "is for the cut on white"
        if rule.least_goods_px:
            yield "least_goods_px", "is for the cut on white"
        return
    if rule.margin_px is None:
        yield "margin_px", "is missing"
    elif not 0 <= rule.margin_px[0] <= rule.margin_px[1] < min(rule.size_px) / 2:
        yield "margin_px", "must be the least and the most, below half of the shorter side"
    elif rule.least_goods_px > max(rule.size_px) - 2 * rule.aimed_margin_px:
        yield "least_goods_px", "is more than the margins leave"


def _times(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _printable(text: str) -> str:
    """Put text from a file on one line, so that it cannot control the terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
