"""What is published, as files for spreadsheets, shops and channels. Each is in the audit before it begins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Final

from flask import request, send_file
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.photo.channels.rules import ChannelRule, shipped_rules
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.exports.fields import item_id
from kiosk.sorting_center.listings.exports.merchant import ProductData, is_told, tsv_of
from kiosk.sorting_center.listings.exports.pictures.child import LISTINGS, Master, Order, Wanted, make_apart
from kiosk.sorting_center.listings.exports.table import csv_of
from kiosk.sorting_center.listings.records import Key, Published, State
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.exporting.making import Words
from kiosk.sorting_center.web.frame import show, texts
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.texts import CenterTexts, languages

listing_exports = Pages("listing_exports", __name__)
log = logging.getLogger(__name__)

_CSV: Final = "text/csv"
_TSV: Final = "text/tab-separated-values"
_ZIP: Final = "application/zip"
_ONE: Final = threading.BoundedSemaphore(1)
"""Pictures keep a core busy for minutes."""
REASONS: Final = (
    *("missing", "damaged", "no_goods", "not_on_white", "enlarged", "goods_small"),
    *("margin_small", "margin_large", "bytes_few", "bytes_many"),
)
"""Why a picture is left out: each has its words."""


@listing_exports.look("/listings/exports", Role.OPERATOR)
def choice() -> str:
    """What there is, and what of it each file has."""
    published = [one for _, one in sources().listings.published()]
    told = {language.code: sum(is_told(one, language.code) for one in published) for language in languages()}
    return show(
        "listing-exports.html",
        published=len(published),
        told=told,
        catalogue=sources().catalogue,
        channels=_channels(),
        pages=range(1, _pages(len(published)) + 1),
        on_a_page=LISTINGS,
    )


@listing_exports.look("/listings/exports/listings.csv", Role.OPERATOR)
def table() -> Response:
    """Every field, in three languages."""
    _keep("listings.csv")
    return _sent(_written(csv_of(sources().listings.published(), sources().catalogue)), _CSV, "listings.csv")


@listing_exports.look("/listings/exports/merchant-<language>.tsv", Role.OPERATOR)
def merchant(language: str) -> Response:
    """Of those with a title in this language."""
    if language not in [spoken.code for spoken in languages()]:
        raise NotFound("there is a file for each language of these pages: merchant-zh.tsv")
    data = ProductData(language, _catalogue(), Words(CenterTexts(language)))
    name = f"merchant-{language}.tsv"
    _keep(name)
    return _sent(_written(tsv_of(sources().listings.published(), data)), _TSV, name)


@listing_exports.look("/listings/exports/pictures.zip", Role.OPERATOR)
def pictures() -> Response:
    """``?channel=`` one that shows goods on white, ``page=`` from 1: of so many listings as one file takes."""
    asked, page = request.args.get("channel", ""), request.args.get("page", "1")
    rule = next((rule for rule in _channels() if rule.channel == asked), None)
    if rule is None or page not in map(str, range(1, _pages(sources().listings.counts()[State.PUBLISHED]) + 1)):
        known = ", ".join(rule.channel for rule in _channels())
        raise NotFound(f"there are pictures for {known}, and pages from 1")
    if not _ONE.acquire(blocking=False):
        raise Refused("pictures_busy", "pictures are being made already: wait until they are done")
    try:
        name = f"pictures-{rule.channel}-{page}.zip"
        _keep(name)
        return _sent(_made(rule, int(page)), _ZIP, name)
    except OSError as error:
        log.error("Pictures for %s cannot be made: %s", rule.channel, error.strerror or error)
        raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
    finally:
        _ONE.release()


def _channels() -> Sequence[ChannelRule]:
    """As they are today. Masters are on white: a channel that wants the gray of the mat has no picture of one."""
    rules, day = shipped_rules(), sources().now().date()
    return [rule for rule in (rules.on(channel, day) for channel in rules.channels) if rule.cut == "white"]


def _pages(published: int) -> int:
    return max(1, -(-published // LISTINGS))


def _catalogue() -> PublicAddresses:
    found = sources().catalogue
    if found is None:
        raise Refused("no_public_address", "no public address of the catalogue is set: start with --catalogue-url URL")
    return found


def _keep(name: str) -> None:
    who = doors()
    who.desk.audit.record(current().person.name, Act.EXPORTED, f"listings {name}", "", who.now())


def _made(rule: ChannelRule, page: int) -> IO[bytes]:
    published = islice(sources().listings.published(), (page - 1) * LISTINGS, page * LISTINGS)
    words = Words(texts())
    said = {reason: words(f"picture_{reason}") for reason in REASONS}
    order = Order(rule, tuple(_wanted(key, one) for key, one in published), said)
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    try:
        make_apart(order, file)
    except BaseException:
        file.close()
        raise
    return file


def _wanted(key: Key, one: Published) -> Wanted:
    photos = sources().stores.photos
    paths = [photos.path(key.region, key.station, sha256) for sha256 in one.photos]
    masters = (Master(sha256, str(path or "")) for sha256, path in zip(one.photos, paths, strict=True))
    return Wanted(item_id(key), tuple(masters))


def _written(pieces: Iterable[bytes]) -> IO[bytes]:
    """On disk, and gone when it is closed: a slow reader holds no picture of the database."""
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    try:
        file.writelines(pieces)
        file.flush()
    except OSError as error:
        file.close()
        raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
    except BaseException:
        file.close()
        raise
    return file


def _sent(file: IO[bytes], kind: str, name: str) -> Response:
    length = file.seek(0, 2)
    file.seek(0)
    answer = send_file(file, mimetype=kind, as_attachment=True, download_name=name)
    answer.content_length = length
    return answer
