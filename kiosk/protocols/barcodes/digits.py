"""Check digits of numbers that come from outside: GS1 keys and postal items.

Only the ASCII digits 0 to 9 count: ``str.isdigit`` and ``int`` also take Arabic-Indic and full-width digits, which
come out of an Uyghur or Chinese input method.
"""

from __future__ import annotations

_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10_SPECIAL = {10: 0, 11: 5}


class BadDigits(ValueError):
    """The text names what was given and what would be right."""


def is_digits(text: str) -> bool:
    """Whether the text is one or more of 0 to 9, in ASCII."""
    return text.isascii() and text.isdigit()


def gs1_check_digit(body: str) -> str:
    """Modulo 10 with weights 3 and 1 from the right (GS1 General Specifications 7.9.1): GTIN, SSCC, GLN and others.

    ``body`` is the number without its last digit. Raises BadDigits.
    """
    if not is_digits(body):
        raise BadDigits(f"{body!r} must be digits 0 to 9")
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def gs1_checks(number: str) -> bool:
    """Whether the last digit is the check digit of those before it; False for anything but digits."""
    return len(number) > 1 and is_digits(number) and gs1_check_digit(number[:-1]) == number[-1]


def s10_check_digit(serial: str) -> str:
    """Check digit of the eight serial digits of a postal item number (UPU standard S10, weights 8 6 4 2 3 5 9 7).

    Raises BadDigits.
    """
    if len(serial) != len(_S10_WEIGHTS) or not is_digits(serial):
        raise BadDigits(f"{serial!r} must be eight digits 0 to 9")
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(serial, _S10_WEIGHTS, strict=True)) % 11
    return str(_S10_SPECIAL.get(rest, rest))
