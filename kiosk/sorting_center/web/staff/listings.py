"""What stations offer for sale: shown, rewritten, published and withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import MAX_REASON
from kiosk.sorting_center.listings.listings import MAX_STORY, MAX_TITLE, ActionContext, CenterListings
from kiosk.sorting_center.listings.records import (
    LEDGER_USER,
    VOIDED,
    Listing,
    ListingAction,
    ListingKey,
    ListingState,
    ListingTexts,
)
from kiosk.sorting_center.photos.folder import read_picture
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal, record
from kiosk.sorting_center.web.shared.frame import form_text, page_response, render_page, texts
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources

listings = GuardedBlueprint("listings", __name__)

PAGE_SIZE: Final = 24
MAX_PAGE: Final = 10_000
VIEWS: Final[Mapping[str, tuple[ListingState, ...]]] = {
    **{state.value: (state,) for state in ListingState},
    "all": tuple(ListingState),
}
_LISTING_ROUTE: Final = "/listings/<region>/<station>/<lot>"

_Handler = Callable[[CenterListings, ListingKey, ActionContext], Listing]
ACTIONS: Final[Mapping[ListingAction, tuple[_Handler, AuditAction]]] = {
    ListingAction.PUBLISH: (CenterListings.publish, AuditAction.LISTING_PUBLISHED),
    ListingAction.PAUSE: (CenterListings.pause, AuditAction.LISTING_PAUSED),
    ListingAction.SELL_OUT: (CenterListings.sell_out, AuditAction.LISTING_SOLD_OUT),
    ListingAction.WITHDRAW: (CenterListings.withdraw, AuditAction.LISTING_WITHDRAWN),
}


@dataclass(frozen=True, slots=True)
class _FormState:
    """What was refused, and what was typed then, so that it need not be typed again."""

    refused: Refused | None = None
    reason: str = ""
    texts: ListingTexts | None = None


@listings.get_route("/listings", StaffRole.VIEWER, menu=(50, "nav_listings"))
def everything() -> str:
    """Show listings, the last changed first; ``?state=`` one of VIEWS, ``page=`` from 1."""
    found = sources().listings
    view = request.args.get("state", "")
    view = view if view in VIEWS else ListingState.REVIEW.value
    page = max(1, parse_whole_number(request.args.get("page", ""), MAX_PAGE) or 1)
    rows = found.page(VIEWS[view], (page - 1) * PAGE_SIZE, PAGE_SIZE + 1)
    counts = found.counts()
    return render_page(
        "listings.html",
        rows=[(row, found.photos(row)) for row in rows[:PAGE_SIZE]],
        page=page,
        more=len(rows) > PAGE_SIZE,
        view=view,
        views={name: sum(counts[state] for state in states) for name, states in VIEWS.items()},
    )


@listings.get_route(_LISTING_ROUTE, StaffRole.VIEWER)
def one(region: str, station: str, lot: str) -> str:
    return _render(ListingKey(region, station, lot), _FormState())


@listings.get_route(f"{_LISTING_ROUTE}/photos/<sha256>.jpg", StaffRole.VIEWER)
def photo(region: str, station: str, lot: str, sha256: str) -> Response:
    """Send a master of this listing that is here; no other picture."""
    listing, found = _load_listing(ListingKey(region, station, lot)), sources().listings
    for one in (*found.photos(listing), *found.published_photos(listing)):
        if one.sha256 == sha256 and one.known and one.path is not None:
            with suppress(OSError):  # it was here a moment ago
                if (content := read_picture(one.path, sha256)) is not None:
                    answer = make_response(content)
                    answer.mimetype = "image/jpeg"
                    answer.set_etag(sha256)
                    return answer.make_conditional(request)
    raise NotFound("this listing has no such photo, or it is not here")


@listings.post_route(f"{_LISTING_ROUTE}/edit", StaffRole.OPERATOR)
def edit(region: str, station: str, lot: str) -> Response:
    typed = ListingTexts(_form_words("title", MAX_TITLE), _form_words("story", MAX_STORY))
    action = (lambda found, key, context: found.edit(key, typed, context), AuditAction.LISTING_EDITED)
    return _perform(ListingKey(region, station, lot), action, _FormState(texts=typed))


@listings.post_route(f"{_LISTING_ROUTE}/<deed>", StaffRole.OPERATOR)
def act(region: str, station: str, lot: str, deed: str) -> Response:
    """Do ``deed``: publish, pause, sell_out or withdraw, the last with a reason."""
    if deed not in ACTIONS:
        raise NotFound(f"nobody can {deed!r} a listing")
    reason = form_text("reason", MAX_REASON * 2)
    return _perform(ListingKey(region, station, lot), ACTIONS[ListingAction(deed)], _FormState(reason=reason))


def _perform(key: ListingKey, action: tuple[_Handler, AuditAction], typed: _FormState) -> Response:
    handler, audit_act = action
    who, now = current_principal().person.name, access_policy().now()
    context = ActionContext(who, parse_whole_number(request.form.get("version", "")) or 0, now, typed.reason)
    try:
        handler(sources().listings, key, context)
    except Refused as error:
        return page_response(_render(key, _FormState(error, typed.reason, typed.texts)), 409)
    record(audit_act, str(key), typed.reason)
    return redirect(url_for("listings.one", region=key.region, station=key.station, lot=key.lot), 303)


def _render(key: ListingKey, typed: _FormState) -> str:
    listing = _load_listing(key)
    found = sources().listings
    return render_page(
        "listing.html",
        listing=listing,
        photos=found.photos(listing),
        buyers_photos=found.published_photos(listing),
        steps=found.history(key),
        texts=typed.texts or listing.texts,
        may={action.value for action in (*ACTIONS, ListingAction.EDIT) if listing.allows(action)},
        refused=texts().refusal(typed.refused, "listings") if typed.refused is not None else "",
        reason=typed.reason,
        most={"reason": MAX_REASON, "title": MAX_TITLE, "story": MAX_STORY},
        itself=LEDGER_USER,
        voided=VOIDED,
    )


def _load_listing(key: ListingKey) -> Listing:
    listing = sources().listings.get(key)
    if listing is None:
        raise NotFound(f"there is no listing {key}")
    return listing


def _form_words(name: str, max_chars: int) -> WordsData:
    return WordsData(*(form_text(f"{name}_{code}", max_chars * 2) for code in ("ug", "zh", "en")))
