"""Who may do what: every route says whom it is for, and one that says nothing is for nobody."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, g, jsonify, redirect, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.desk.people import Person, Role
from kiosk.sorting_center.desk.sessions import Session
from kiosk.sorting_center.desk.tokens import Rates, Scope, Token

_COOKIE: Final = "center"
_SAFE_COOKIE: Final = "__Host-center"
"""Over TLS: no other host and no plain page can set it (RFC 6265bis, 4.1.3.2)."""
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1"})
CSRF_FIELD: Final = "csrf"
_PIECE_BYTES: Final = 1024 * 1024
"""In memory at a time of a form with a file; the file itself goes to the disk."""

Answer = Any
View = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Need:
    """Whom a route is for: people from a role on, programs with a scope, this machine's own, or everyone."""

    role: Role | None = None
    scope: Scope | None = None
    this_machine: bool = False
    everyone: bool = False
    form_bytes: int | None = None
    """How large a form may be, where that of the other pages is too small."""


EVERYONE: Final = Need(everyone=True)


class Pages(Blueprint):
    """A blueprint whose every route has its need beside it."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.needs: dict[str, Need] = {}

    def look(self, rule: str, need: Need | Role) -> Callable[[View], View]:
        """A GET: it changes nothing, but that the audit may say who looked."""
        return self._at(rule, need, "GET")

    def act(self, rule: str, need: Need | Role) -> Callable[[View], View]:
        """A POST: it needs the word of the session's forms."""
        return self._at(rule, need, "POST")

    def _at(self, rule: str, need: Need | Role, method: str) -> Callable[[View], View]:
        def register(view: View) -> View:
            endpoint = f"{self.name}.{view.__name__}"
            if endpoint in self.needs:
                raise ValueError(f"{endpoint} is there twice")
            self.needs[endpoint] = Need(role=need) if isinstance(need, Role) else need
            self.add_url_rule(rule, view_func=view, methods=[method])
            return view

        return register


@dataclass(frozen=True, slots=True)
class Doors:
    """What access is decided by. ``now`` is UTC."""

    desk: Desk
    rates: Rates
    needs: Mapping[str, Need]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Current:
    """Who asks: a person who is signed in, a program with a token, or nobody that is known."""

    session: Session | None = None
    token: Token | None = None

    @property
    def person(self) -> Person:
        """Raises Forbidden when none is signed in; a route for people always has one."""
        if self.session is None:
            raise Forbidden
        return self.session.person

    def may(self, need: Need) -> bool:
        """Whether that is enough."""
        if need.everyone:
            return True
        if self.session is not None:
            least = need.role or (Role.VIEWER if need.scope is not None else None)
            return least is not None and self.session.person.role >= least
        return self.token is not None and need.scope in self.token.scopes


def install(app: Flask, parts: Iterable[Pages], desk: Desk) -> None:
    """Register the pages, and look at every request before its route runs."""
    needs: dict[str, Need] = {"static": EVERYONE}
    for part in parts:
        app.register_blueprint(part)
        needs.update(part.needs)
    app.extensions["doors"] = Doors(desk, Rates(), needs)
    app.before_request(_check)


def doors() -> Doors:
    """Those of the running application."""
    found = current_app.extensions["doors"]
    if not isinstance(found, Doors):
        raise TypeError("the pages were not made by create_app")
    return found


def current() -> Current:
    """Who asks in this request."""
    found: Current = g.get("current") or Current()
    return found


def remember(answer: AnyResponse, token: str) -> AnyResponse:
    """Give the browser a session's token."""
    name = _SAFE_COOKIE if request.is_secure else _COOKIE
    answer.set_cookie(name, token, httponly=True, samesite="Strict", secure=request.is_secure, path="/")
    return answer


def forget(answer: AnyResponse) -> AnyResponse:
    """Take it back."""
    for name, secure in ((_SAFE_COOKIE, True), (_COOKIE, False)):
        answer.delete_cookie(name, httponly=True, samesite="Strict", secure=secure, path="/")
    return answer


def session_token() -> str:
    """What the browser shows; "" for nothing."""
    return request.cookies.get(_SAFE_COOKIE if request.is_secure else _COOKIE, "")


def host() -> str:
    """The name and port a session belongs to."""
    return request.host.lower()


def _check() -> AnyResponse | None:
    g.current = Current()
    if request.endpoint is None:
        return None  # there is no such page, and that is for everyone to know
    need = doors().needs.get(request.endpoint, Need())
    if need.everyone and request.method == "GET" and request.endpoint == "static":
        return None
    g.current = _who()
    if isinstance(refused := _too_often(g.current), Response):
        return refused
    if need.this_machine and request.remote_addr in _THIS_MACHINE:
        return None
    if not current().may(need):
        return _refuse(need)
    if need.form_bytes is not None:
        request.max_content_length, request.max_form_memory_size = need.form_bytes, _PIECE_BYTES
    if not need.everyone and request.method not in ("GET", "HEAD") and not _is_own_form():
        raise Forbidden
    if "\0" in request.path:
        raise NotFound
    if _says_nul():
        raise BadRequest("a question or a form has a character U+0000 in it")
    return None


def _says_nul() -> bool:
    """PostgreSQL keeps no U+0000 in a text, and fails at the question for one; no person types it."""
    values = (text for part in (request.args, request.form) for texts in part.listvalues() for text in texts)
    return any("\0" in text for text in values)


def _who() -> Current:
    found = doors()
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return Current(token=found.desk.tokens.find(secret.strip(), found.now()))
    return Current(session=found.desk.sessions.find(session_token(), host(), found.now()))


def _too_often(who: Current) -> Response | None:
    if who.token is None or (wait := doors().rates.wait_s(who.token)) <= 0:
        return None
    answer = jsonify(error=f"the token {who.token.name} may ask {who.token.per_minute} times a minute")
    answer.status_code = 429
    answer.headers["Retry-After"] = str(int(wait) + 1)
    return answer


def _refuse(need: Need) -> AnyResponse:
    """A person who is not signed in is led to the door; a program is told what it lacks."""
    who = current()
    if need.scope is not None:
        known = who.token is not None or who.session is not None
        answer = jsonify(error=f"this needs a token with the scope {need.scope}: sorting-center token add")
        answer.status_code = 403 if known else 401
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if who.session is None and who.token is None and request.method in ("GET", "HEAD") and need.role is not None:
        target = request.full_path.rstrip("?")
        return redirect(f"/sign-in?next={quote(target, safe='/')}")
    raise Forbidden


def _is_own_form() -> bool:
    """Whether a form carries the word of who sends it. The sign-in is everyone's, and guarded by its origin alone."""
    session = current().session
    return session is not None and hmac.compare_digest(request.form.get(CSRF_FIELD, "").encode(), session.csrf.encode())
