"""One field for everything that has a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from flask import make_response, redirect, request
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.reports import Hit, HitKind
from kiosk.sorting_center.reports.search import folded
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.staff.links import address, common
from kiosk.texts.plain import plain

search = Pages("search", __name__)

_SHOWN: Final = 80
"""Characters of what was asked: no code is longer."""
_PLACES: Final = 20
"""Villages, and townships, that are listed."""


@search.look("/search", Role.VIEWER)
def find() -> Response:
    """What is under ``?q=``: the way there when it is one thing, else a list. The audit says who asked what."""
    asked = request.args.get("q", "")
    if not asked.strip():
        return make_response(show("search.html", asked="", found={}, nothing=False, **common()))
    who = doors()
    who.desk.audit.record(current().person.name, Act.SEARCHED, _for_audit(asked), "", who.now())
    hits = (*sources().reports.search.find(asked), *_places(folded(asked)))
    alone = address(hits[0]) if len(hits) == 1 else None
    if alone is not None:
        return redirect(alone, 303)
    return make_response(
        show("search.html", asked=plain(asked, _SHOWN), found=_by_kind(hits), nothing=not hits, **common())
    )


def _places(words: str) -> Iterator[Hit]:
    """Stations of villages and townships with these words in their names, as they stand in the list of stations."""
    if not words:
        return
    rows = doors().desk.registry.current().stations.values()
    of_village = (row for row in rows if words in folded(row.village))
    yield from (Hit(HitKind.VILLAGE, row.station, row.region, name=row.village) for row in islice(of_village, _PLACES))
    townships = sorted({(row.region, row.township) for row in rows if words in folded(row.township)})
    yield from (Hit(HitKind.TOWNSHIP, name, region, name=name) for region, name in townships[:_PLACES])


_SLIP: Final = re.compile(r"(?:\][A-Za-z]\d)?\s*Y1K", re.IGNORECASE)
_LONG_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])\d{7,}(?![0-9A-Za-z])")


def _for_audit(asked: str) -> str:
    """Without what the audit must not hold: the code of a pickup slip hands a parcel out; of a long number, which may
    be somebody's telephone, only the last four digits are kept.
    """
    if _SLIP.match(asked):
        return "Y1K…"
    return _LONG_NUMBER.sub(lambda found: f"…{found[0][-4:]}", asked)


def _by_kind(hits: Sequence[Hit]) -> Mapping[HitKind, list[tuple[Hit, str | None]]]:
    found: dict[HitKind, list[tuple[Hit, str | None]]] = {}
    for hit in hits:
        found.setdefault(hit.kind, []).append((hit, address(hit)))
    return found
