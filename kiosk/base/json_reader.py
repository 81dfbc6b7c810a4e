"""The one way to read JSON that may hold anything: a file a bit of which may have flipped, a message of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Unreadable(ValueError): ...


def reader(decoder: msgspec.json.Decoder[T]) -> Callable[[bytes | str], T]:
    """Return a function that decodes a value and raises only Unreadable, for bytes that are no such value.

    A decoder by itself has a different error for each kind of damage: its own for what is no JSON or no such type,
    UnicodeDecodeError for text that is not UTF-8, RecursionError for deep nesting.
    """

    def read(content: bytes | str) -> T:
        try:
            return decoder.decode(content)
        except UnicodeDecodeError as error:  # it holds the whole content, in which there may be a secret
            raise Unreadable(f"not UTF-8 at byte {error.start}") from None
        except (ValueError, RecursionError) as error:
            raise Unreadable(str(error)) from error

    return read
