"""Who may do what: every route states whom it is for, and one that states nothing is open to no one."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, g, jsonify, redirect, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffMember, StaffRole, StaffSession
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.tokens import Scope, Token, TokenRateLimiter

_COOKIE: Final = "center"
_SAFE_COOKIE: Final = "__Host-center"  # Over TLS: no other host and no plain page can set it (RFC 6265bis, 4.1.3.2)
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1"})
CSRF_FIELD: Final = "csrf"
_FORM_MEMORY_BYTES: Final = 1024 * 1024  # In memory at a time of a form with a file; the file itself goes to the disk
FIRST_RANK_IN_MORE: Final = 100  # Entries of the menu from this rank on are folded under "more"

ViewResult = Any
View = Callable[..., ViewResult]


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Whom a route is for: people from a role on, programs with a scope, this machine's own, or everyone."""

    role: StaffRole | None = None
    scope: Scope | None = None
    this_machine: bool = False
    everyone: bool = False
    form_bytes: int | None = None  # How large a form may be, where that of the other pages is too small


EVERYONE: Final = AccessRule(everyone=True)
OPERATORS: Final = AccessRule(role=StaffRole.OPERATOR)


class GuardedBlueprint(Blueprint):
    """A blueprint whose every route has its access rule, and its entry in the menu if any, beside it."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.access_rules: dict[str, AccessRule] = {}
        self.menu: dict[str, tuple[int, str]] = {}

    def get_route(
        self, rule: str, need: AccessRule | StaffRole, menu: tuple[int, str] | None = None
    ) -> Callable[[View], View]:
        """Register a GET: it changes nothing, except that the audit may record who looked.

        ``menu`` is the page's place in the menu, lowest first, and the id of its text; the menu shows it to those who
        may open the page, from FIRST_RANK_IN_MORE on under "more".
        """

        def register(view: View) -> View:
            if menu is not None:
                self.menu[f"{self.name}.{view.__name__}"] = menu
            return self._add_route(rule, need, "GET", view)

        return register

    def post_route(self, rule: str, need: AccessRule | StaffRole) -> Callable[[View], View]:
        return lambda view: self._add_route(rule, need, "POST", view)

    def _add_route(self, rule: str, need: AccessRule | StaffRole, method: str, view: View) -> View:
        endpoint = f"{self.name}.{view.__name__}"
        if endpoint in self.access_rules:
            raise ValueError(f"{endpoint} is there twice")
        self.access_rules[endpoint] = AccessRule(role=need) if isinstance(need, StaffRole) else need
        self.add_url_rule(rule, view_func=view, methods=[method])
        return view


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What access is decided by; ``menu`` has rank, endpoint and text of its entries, in order. ``now`` is UTC."""

    desk: CenterDesk
    rates: TokenRateLimiter
    access_rules: Mapping[str, AccessRule]
    menu: Sequence[tuple[int, str, str]]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request: a signed-in person, a program with a token, or an unknown one."""

    session: StaffSession | None = None
    token: Token | None = None

    @property
    def person(self) -> StaffMember:
        """Raises Forbidden when none is signed in; a route for people always has one."""
        if self.session is None:
            raise Forbidden
        return self.session.person

    @property
    def csrf(self) -> str:
        """The word that forms carry; "" without a session."""
        return self.session.csrf if self.session is not None else ""

    def may(self, need: AccessRule) -> bool:
        if need.everyone:
            return True
        if self.session is not None:
            min_role = need.role or (StaffRole.VIEWER if need.scope is not None else None)
            return min_role is not None and self.session.person.role >= min_role
        return self.token is not None and need.scope in self.token.scopes


def install(app: Flask, parts: Iterable[GuardedBlueprint], desk: CenterDesk) -> None:
    needs: dict[str, AccessRule] = {"static": EVERYONE}
    menu: dict[str, tuple[int, str]] = {}
    for part in parts:
        app.register_blueprint(part)
        needs.update(part.access_rules)
        menu.update(part.menu)
    entries = sorted((rank, endpoint, text_id) for endpoint, (rank, text_id) in menu.items())
    app.extensions["access_policy"] = AccessPolicy(desk, TokenRateLimiter(), needs, entries)
    app.before_request(_check_request)


def access_policy() -> AccessPolicy:
    found = current_app.extensions["access_policy"]
    if not isinstance(found, AccessPolicy):
        raise TypeError("the pages were not made by create_app")
    return found


def record(act: AuditAction, subject: str, detail: str = "") -> None:
    """Record in the audit, as done now by the person who is signed in."""
    policy = access_policy()
    policy.desk.audit.record(current_principal().person.name, act, subject, detail, policy.now())


def current_principal() -> Principal:
    found: Principal = g.get("current") or Principal()
    return found


def set_session_cookie(answer: AnyResponse, token: str) -> AnyResponse:
    name = _SAFE_COOKIE if request.is_secure else _COOKIE
    answer.set_cookie(name, token, httponly=True, samesite="Strict", secure=request.is_secure, path="/")
    return answer


def delete_session_cookie(answer: AnyResponse) -> AnyResponse:
    for name, secure in ((_SAFE_COOKIE, True), (_COOKIE, False)):
        answer.delete_cookie(name, httponly=True, samesite="Strict", secure=secure, path="/")
    return answer


def session_token() -> str:
    return request.cookies.get(_SAFE_COOKIE if request.is_secure else _COOKIE, "")


def host() -> str:
    """Return the name and port that a session belongs to."""
    return request.host.lower()


def _check_request() -> AnyResponse | None:
    g.current = Principal()
    if request.endpoint is None:
        return None  # there is no such page, and that is for everyone to know
    need = access_policy().access_rules.get(request.endpoint, AccessRule())
    if need.everyone and request.method == "GET" and request.endpoint == "static":
        return None
    g.current = _identify()
    if isinstance(refused := _rate_limited(g.current), Response):
        return refused
    if need.this_machine and request.remote_addr in _THIS_MACHINE:
        return None
    if not current_principal().may(need):
        return _deny(need)
    if need.form_bytes is not None:
        request.max_content_length, request.max_form_memory_size = need.form_bytes, _FORM_MEMORY_BYTES
    if not need.everyone and request.method not in ("GET", "HEAD") and not _has_valid_csrf():
        raise Forbidden
    if "\0" in request.path:
        raise NotFound
    # PostgreSQL keeps no U+0000 in a text, and fails at the question for one; no person types it.
    values = (text for part in (request.args, request.form) for texts in part.listvalues() for text in texts)
    if any("\0" in text for text in values):
        raise BadRequest("a question or a form has a character U+0000 in it")
    return None


def _identify() -> Principal:
    policy = access_policy()
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return Principal(token=policy.desk.tokens.find(secret.strip(), policy.now()))
    return Principal(session=policy.desk.sessions.find(session_token(), host(), policy.now()))


def _rate_limited(who: Principal) -> Response | None:
    if who.token is None or (wait := access_policy().rates.wait_s(who.token)) <= 0:
        return None
    answer = jsonify(error=f"the token {who.token.name} may ask {who.token.per_minute} times a minute")
    answer.status_code = 429
    answer.headers["Retry-After"] = str(int(wait) + 1)
    return answer


def _deny(need: AccessRule) -> AnyResponse:
    """Redirect a person who is not signed in to the sign-in; answer a program with what it lacks."""
    who = current_principal()
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


def _has_valid_csrf() -> bool:
    """Return whether a form has its sender's CSRF word. The sign-in, open to all, is guarded by its origin alone."""
    word = current_principal().csrf
    return bool(word) and hmac.compare_digest(request.form.get(CSRF_FIELD, "").encode(), word.encode())
