"""One field for everything that has a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from flask import make_response, redirect, request
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.reports import Hit, HitKind
from kiosk.sorting_center.reports.search import fold_text
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, record
from kiosk.sorting_center.web.shared.frame import render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.links import hit_address, record_context
from kiosk.texts.plain import plain

search = GuardedBlueprint("search", __name__)

_MAX_SHOWN_CHARS: Final = 80  # Characters of what was asked: no code is longer
_MAX_PLACES: Final = 20  # Villages, and townships, that are listed


@search.get_route("/search", StaffRole.VIEWER)
def find() -> Response:
    """What is under ``?q=``: the way there when it is one thing, else a list. The audit says who asked what."""
    query = request.args.get("q", "")
    if not query.strip():
        return make_response(render_page("search.html", asked="", found={}, nothing=False, **record_context()))
    record(AuditAction.SEARCHED, _redact_for_audit(query))
    hits = (*sources().reports.search.find(query), *_places(fold_text(query)))
    only_address = hit_address(hits[0]) if len(hits) == 1 else None
    if only_address is not None:
        return redirect(only_address, 303)
    shown, by_kind = plain(query, _MAX_SHOWN_CHARS), dict[HitKind, list[tuple[Hit, str | None]]]()
    for hit in hits:
        by_kind.setdefault(hit.kind, []).append((hit, hit_address(hit)))
    page = render_page("search.html", asked=shown, found=by_kind, nothing=not hits, **record_context())
    return make_response(page)


def _places(words: str) -> Iterator[Hit]:
    """Stations of villages and townships with these words in their names, as they stand in the list of stations."""
    if not words:
        return
    rows = access_policy().desk.registry.current().stations.values()
    of_village = (row for row in rows if words in fold_text(row.village))
    yield from (
        Hit(HitKind.VILLAGE, row.station, row.region, name=row.village) for row in islice(of_village, _MAX_PLACES)
    )
    townships = sorted({(row.region, row.township) for row in rows if words in fold_text(row.township)})
    yield from (Hit(HitKind.TOWNSHIP, name, region, name=name) for region, name in townships[:_MAX_PLACES])


_SLIP: Final = re.compile(r"(?:\][A-Za-z]\d)?\s*Y1K", re.IGNORECASE)
_LONG_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])\d{7,}(?![0-9A-Za-z])")


def _redact_for_audit(query: str) -> str:
    """Without what the audit must not hold: the code of a pickup slip hands a parcel out; of a long number, which may
    be somebody's telephone, only the last four digits are kept.
    """
    if _SLIP.match(query):
        return "Y1K…"
    return _LONG_NUMBER.sub(lambda found: f"…{found[0][-4:]}", query)
