"""What the draft changes at the stations, published by a second person; the releases so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import redirect, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.configuration.price_grid import ScopedPrices
from kiosk.sorting_center.configuration.release_changes import release_changes
from kiosk.sorting_center.desk.county_book import PUBLISHED_KINDS, BookRow, Release
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal, record
from kiosk.sorting_center.web.shared.county import CountyDraft, changes_by_kind, county_draft, seen_revision
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import MAX_WHOLE_NUMBER
from kiosk.sorting_center.web.shared.sources import sources

publish = GuardedBlueprint("publish", __name__)

MAX_NOTE: Final = 200
MAX_SHOWN: Final = 200  # Changes of one kind; the number of all is written
_MAX_RELEASES: Final = 50


@publish.get_route("/publish", StaffRole.VIEWER, menu=(106, "nav_publish"))
def review() -> str:
    """Show the draft of ``?region=``."""
    return _render(county_draft())


def _render(county: CountyDraft, refused: Refused | None = None) -> str:
    person, alone_allowed = current_principal().person, sources().publish_alone
    return render_page(
        "publish.html",
        county=county,
        groups=changes_by_kind(county, county.content.changes, county.content.released_prices, county.content.prices),
        stations=len({one for change in county.content.changes for one in change.stations}),
        faults=county.content.faults() if county.region else [],
        releases=sources().desk.book.releases(county.region, _MAX_RELEASES),
        is_own=person.name in county.draft.changed_by.split(),
        alone_allowed=alone_allowed,
        note=form_text("note", MAX_NOTE),
        max_note=MAX_NOTE,
        max_shown=MAX_SHOWN,
        refused=refused,
    )


@publish.post_route("/publish", StaffRole.OPERATOR)
def release() -> Response:
    """Publish the draft to the stations, with a ``note``; only the ``revision`` that was seen."""
    county = county_draft()
    who, now, note = current_principal().person.name, access_policy().now(), form_text("note", MAX_NOTE).strip()
    try:
        if any(not fault.is_warning for fault in county.content.faults()):
            raise Refused("faults", "the draft has faults: mend them first")
        made = sources().desk.book.publish(
            county.region, seen_revision(), who, note, now, alone_allowed=sources().publish_alone
        )
    except Refused as error:
        return page_response(_render(county_draft(), error), 409)
    detail = f"changed by {made.changed_by}{', published alone' if made.alone else ''}: {note}"
    record(AuditAction.CONFIGURATION_PUBLISHED, f"{county.region} {made.number}", detail)
    return redirect(url_for("publish.review", region=county.region, done=1), 303)


@publish.get_route("/publish/<int:number>", StaffRole.VIEWER)
def release_page(number: int) -> str:
    """Show one release, and what it changed of the one before."""
    return _render_release(county_draft(), number)


def _render_release(county: CountyDraft, number: int, refused: Refused | None = None) -> str:
    shown, earlier, rows = _released(county.region, number)
    changes = release_changes(earlier, rows, county.townships)
    return render_page(
        "release.html",
        county=county,
        release=shown,
        groups=changes_by_kind(county, changes, ScopedPrices(earlier), ScopedPrices(rows)),
        max_shown=MAX_SHOWN,
        refused=refused,
    )


def _released(region: str, number: int) -> tuple[Release, Sequence[BookRow], Sequence[BookRow]]:
    """Return the release, the rows of that before it, and its own. Raises NotFound."""
    book = sources().desk.book
    releases = {one.number: one for one in book.releases(region, MAX_WHOLE_NUMBER)}
    if number not in releases:
        raise NotFound("there is no such release")
    before = max((one for one in releases if one < number), default=None)
    earlier = book.released(region, before) if before is not None else ()
    return releases[number], earlier, book.released(region, number)


@publish.post_route("/publish/<int:number>/restore", StaffRole.OPERATOR)
def restore(number: int) -> Response:
    """Take the rows of a release as the draft; it is published then as any other."""
    county = county_draft()
    _, _, rows = _released(county.region, number)
    who, now = current_principal().person.name, access_policy().now()
    try:
        sources().desk.book.replace(county.region, PUBLISHED_KINDS, rows, seen_revision(), who, now)
    except Refused as error:
        return page_response(_render_release(county, number, error), 409)
    record(AuditAction.RELEASE_RESTORED, f"{county.region} {number}")
    return redirect(url_for("publish.review", region=county.region, done=2), 303)
