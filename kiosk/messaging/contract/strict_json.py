"""JSON that means the same to everybody: read strictly, written canonically (RFC 8785)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import msgspec
import rfc8785

from kiosk.base.refused import Refused

MAX_DEPTH: Final = 8  # Objects and arrays inside each other, the outermost one included

MAX_INTEGER: Final = 2**53 - 1  # The largest integer every JSON reader keeps exactly (RFC 8259, section 6)

# Possessive and with an optional end: it never backtracks, so no text makes it slow.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)

_BRACKET = re.compile(rb"[][{}]")

# An escape that may leave half a character behind; strict UTF-8 has no other way to write one.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class StrictJsonError(Refused, ValueError):
    """Refused. ``code`` is a stable word: too_large, not_utf8, not_json, too_deep, duplicate_key, number, text."""


def read(payload: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> object:
    """Read one JSON text. Raises StrictJsonError.

    Two readers that disagree about a text would disagree about its hash, so what is read differently in practice is
    refused: duplicate keys, NaN and Infinity, fractions and exponents, integers beyond 2**53 - 1, a byte order mark,
    and text that is not Unicode (lone surrogates).
    """
    if len(payload) > max_bytes:
        raise StrictJsonError("too_large", f"{len(payload)} bytes where at most {max_bytes} are taken")
    check_depth(payload, max_depth)
    try:
        text = payload.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_int=_exact_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except UnicodeDecodeError as error:
        raise StrictJsonError("not_utf8", f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise StrictJsonError("not_json", f"not JSON at character {error.pos}") from error
    if _SURROGATE.search(text):
        _check_unicode(value)
    return value


_DECODER: Final = msgspec.json.Decoder()
_SORTED: Final = msgspec.json.Encoder(order="sorted")


def read_canonical(payload: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> dict[str, Any] | None:
    """Return the object of a canonical JSON text; None for any other, good or bad: `read` judges it.

    Several times as fast as reading strictly and writing again. A text that a plain reader accepts and a plain writer
    reproduces byte for byte has no duplicate key, no space and no lone surrogate; what a writer reproduces as well
    (fractions, large integers, depth) is checked in the value. ASCII only: there the writer escapes as RFC 8785,
    3.2.2.2 does, and sorts keys as 3.2.3.
    """
    if len(payload) > max_bytes or not payload.isascii():
        return None
    try:
        value = _DECODER.decode(payload)
        if type(value) is not dict or not _is_exact(value, max_depth) or _SORTED.encode(value) != payload:
            return None
    except (ValueError, RecursionError):
        return None
    return value


def _is_exact(value: dict[str, Any] | list[Any], depth: int) -> bool:
    """Return whether all numbers are integers that every reader keeps, and nesting is at most ``depth``."""
    items: Iterable[Any] = value.values() if isinstance(value, dict) else value
    for item in items:
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                return False
        elif kind is float or depth == 1 or not _is_exact(item, depth - 1):
            return False
    return True


def canonical(value: object) -> bytes:
    """Encode a value as RFC 8785 bytes. Raises StrictJsonError for what has none."""
    try:
        if _is_plain(value, MAX_DEPTH) and (text := _SORTED.encode(value)).isascii():
            return text
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        # Of text it reports values only: a key that is no Unicode comes out of its sorting as the codec's own error.
        code = "number" if isinstance(error, rfc8785.IntegerDomainError | rfc8785.FloatDomainError) else "text"
        raise StrictJsonError(code, f"no canonical form: {error}") from error


def _is_plain(value: object, depth: int) -> bool:
    """Return whether a plain writer may write it, as `canonical_parsed` does: it has only what JSON itself has."""
    match value:
        case None | bool():
            return True
        case str():
            return type(value) is str
        case int():
            return type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER
        case dict() if depth and type(value) is dict:
            return all(type(key) is str and _is_plain(inner, depth - 1) for key, inner in value.items())
        case list() | tuple() if depth and type(value) in (list, tuple):
            return all(_is_plain(inner, depth - 1) for inner in value)
    return False


def canonical_parsed(value: object) -> bytes:
    """Encode like `canonical`, many times as fast, values from `read` or `read_canonical`: numbers are not checked.

    For ASCII a plain writer's bytes are the same: it escapes as RFC 8785, 3.2.2.2 does, and sorting by bytes is sorting
    by UTF-16 (3.2.3) there.
    """
    text = _SORTED.encode(value)
    return text if text.isascii() else canonical(value)


def _check_unicode(value: object) -> None:
    """Raise StrictJsonError for a lone surrogate in a key or value: sorting, storing or converting it fails later."""
    match value:
        case str():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise StrictJsonError("text", "a lone surrogate is not Unicode") from error
        case dict():
            for key, inner in value.items():
                _check_unicode(key)
                _check_unicode(inner)
        case list():
            for inner in value:
                _check_unicode(inner)


def check_depth(payload: bytes, max_depth: int) -> None:
    """Raise StrictJsonError when brackets nest deeper. Looks at bytes only, so a bomb never reaches a parser."""
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", payload)):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            raise StrictJsonError("too_deep", f"nested deeper than {max_depth}")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJsonError("duplicate_key", "an object has the same key twice")
    return found


def _exact_integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise StrictJsonError("number", "an integer is beyond 2**53 - 1")
    return int(digits)


def _refuse_number(text: str) -> NoReturn:
    raise StrictJsonError("number", f"only integers are taken, not {text[:20]}")
