"""The sorting center of a demo: who signs in there, what it expects to hear, who publishes the first offer."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from sqlalchemy import update

from kiosk.base.refused import Refused
from kiosk.domain.catalog import Names
from kiosk.messaging.contract.receive import parse_event
from kiosk.simulators.county.places import TOWNSHIPS, places
from kiosk.simulators.county.plan import CountyPlan
from kiosk.simulators.county.station import silent_events
from kiosk.simulators.offers import ACTOR as OFFERED_BY
from kiosk.simulators.shared.center_access import CenterAccess, SignIn
from kiosk.simulators.shared.processes import StartFailed
from kiosk.simulators.village import REGION, STATION, VILLAGE, Village
from kiosk.sorting_center.configuration.keys import issue_key
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.people import MEMORY_KIB, PARALLELISM, TIME_COST, StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import person
from kiosk.sorting_center.desk.tokens import MAX_PER_MINUTE, Scope
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.lot_receipts import LotReceipts
from kiosk.sorting_center.listings.records import ListingState
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.stations.authority import CountyAuthority
from kiosk.store import StoreError

_ROLES: Final = {"demo": StaffRole.ADMIN, "operator": StaffRole.OPERATOR, "viewer": StaffRole.VIEWER}
# Short and always the same, so that they can be typed. The desk has them in its list of passwords that are guessed
# first, and accepts them from no user. A demo, which listens on loopback alone, sets them past that rule, and `lock_up`
# replaces them when it ends.
PASSWORDS: Final = {"demo": "almond-basket", "operator": "blue-donkey", "viewer": "green-apple"}


def demo_access(ledger_url: str, stations: Sequence[str] = (), keys: Path | None = None) -> CenterAccess:
    """Make three people with the passwords of a demo, a new token for the bench, and the county's registry.

    ``stations`` are those of the county behind the demo. ``keys``: where its county has its keys, or gets them. Raises
    DeskError, OSError.
    """
    now = datetime.now(UTC)
    with CenterDesk.open(ledger_url) as desk:
        admin, *others = (_enroll(desk, name, role, now) for name, role in _ROLES.items())
        for token in desk.tokens.all():
            if token.revoked_at is None and token.name.startswith("bench-"):
                desk.tokens.revoke(token.name, now)
        desk.registry.replace(*registry(REGION, (STATION, VILLAGE), stations, now.date()))
        desk.audit.record("demo", AuditAction.REGISTRY_IMPORTED, REGION, "", now)
        name = f"bench-{secrets.token_hex(4)}"
        token_secret = desk.tokens.add(name, [Scope.READ], now, MAX_PER_MINUTE)
        if keys is not None and not (keys / "configuration.key").exists():
            keys.mkdir(exist_ok=True)
            authority = CountyAuthority.create(REGION, now)
            (keys / "authority.crt").write_text(authority.certificate, encoding="ascii")
            issue_key(authority, desk.documents, keys / "configuration.key", now)
        return CenterAccess(admin.name, admin.password, token_secret, tuple(others), keys)


def _enroll(desk: CenterDesk, name: str, role: StaffRole, now: datetime) -> SignIn:
    """Add a person, or reset one of an earlier run, whatever was changed since."""
    password = secrets.token_urlsafe(12)
    if name in [person.name for person in desk.people.all()]:
        desk.people.set_password(name, password, now)
        desk.people.set_role(name, role, now)
        desk.people.set_disabled(name, False, now)
    else:
        desk.people.add(name, role, password, now)
    password_hash = PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM).hash(PASSWORDS[name])
    with desk.database.writing() as connection:
        connection.execute(update(person).where(person.c.name == name).values(password_hash=password_hash))
    desk.audit.record("demo", AuditAction.PERSON_ADDED, name, role.word, now)
    return SignIn(name, PASSWORDS[name])


def lock_up(ledger_url: str) -> None:
    """Replace the demo's passwords by random ones, so that they are useless if this ledger is served again."""
    try:
        with CenterDesk.open(ledger_url) as desk:
            for name in _ROLES:
                desk.people.set_password(name, secrets.token_urlsafe(12), datetime.now(UTC))
    except (DeskError, Refused) as error:  # As when the folder of the demo is missing
        log.warning("The passwords of the demo stay as they are: %s", error)


def take_in_past(ledger_url: str, county: CountyPlan) -> None:
    """Add the events of stations that are silent by now; before the sorting center starts. Raises StartFailed."""
    try:
        with Ledger.open(ledger_url) as ledger:
            for last_seen, events in silent_events(county):
                ledger.accept([parse_event(event.body) for event in events], county.region, last_seen)
    except (LedgerError, StoreError) as error:
        raise StartFailed(f"the past of the county cannot be taken in: {error}") from error


UNSEEN_STATIONS: Final = 3  # Stations that were promised, and are in no village yet
_YEAR: Final = timedelta(days=365)
_OVER: Final = timedelta(days=-20)
_SOON: Final = timedelta(days=12)
_HOURS: Final = OpeningHours.parse("mon-fri 09:00-19:00; sat 10:00-14:00")
_MARKET_HOURS: Final = OpeningHours.parse("mon-sun 08:00-21:00")  # Of the town
_SCALES: Final = ("XK3190-A12E", "XK3190-A27E", "DIGI DS-788", "T520")


def registry(
    region: str, own: tuple[str, str], stations: Sequence[str], today: date
) -> tuple[list[ExpectedStation], list[Township]]:
    """Build the registry of the demo's ``own`` station, number and village, and the county's ``stations``.

    The last of them is not expected; one verification is over, one soon is.
    """
    following = (
        [f"S{int(stations[-1][1:]) + number:04}" for number in range(1, UNSEEN_STATIONS + 1)] if stations else []
    )
    rows = [_expected(region, own[0], own[1], _name(TOWNSHIPS[0]), today + _YEAR)]
    there = [place for place in places([*stations, *following]) if place.station not in stations[-1:]]
    for number, place in enumerate(there):
        left = Random(place.station).randrange(40, 340)  # noqa: S311  a simulator
        until = {0: _OVER, 1: _SOON}.get(number, timedelta(days=left))
        rows.append(_expected(region, place.station, _name(place.village), _name(place.township), today + until))
    used = {row.township for row in rows}
    town = _name(TOWNSHIPS[-1])
    townships = [Township(region, name, _MARKET_HOURS if name == town else _HOURS) for name in sorted(used)]
    return rows, townships


def _expected(region: str, station: str, village: str, township: str, until: date) -> ExpectedStation:
    number = int(station[1:])
    return ExpectedStation(
        region,
        station,
        village,
        township,
        contact=f"0998-555-{number:04}",
        scale=f"{_SCALES[number % len(_SCALES)]} no. {70_000 + number}",
        verified_on=(until - _YEAR).isoformat(),
        valid_until=until.isoformat(),
    )


def _name(names: Names) -> str:
    return f"{names.zh} {names.en}"


log = logging.getLogger(__name__)

ACTOR: Final = "operator"  # One of the people of `demo_access`
_POLL_INTERVAL_S: Final = 1.0
_JOIN_TIMEOUT_S: Final = 10.0
_MAX_OFFERS: Final = 1_000
_UNDECIDED: Final = 8  # One of so many stations: what it offers waits on the page *Listings*


@contextmanager
def published(begin: Callable[[], AbstractContextManager[Village]]) -> Iterator[Village]:
    """Start the village with ``begin`` and end it; publish the demo's offers as soon as each has its photo."""
    ending = threading.Event()
    with begin() as village:
        waiting = threading.Thread(target=_publish, args=(village, ending), name="offers", daemon=True)
        waiting.start()
        try:
            yield village
        finally:
            ending.set()
            waiting.join(_JOIN_TIMEOUT_S)
            lock_up(village.ledger_url)


def _publish(village: Village, ending: threading.Event) -> None:
    try:
        with (
            CenterDesk.open(village.ledger_url) as desk,
            PhotoIndex(village.ledger_url) as photos,
            Reports.open(village.ledger_url, ZoneInfo("Asia/Shanghai")) as reports,
        ):
            pictures = ReceivedPictures(photos, PictureFolder(village.photos_dir))
            listings = CenterListings(desk.database, pictures, LotReceipts(reports.receipts, desk.registry))
            while not ending.wait(_POLL_INTERVAL_S):
                publish_offers(desk, listings)
    except (DeskError, LedgerError, Refused) as error:
        log.warning("Offers of the demo are not published: %s", error)


def publish_offers(desk: CenterDesk, listings: CenterListings) -> None:
    """Publish offers of the demo that have a photo here and are untouched; leave some for people. Raises DeskError,
    LedgerError and Refused.
    """
    for one in listings.page([ListingState.REVIEW], 0, _MAX_OFFERS):
        is_left = int(one.key.station[1:]) % _UNDECIDED == 0 or len(listings.history(one.key)) > 1
        if one.offer.told.actor != OFFERED_BY or is_left or not listings.photos(one)[0].may_be_shown:
            continue
        now = datetime.now(UTC)
        listings.publish(one.key, ActionContext(ACTOR, one.version, now))
        desk.audit.record(ACTOR, AuditAction.LISTING_PUBLISHED, str(one.key), "", now)
