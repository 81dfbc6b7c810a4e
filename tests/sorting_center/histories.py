"""Ledgers with everything in them that villages do to them."""

from __future__ import annotations

import random

import msgspec

from kiosk.domain.events import EpochStarted
from kiosk.messaging.contract.envelope import EVENT_TYPES
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.station_journal import NOW, Station, confirmed, of_weight


def random_ledger(ledger: Ledger, dice: random.Random, with_gaps: bool) -> None:
    """Stations of two counties with voids, restored backups, events told again, false figures and, perhaps, gaps."""
    for place in range(6):
        region, number = dice.choice(("shache", "yarkant")), f"S{dice.randint(1, 3):04d}"
        old = Station(number, f"{place:016x}")
        letter_start = 1 + 100 * place
        receipts = range(letter_start, letter_start + dice.randint(1, 6))
        events = [old.start(), *(old.intake(one, **of_weight(dice.randint(1, 60_000))) for one in receipts)]
        events += [old.void(one) for one in receipts if dice.random() < 0.3]
        if dice.random() < 0.5:
            events.append(old.intake(letter_start + 90, net_g=dice.choice((-1, 2**53 - 1))))
        new = Station(number, f"{place + 100:016x}")
        again = [new.add(EpochStarted("B", "restored"))]
        for event in events:
            if event.type != EpochStarted.TYPE and dice.random() < 0.5:
                data = msgspec.json.decode(event.data, type=EVENT_TYPES[event.type])
                again.append(new.add(data, reissued=f"{event.epoch}-{event.seq}"))
        again += [new.intake(letter_start + 50), new.void(letter_start)]
        if with_gaps and dice.random() < 0.5:
            del events[dice.randrange(len(events))]
        order = [events, again]
        dice.shuffle(order)
        for some in order:
            ledger.accept(some, region, NOW)


def crowded_ledger(ledger: Ledger, dice: random.Random) -> None:
    """As `random_ledger`, with gaps that are filled months later, receipts told twice, clones and garbage."""
    random_ledger(ledger, dice, with_gaps=True)
    for place in range(3):
        station = Station(f"S{dice.randint(1, 4):04d}", f"{place + 200:016x}")
        events = [*station.run(dice.randint(4, 9)), station.intake(1, **of_weight(dice.randint(1, 9_000)))]
        clone = station.clone()
        late = events.pop(dice.randrange(1, len(events)))
        ledger.accept(events, "shache", "2026-09-25T04:00:00.000Z")
        ledger.accept([clone.add(confirmed(station.station, 70))], "shache", "2026-10-02T04:00:00.000Z")
        ledger.accept([station.raw(type="station.lot.packed.v1"), late], "shache", "2026-10-03T04:00:00.000Z")
