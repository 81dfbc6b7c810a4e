"""People, the tokens of programs, and what was done: for administrators."""

from __future__ import annotations

from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.tokens import PER_MINUTE, Scope
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, record
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import parse_whole_number

people = GuardedBlueprint("people", __name__)

_PAGE_SIZE = 50


@people.get_route("/people", StaffRole.ADMIN, menu=(120, "nav_people"))
def everybody() -> str:
    return _render()


def _render(refused: Refused | None = None, secret: str = "") -> str:
    desk = access_policy().desk
    return render_page(
        "people.html",
        people=desk.people.all(),
        tokens=desk.tokens.all(),
        roles=list(StaffRole),
        scopes=list(Scope),
        per_minute=PER_MINUTE,
        refused=refused,
        secret=secret,
    )


@people.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    return page_response(_render(error), 409)


def _to_list() -> Response:
    return redirect(url_for("people.everybody"), 303)


@people.post_route("/people/add", StaffRole.ADMIN)
def add() -> Response:
    """Add a person with a first password, which the person changes."""
    found, name, role = access_policy(), form_text("name", 80).strip(), StaffRole.of(form_text("role"))
    found.desk.people.add(name, role, form_text("password"), found.now())
    record(AuditAction.PERSON_ADDED, name, role.word)
    return _to_list()


@people.post_route("/people/<name>/role", StaffRole.ADMIN)
def give_role(name: str) -> Response:
    found, role = access_policy(), StaffRole.of(form_text("role"))
    found.desk.people.set_role(name, role, found.now())
    record(AuditAction.ROLE_CHANGED, name, role.word)
    return _to_list()


@people.post_route("/people/<name>/password", StaffRole.ADMIN)
def reset_password(name: str) -> Response:
    """Set the password of a person who has forgotten it; end all sessions of this person."""
    found = access_policy()
    found.desk.people.set_password(name, form_text("password"), found.now())
    record(AuditAction.PASSWORD_CHANGED, name)
    return _to_list()


@people.post_route("/people/<name>/disabled", StaffRole.ADMIN)
def set_disabled(name: str) -> Response:
    """Disable a person (``disabled`` is 1) or enable them again (0)."""
    found, disabled = access_policy(), form_text("disabled") == "1"
    found.desk.people.set_disabled(name, disabled, found.now())
    record(AuditAction.PERSON_DISABLED if disabled else AuditAction.PERSON_ENABLED, name)
    return _to_list()


@people.post_route("/people/<name>/sign-out", StaffRole.ADMIN)
def end_sessions(name: str) -> Response:
    ended = access_policy().desk.sessions.end_all(name)
    record(AuditAction.SIGNED_OUT_EVERYWHERE, name, str(ended))
    return _to_list()


@people.post_route("/tokens/add", StaffRole.ADMIN)
def add_token() -> Response:
    """Add a token; the answer shows the secret, once."""
    found, name = access_policy(), form_text("name", 80).strip()
    scopes = [scope for scope in Scope if scope.value in request.form.getlist("scope")]
    secret = found.desk.tokens.add(name, scopes, found.now(), parse_whole_number(form_text("per_minute")) or 0)
    record(AuditAction.TOKEN_ADDED, name, " ".join(scopes))
    return make_response(_render(secret=secret))


@people.post_route("/tokens/<name>/revoke", StaffRole.ADMIN)
def revoke_token(name: str) -> Response:
    """Revoke a token; it opens nothing from the next request on."""
    found = access_policy()
    found.desk.tokens.revoke(name, found.now())
    record(AuditAction.TOKEN_REVOKED, name)
    return _to_list()


@people.get_route("/audit", StaffRole.ADMIN, menu=(140, "nav_audit"))
def audit() -> str:
    before, who, act = (request.args.get(name, "")[:80] for name in ("before", "who", "act"))
    rows = access_policy().desk.audit.page(
        parse_whole_number(before), _PAGE_SIZE, who or None, act if act in list(AuditAction) else None
    )
    return render_page("audit.html", rows=rows, acts=list(AuditAction), who=who, act=act, more=len(rows) == _PAGE_SIZE)
