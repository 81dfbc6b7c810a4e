"""What waits for a person, as one list: what happened at which station, what to do, whom to call; taken and closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.cases import MAX_REASON
from kiosk.sorting_center.web.shared.access import GuardedBlueprint
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import parse_whole_number, query_with
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.alarms import decide_cases

settle = GuardedBlueprint("settle", __name__)

PAGE_SIZE: Final = 50  # Accidents
MAX_AT_ONCE: Final = 2_000  # Cases; each is audited by itself
_MAX_WORDS: Final = 60
_MAX_CHANGED: Final = 8


@settle.get_route("/settle", StaffRole.VIEWER, menu=(30, "nav_settle"))
def everything() -> str:
    """Show the list; ``?q=`` words of station, village, township or region, ``kind=``, ``page=``."""
    return _render({})


@settle.post_route("/settle", StaffRole.OPERATOR)
def decide() -> Response:
    """Take or close all cases of the rows that were chosen, or none when one of them was decided meanwhile."""
    one_row = request.form.get("take")
    # Numbers of cases with the versions that were read; whatever makes no sense is a version that nothing has.
    rows = [one_row] if one_row is not None else request.form.getlist("seen")
    pairs = [pair.partition(":") for row in rows for pair in row.split()]
    seen = {parse_whole_number(number) or 0: parse_whole_number(version) or 0 for number, _, version in pairs}
    try:
        if not 0 < len(seen) <= MAX_AT_ONCE:
            raise Refused("none_chosen", f"choose what you decide on, at most {MAX_AT_ONCE} cases")
        decide_cases(seen, "close" if one_row is None and request.form.get("act") == "close" else "take")
    except Refused as error:
        return page_response(_render(seen, error.code), 409)
    return redirect(url_for("settle.everything") + query_with(request.args.items(multi=True)), 303)


def _render(seen: Mapping[int, int], refused: str = "") -> str:
    """Render the list; ``seen``: the cases that were chosen when it was refused."""
    if refused:
        sources().snapshots.settling.expire()
    rows = sources().snapshots.settling.current().value
    kind, words = request.args.get("kind", "")[:40], request.args.get("q", "").strip()[:_MAX_WORDS]
    found = [
        one
        for one in rows
        if kind in ("", one.name, *(case.kind for case in one.cases)) and one.matches(words.casefold())
    ]
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(1, parse_whole_number(request.args.get("page", "")) or 1), pages)
    changed = [case for case in sources().desk.cases.find(seen) if case.version != seen[case.id]] if refused else []
    return render_page(
        "settle.html",
        rows=found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        total=len(found),
        kind=kind,
        words=words,
        kinds=list(dict.fromkeys([*(one.name for one in rows), *([kind] if kind else [])])),
        page=page,
        pages=pages,
        chosen=seen.keys(),
        changed=changed[:_MAX_CHANGED],
        refused=refused,
        reason=form_text("reason", MAX_REASON * 2),
        max_reason=MAX_REASON,
    )
