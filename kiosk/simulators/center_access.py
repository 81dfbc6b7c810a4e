"""Who is let in at the sorting center of a demo."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CenterAccess:
    """Who may sign in at the sorting center, and the token that opens its figures."""

    name: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
