"""The door: signing in and out, and one's own account."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Person, Role
from kiosk.sorting_center.desk.throttle import Moment
from kiosk.sorting_center.web.access import EVERYONE, Pages, current, doors, forget, host, remember, session_token
from kiosk.sorting_center.web.frame import show

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_HASHING: Final = threading.BoundedSemaphore(1)
"""One Argon2id at a time: each takes 19 MiB, and whoever waits has a throttle before it."""
_HASHING_WAIT_S: Final = 5.0
_IN_HAND: Final = threading.BoundedSemaphore(3)
"""Attempts that may wait at once, of the eight threads that pages have: a flood of strangers from everywhere keeps
nobody who is signed in from their pages.
"""
_LONGEST: Final = 400

door = Pages("door", __name__)


@door.look("/sign-in", EVERYONE)
def sign_in() -> str:
    """The form. ``next`` is where to go then."""
    return show("sign-in.html", next=_own_path(request.args.get("next", "/")), name="", wrong="", wait_s=0)


@door.act("/sign-in", EVERYONE)
def signed_in() -> Response:
    """A wrong name and a wrong password look the same."""
    name, password = (request.form.get(field, "")[:_LONGEST] for field in ("name", "password"))
    name = name.strip().lower()
    if not _IN_HAND.acquire(blocking=False):
        return _again(name, "busy", 10)
    try:
        return _asked(name, password)
    finally:
        _IN_HAND.release()


def _asked(name: str, password: str) -> Response:
    found, address, at = doors(), request.remote_addr or "unknown", _moment()
    if wait_ms := found.desk.throttle.attempt(name, address, at):
        return _again(name, "wait", -(-wait_ms // 1000))
    if not _HASHING.acquire(timeout=_HASHING_WAIT_S):
        return _again(name, "busy", 10)
    try:
        person = found.desk.people.verify(name, password)
    finally:
        _HASHING.release()
    token = _begun(person) if person is not None else None
    if person is None or token is None:
        found.desk.audit.record(address, Act.SIGN_IN_REFUSED, name, "", found.now())
        return _again(name, "wrong", 0)
    found.desk.throttle.succeeded(name, address, at)
    found.desk.audit.record(person.name, Act.SIGNED_IN, person.name, address, found.now())
    found.desk.sessions.end(session_token())
    return remember(redirect(_own_path(request.form.get("next", "/")), 303), token)


def _begun(person: Person) -> str | None:
    """The token of a new session; None when the password was changed after it was looked at."""
    try:
        return doors().desk.sessions.begin(person, host(), doors().now())
    except Refused:
        return None


def _again(name: str, wrong: str, wait_s: int) -> Response:
    page = show(
        "sign-in.html", next=_own_path(request.form.get("next", "/")), name=name[:40], wrong=wrong, wait_s=wait_s
    )
    answer = make_response(page)
    answer.status_code = 429 if wait_s else 403
    if wait_s:
        answer.headers["Retry-After"] = str(wait_s)
    return answer


@door.act("/sign-out", Role.VIEWER)
def sign_out() -> Response:
    """Here only."""
    found, person = doors(), current().person
    found.desk.sessions.end(session_token())
    found.desk.audit.record(person.name, Act.SIGNED_OUT, person.name, "", found.now())
    return forget(redirect(url_for("door.sign_in"), 303))


@door.look("/account", Role.VIEWER)
def account() -> str:
    """One's own name, role and password."""
    return show("account.html", refused=None, done=request.args.get("done", "") == "1")


@door.act("/account/password", Role.VIEWER)
def change_password() -> Response:
    """Needs the password of now; ends every other session as well."""
    found, person = doors(), current().person
    old, new = (request.form.get(field, "")[:_LONGEST] for field in ("old", "new"))
    address, at = request.remote_addr or "unknown", _moment()
    try:
        if found.desk.throttle.attempt(person.name, address, at):
            raise Refused("wait", "too many wrong passwords: try again in a few minutes")
        with _HASHING:
            if found.desk.people.verify(person.name, old) is None:
                raise Refused("wrong_password", "the password of now is another one")
            found.desk.throttle.succeeded(person.name, address, at)
            changed = found.desk.people.set_password(person.name, new, found.now())
    except Refused as error:
        answer = make_response(show("account.html", refused=error, done=False))
        answer.status_code = 409
        return answer
    found.desk.audit.record(person.name, Act.PASSWORD_CHANGED, person.name, "", found.now())
    token = _begun(changed)
    if token is None:
        return forget(redirect(url_for("door.sign_in"), 303))
    return remember(redirect(url_for("door.account", done="1"), 303), token)


@door.act("/account/sign-out-everywhere", Role.VIEWER)
def sign_out_everywhere() -> Response:
    """On every machine, this one included."""
    found, person = doors(), current().person
    ended = found.desk.sessions.end_all(person.name)
    found.desk.audit.record(person.name, Act.SIGNED_OUT_EVERYWHERE, person.name, str(ended), found.now())
    return forget(redirect(url_for("door.sign_in"), 303))


def _own_path(text: str) -> str:
    """A path of these pages, and nothing a browser could take for another host."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if plain and len(text) <= _LONGEST else "/"


def _moment() -> Moment:
    boot = _BOOT_ID.read_text("ascii").strip()
    return Moment(boot, time.monotonic_ns() // 1_000_000, doors().now())
