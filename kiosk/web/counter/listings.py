"""The listing desk: pictures of a lot in the order buyers see them, pack and grade, what they will read, and *send*.

No text is typed here: every text is of the product data. Reading changes nothing. The posts are rows of ``acts.ACTS``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from unicodedata import east_asian_width

from flask import Blueprint, Response, abort, redirect, request
from markupsafe import Markup
from PIL import Image
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.catalog import Grade, Names, Sale
from kiosk.domain.money import unit_price_fen
from kiosk.station.clerk.access import CounterSession
from kiosk.station.counter.listings import (
    CHANGED,
    NO_PHOTO,
    NO_SALE_DATA,
    NOT_ACCEPTED,
    NOT_IN_CATALOG,
    SUBMITTED,
    VOIDED,
    ListingPhoto,
    ListingView,
)
from kiosk.station.service import StationService
from kiosk.store.journal.numbering import receipt_in
from kiosk.texts import LANGUAGES, Language, Texts, load
from kiosk.texts.html import bdi_code
from kiosk.web.counter.acts import PICTURES, intake_path, listing_path
from kiosk.web.counter.frame import CounterFrame, Where
from kiosk.web.counter.lists import page_of_rows
from kiosk.web.counter.rows import short, shot_values
from kiosk.web.shared import roles
from kiosk.web.shared.paging import Page, number_of
from kiosk.web.shared.roles import Need

logger = logging.getLogger(__name__)

_SIDE = 400  # Pixels of a picture on these pages. Ten masters would take the browser of a small machine 100 MB.
NEEDS = {f"counter_listing.{name}": Need.CLERK for name in ("desk", "review", "sent", "picture")}
# So many letters of Latin width of a story fit beside the other words, or alone on the page, at a size of the letters.
#
# A Chinese letter is as wide as two. Above the last number the letters are the smallest, alone: that holds every story.
_BESIDE, _ALONE = (("large", 280), ("plain", 400)), (("large", 480), ("plain", 690))
# Letters up to which facts leave room for a story, a title is large, and facts without a story are set wide apart.
_FACTS, _TITLE, _PLAIN = 190, 60, 100
_IN_ONE_COLUMN, _IN_TWO = 2, 6  # Pictures of the review
_WHY = "counter.listing.why."
_WHY_PICTURES = {NO_PHOTO: "camera", VOIDED: "void", NO_SALE_DATA: "receipt", NOT_IN_CATALOG: "receipt"}
_FOR_NOTHING = frozenset({VOIDED, NO_SALE_DATA, NOT_IN_CATALOG})  # No picture and no choice helps against these


@dataclass(frozen=True, slots=True)
class PhotoCard:
    """A picture of the lot. ``place`` counts all from 0, ``number`` those that are shown to buyers from 1; 0: left out.
    ``like`` is the receipt of nearly the same picture, "" for none; ``like_other``: it is another receipt's. ``here``:
    the file is still on this card. ``accepted``: the sorting center does not keep it apart.
    """

    sha256: str
    place: int
    number: int
    like: Markup | str
    like_other: bool
    here: bool
    accepted: bool

    @property
    def left_out(self) -> bool:
        return self.number == 0


@dataclass(frozen=True, slots=True)
class OfferHindrance:
    text_id: str
    picture: str


@dataclass(frozen=True, slots=True)
class BuyerText:
    """What buyers read in one language; ``facts`` are pairs of a word and its text. With a long story, on a separate
    page, ``pages`` is 2, and ``page`` is the number of this one.
    """

    language: Language
    title: str
    story: str
    facts: tuple[tuple[str, str], ...]
    page: int = 1

    @property
    def pages(self) -> int:
        facts = sum(_width(word) + _width(text) for word, text in self.facts)
        return 2 if _width(self.story) > _BESIDE[-1][1] or (self.story and facts > _FACTS) else 1

    @property
    def size(self) -> str:
        sizes = _BESIDE if self.pages == 1 else _ALONE
        return next((size for size, max_width in sizes if _width(self.story) <= max_width), "long")

    @property
    def long_title(self) -> bool:
        return _width(self.title) > _TITLE

    @property
    def shows_words(self) -> bool:
        return self.page == 1

    @property
    def shows_story(self) -> bool:
        return bool(self.story) and self.page == self.pages


def blueprint(station: StationService, frame: CounterFrame) -> Blueprint:
    listing, pages = Blueprint("counter_listing", __name__), ListingPages(station, frame)

    @listing.get("/counter/intakes/<about>/listing")
    def desk(about: str) -> str:
        return pages.desk(roles.session(), about)

    @listing.get("/counter/intakes/<about>/listing/review")
    def review(about: str) -> str | AnyResponse:
        return pages.review(roles.session(), about)

    @listing.get("/counter/intakes/<about>/listing/sent")
    def sent(about: str) -> str | AnyResponse:
        return pages.sent(roles.session(), about)

    @listing.get("/counter/intakes/<about>/listing/<sha256>.jpg")
    def picture(about: str, sha256: str) -> AnyResponse:
        view = station.counter.listings.view(roles.session(), about)
        is_of_lot = any(photo.sha256 == sha256 for photo in view.photos)
        path = station.photo_folder.path(sha256) if is_of_lot else None
        jpeg = _small(path) if path is not None else None
        return Response(jpeg, mimetype="image/jpeg") if jpeg is not None else abort(404)

    return listing


class ListingPages:
    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def desk(self, session: CounterSession, receipt: str) -> str:
        view = self._station.counter.listings.view(session, receipt)
        here = listing_path(view.receipt)
        sale = view.product.sale
        ask = request.args.get("ask", "")
        if sale is not None and ask in ("pack", "grade") and VOIDED not in view.hindrances:
            packs = [(pack, str(pack.net_g), unit_price_fen(pack.price_fen, pack.net_g)) for pack in sale.packs]
            return self._frame.page(
                "listing_choose",
                session.person,
                Where("intakes", listing_path(view.receipt)),
                listing=view,
                field=ask,
                packs=packs if ask == "pack" else [],
                grades=sale.grades if ask == "grade" else [],
            )
        cards = self._cards(view)
        return self._frame.page(
            "listing",
            session.person,
            Where("intakes", here),
            listing=view,
            page=page_of_rows(cards, PICTURES),
            most=PICTURES,
            last=len(cards) - 1,
            grade=_grade(view),
            notes=[self._why(word) for word in view.hindrances if cards],
            instead=self._instead(view),
            may_shoot=self._may_shoot(view),
            offered=_is_offered(view),
            not_accepted=view.state == NOT_ACCEPTED and VOIDED not in view.hindrances,
            may_change=VOIDED not in view.hindrances,
            offered_at=self._frame.moment(view.offered_at),
            intake_address=intake_path(view.receipt),
            **shot_values(self._station, view.lot, f"{here}/photo.jpg", self._frame.speech.main),
        )

    def review(self, session: CounterSession, receipt: str) -> str | AnyResponse:
        """Draw exactly what is sent: the facts once, and for each language what its buyers read (``text``)."""
        view = self._station.counter.listings.view(session, receipt)
        desk, sale = listing_path(view.receipt), view.product.sale
        if sale is None or view.pack is None:
            return redirect(desk, 303)
        language_code = request.args.get("text", "")
        buyer_text = _buyer_text_of(view, sale, LANGUAGES[language_code]) if language_code in LANGUAGES else None
        page = (
            Page((buyer_text,), min(number_of(request.args.get("page")), buyer_text.pages), buyer_text.pages)
            if buyer_text
            else None
        )
        plain = list(_facts(view, sale, self._frame.speech.main))
        cards = [card for card in self._cards(view) if not card.left_out]
        return self._frame.page(
            "listing_review",
            session.person,
            Where("intakes", f"{desk}/review"),
            listing=view,
            told=replace(buyer_text, page=page.number) if buyer_text and page else None,
            page=page,
            plain=plain,
            dense=sum(_width(word) + _width(text) for word, text in plain) > _PLAIN,
            cards=cards,
            columns=1 if len(cards) <= _IN_ONE_COLUMN else 2 if len(cards) <= _IN_TWO else 3,
            per_kg=unit_price_fen(view.pack.price_fen, view.pack.net_g),
            languages=LANGUAGES.values(),
            hindered=bool(view.hindrances),
            desk=desk,
        )

    def sent(self, session: CounterSession, receipt: str) -> str | AnyResponse:
        view = self._station.counter.listings.view(session, receipt)
        here = listing_path(view.receipt)
        if view.state == CHANGED or not _is_offered(view):
            return redirect(here, 303)
        return self._frame.page(
            "listing_sent",
            session.person,
            Where("intakes", here),
            listing=view,
            offered_at=self._frame.moment(view.offered_at),
            waiting=self._waiting(view),
            refused=any(not photo.accepted and not photo.left_out for photo in view.photos),
        )

    def _cards(self, view: ListingView) -> list[PhotoCard]:
        cards, number = list[PhotoCard](), 0
        for place, photo in enumerate(view.photos):
            number += not photo.left_out
            shown = 0 if photo.left_out else number
            here = self._station.photo_folder.path(photo.sha256) is not None
            cards.append(
                PhotoCard(photo.sha256, place, shown, _like(photo), photo.like != view.lot, here, photo.accepted)
            )
        return cards

    def _instead(self, view: ListingView) -> OfferHindrance:
        """Return what to show instead of missing pictures: the reason, when no picture would help."""
        lasting = [word for word in view.hindrances if word in _FOR_NOTHING]
        return self._why(lasting[0]) if lasting else OfferHindrance("counter.listing.none", "shot-good")

    def _why(self, word: str) -> OfferHindrance:
        text_id = f"{_WHY}{word}"
        known = text_id in self._frame.speech.main
        return OfferHindrance(text_id if known else f"{_WHY}other", _WHY_PICTURES.get(word, "attention"))

    def _may_shoot(self, view: ListingView) -> bool:
        """Return whether a shot is of use: not for a lot that cannot be offered, nor while one is taken."""
        state = self._station.counter.state.view()
        taking = state.shot_of == view.lot and state.photo.state == "taking"
        return not taking and _FOR_NOTHING.isdisjoint(view.hindrances)

    def _waiting(self, view: ListingView) -> int:
        """Count pictures of the offer that the sorting center does not have yet, and will take."""
        shown = {photo.sha256 for photo in view.photos if not photo.left_out and photo.accepted}
        rows = self._station.store.photos.of_lot(view.lot)
        return sum(row.sha256 in shown and not row.sent for row in rows)


def _small(path: Path) -> bytes | None:
    """Return the picture in about the size it is shown in, decoded no larger; None for a damaged one."""
    small = BytesIO()
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            image.thumbnail((_SIDE, _SIDE))
            image.save(small, "JPEG", quality=85)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        logger.warning("the picture %s cannot be shown: %s", path.name, error)
        return None
    return small.getvalue()


def _is_offered(view: ListingView) -> bool:
    """Return whether it is offered; the sorting center withdraws the offer of a void intake by itself."""
    return view.state in (SUBMITTED, CHANGED) and VOIDED not in view.hindrances


def _like(photo: ListingPhoto) -> Markup | str:
    receipt = receipt_in(photo.like) if photo.like else None
    return bdi_code(short(receipt or photo.like)) if photo.like else ""


def _grade(view: ListingView) -> Grade | None:
    grades = view.product.sale.grades if view.product.sale else ()
    return next((grade for grade in grades if grade.code == view.grade), None)


def _buyer_text_of(view: ListingView, sale: Sale, language: Language) -> BuyerText:
    texts = load(language.code)
    title = _in(sale.title, texts) or texts.text("counter.listing.nothing")
    storage = _in(sale.storage, texts)
    facts = [*([(texts.text("counter.listing.storage"), storage)] if storage else []), *_facts(view, sale, texts)]
    return BuyerText(language, title, _in(sale.story, texts), tuple(facts))


def _facts(view: ListingView, sale: Sale, texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield origin, grade, harvest and allergens, those that are known, in the language of ``texts``."""
    grade = _grade(view)
    yield texts.text("counter.listing.origin"), _in(sale.origin.names, texts)
    if grade is not None:
        yield texts.text("counter.listing.grade"), _in(grade.names, texts)
    if sale.harvest:
        yield texts.text("counter.listing.harvest"), sale.harvest
    if sale.allergens:
        words = [texts.text(f"counter.listing.allergen.{allergen.value}") for allergen in sale.allergens]
        yield texts.text("counter.listing.allergens"), " · ".join(words)


def _in(names: Names, texts: Texts) -> str:
    return {"ug": names.ug, "zh": names.zh, "en": names.en}[texts.language.code]


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
