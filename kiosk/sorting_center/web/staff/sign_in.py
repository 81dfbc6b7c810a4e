"""The door: signing in and out, and one's own account."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffMember, StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.throttle import AttemptTime
from kiosk.sorting_center.web.shared.access import (
    EVERYONE,
    GuardedBlueprint,
    access_policy,
    current_principal,
    delete_session_cookie,
    host,
    record,
    session_token,
    set_session_cookie,
)
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page

_BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
# One Argon2id at a time: each takes 19 MiB, and the throttle comes before the wait.
_HASHING_LOCK: Final = threading.BoundedSemaphore(1)
_HASHING_WAIT_S: Final = 5.0
# Attempts that may wait at once, of the eight threads that pages have: a flood from many addresses must not keep
# signed-in people from their pages.
_PENDING_ATTEMPTS: Final = threading.BoundedSemaphore(3)
_MAX_FIELD_CHARS: Final = 400

sign_in_blueprint = GuardedBlueprint("access", __name__)


@sign_in_blueprint.get_route("/sign-in", EVERYONE)
def sign_in() -> str:
    """Show the form; ``next`` is where to go then."""
    return render_page("sign-in.html", next=_local_path(request.args.get("next", "/")), name="", wrong="", wait_s=0)


@sign_in_blueprint.post_route("/sign-in", EVERYONE)
def signed_in() -> Response:
    """Sign in. A wrong name and a wrong password look the same."""
    name, password = form_text("name", _MAX_FIELD_CHARS).strip().lower(), form_text("password", _MAX_FIELD_CHARS)
    if not _PENDING_ATTEMPTS.acquire(blocking=False):
        return _sign_in_form(name, "busy", 10)
    try:
        return _attempt_sign_in(name, password)
    finally:
        _PENDING_ATTEMPTS.release()


def _attempt_sign_in(name: str, password: str) -> Response:
    policy, address, at = access_policy(), request.remote_addr or "unknown", throttle_moment()
    if wait_ms := policy.desk.throttle.attempt(name, address, at):
        return _sign_in_form(name, "wait", -(-wait_ms // 1000))
    if not _HASHING_LOCK.acquire(timeout=_HASHING_WAIT_S):
        return _sign_in_form(name, "busy", 10)
    try:
        person = policy.desk.people.verify(name, password)
    finally:
        _HASHING_LOCK.release()
    token = _begin_session(person) if person is not None else None
    if person is None or token is None:
        policy.desk.audit.record(address, AuditAction.SIGN_IN_REFUSED, name, "", policy.now())
        return _sign_in_form(name, "wrong", 0)
    policy.desk.throttle.succeeded(name, address, at)
    policy.desk.audit.record(person.name, AuditAction.SIGNED_IN, person.name, address, policy.now())
    policy.desk.sessions.end(session_token())
    return set_session_cookie(redirect(_local_path(request.form.get("next", "/")), 303), token)


def _begin_session(person: StaffMember) -> str | None:
    """Return the token of a new session; None when the password was changed after it was checked."""
    try:
        return access_policy().desk.sessions.begin(person, host(), access_policy().now())
    except Refused:
        return None


def _sign_in_form(name: str, wrong: str, wait_s: int) -> Response:
    page = render_page(
        "sign-in.html", next=_local_path(request.form.get("next", "/")), name=name[:40], wrong=wrong, wait_s=wait_s
    )
    answer = page_response(page, 429 if wait_s else 403)
    if wait_s:
        answer.headers["Retry-After"] = str(wait_s)
    return answer


@sign_in_blueprint.post_route("/sign-out", StaffRole.VIEWER)
def sign_out() -> Response:
    policy, person = access_policy(), current_principal().person
    policy.desk.sessions.end(session_token())
    record(AuditAction.SIGNED_OUT, person.name)
    return delete_session_cookie(redirect(url_for("access.sign_in"), 303))


@sign_in_blueprint.get_route("/account", StaffRole.VIEWER)
def account() -> str:
    return render_page("account.html", refused=None)


@sign_in_blueprint.post_route("/account/password", StaffRole.VIEWER)
def change_password() -> Response:
    """Change the password, which needs the current one; end every other session."""
    policy, person = access_policy(), current_principal().person
    old, new = form_text("old", _MAX_FIELD_CHARS), form_text("new", _MAX_FIELD_CHARS)
    address, at = request.remote_addr or "unknown", throttle_moment()
    try:
        if policy.desk.throttle.attempt(person.name, address, at):
            raise Refused("wait", "too many wrong passwords: try again in a few minutes")
        with _HASHING_LOCK:
            if policy.desk.people.verify(person.name, old) is None:
                raise Refused("wrong_password", "the password of now is another one")
            policy.desk.throttle.succeeded(person.name, address, at)
            changed = policy.desk.people.set_password(person.name, new, policy.now())
    except Refused as error:
        return page_response(render_page("account.html", refused=error), 409)
    record(AuditAction.PASSWORD_CHANGED, person.name)
    token = _begin_session(changed)
    if token is None:
        return delete_session_cookie(redirect(url_for("access.sign_in"), 303))
    return set_session_cookie(redirect(url_for("access.account", done="1"), 303), token)


@sign_in_blueprint.post_route("/account/sign-out-everywhere", StaffRole.VIEWER)
def sign_out_everywhere() -> Response:
    """Sign out on every machine, this one included."""
    policy, person = access_policy(), current_principal().person
    ended = policy.desk.sessions.end_all(person.name)
    record(AuditAction.SIGNED_OUT_EVERYWHERE, person.name, str(ended))
    return delete_session_cookie(redirect(url_for("access.sign_in"), 303))


def _local_path(text: str) -> str:
    """Return a path of these pages; ``/`` for anything that a browser could take for another host."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if plain and len(text) <= _MAX_FIELD_CHARS else "/"


def throttle_moment() -> AttemptTime:
    boot = _BOOT_ID_FILE.read_text("ascii").strip()
    return AttemptTime(boot, time.monotonic_ns() // 1_000_000, access_policy().now())
