"""Where alarms go out to by e-mail and webhook, and how that went: for administrators."""

from __future__ import annotations

from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.notices.outbox import NoticeState
from kiosk.sorting_center.desk.notices.targets import MAX_URL, Security, Target, Way
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.texts import FALLBACK, languages, tables

notices = Pages("notices", __name__)

_KIND = "case_kind_"


@notices.look("/notices", Role.ADMIN)
def targets() -> str:
    """Targets, the newest notices, and two forms."""
    return _shown()


def _shown(refused: Refused | None = None, secret: str = "") -> str:
    desk = sources().desk
    found = desk.notice_targets.all()
    counts = desk.notices.counts()
    return show(
        "notices.html",
        targets=found,
        counts={
            (target.name, state.value): counts.get((target.name, state), 0) for target in found for state in NoticeState
        },
        rows=desk.notices.newest(),
        kinds=kinds(),
        spoken=languages(),
        securities=list(Security),
        refused=refused,
        secret=secret,
        typed=request.form,
    )


def kinds() -> list[str]:
    """Those that have a name here: the kinds of alarms this software knows."""
    return sorted(text_id.removeprefix(_KIND) for text_id in tables()[FALLBACK] if text_id.startswith(_KIND))


@notices.act("/notices/add", Role.ADMIN)
def add() -> Response:
    """The answer for a webhook shows its secret, once."""
    found, name = doors(), _field("name", 80)
    try:
        target = _asked(name)
        secret = found.desk.notice_targets.add(target, found.now())
    except Refused as error:
        return _again(error)
    _record(name, f"added: {target.way} {target.address} {target.server}".rstrip())
    return make_response(_shown(secret=secret)) if secret else redirect(url_for("notices.targets"), 303)


def _asked(name: str) -> Target:
    way, language = _field("way", 20), _field("language", 8)
    if way not in list(Way):
        raise Refused("bad_way", "a target is reached by mail or by webhook")
    if language not in [spoken.code for spoken in languages()]:
        raise Refused("bad_language", "this language is not spoken here")
    wanted = frozenset(kind for kind in request.form.getlist("kind") if kind in kinds())
    if way == Way.WEBHOOK:
        return Target(name, Way.WEBHOOK, _field("url", MAX_URL + 1), language, wanted)
    recipients = " ".join(_field("recipients", 1000).replace(",", " ").split())
    server = f"{_field('host', 256)}:{_field('port', 8)}/{_field('security', 12)}"
    return Target(name, Way.MAIL, recipients, language, wanted, server, _field("sender", 200), _field("login", 80))


@notices.act("/notices/<name>/test", Role.ADMIN)
def test(name: str) -> Response:
    """Writes a notice without cases for this target; how it went is seen below it."""
    found = doors()
    try:
        found.desk.notices.test(name, found.now())
    except Refused as error:
        return _again(error)
    _record(name, "test")
    return redirect(url_for("notices.targets"), 303)


@notices.act("/notices/<name>/paused", Role.ADMIN)
def set_paused(name: str) -> Response:
    """``paused`` is 1 or 0."""
    paused = _field("paused", 1) == "1"
    try:
        doors().desk.notice_targets.set_paused(name, paused)
    except Refused as error:
        return _again(error)
    _record(name, "paused" if paused else "goes on")
    return redirect(url_for("notices.targets"), 303)


@notices.act("/notices/<name>/remove", Role.ADMIN)
def remove(name: str) -> Response:
    """With all that waits for it."""
    try:
        doors().desk.notice_targets.remove(name)
    except Refused as error:
        return _again(error)
    _record(name, "removed")
    return redirect(url_for("notices.targets"), 303)


def _again(error: Refused) -> Response:
    answer = make_response(_shown(error))
    answer.status_code = 409
    return answer


def _record(subject: str, detail: str) -> None:
    found = doors()
    found.desk.audit.record(current().person.name, Act.NOTICE_TARGET_CHANGED, subject, detail, found.now())


def _field(name: str, longest: int) -> str:
    return request.form.get(name, "")[:longest].strip()
