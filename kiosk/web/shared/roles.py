"""Who may do what, checked on the server before any route runs: one need per endpoint, and no need means no.

    PUBLIC       everybody who stands before the screen; a page or an act of the public face, and whoever goes there
                 has left the counter: the counter that this browser has unlocked is locked first
    OPEN         everybody, and no page of the public face: a file, a stream, a sign of life, the counter's own door
    CLERK        a clerk who has unlocked the counter; nobody else, no technician either
    TECHNICIAN   a technician who has unlocked the counter; no clerk either
    STAFF        either of them: the check weight and the journal of the pan

A villager needs no name, a clerk sets no scale, a technician hands out no parcel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from flask import Flask, g, request
from flask import Response as FlaskResponse
from werkzeug.wrappers import Response

from kiosk.domain.clerk import Role
from kiosk.station.clerk.access import CounterSession

COOKIE = "counter"  # Holds the token of the unlocked counter; forgotten when the browser ends


class Need(StrEnum):
    PUBLIC = "public"
    OPEN = "open"
    CLERK = "clerk"
    TECHNICIAN = "technician"
    STAFF = "staff"


_ROLES: Mapping[Need | None, frozenset[Role]] = {
    Need.CLERK: frozenset({Role.CLERK}),
    Need.TECHNICIAN: frozenset({Role.TECHNICIAN}),
    Need.STAFF: frozenset({Role.CLERK, Role.TECHNICIAN}),
}

Needs = Mapping[str, Need]
# From a cookie's value to the session it opens; None for a token that was never issued, or has ended.
Sessions = Callable[[str], CounterSession | None]
EndSession = Callable[[str], None]  # Ends the session of a cookie's value; one that opens nothing changes nothing

_STAFF: Final = ("/counter", "/technician")
# `Sec-Fetch-Dest` of a page for the screen: navigated to, or fetched by the open page (page-swap.js). A picture that
# the browser requests by itself is not one (Fetch Metadata Request Headers, section 2.1).
_PAGES: Final = frozenset({"document", "empty"})


def is_staff_address(path: str) -> bool:
    plain = path.partition("?")[0]
    return any(plain == head or plain.startswith(f"{head}/") for head in _STAFF)


class AccessDenied(Exception):
    """Access is refused; ``unlocked`` distinguishes a wrong role from a locked counter. ``opens``: unlocking the
    counter would let the right person in; false where no need was given.
    """

    def __init__(self, endpoint: str, *, unlocked: bool, opens: bool = True) -> None:
        super().__init__(f"{endpoint} is not for this person")
        self.unlocked, self.opens = unlocked, opens


def merge(parts: Iterable[Needs]) -> dict[str, Need]:
    """Merge the needs of all blueprints; raises ValueError when an endpoint is named twice."""
    needs: dict[str, Need] = {"static": Need.OPEN}
    for part in parts:
        if twice := needs.keys() & part.keys():
            raise ValueError(f"the needs of {', '.join(sorted(twice))} are given twice")
        needs.update(part)
    return needs


def _no_session(token: str) -> None: ...


def install(app: Flask, needs: Needs, sessions: Sessions, end_session: EndSession = _no_session) -> None:
    """Deny by default: an endpoint without a need is always refused. Before anything of the public face is done or
    drawn, lock the counter that this browser has unlocked: the next tap may be a stranger's.
    """

    @app.before_request
    def check() -> None:
        endpoint, token = request.endpoint, request.cookies.get(COOKIE)
        g.left = token is not None and _leaves(endpoint, needs)
        if g.left:
            end_session(token or "")
        if endpoint is not None:
            g.session = authorize(endpoint, needs.get(endpoint), sessions)

    @app.after_request
    def take_back(answer: FlaskResponse) -> FlaskResponse:
        return clear_session_cookie(answer) if g.get("left") else answer


def _leaves(endpoint: str | None, needs: Needs) -> bool:
    """Return whether the answer is a page of the public face. One that says "there is no such page" is, too."""
    if endpoint is not None:
        return needs.get(endpoint) is Need.PUBLIC
    return not is_staff_address(request.path) and request.headers.get("Sec-Fetch-Dest", "document") in _PAGES


def authorize(endpoint: str, need: Need | None, sessions: Sessions) -> CounterSession | None:
    """Return the session a route may act for, None on a public one. Raises ``AccessDenied``."""
    if need in (Need.PUBLIC, Need.OPEN):
        return None
    session = sessions(request.cookies.get(COOKIE, ""))
    if session is None or session.person.role not in _ROLES.get(need, frozenset()):
        raise AccessDenied(endpoint, unlocked=session is not None, opens=need is not None)
    return session


def session() -> CounterSession:
    found: CounterSession | None = g.session
    if found is None:
        raise AccessDenied(str(request.endpoint), unlocked=False)
    return found


Answer = TypeVar("Answer", bound=Response)


def set_session_cookie(answer: Response, token: str) -> Response:
    """Give the browser the token. Not ``Secure``: the pages are served over plain HTTP on loopback."""
    answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
    return answer


def clear_session_cookie(answer: Answer) -> Answer:
    answer.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return answer
