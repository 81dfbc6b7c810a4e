"""One field for everything that has a number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from flask import make_response, redirect, request
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.reports import Hit, HitKind, ReceiptRow
from kiosk.sorting_center.reports.journal import EventRow
from kiosk.sorting_center.reports.parcels import ReportedParcel
from kiosk.sorting_center.reports.search import fold_text
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, record
from kiosk.sorting_center.web.shared.frame import render_page
from kiosk.sorting_center.web.shared.names import COMMON_GOODS, common_goods
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.shared.texts import STAFF_PACKAGE
from kiosk.sorting_center.web.staff.links import hit_address, record_context
from kiosk.texts.catalog import catalog
from kiosk.texts.plain import plain

search = GuardedBlueprint("search", __name__)

_MAX_SHOWN_CHARS: Final = 80  # Characters of the query: no code is longer
_MAX_PLACES: Final = 20  # Villages, and townships, that are listed


# The only thing known of them is which station numbered them: their page is the answer of the search.
_NUMBER_ONLY: Final = frozenset({HitKind.TOTE, HitKind.SEAL, HitKind.MANIFEST})


@dataclass(frozen=True, slots=True)
class ListedHit:
    """With where it leads, and what a list says of it: the row of a receipt or a parcel; of a tote, a seal or a
    manifest the newest event that names it.
    """

    hit: Hit
    address: str | None
    receipt: ReceiptRow | None
    parcel: ReportedParcel | None
    event: EventRow | None


@search.get_route("/search", StaffRole.VIEWER)
def find() -> Response:
    """Redirect to what ``?q=`` finds when it is one thing, else list it. The audit records who searched for what."""
    query = request.args.get("q", "")
    if not query.strip():
        return make_response(render_page("search.html", asked="", found={}, nothing=False, **record_context()))
    record(AuditAction.SEARCHED, _redact_for_audit(query))
    hits = sources().reports.search.find(query)
    if all(hit.kind is HitKind.PRODUCT for hit in hits):  # no code or number: they may be words
        hits = tuple(dict.fromkeys((*hits, *_common_goods(fold_text(query)), *_places(query))))
    only_address = hit_address(hits[0]) if len(hits) == 1 and hits[0].kind not in _NUMBER_ONLY else None
    if only_address is not None:
        return redirect(only_address, 303)
    shown, by_kind = plain(query, _MAX_SHOWN_CHARS), dict[HitKind, list[ListedHit]]()
    for row in _listed(hits):
        by_kind.setdefault(row.hit.kind, []).append(row)
    page = render_page("search.html", asked=shown, found=by_kind, nothing=not hits, **record_context())
    return make_response(page)


def _listed(hits: Sequence[Hit]) -> Iterator[ListedHit]:
    reports = sources().reports
    receipts = reports.receipts.rows(
        [(hit.station, hit.key, hit.region) for hit in hits if hit.kind is HitKind.RECEIPT]
    )
    for hit in hits:
        receipt = parcel = event = None
        match hit.kind:
            case HitKind.RECEIPT:
                receipt = receipts.get((hit.station, hit.key, hit.region))
            case HitKind.PARCEL | HitKind.WAYBILL | HitKind.SHELF:
                parcel = reports.parcels.row(hit.key, hit.region)
            case HitKind.TOTE | HitKind.SEAL | HitKind.MANIFEST:
                event = next(iter(reports.journal.about(hit.key, hit.region, limit=1)), None)
        yield ListedHit(hit, hit_address(hit), receipt, parcel, event)


def _common_goods(words: str) -> Iterator[Hit]:
    """Yield goods that the texts call so, of those that were ever brought in."""
    for text_id in catalog("en", STAFF_PACKAGE) if words else ():
        code = text_id.removeprefix(COMMON_GOODS)
        names = common_goods(code) if code != text_id else None
        if names is not None and words in fold_text(f"{names.ug}\n{names.zh}\n{names.en}"):
            yield from (hit for hit in sources().reports.search.find(code) if hit == Hit(HitKind.PRODUCT, code))


def _places(query: str) -> Iterator[Hit]:
    """Yield stations of villages, and townships, whose listed name has these words, in any script of Uyghur."""
    words = _place_words(query)
    if not words:
        return
    rows = access_policy().desk.registry.current().stations.values()
    of_village = (row for row in rows if words in _place_words(row.village))
    yield from (
        Hit(HitKind.VILLAGE, row.station, row.region, name=row.village) for row in islice(of_village, _MAX_PLACES)
    )
    townships = sorted({(row.region, row.township) for row in rows if words in _place_words(row.township)})
    yield from (Hit(HitKind.TOWNSHIP, name, region, name=name) for region, name in townships[:_MAX_PLACES])


@lru_cache(8_192)
def _place_words(text: str) -> str:
    return fold_text(unicodedata.normalize("NFKC", text).translate(_LATIN_SCRIPT))


# The letters of Uyghur, and how its Latin script writes them.
_LETTERS: Final = "ا ە ب پ ت ج چ خ د ر ز ژ س ش غ ف ق ك گ ڭ ل م ن ھ و ۇ ۆ ۈ ۋ ې ى ي"
_LATIN: Final = "a e b p t j ch x d r z zh s sh gh f q k g ng l m n h o u ö ü w ë i y"
_LATIN_SCRIPT: Final = str.maketrans({"ئ": "", **dict(zip(_LETTERS.split(), _LATIN.split(), strict=True))})

_SLIP: Final = re.compile(r"(?:\][A-Za-z]\d)?\s*Y1K", re.IGNORECASE)
_LONG_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])\d{7,}(?![0-9A-Za-z])")


def _redact_for_audit(query: str) -> str:
    """Remove what the audit must not hold: the code of a pickup slip hands a parcel out; of a long number, which may be
    a telephone, only the last four digits are kept.
    """
    if _SLIP.match(query):
        return "Y1K…"
    return _LONG_NUMBER.sub(lambda found: f"…{found[0][-4:]}", query)
