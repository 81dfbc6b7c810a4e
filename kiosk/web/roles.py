"""Who may do what, checked on the server before any route runs: one need per endpoint, and no need means no.

    PUBLIC       everybody who stands before the screen
    CLERK        a clerk who has unlocked the counter; nobody else, no technician either
    TECHNICIAN   a technician who has unlocked the counter; no clerk either
    STAFF        either of them: the check weight and the journal of the pan

A villager needs no name, a clerk sets no scale, a technician hands out no parcel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from flask import Flask, g, request
from werkzeug.wrappers import Response

from kiosk.domain.clerk import Role
from kiosk.station.counter_view import Session

COOKIE = "counter"
"""Holds the token of the unlocked counter; forgotten when the browser ends."""


class Need(StrEnum):
    """What a route asks of the person in front of it."""

    PUBLIC = "public"
    CLERK = "clerk"
    TECHNICIAN = "technician"
    STAFF = "staff"


_ROLES: Mapping[Need | None, frozenset[Role]] = {
    Need.CLERK: frozenset({Role.CLERK}),
    Need.TECHNICIAN: frozenset({Role.TECHNICIAN}),
    Need.STAFF: frozenset({Role.CLERK, Role.TECHNICIAN}),
}

Needs = Mapping[str, Need]
Sessions = Callable[[str], Session | None]
"""From a cookie's value to the session it opens; a token nobody gave out, or one that ended, is None."""


class Denied(Exception):
    """The person in front may not; ``unlocked`` tells a wrong role from nobody at all.

    ``opens``: unlocking the counter would let the right person in; not so where no need was given.
    """

    def __init__(self, endpoint: str, *, unlocked: bool, opens: bool = True) -> None:
        super().__init__(f"{endpoint} is not for this person")
        self.unlocked = unlocked
        self.opens = opens


def merge(parts: Iterable[Needs]) -> dict[str, Need]:
    """The needs of all blueprints in one table; raises ValueError when an endpoint is named twice."""
    needs: dict[str, Need] = {"static": Need.PUBLIC}
    for part in parts:
        if twice := needs.keys() & part.keys():
            raise ValueError(f"the needs of {', '.join(sorted(twice))} are given twice")
        needs.update(part)
    return needs


def install(app: Flask, needs: Needs, sessions: Sessions) -> None:
    """Deny by default: an endpoint without a need is refused to everybody."""

    @app.before_request
    def check() -> None:
        endpoint = request.endpoint
        if endpoint is not None:
            g.session = admit(endpoint, needs.get(endpoint), sessions)


def admit(endpoint: str, need: Need | None, sessions: Sessions) -> Session | None:
    """The session a route may act for, None on a public one. Raises ``Denied``."""
    if need is Need.PUBLIC:
        return None
    session = sessions(request.cookies.get(COOKIE, ""))
    if session is None or session.person.role not in _ROLES.get(need, frozenset()):
        raise Denied(endpoint, unlocked=session is not None, opens=need is not None)
    return session


def session() -> Session:
    """The session of a route that needs one."""
    found: Session | None = g.session
    if found is None:
        raise Denied(str(request.endpoint), unlocked=False)
    return found


def remember(answer: Response, token: str) -> Response:
    """Give the browser the token. Not ``Secure``: the pages are served over plain HTTP on loopback."""
    answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
    return answer


def forget(answer: Response) -> Response:
    """Take the token back."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return answer
