"""Check digits of numbers that come from outside: GS1 keys and postal items.

Only the ASCII digits 0 to 9 count: ``str.isdigit`` and ``int`` also take Arabic-Indic and full-width digits, which
come out of an Uyghur or Chinese input method.
"""

from __future__ import annotations

_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10_SPECIAL = {10: 0, 11: 5}
# Character set 82 in its order: a character's place is its value.
_PAIR_VALUES = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_PAIR_CHARACTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PAIR_MODULUS = 1021  # The greatest prime below 1024, which two characters of 32 can write
_MAX_BODY_LENGTH = 97  # Characters before the pair: no value of an application identifier has more


class BadDigits(ValueError):
    """The text names what was given and what would be right."""


def is_digits(text: str) -> bool:
    """Return whether the text is one or more of 0 to 9, in ASCII."""
    return text.isascii() and text.isdigit()


def gs1_check_digit(body: str) -> str:
    """Compute modulo 10, weights 3 and 1 from the right (GS1 General Specifications 7.9.1): GTIN, SSCC, GLN ...

    ``body`` is the number without its last digit. Raises BadDigits.
    """
    if not is_digits(body):
        raise BadDigits(f"{body!r} must be digits 0 to 9")
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def has_valid_check_digit(number: str) -> bool:
    """Return whether the last digit is the check digit of those before it; False for anything but digits."""
    return len(number) > 1 and is_digits(number) and gs1_check_digit(number[:-1]) == number[-1]


def _primes(count: int) -> tuple[int, ...]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return tuple(found)


_PRIMES = _primes(_MAX_BODY_LENGTH)


def gs1_check_pair(body: str) -> str:
    """Compute the check pair of a model number (GMN) or device registration (GS1 General Specifications 7.9.5).

    Each character's value is weighted with the prime of its place from the right. Raises BadDigits.
    """
    if len(body) > _MAX_BODY_LENGTH or any(character not in _PAIR_VALUES for character in body):
        raise BadDigits(f"{body!r} must be at most {_MAX_BODY_LENGTH} characters of GS1's set of 82")
    values = (_PAIR_VALUES.index(character) for character in reversed(body))
    rest = sum(value * prime for value, prime in zip(values, _PRIMES, strict=False)) % _PAIR_MODULUS
    return _PAIR_CHARACTERS[rest // 32] + _PAIR_CHARACTERS[rest % 32]


def has_valid_check_pair(text: str) -> bool:
    """Return whether the last two characters are the check pair of those before them."""
    try:
        return len(text) > 1 and gs1_check_pair(text[:-2]) == text[-2:]
    except BadDigits:
        return False


def s10_check_digit(serial: str) -> str:
    """Compute the check digit of the eight serial digits of a postal item (UPU S10, weights 8 6 4 2 3 5 9 7).

    Raises BadDigits.
    """
    if len(serial) != len(_S10_WEIGHTS) or not is_digits(serial):
        raise BadDigits(f"{serial!r} must be eight digits 0 to 9")
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(serial, _S10_WEIGHTS, strict=True)) % 11
    return str(_S10_SPECIAL.get(rest, rest))
