"""Where alarms go out to by e-mail and webhook, and how that went: for administrators."""

from __future__ import annotations

from flask import make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.notices.outbox import NoticeState
from kiosk.sorting_center.desk.notices.targets import MAX_URL, NoticeChannel, NoticeTarget, Security
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, record
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.shared.texts import STAFF_PACKAGE
from kiosk.texts.catalog import FALLBACK, catalog
from kiosk.texts.languages import LANGUAGES

notices = GuardedBlueprint("notices", __name__)

_KIND_PREFIX = "case_kind_"


@notices.get_route("/notices", StaffRole.ADMIN, menu=(130, "nav_notices"))
def targets() -> str:
    return _render()


def _render(refused: Refused | None = None, secret: str = "") -> str:
    desk = sources().desk
    found = desk.notice_targets.all()
    counts = desk.notices.counts()
    return render_page(
        "notices.html",
        targets=found,
        counts={
            (target.name, state.value): counts.get((target.name, state), 0) for target in found for state in NoticeState
        },
        rows=desk.notices.newest(),
        kinds=kinds(),
        spoken=LANGUAGES.values(),
        securities=list(Security),
        refused=refused,
        secret=secret,
        typed=request.form,
    )


def kinds() -> list[str]:
    """Return the kinds that have a name here: those of the alarms that this software knows."""
    return sorted(
        text_id.removeprefix(_KIND_PREFIX)
        for text_id in catalog(FALLBACK, STAFF_PACKAGE)
        if text_id.startswith(_KIND_PREFIX)
    )


@notices.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    return page_response(_render(error), 409)


@notices.post_route("/notices/add", StaffRole.ADMIN)
def add() -> Response:
    """Add a target; the answer for a webhook shows its secret, once."""
    found, name = access_policy(), _field("name", 80)
    target = _target_from_form(name)
    secret = found.desk.notice_targets.add(target, found.now())
    record(AuditAction.NOTICE_TARGET_CHANGED, name, f"added: {target.way} {target.address} {target.server}".rstrip())
    return make_response(_render(secret=secret)) if secret else redirect(url_for("notices.targets"), 303)


def _target_from_form(name: str) -> NoticeTarget:
    way, language = _field("way", 20), _field("language", 8)
    if way not in list(NoticeChannel):
        raise Refused("bad_way", "a target is reached by mail or by webhook")
    if language not in LANGUAGES:
        raise Refused("bad_language", "this language is not spoken here")
    selected_kinds = frozenset(kind for kind in request.form.getlist("kind") if kind in kinds())
    if way == NoticeChannel.WEBHOOK:
        return NoticeTarget(name, NoticeChannel.WEBHOOK, _field("url", MAX_URL + 1), language, selected_kinds)
    recipients = " ".join(_field("recipients", 1000).replace(",", " ").split())
    server = f"{_field('host', 256)}:{_field('port', 8)}/{_field('security', 12)}"
    return NoticeTarget(
        name,
        NoticeChannel.MAIL,
        recipients,
        language,
        selected_kinds,
        server,
        _field("sender", 200),
        _field("login", 80),
    )


@notices.post_route("/notices/<name>/test", StaffRole.ADMIN)
def test(name: str) -> Response:
    """Write a notice without cases for this target; its result is shown below the target."""
    found = access_policy()
    found.desk.notices.test(name, found.now())
    return _changed(name, "test")


@notices.post_route("/notices/<name>/paused", StaffRole.ADMIN)
def set_paused(name: str) -> Response:
    """Pause a target (``paused`` is 1) or resume it (0)."""
    paused = _field("paused", 1) == "1"
    access_policy().desk.notice_targets.set_paused(name, paused)
    return _changed(name, "paused" if paused else "goes on")


@notices.post_route("/notices/<name>/remove", StaffRole.ADMIN)
def remove(name: str) -> Response:
    access_policy().desk.notice_targets.remove(name)
    return _changed(name, "removed")


def _changed(name: str, detail: str) -> Response:
    record(AuditAction.NOTICE_TARGET_CHANGED, name, detail)
    return redirect(url_for("notices.targets"), 303)


def _field(name: str, max_chars: int) -> str:
    return form_text(name, max_chars).strip()
