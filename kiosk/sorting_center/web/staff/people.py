"""People, the tokens of programs, and what was done: for administrators."""

from __future__ import annotations

from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.desk.tokens import PER_MINUTE, Scope
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.asked import whole_number
from kiosk.sorting_center.web.frame import show

people = Pages("people", __name__)

_PAGE = 50


@people.look("/people", Role.ADMIN)
def everybody() -> str:
    """Who may sign in, and the programs that may ask."""
    return _shown()


def _shown(refused: Refused | None = None, secret: str = "") -> str:
    desk = doors().desk
    return show(
        "people.html",
        people=desk.people.all(),
        tokens=desk.tokens.all(),
        roles=list(Role),
        scopes=list(Scope),
        per_minute=PER_MINUTE,
        refused=refused,
        secret=secret,
    )


def _again(error: Refused) -> Response:
    answer = make_response(_shown(error))
    answer.status_code = 409
    return answer


def _field(name: str, longest: int = 400) -> str:
    return request.form.get(name, "")[:longest]


def _record(act: Act, subject: str, detail: str = "") -> None:
    found = doors()
    found.desk.audit.record(current().person.name, act, subject, detail, found.now())


@people.act("/people/add", Role.ADMIN)
def add() -> Response:
    """With a first password, which the person changes."""
    found, name = doors(), _field("name", 80).strip()
    try:
        role = Role.of(_field("role"))
        found.desk.people.add(name, role, _field("password"), found.now())
    except Refused as error:
        return _again(error)
    _record(Act.PERSON_ADDED, name, role.word)
    return redirect(url_for("people.everybody"), 303)


@people.act("/people/<name>/role", Role.ADMIN)
def give_role(name: str) -> Response:
    """Signs this person out everywhere."""
    found = doors()
    try:
        role = Role.of(_field("role"))
        found.desk.people.set_role(name, role, found.now())
    except Refused as error:
        return _again(error)
    _record(Act.ROLE_CHANGED, name, role.word)
    return redirect(url_for("people.everybody"), 303)


@people.act("/people/<name>/password", Role.ADMIN)
def reset_password(name: str) -> Response:
    """For somebody who has forgotten it; signs this person out everywhere."""
    found = doors()
    try:
        found.desk.people.set_password(name, _field("password"), found.now())
    except Refused as error:
        return _again(error)
    _record(Act.PASSWORD_CHANGED, name)
    return redirect(url_for("people.everybody"), 303)


@people.act("/people/<name>/disabled", Role.ADMIN)
def set_disabled(name: str) -> Response:
    """``disabled`` is 1 to let this person in no more, 0 to let in again."""
    found, disabled = doors(), _field("disabled") == "1"
    try:
        found.desk.people.set_disabled(name, disabled, found.now())
    except Refused as error:
        return _again(error)
    _record(Act.PERSON_DISABLED if disabled else Act.PERSON_ENABLED, name)
    return redirect(url_for("people.everybody"), 303)


@people.act("/people/<name>/sign-out", Role.ADMIN)
def end_sessions(name: str) -> Response:
    """On every machine."""
    ended = doors().desk.sessions.end_all(name)
    _record(Act.SIGNED_OUT_EVERYWHERE, name, str(ended))
    return redirect(url_for("people.everybody"), 303)


@people.act("/tokens/add", Role.ADMIN)
def add_token() -> Response:
    """The answer shows the secret, once."""
    found, name = doors(), _field("name", 80).strip()
    try:
        scopes = [scope for scope in Scope if scope.value in request.form.getlist("scope")]
        secret = found.desk.tokens.add(name, scopes, found.now(), whole_number(_field("per_minute")) or 0)
    except Refused as error:
        return _again(error)
    _record(Act.TOKEN_ADDED, name, " ".join(scopes))
    return make_response(_shown(secret=secret))


@people.act("/tokens/<name>/revoke", Role.ADMIN)
def revoke_token(name: str) -> Response:
    """It opens nothing from the next request on."""
    found = doors()
    try:
        found.desk.tokens.revoke(name, found.now())
    except Refused as error:
        return _again(error)
    _record(Act.TOKEN_REVOKED, name)
    return redirect(url_for("people.everybody"), 303)


@people.look("/audit", Role.ADMIN)
def audit() -> str:
    """Who looked for whom, who decided what; the newest first."""
    before, who, act = (request.args.get(name, "")[:80] for name in ("before", "who", "act"))
    rows = doors().desk.audit.page(whole_number(before), _PAGE, who or None, act if act in list(Act) else None)
    return show("audit.html", rows=rows, acts=list(Act), who=who, act=act, more=len(rows) == _PAGE)
