"""The paper code: sixteen digits on paper that open one sealed file, an identity or a recovery kit.

Fifteen are random (49 bits; Argon2id makes each guess expensive), the last one is a check digit: a typing error is
reported at once and does not count as an attempt. Digits are read alike in all three languages, and every pad has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

DIGITS: Final = 16
GROUP: Final = 4


class BadCode(ValueError):
    """It was not typed as it is printed. The text never holds it."""


@dataclass(frozen=True, slots=True)
class PaperCode:
    """``digits`` are secret: they are in no log and no repr."""

    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        if not (self.digits.isascii() and self.digits.isdigit() and len(self.digits) == DIGITS):
            raise BadCode(f"a code has {DIGITS} digits")
        if check_digit(self.digits[:-1]) != self.digits[-1]:
            raise BadCode("a digit is wrong, or two are exchanged")

    @classmethod
    def parse(cls, text: str) -> PaperCode:
        """Parse a code typed from paper; blanks and dashes are ignored. Raises BadCode."""
        return cls("".join(text.replace("-", " ").split()))

    @classmethod
    def generate(cls, below: Callable[[int], int]) -> PaperCode:
        """Make a new code; ``below`` gives a random number below its argument, as ``secrets.randbelow``."""
        random = f"{below(10 ** (DIGITS - 1)):0{DIGITS - 1}}"
        return cls(random + check_digit(random))

    @property
    def groups(self) -> tuple[str, ...]:
        """As they stand on the paper, four digits each."""
        return tuple(self.digits[at : at + GROUP] for at in range(0, DIGITS, GROUP))


def check_digit(digits: str) -> str:
    """Compute ISO/IEC 7064 MOD 11,10: detects each wrong digit and each exchange of two neighbours."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
