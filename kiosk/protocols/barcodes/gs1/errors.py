"""What may be wrong with GS1 data."""

from __future__ import annotations

from typing import Final


class BadElementString(ValueError):
    """``code`` is one of ``CODES``; ``identifier`` the AI it is about, "" when none was read; ``at`` the place.

    Places count characters from 0, in the text that was given or, from ``check_value`` alone, in the value.
    """

    def __init__(self, code: str, message: str, identifier: str = "", at: int = 0) -> None:
        super().__init__(message)
        self.code: Final = code
        self.identifier: Final = identifier
        self.at: Final = at

    def shifted(self, by: int) -> BadElementString:
        """The same, counted from the beginning of a longer text."""
        return BadElementString(self.code, str(self), self.identifier, self.at + by)


_CODES = (
    "empty unknown_ai length charset separator brackets repeated_ai missing_ai forbidden_ai check_digit check_pair "
    "date time country currency prefix iban percent position sequence code zero link"
)
CODES = frozenset(_CODES.split())  # Every `code` there is
