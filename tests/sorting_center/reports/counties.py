"""A county's life in steps, and what every day of it has to come to, worked out from the events one by one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import select

from kiosk.domain.events import EpochStarted, IntakeConfirmed, IntakeVoided
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.envelope import EVENT_TYPES
from kiosk.messaging.contract.receive import ReceivedEvent
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import event as event_table
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.reports import Figures
from tests.sorting_center.reports.corrected_time import ClockOffset, WrittenAt, clock_offset, corrected_time
from tests.sorting_center.reports.ledgers import ZONE, ClockedStation, closed
from tests.sorting_center.station_journal import believed, of_weight

BEGAN: Final = datetime(2026, 11, 20, 2, tzinfo=UTC)
REGIONS: Final = ("shache", "yarkant")
_HUGE: Final = 2**53 - 1


@dataclass(slots=True)
class _Station:
    """A station with its true time, as opposed to what its clock says."""

    region: str
    journal: ClockedStation
    boots: int = 1
    waiting: list[ReceivedEvent] = field(default_factory=list)
    receipts: list[int] = field(default_factory=list)


class County:
    """Takes steps, each told by a number that chooses, and delivers to a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._now = BEGAN
        self._epochs = 0
        self._stations = [self._new("shache", "S0001"), self._new("yarkant", "S0001"), self._new("shache", "S0002")]

    def step(self, dice: random.Random) -> None:
        """One thing that happens."""
        station = dice.choice(self._stations)
        acts = (
            self._intake,
            self._intake,
            self._void,
            self._deliver,
            self._pass_time,
            self._set_clock,
            self._lose_clock,
        )
        rare = (self._twice, self._reboot, self._restore, self._elsewhere, self._huge, self._ahead, self._close)
        dice.choice((*acts, *acts, *rare))(station, dice)

    def deliver_all(self) -> None:
        """Everything that waits."""
        for station in self._stations:
            self._send(station, station.region)

    def _new(self, region: str, number: str) -> _Station:
        self._epochs += 1
        journal = ClockedStation(number, f"{self._epochs:016x}", f"boot-{self._epochs}")
        station = _Station(region, journal)
        self._boot(station)
        station.waiting.append(journal.start())
        return station

    def _boot(self, station: _Station) -> None:
        journal = station.journal
        station.boots += 1
        journal.boot, journal.monotonic_ms = f"boot-{journal.station}-{journal.epoch}-{station.boots}", 5_000
        journal.quality, journal.at = ClockQuality.UNSET, datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)

    def _intake(self, station: _Station, dice: random.Random) -> None:
        counter = len(station.receipts) + 1 + 1000 * (station.journal.epoch == "0")
        station.receipts.append(counter)
        goods = {"product": dice.choice(("BADAM", "URUK")), "mode": dice.choice(("purchase", "consignment"))}
        party = dice.choice(("M-00001", "M-00002", "non_member"))
        told = station.journal.intake(counter, **of_weight(dice.randrange(1, 60_000)), **goods, party=party)
        station.waiting.append(told)

    def _huge(self, station: _Station, dice: random.Random) -> None:
        """As a ledger from before the rules may hold it."""
        counter = len(station.receipts) + 1
        station.receipts.append(counter)
        figures = dice.choice(({"net_g": -1}, {"net_g": _HUGE, "amount_fen": _HUGE}, {"amount_fen": -_HUGE}))
        station.waiting.append(believed(station.journal.intake(counter, **figures)))

    def _twice(self, station: _Station, dice: random.Random) -> None:
        """The same receipt number once more, for other goods."""
        if station.receipts:
            counter = dice.choice(station.receipts)
            station.waiting.append(station.journal.intake(counter, **of_weight(dice.randrange(1, 60_000))))

    def _void(self, station: _Station, dice: random.Random) -> None:
        """Also of a receipt that does not exist yet, and once more."""
        counter = dice.choice([*station.receipts, len(station.receipts) + 1])
        station.waiting.append(station.journal.void(counter))

    def _pass_time(self, station: _Station, dice: random.Random) -> None:
        time = timedelta(minutes=dice.choice((1, 30, 600, 1500, 4000)))
        self._now += time
        for one in self._stations:
            one.journal.passes(time)

    def _set_clock(self, station: _Station, dice: random.Random) -> None:
        station.journal.quality, station.journal.at = ClockQuality.SYNCED, self._now

    def _close(self, station: _Station, dice: random.Random) -> None:
        """With figures that are seldom right."""
        last = len(station.journal.sealed)
        said = closed(intakes=dice.randrange(3), first_seq=dice.randrange(1, last + 1), last_seq=last)
        station.waiting.append(station.journal.add(said))

    def _lose_clock(self, station: _Station, dice: random.Random) -> None:
        """Within the boot: its time is not to be believed any more."""
        station.journal.quality = ClockQuality.RESTORED
        station.journal.at -= timedelta(days=dice.randrange(3))

    def _ahead(self, station: _Station, dice: random.Random) -> None:
        """A time server that is wrong by years."""
        station.journal.quality = ClockQuality.SYNCED
        station.journal.at = self._now + timedelta(days=dice.choice((1, 2, 4000)))

    def _reboot(self, station: _Station, dice: random.Random) -> None:
        self._boot(station)

    def _restore(self, station: _Station, dice: random.Random) -> None:
        """A backup comes back: some of what was told, or waits, is told again in another epoch."""
        old = station.journal
        self._epochs += 1
        new = ClockedStation(old.station, f"{self._epochs:016x}")
        new.at, new.quality, new.boot, new.monotonic_ms = old.at, old.quality, old.boot, old.monotonic_ms
        again = [new.add(EpochStarted("B", "restored"))]
        for sealed in old.sealed:
            if sealed.type != EpochStarted.TYPE and dice.random() < 0.5:
                again.append(_again(new, sealed.body))
        if dice.random() < 0.5:
            self._send(station, station.region)
        station.journal, station.waiting = new, again

    def _elsewhere(self, station: _Station, dice: random.Random) -> None:
        """The same database is heard in another region."""
        self._ledger.accept(station.waiting, _other(station.region), to_rfc3339(self._now)) if station.waiting else None

    def _deliver(self, station: _Station, dice: random.Random) -> None:
        if len(station.waiting) > 2 and dice.random() < 0.2:
            late = station.waiting.pop(dice.randrange(len(station.waiting) - 1))
            self._send(station, station.region)
            station.waiting = [late]
        else:
            self._send(station, station.region)

    def _send(self, station: _Station, region: str) -> None:
        if station.waiting:
            self._ledger.accept(station.waiting, region, to_rfc3339(self._now))
            station.waiting = []


def _other(region: str) -> str:
    return REGIONS[1 - REGIONS.index(region)]


def _again(station: ClockedStation, body: bytes) -> ReceivedEvent:
    """With the time it had, as stations do."""
    event = json.loads(body)
    kept = (station.at, station.quality, station.boot, station.monotonic_ms)
    station.at, station.quality = datetime.fromisoformat(event["time"]), ClockQuality(event["clock"])
    station.boot, station.monotonic_ms = event["bootid"], int(event["monotonicms"])
    data = msgspec.convert(event["data"], EVENT_TYPES[event["type"]])
    told_again = station.add(data, reissued=event.get("reissued", event["id"]))
    station.at, station.quality, station.boot, station.monotonic_ms = kept
    return believed(told_again)


@dataclass(frozen=True, slots=True)
class _Fed:
    region: str
    station: str
    epoch: str
    seq: int
    received_at: datetime
    event: dict[str, object]


@dataclass(frozen=True, slots=True)
class ExpectedIntake:
    day: str
    region: str
    station: str
    product: str
    figures: Figures
    party: str


def expected_intakes(ledger: Ledger) -> Iterator[ExpectedIntake]:
    """From the events of the feed one after the other and the rules as they are told to people."""
    fed = list(_fed(ledger))
    offsets: dict[tuple[str, str], list[ClockOffset]] = {}
    for one in fed:
        if (offset := clock_offset(_written(one))) is not None:
            offsets.setdefault((one.region, one.station), []).append(offset)
    voided = {
        (one.region, one.station, one.event["data"]["receipt"]) for one in fed if one.event["type"] == IntakeVoided.TYPE
    }
    for one in _counting(fed):
        at = corrected_time(_written(one), offsets.get((one.region, one.station), ()))
        if at is not None and at - one.received_at > timedelta(days=1):
            at = None
        day = (at or one.received_at).astimezone(ZONE).date().isoformat()
        data = one.event["data"]
        if (one.region, one.station, data["receipt"]) in voided:
            figures = Figures(voided=1, void_g=data["net_g"], void_fen=data["amount_fen"])
        else:
            is_late = at is not None and one.received_at - at > timedelta(days=1)
            part = {"purchase": "bought", "consignment": "consigned"}[data["mode"]]
            weights = {f"{part}_g": data["net_g"], f"{part}_fen": data["amount_fen"]}
            figures = Figures(1, bags=len(data["bags"]), late=int(is_late), time_unknown=int(at is None), **weights)
        yield ExpectedIntake(day, one.region, one.station, data["product"], figures, data["party"])


def expected_days(ledger: Ledger) -> dict[str, Figures]:
    """Of every day that has a receipt."""
    days: dict[str, Figures] = {}
    for one in expected_intakes(ledger):
        days[one.day] = days.get(one.day, Figures()) + one.figures
    return days


def _counting(fed: Iterable[_Fed]) -> Iterator[_Fed]:
    """The first event of each receipt; what was heard in another region before is no second one."""
    first: set[tuple[str, str, str]] = set()
    heard: dict[tuple[str, str, str, int], str] = {}
    for one in fed:
        if one.event["type"] != IntakeConfirmed.TYPE:
            continue
        receipt = one.event["data"]["receipt"]
        identity = (one.station, receipt, one.epoch, one.seq)
        if heard.get(identity, one.region) != one.region:
            continue
        if (one.region, one.station, receipt) not in first:
            first.add((one.region, one.station, receipt))
            heard[identity] = one.region
            yield one


def _fed(ledger: Ledger) -> Iterator[_Fed]:
    with ledger.reading() as connection:
        c = event_table.c
        for row in connection.execute(select(event_table).where(c.feedseq.is_not(None)).order_by(c.feedseq)):
            received_at = datetime.fromisoformat(row.received_at)
            yield _Fed(row.region, row.station, row.epoch, row.seq, received_at, json.loads(bytes(row.body)))


def _written(one: _Fed) -> WrittenAt:
    event = one.event
    utc = datetime.fromisoformat(str(event["time"]))
    return WrittenAt(utc, ClockQuality(str(event["clock"])), str(event["bootid"]), int(str(event["monotonicms"])))
