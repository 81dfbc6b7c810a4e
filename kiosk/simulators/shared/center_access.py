"""Who is let in at the sorting center of a demo."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SignIn:
    """One person. The name says what may be done."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CenterAccess:
    """Who may sign in at the sorting center, an administrator and ``others``; the token that opens its figures."""

    name: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    others: tuple[SignIn, ...] = ()

    @property
    def people(self) -> tuple[SignIn, ...]:
        """All of them; nobody where nobody is let in."""
        return (SignIn(self.name, self.password), *self.others) if self.name else ()
