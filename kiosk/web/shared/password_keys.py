"""What a password of a network may be typed with: every printable character of ASCII, on three layers of keys."""

from typing import Final

LATIN: Final = ("1234567890", "qwertyuiop", "asdfghjkl")
_LETTERS: Final = (*LATIN, "zxcvbnm")
# Without the space, which has its own key.
PASSWORD_KEYS: Final = {
    "lower": _LETTERS,
    "upper": tuple(row.upper() for row in _LETTERS),
    "signs": ("!\"#$%&'()*", "+,-./:;<=>", "?@[\\]^_`{|", "}~"),
}
