"""What is published, as files for spreadsheets, shops and channels. Each is in the audit before it begins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import IO, Final

from flask import request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.photo.channels.rules import ChannelRule, shipped_rules
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.listings.exports.merchant import ProductData, has_title, tsv_of
from kiosk.sorting_center.listings.exports.pictures import (
    MAX_LISTINGS,
    ListingPhotos,
    Master,
    PictureOrder,
    make_in_subprocess,
)
from kiosk.sorting_center.listings.exports.table import csv_of, item_id
from kiosk.sorting_center.listings.records import ListingKey, ListingState, Published
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, record
from kiosk.sorting_center.web.shared.exporting import SheetTexts
from kiosk.sorting_center.web.shared.frame import render_page, texts
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff.exports import attachment, spool
from kiosk.texts.languages import LANGUAGES

listing_exports = GuardedBlueprint("listing_exports", __name__)
log = logging.getLogger(__name__)

_CSV: Final = "text/csv"
_TSV: Final = "text/tab-separated-values"
_ZIP: Final = "application/zip"
_PICTURES_LOCK: Final = threading.BoundedSemaphore(1)  # Pictures keep a core busy for minutes
# Why a picture is left out: each has its words.
SKIP_REASONS: Final = (
    *("missing", "damaged", "no_goods", "not_on_white", "enlarged", "goods_small"),
    *("margin_small", "margin_large", "bytes_few", "bytes_many"),
)


@listing_exports.get_route("/listings/exports", StaffRole.OPERATOR)
def choice() -> str:
    published = [one for _, one in sources().listings.published()]
    counts = {code: sum(has_title(one, code) for one in published) for code in LANGUAGES}
    return render_page(
        "listing-exports.html",
        published=len(published),
        told=counts,
        storefront=sources().storefront,
        channels=_channels(),
        pages=range(1, _pages(len(published)) + 1),
        on_a_page=MAX_LISTINGS,
    )


@listing_exports.get_route("/listings/exports/listings.csv", StaffRole.OPERATOR)
def table() -> Response:
    record(AuditAction.EXPORTED, "listings listings.csv")
    return attachment(_spool(csv_of(sources().listings.published(), sources().storefront)), _CSV, "listings.csv")


@listing_exports.get_route("/listings/exports/merchant-<language>.tsv", StaffRole.OPERATOR)
def merchant(language: str) -> Response:
    if language not in LANGUAGES:
        raise NotFound("there is a file for each language of these pages: merchant-zh.tsv")
    if (storefront := sources().storefront) is None:
        raise Refused(
            "no_public_address", "no public address of the storefront is set: start with --storefront-url URL"
        )
    data = ProductData(language, storefront, SheetTexts(center_texts(language)))
    name = f"merchant-{language}.tsv"
    record(AuditAction.EXPORTED, f"listings {name}")
    return attachment(_spool(tsv_of(sources().listings.published(), data)), _TSV, name)


@listing_exports.get_route("/listings/exports/pictures.zip", StaffRole.OPERATOR)
def pictures() -> Response:
    """Send pictures: ``?channel=`` one with goods on white, ``page=`` from 1 of as many listings as one file takes."""
    channel, page = request.args.get("channel", ""), request.args.get("page", "1")
    rule = next((rule for rule in _channels() if rule.channel == channel), None)
    if rule is None or page not in map(str, range(1, _pages(sources().listings.counts()[ListingState.PUBLISHED]) + 1)):
        known = ", ".join(rule.channel for rule in _channels())
        raise NotFound(f"there are pictures for {known}, and pages from 1")
    if not _PICTURES_LOCK.acquire(blocking=False):
        raise Refused("pictures_busy", "pictures are being made already: wait until they are done")
    try:
        name = f"pictures-{rule.channel}-{page}.zip"
        record(AuditAction.EXPORTED, f"listings {name}")
        return attachment(_build_archive(rule, int(page)), _ZIP, name)
    except OSError as error:
        log.error("Pictures for %s cannot be made: %s", rule.channel, error.strerror or error)
        raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
    finally:
        _PICTURES_LOCK.release()


def _channels() -> Sequence[ChannelRule]:
    """Return today's rules. Masters are on white: a channel that wants the gray of the mat has no picture of one."""
    rules, day = shipped_rules(), sources().now().date()
    return [rule for rule in (rules.on(channel, day) for channel in rules.channels) if rule.cut == "white"]


def _pages(published: int) -> int:
    return max(1, -(-published // MAX_LISTINGS))


def _build_archive(rule: ChannelRule, page: int) -> IO[bytes]:
    published = islice(sources().listings.published(), (page - 1) * MAX_LISTINGS, page * MAX_LISTINGS)
    words = SheetTexts(texts())
    reason_texts = {reason: words(f"picture_{reason}") for reason in SKIP_REASONS}
    order = PictureOrder(rule, tuple(_item_pictures(key, one) for key, one in published), reason_texts)
    return spool(lambda file: make_in_subprocess(order, file))


def _item_pictures(key: ListingKey, one: Published) -> ListingPhotos:
    photos = sources().stores.photos
    paths = [photos.path(key.region, key.station, sha256) for sha256 in one.photos]
    masters = (Master(sha256, str(path or "")) for sha256, path in zip(one.photos, paths, strict=True))
    return ListingPhotos(item_id(key), tuple(masters))


def _spool(pieces: Iterable[bytes]) -> IO[bytes]:
    try:
        return spool(lambda file: file.writelines(pieces))
    except OSError as error:
        raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
