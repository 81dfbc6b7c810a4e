"""Somebody at the sorting center of a demo who publishes what its station has offered before it began."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Final

from kiosk.simulators.village import Village
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.errors import ActionRefused, DeskError
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.records import ListingState
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures

log = logging.getLogger(__name__)

ACTOR: Final = "operator"  # One of the people of `demo_access`
_POLL_INTERVAL_S: Final = 1.0
_JOIN_TIMEOUT_S: Final = 10.0


@contextmanager
def published(begin: Callable[[], AbstractContextManager[Village]]) -> Iterator[Village]:
    """The village that ``begin`` starts; its first offer is published as soon as it is there, with its photo."""
    ending = threading.Event()
    with begin() as village:
        waiting = threading.Thread(target=_publish, args=(village, ending), name="first offer", daemon=True)
        waiting.start()
        try:
            yield village
        finally:
            ending.set()
            waiting.join(_JOIN_TIMEOUT_S)


def _publish(village: Village, ending: threading.Event) -> None:
    try:
        with CenterDesk.open(village.ledger_url) as desk, PhotoIndex(village.ledger_url) as photos:
            listings = CenterListings(desk.database, ReceivedPictures(photos, PictureFolder(village.photos_dir)))
            while not publish_first(desk, listings) and not ending.wait(_POLL_INTERVAL_S):
                pass
    except (DeskError, LedgerError, ActionRefused) as error:
        log.warning("The first offer of the demo is not published: %s", error)


def publish_first(desk: CenterDesk, listings: CenterListings) -> bool:
    """Whether nothing is left to do: it is published now, or somebody has decided on it. Raises DeskError,
    LedgerError and Refused.
    """
    if any(count for state, count in listings.counts().items() if state is not ListingState.REVIEW):
        return True
    offers = listings.page([ListingState.REVIEW], 0, 1)
    if not offers or not listings.photos(offers[0])[0].may_be_shown:
        return False
    now = datetime.now(UTC)
    listings.publish(offers[0].key, ActionContext(ACTOR, offers[0].version, now))
    desk.audit.record(ACTOR, AuditAction.LISTING_PUBLISHED, str(offers[0].key), "", now)
    return True
