"""What stations offer for sale: looked at, written anew, published and taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from flask import make_response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.cases import MAX_REASON
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.listings.listings import MAX_STORY, MAX_TITLE, Doing, Listings
from kiosk.sorting_center.listings.records import ITSELF, VOIDED, Deed, Key, Listing, State, Texts
from kiosk.sorting_center.photos.folder import read_picture
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.asked import whole_number
from kiosk.sorting_center.web.frame import show, texts
from kiosk.sorting_center.web.sources import sources

listings = Pages("listings", __name__)

PAGE: Final = 24
MAX_PAGE: Final = 10_000
VIEWS: Final[Mapping[str, tuple[State, ...]]] = {
    **{state.value: (state,) for state in State},
    "all": tuple(State),
}
_AT: Final = "/listings/<region>/<station>/<lot>"

_Way = Callable[[Listings, Key, Doing], Listing]
WAYS: Final[Mapping[Deed, tuple[_Way, Act]]] = {
    Deed.PUBLISH: (Listings.publish, Act.LISTING_PUBLISHED),
    Deed.PAUSE: (Listings.pause, Act.LISTING_PAUSED),
    Deed.SELL_OUT: (Listings.sell_out, Act.LISTING_SOLD_OUT),
    Deed.WITHDRAW: (Listings.withdraw, Act.LISTING_WITHDRAWN),
}


@dataclass(frozen=True, slots=True)
class _Typed:
    """What was not done, and what was typed then, so that nobody types it again."""

    refused: Refused | None = None
    reason: str = ""
    texts: Texts | None = None


@listings.look("/listings", Role.VIEWER)
def everything() -> str:
    """``?state=`` one of VIEWS, ``page=`` from 1; what changed last first."""
    found = sources().listings
    view = request.args.get("state", "")
    view = view if view in VIEWS else State.REVIEW.value
    page = max(1, whole_number(request.args.get("page", ""), MAX_PAGE) or 1)
    rows = found.page(VIEWS[view], (page - 1) * PAGE, PAGE + 1)
    counts = found.counts()
    return show(
        "listings.html",
        rows=[(row, found.photos(row)) for row in rows[:PAGE]],
        page=page,
        more=len(rows) > PAGE,
        view=view,
        may_export=current().person.role >= Role.OPERATOR,
        views={name: sum(counts[state] for state in states) for name, states in VIEWS.items()},
    )


@listings.look(_AT, Role.VIEWER)
def one(region: str, station: str, lot: str) -> str:
    """With what buyers see, and all that was done about it."""
    return _shown(Key(region, station, lot), _Typed())


@listings.look(f"{_AT}/photos/<sha256>.jpg", Role.VIEWER)
def photo(region: str, station: str, lot: str, sha256: str) -> Response:
    """A master of this listing that is here; no other picture."""
    listing, found = _found(Key(region, station, lot)), sources().listings
    for one in (*found.photos(listing), *found.buyers_photos(listing)):
        if one.sha256 == sha256 and one.known and one.path is not None:
            with suppress(OSError):  # it was here a moment ago
                if (content := read_picture(one.path, sha256)) is not None:
                    answer = make_response(content)
                    answer.mimetype = "image/jpeg"
                    answer.set_etag(sha256)
                    return answer.make_conditional(request)
    raise NotFound("this listing has no such photo, or it is not here")


@listings.act(f"{_AT}/edit", Role.OPERATOR)
def edit(region: str, station: str, lot: str) -> Response:
    """Title and story in three languages."""
    key, typed = Key(region, station, lot), Texts(_words("title", MAX_TITLE), _words("story", MAX_STORY))
    return _do(key, (lambda found, key, doing: found.edit(key, typed, doing), Act.LISTING_EDITED), _Typed(texts=typed))


@listings.act(f"{_AT}/<deed>", Role.OPERATOR)
def act(region: str, station: str, lot: str, deed: str) -> Response:
    """``deed``: publish, pause, sell_out or withdraw, the last with a reason."""
    if deed not in WAYS:
        raise NotFound(f"nobody can {deed!r} a listing")
    reason = request.form.get("reason", "")[: MAX_REASON * 2]
    return _do(Key(region, station, lot), WAYS[Deed(deed)], _Typed(reason=reason))


def _do(key: Key, way: tuple[_Way, Act], typed: _Typed) -> Response:
    deed, kept_as = way
    who, now = current().person.name, doors().now()
    doing = Doing(who, whole_number(request.form.get("version", "")) or 0, now, typed.reason)
    try:
        deed(sources().listings, key, doing)
    except Refused as error:
        answer = make_response(_shown(key, _Typed(error, typed.reason, typed.texts)))
        answer.status_code = 409
        return answer
    doors().desk.audit.record(who, kept_as, str(key), typed.reason, now)
    return redirect(url_for("listings.one", region=key.region, station=key.station, lot=key.lot), 303)


def _shown(key: Key, typed: _Typed) -> str:
    listing = _found(key)
    found = sources().listings
    return show(
        "listing.html",
        listing=listing,
        photos=found.photos(listing),
        buyers_photos=found.buyers_photos(listing),
        steps=found.history(key),
        texts=typed.texts or listing.texts,
        may={deed.value for deed in (*WAYS, Deed.EDIT) if listing.may(deed)},
        may_decide=current().person.role >= Role.OPERATOR,
        refused=texts().refusal(typed.refused, "listings") if typed.refused is not None else "",
        reason=typed.reason,
        most={"reason": MAX_REASON, "title": MAX_TITLE, "story": MAX_STORY},
        itself=ITSELF,
        voided=VOIDED,
    )


def _found(key: Key) -> Listing:
    listing = sources().listings.get(key)
    if listing is None:
        raise NotFound(f"there is no listing {key}")
    return listing


def _words(name: str, most: int) -> WordsData:
    ug, zh, en = (request.form.get(f"{name}_{code}", "")[: most * 2] for code in ("ug", "zh", "en"))
    return WordsData(ug, zh, en)
