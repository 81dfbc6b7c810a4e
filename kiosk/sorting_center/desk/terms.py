"""For how many days the desk stores what is about people, and the erasure of what is over its term.

`docs/personal-data.md` has the whole table: what, where, why and for how long.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median_low
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, delete, or_, select, tuple_, update

from kiosk.domain.moment import ClockQuality
from kiosk.sorting_center.desk.registry import DRAFT_LIFETIME
from kiosk.sorting_center.desk.shared import schema
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import CaseState
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.shared.stored_events import decode_envelope

# Days by kind: the default, the minimum and the maximum. Records of the users of a network service are kept for at
# least six months (Cybersecurity Law of the PRC).
TERM_RANGES: Final[Mapping[str, tuple[int, int, int]]] = {
    "audit": (1095, 180, 3650),
    "sign_ins": (365, 180, 1095),
    "searches": (180, 30, 1095),
    "throttle": (7, 1, 30),
    "cases": (365, 90, 3650),
    "notices": (90, 7, 365),
    "people": (365, 180, 3650),
    "listings": (365, 90, 3650),
    "station_people": (365, 90, 3650),
}
INTERVAL_S: Final = 3600.0
MAX_ROWS: Final = 500  # Of each kind in one step: no page waits long for the desk
# The center's clock may be so far from what stations say in the newest events; one in 1970 or 2099 is further.
TOLERANCE: Final = timedelta(days=31)
_EVENTS: Final = 50
_SIGN_INS: Final = (AuditAction.SIGNED_IN, AuditAction.SIGN_IN_REFUSED, AuditAction.SIGNED_OUT)

log = logging.getLogger(__name__)


def parse_terms(texts: Iterable[str] = ()) -> Mapping[str, int]:
    """Parse ``KIND=DAYS``, each kind once; others get their default. Raises ValueError with what is allowed."""
    chosen: dict[str, int] = {}
    for text in texts:
        kind, _, days = text.partition("=")
        if kind not in TERM_RANGES or kind in chosen:
            raise ValueError(f"--term {text[:40]!r} must be KIND=DAYS, each kind once: {', '.join(TERM_RANGES)}")
        _, minimum, maximum = TERM_RANGES[kind]
        if not (days.isascii() and days.isdecimal() and len(days) <= 4 and minimum <= int(days) <= maximum):
            raise ValueError(f"--term {text[:40]!r} must be {minimum} to {maximum} days")
        chosen[kind] = int(days)
    return {kind: chosen.get(kind, default) for kind, (default, _, _) in TERM_RANGES.items()}


def erase_step(ledger: Ledger, database: DeskDatabase, terms: Mapping[str, int], now: datetime) -> float:
    """Erase a part, if the clock can be right; return the seconds until the next. Raises LedgerError and DeskError.

    Two processes that do it at once erase the same.
    """
    # It must be near what set clocks of stations say in the newest events; without any nothing is erased.
    newest = ledger.feed(max(0, ledger.feed_end() - _EVENTS), _EVENTS)
    events = (decode_envelope(entry.body) for entry in newest)
    times = [datetime.fromisoformat(event.time) for event in events if event.clock == ClockQuality.SYNCED]
    if not times or abs(now - median_low(times)) > TOLERANCE:
        return INTERVAL_S
    erased = erase_expired(database, terms, now)
    database.empty_log()
    if found := ", ".join(f"{number} {kind}" for kind, number in erased.items() if number):
        log.info("Erased what was over its term: %s.", found)
    return INTERVAL_S if max(erased.values()) < MAX_ROWS else 1.0


def erase_expired(database: DeskDatabase, terms: Mapping[str, int], now: datetime) -> Mapping[str, int]:
    """Erase at most MAX_ROWS of each kind; return how many, by kind. What a wrong ``now`` erases does not come back."""
    ends = {kind: to_rfc3339(now - timedelta(days=days)) for kind, days in terms.items()}
    audit, notice, person, throttle = schema.audit.c, schema.notice.c, schema.person.c, schema.throttle.c
    conditions: Mapping[str, tuple[Table, ColumnElement[bool]]] = {
        "audit": (schema.audit, audit.at < ends["audit"]),
        "sign_ins": (schema.audit, audit.act.in_(_SIGN_INS) & (audit.at < ends["sign_ins"])),
        "searches": (schema.audit, (audit.act == AuditAction.SEARCHED) & (audit.at < ends["searches"])),
        "throttle": (schema.throttle, throttle.touched_at < ends["throttle"]),
        "notices": (schema.notice, notice.made_at < ends["notices"]),
        "people": (schema.person, person.disabled.is_(True) & (person.changed_at < ends["people"])),
        "drafts": (schema.registry_draft, schema.registry_draft.c.made_at < to_rfc3339(now - DRAFT_LIFETIME)),
    }
    with database.writing() as connection:
        erased = {
            kind: connection.execute(delete(table).where(_first_of(table, condition))).rowcount
            for kind, (table, condition) in conditions.items()
        }
        erased["cases"] = _erase_cases(connection, ends["cases"])
        erased["station_people"] = _erase_former_names(connection, ends["station_people"])
        erased["listings"] = _erase_listing_texts(connection, ends["listings"])
    return erased


def _first_of(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    key = table.primary_key.columns
    return tuple_(*key).in_(select(*key).where(condition).limit(MAX_ROWS))


def _erase_cases(connection: Connection, end: str) -> int:
    """Erase closed ones whose last step is older: the case, or only who and why while its condition lasts."""
    case, step = schema.alarm_case, schema.case_step.c
    steps = select(step.id).where(step.alarm_case == case.c.id)
    is_old = (case.c.state == CaseState.CLOSED.value) & ~steps.where(step.at >= end).exists()
    has_words = or_(case.c.present.is_(False), case.c.who != "", case.c.reason != "", steps.exists())
    numbers = connection.execute(select(case.c.id).where(is_old, has_words).limit(MAX_ROWS)).scalars().all()
    connection.execute(delete(schema.case_step).where(step.alarm_case.in_(numbers)))
    connection.execute(update(case).where(case.c.id.in_(numbers)).values(who="", reason=""))
    connection.execute(delete(case).where(case.c.id.in_(numbers), case.c.present.is_(False)))
    return len(numbers)


def _erase_former_names(connection: Connection, end: str) -> int:
    """Erase names of people who have left a station; their numbers stay, so that none is given again."""
    person = schema.former_person
    is_old = (person.c.ended_at < end) & (person.c.name != "")
    return connection.execute(update(person).where(_first_of(person, is_old)).values(name="")).rowcount


def _erase_listing_texts(connection: Connection, end: str) -> int:
    """Erase what people wrote on lots sold or withdrawn; the station's own offer stays, as in the ledger."""
    one, step = schema.listing.c, schema.listing_step.c
    is_old = one.state.in_(("sold_out", "withdrawn")) & (one.updated_at < end)
    has_texts = is_old & (one.edited.is_not(None) | one.published.is_not(None))
    texts = update(schema.listing).where(_first_of(schema.listing, has_texts)).values(edited=None, published=None)
    of_these = tuple_(step.region, step.station, step.lot).in_(select(one.region, one.station, one.lot).where(is_old))
    of_people = of_these & (step.at < end) & (step.act != "offer")
    steps = delete(schema.listing_step).where(_first_of(schema.listing_step, of_people))
    return connection.execute(steps).rowcount + connection.execute(texts).rowcount
