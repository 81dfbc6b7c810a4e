"""Access to the sorting center of a demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SignIn:
    """One person. The name says what may be done."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CenterAccess:
    """Who may sign in at the sorting center, an administrator and ``others``; the token that opens its figures.

    ``keys``: a folder with the county's ``authority.crt`` and ``configuration.key``; None for a county that signs
    nothing.
    """

    name: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    others: tuple[SignIn, ...] = ()
    keys: Path | None = None

    @property
    def people(self) -> tuple[SignIn, ...]:
        """All of them; nobody where nobody is let in."""
        return (SignIn(self.name, self.password), *self.others) if self.name else ()
