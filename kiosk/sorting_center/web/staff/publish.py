"""What the draft changes at the stations, published by a second person; the releases so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Final

import msgspec
from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.configuration.checks import BookFault, check_book
from kiosk.sorting_center.configuration.goods_form import FIELDS, form_fields
from kiosk.sorting_center.configuration.price_grid import HoldingPrices, ScopedPrices, percent
from kiosk.sorting_center.configuration.release_changes import RowChange, release_changes
from kiosk.sorting_center.desk.county_book import PUBLISHED_KINDS, BookRow
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.access import (
    GuardedBlueprint,
    access_policy,
    current_principal,
    may_decide,
    record,
)
from kiosk.sorting_center.web.shared.county import CountyDraft, county_draft, seen_revision
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page
from kiosk.sorting_center.web.shared.query_params import MAX_WHOLE_NUMBER
from kiosk.sorting_center.web.shared.sources import sources

publish = GuardedBlueprint("publish", __name__)

MAX_NOTE: Final = 200
MAX_SHOWN: Final = 200  # Changes of one kind; the number of all is written
_MAX_RELEASES: Final = 50


@dataclass(frozen=True, slots=True)
class ShownChange:
    """``cells``: column, text before, text after. ``percent``: of a price, "" otherwise."""

    change: RowChange
    cells: Sequence[tuple[str, str, str]]
    old_fen: int | None = None
    new_fen: int | None = None

    @property
    def percent(self) -> str:
        return percent(self.old_fen, self.new_fen)


@publish.get_route("/publish", StaffRole.VIEWER, menu=(106, "nav_publish"))
def review() -> str:
    """``?region=``."""
    return _render(county_draft())


def _render(county: CountyDraft, refused: Refused | None = None) -> str:
    person, alone_allowed = current_principal().person, sources().publish_alone
    return render_page(
        "publish.html",
        county=county,
        groups=_groups(county, county.released, county.rows),
        stations=len({one for change in county.changes for one in change.stations}),
        faults=_faults(county) if county.region else [],
        releases=sources().desk.book.releases(county.region, _MAX_RELEASES),
        is_own=county.draft.changed_by == person.name,
        alone_allowed=alone_allowed,
        may_publish=may_decide(),
        note=form_text("note", MAX_NOTE),
        max_note=MAX_NOTE,
        max_shown=MAX_SHOWN,
        refused=refused,
        done=request.args.get("done", "")[:5],
    )


def _groups(
    county: CountyDraft, before: Sequence[BookRow], after: Sequence[BookRow]
) -> Mapping[str, Sequence[ShownChange]]:
    """By kind; of prices what holds in the scope before and after."""
    old, new = ScopedPrices(before), ScopedPrices(after)

    @cache
    def holding(scope: str) -> tuple[HoldingPrices, HoldingPrices]:
        levels = county.levels_of(scope)
        return HoldingPrices(old, levels), HoldingPrices(new, levels)

    def shown(change: RowChange) -> ShownChange:
        if change.kind != "price":
            return _shown(change)
        was, becomes = holding(change.scope)
        return ShownChange(change, (), was.fen_until(change.key), becomes.fen(change.key))

    changes = release_changes(before, after, county.townships)
    by_kind = {kind: list(found) for kind, found in groupby(changes, lambda change: change.kind)}
    return {kind: [shown(one) for one in by_kind[kind]] for kind in PUBLISHED_KINDS if kind in by_kind}


def _shown(change: RowChange) -> ShownChange:
    old, new = (_fields(change.kind, content) for content in (change.old, change.new))
    cells = [(name, old.get(name, ""), new.get(name, "")) for name in dict.fromkeys((*old, *new))]
    return ShownChange(change, [cell for cell in cells if cell[1] != cell[2]])


def _fields(kind: str, content: str | None) -> Mapping[str, str]:
    if not content:
        return {}
    if kind in FIELDS:
        return form_fields(kind, content)
    return {name: str(value) for name, value in msgspec.json.decode(content).items()}


def _faults(county: CountyDraft) -> list[BookFault]:
    today = sources().now().date().isoformat()
    return check_book(county.rows, sources().desk.registry.current(), region=county.region, today=today)


@publish.post_route("/publish", StaffRole.OPERATOR)
def release() -> Response:
    """Let the stations have the draft, with a ``note``; the ``revision`` that was seen, and no other."""
    county = county_draft()
    who, now, note = current_principal().person.name, access_policy().now(), form_text("note", MAX_NOTE).strip()
    try:
        if any(not fault.is_warning for fault in _faults(county)):
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
    """One release, and what it changed of the one before."""
    return _render_release(county_draft(), number)


def _render_release(county: CountyDraft, number: int, refused: Refused | None = None) -> str:
    earlier, rows = _released(county.region, number)
    releases = {one.number: one for one in sources().desk.book.releases(county.region, MAX_WHOLE_NUMBER)}
    return render_page(
        "release.html",
        county=county,
        release=releases[number],
        groups=_groups(county, earlier, rows),
        max_shown=MAX_SHOWN,
        may_edit=may_decide(),
        refused=refused,
    )


def _released(region: str, number: int) -> tuple[Sequence[BookRow], Sequence[BookRow]]:
    """The rows of the release before it, and its own. Raises NotFound."""
    book = sources().desk.book
    numbers = [one.number for one in book.releases(region, MAX_WHOLE_NUMBER)]
    if number not in numbers:
        raise NotFound("there is no such release")
    before = max((one for one in numbers if one < number), default=None)
    return (book.released(region, before) if before is not None else ()), book.released(region, number)


@publish.post_route("/publish/<int:number>/restore", StaffRole.OPERATOR)
def restore(number: int) -> Response:
    """Take the rows of a release as the draft; somebody publishes it then as any other."""
    county = county_draft()
    _, rows = _released(county.region, number)
    who, now = current_principal().person.name, access_policy().now()
    try:
        sources().desk.book.replace(county.region, PUBLISHED_KINDS, rows, seen_revision(), who, now)
    except Refused as error:
        return page_response(_render_release(county, number, error), 409)
    record(AuditAction.RELEASE_RESTORED, f"{county.region} {number}")
    return redirect(url_for("publish.review", region=county.region, done=2), 303)
