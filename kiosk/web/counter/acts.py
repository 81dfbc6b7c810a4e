"""Every act of the counter: one row each. A post does one thing, and answers 303 to the clerk's next page or raises.

An old page is refused as stale where acting on something else would do harm: its form carries what the clerk saw (the
parcel of a hand-over, of an undo or of another carrier, the last event of a day's totals).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kiosk.protocols.barcodes.scan import max_length_of
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.counter import ClerkCounter
from kiosk.station.counter.listings import ListingView
from kiosk.web.counter.frame import HOME, Where
from kiosk.web.counter.packing import parse_bags

_PICKUP_CODE = re.compile("[0-9]{6}")
_MAX_DIGITS = 18
_MAX_GRAM_DIGITS = 6
_WAYS = {"earlier": -1, "later": 1}
PICTURES: Final = 3  # Of a lot, side by side on one page

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Post:
    counter: ClerkCounter
    session: CounterSession
    form: Form
    about: str

    def field(self, name: str) -> str:
        """Return a field of the form. Raises CounterRefused when it is missing: the page is stale."""
        if name not in self.form:
            raise CounterRefused("stale_page", f"{name} is missing")
        return self.form[name]

    def int_field(self, name: str) -> int:
        """Return a whole number the page itself put into the form. Raises CounterRefused."""
        text = self.field(name)
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise CounterRefused("stale_page", f"{name} is no number")
        return int(text)


Run = Callable[[Post], str]  # Does it and returns the next address


def _scan(post: Post) -> str:
    text = post.field("text")
    if len(text) > max_length_of(text.encode("utf-8", "replace")):
        raise CounterRefused("text")
    if _PICKUP_CODE.fullmatch(text.strip()):
        return _put_up_code(post, text.strip())
    return post.counter.scans.scan(post.session, post.counter.reader.read(text)).path or HOME


def _put_up_code(post: Post, code: str) -> str:
    """Put up the parcel of a right code; the clerk fetches it, and taps when it is handed over."""
    post.counter.handovers.put_up(post.session, code)
    return HOME


def _arrive(post: Post) -> str:
    scanned = post.counter.reader.read(post.field("text"))
    return post.counter.scans.arrive(post.session, scanned, post.field("carrier")).path or HOME


def _undo(post: Post) -> str:
    last = post.counter.state.view().last
    shown = str(last.parcel.number) if last and last.parcel else ""
    if post.field("number") != shown:
        raise CounterRefused("stale_page")
    post.counter.receiving.undo(post.session, shown)  # a scan may come in while this one waits for its turn
    return HOME


def _carrier(post: Post) -> str:
    number = post.field("number")
    if not number:
        raise CounterRefused("stale_page")
    return post.counter.receiving.choose_carrier(post.session, post.field("carrier"), number).path or HOME


def _handover(post: Post) -> str:
    return parcel_path(str(post.counter.handovers.confirm(post.session, post.field("number")).number))


def _proxy(post: Post) -> str:
    return parcel_path(
        str(post.counter.handovers.collect_by_proxy(post.session, post.about, post.field("name")).number)
    )


def _step(act: Callable[[ClerkCounter], Callable[[CounterSession, str], object]]) -> Run:
    return _then(parcel_path, lambda post: act(post.counter)(post.session, post.about))


def _then(where: str | Callable[[str], str], act: Callable[[Post], object]) -> Run:
    """Do the act and go on to an address, or to that of what the post is about."""

    def run(post: Post) -> str:
        act(post)
        return where if isinstance(where, str) else where(post.about)

    return run


def _void(post: Post) -> None:
    post.counter.voids.void(post.session, post.about, post.field("reason"), post.field("number"), post.field("pin"))


def _shoot_lot(post: Post) -> None:
    post.counter.lot_shots.take(post.session, post.about)


def _overrule(post: Post) -> None:
    post.counter.lot_shots.overrule(post.session, post.about, post.field("shot"))


def _listing_pack(post: Post) -> None:
    """Choose the pack; the grade stays as it is now, whatever it was when the page was drawn."""
    listings, pack_g = post.counter.listings, post.int_field("pack_g")
    listings.choose(post.session, post.about, pack_g, listings.view(post.session, post.about).grade)


def _listing_grade(post: Post) -> None:
    listings, grade = post.counter.listings, post.field("grade")
    pack = listings.view(post.session, post.about).pack
    listings.choose(post.session, post.about, pack.net_g if pack else 0, grade)


def _listing_move(post: Post) -> str:
    """Move a picture one place; refuse when it is no longer where the clerk saw it."""
    places, listings = _WAYS.get(post.field("way")), post.counter.listings
    sha256, place = post.field("sha256"), post.int_field("place")
    if places is None or _place_of(listings.view(post.session, post.about), sha256) != place:
        raise CounterRefused("stale_page")
    return _listing_at(listings.move(post.session, post.about, sha256, places), sha256)


def _listing_leave(post: Post) -> str:
    sha256, out = post.field("sha256"), post.field("out") == "1"
    return _listing_at(post.counter.listings.leave_out(post.session, post.about, sha256, out), sha256)


def _place_of(view: ListingView, sha256: str) -> int | None:
    return next((place for place, photo in enumerate(view.photos) if photo.sha256 == sha256), None)


def _listing_at(view: ListingView, sha256: str) -> str:
    page = (_place_of(view, sha256) or 0) // PICTURES + 1
    return listing_path(view.receipt) if page == 1 else f"{listing_path(view.receipt)}?page={page}"


def _pack_tote(post: Post) -> None:
    """Pack the parcels of the form, which names them without the part that all of this station share."""
    station = post.counter.totes.station[1:]
    post.counter.totes.pack(post.session, [f"P-{station}-{one}" for one in post.field("parcels").split(".")])


def parcel_path(number: str) -> str:
    return f"/counter/parcels/{number}"


def intake_path(receipt: str) -> str:
    return f"/counter/intakes/{receipt}"


def listing_path(receipt: str) -> str:
    return f"{intake_path(receipt)}/listing"


def crate_path(receipt: str) -> str:
    return f"{intake_path(receipt)}/crate"


_QUEUE: Final = "/counter/queue"
_TOTES: Final = "/counter/totes"

# Address and act. `<about>` is a parcel, a receipt, a member or a print job.
ACTS: Mapping[str, Run] = {
    "/counter/scan": _scan,
    "/counter/type": _scan,
    "/counter/camera": _then(f"{HOME}?camera=1", lambda post: post.counter.scans.request_camera_scan(post.session)),
    "/counter/code": lambda post: _put_up_code(post, post.field("code")),
    "/counter/arrive": _arrive,
    "/counter/take_in": lambda post: post.counter.scans.accept_offer(post.session, post.field("offer")).path or HOME,
    "/counter/undo": _undo,
    "/counter/carrier": _carrier,
    "/counter/mode": _then(HOME, lambda post: post.counter.receiving.set_mode(post.session, post.field("mode"))),
    "/counter/consent": _then(
        HOME, lambda post: post.counter.receiving.set_consent(post.session, post.field("consent"))
    ),
    "/counter/damaged": _then(
        HOME, lambda post: post.counter.receiving.damaged_next(post.session, post.field("damaged") == "1")
    ),
    "/counter/handover": _handover,
    "/counter/handover/later": _then(
        HOME, lambda post: post.counter.handovers.dismiss(post.session, post.field("number"))
    ),
    "/counter/delivery": _then(
        "/counter/parcels?state=open", lambda post: post.counter.shelf.close_delivery(post.session)
    ),
    "/counter/parcels/<about>/proxy": _proxy,
    "/counter/parcels/<about>/photo": _step(lambda counter: counter.shelf.take_shot),
    "/counter/parcels/<about>/accept": _then(
        HOME, lambda post: post.counter.shelf.accept_damaged(post.session, post.about)
    ),
    "/counter/parcels/<about>/refuse": _step(lambda counter: counter.shelf.refuse),
    "/counter/parcels/<about>/misroute": _step(lambda counter: counter.shelf.mark_misrouted),
    "/counter/parcels/<about>/due_back": _step(lambda counter: counter.shelf.mark_due_back),
    "/counter/parcels/<about>/return": _step(lambda counter: counter.shelf.return_),
    "/counter/parcels/<about>/lost": _step(lambda counter: counter.shelf.mark_lost),
    "/counter/parcels/<about>/found": _step(lambda counter: counter.shelf.mark_found),
    "/counter/parcels/<about>/reissue": _step(lambda counter: counter.codes.reissue),
    "/counter/intakes/<about>/void": _then(intake_path, _void),
    "/counter/intakes/<about>/photo": _then(intake_path, _shoot_lot),
    "/counter/intakes/<about>/photo/overrule": _then(intake_path, _overrule),
    # The clerk and the villager continue at the public screen, where it was left.
    "/counter/intakes/<about>/take_up": _then("/", lambda post: post.counter.intakes.take_up(post.session, post.about)),
    "/counter/intakes/<about>/crate/pack": _then(
        crate_path, lambda post: post.counter.crates.pack(post.session, post.about, parse_bags(post.field("bags")))
    ),
    "/counter/intakes/<about>/crate/unpack": _then(
        crate_path, lambda post: post.counter.crates.unpack(post.session, post.about, post.int_field("crate"))
    ),
    "/counter/intakes/<about>/listing/photo": _then(listing_path, _shoot_lot),
    "/counter/intakes/<about>/listing/photo/overrule": _then(listing_path, _overrule),
    "/counter/intakes/<about>/listing/pack": _then(listing_path, _listing_pack),
    "/counter/intakes/<about>/listing/grade": _then(listing_path, _listing_grade),
    "/counter/intakes/<about>/listing/move": _listing_move,
    "/counter/intakes/<about>/listing/leave": _listing_leave,
    "/counter/intakes/<about>/listing/submit": _then(
        lambda about: f"{listing_path(about)}/sent",
        lambda post: post.counter.listings.submit(post.session, post.about, post.field("seen")),
    ),
    "/counter/members/<about>/card": _then(_QUEUE, lambda post: post.counter.cards.print(post.session, post.about)),
    "/counter/members/<about>/statement": _then(_QUEUE, lambda post: post.counter.members.print(post.about)),
    "/counter/members/<about>/code": _then(
        _QUEUE, lambda post: post.counter.members.print_code(post.session, post.about)
    ),
    "/counter/totes/pack": _then(_TOTES, _pack_tote),
    "/counter/totes/unpack": _then(_TOTES, lambda post: post.counter.totes.unpack(post.session, post.field("tote"))),
    "/counter/totes/tag": _then(_QUEUE, lambda post: post.counter.totes.tag_copy(post.session, post.field("tote"))),
    "/counter/totes/hand_over": _then(
        _QUEUE, lambda post: post.counter.totes.hand_over(post.session, post.field("totes").split("."))
    ),
    "/counter/prints/<int:about>/reprint": _then(
        _QUEUE, lambda post: post.counter.papers.reprint(post.session, int(post.about))
    ),
    "/counter/prints/<int:about>/resolve": _then(
        _QUEUE,
        lambda post: post.counter.papers.resolve(post.session, int(post.about), post.field("came_out") == "1"),
    ),
    "/counter/day/close": _then(
        "/counter/day?ask=closed", lambda post: post.counter.day.close(post.session, post.int_field("last_seq"))
    ),
}


def back_to(path: str, form: Form) -> Where:
    parts = path.split("/")[2:]
    match parts:
        case ["parcels", number, *_]:
            return Where("parcels", parcel_path(number))
        case ["intakes", receipt, "void"]:
            return Where("intakes", f"{intake_path(receipt)}?ask=void&reason={form.get('reason', '')}")
        case ["intakes", _, "take_up"]:
            return Where("intakes", "/counter/intakes")
        case ["intakes", receipt, "listing", *_]:
            return Where("intakes", listing_path(receipt))
        case ["totes", *_]:
            return Where("parcels", _TOTES)
        case ["members", member, *_]:
            return Where("intakes", f"/counter/intakes?member={member}")
        case ["intakes", receipt, "crate", *_]:
            return Where("intakes", crate_path(receipt))
        case ["intakes", receipt, *_]:
            return Where("intakes", intake_path(receipt))
        case ["prints", *_]:
            return Where("queue", _QUEUE)
        case ["check", *_]:
            expected = form.get("expected", "")
            typed = expected.isascii() and expected.isdigit() and len(expected) <= _MAX_GRAM_DIGITS
            return Where("day", f"/counter/check?expected={expected}" if typed else "/counter/check")
        case ["pan" | "day", *_]:
            return Where("day", "/counter/day")
        case [("code" | "type") as pad]:
            return Where("scan", f"/counter/{pad}")
        case _:
            return Where("scan", HOME)
