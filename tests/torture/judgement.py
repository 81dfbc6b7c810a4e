"""After all faults are over: everything comes to rest, and then every promise is looked at."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from kiosk.sorting_center.ledger.ledger import MAX_FEED_PAGE
from tests.torture.center import EVERYTHING, Broken
from tests.torture.machine import REGION, Fact, Machine, PowerCut
from tests.torture.poison import FAR
from tests.torture.world import World

_ROUNDS: Final = 400
_ALARMS: Final = ("fork", "broken_chain")


def heal(world: World) -> None:
    """No more faults; a technician settles every fork; every station in turn until none has anything left."""
    world.broker.start()
    for _ in range(3):  # what one of two machines of one name tells, the other may have to answer
        for machine in world.machines:
            _settle(world, machine)
    world.center.feed()


def _settle(world: World, machine: Machine) -> None:
    machine.hang_up()
    for _ in range(_ROUNDS):
        if not machine.is_connected and not machine.connect(world.broker):
            raise Broken("a broker that is up lets nobody in")
        try:
            machine.relay()
        except PowerCut as error:
            raise Broken(f"the database of {machine.name} fails without a cause") from error
        for line in world.broker.lines():
            world.broker.carry(line, 100)
        world.center.work(5)
        for line in world.broker.lines():
            world.broker.carry(line, 0)
        if machine.alarm:
            machine.begin_epoch()
            machine.alarm = ""
        elif machine.is_settled and not world.broker.waits:
            machine.hang_up()
            return
        world.now += 1.0
    counts = machine.store().outbox.counts()
    raise Broken(f"{machine.name} does not come to rest: {counts}, alarm {machine.alarm!r}")


def judge(world: World) -> None:
    """Raises AssertionError at the first promise that does not hold."""
    journals = {machine.name: world.remember(machine) for machine in world.machines}
    ledger = world.center.ledger
    have = _ledger_and_quarantine(world)
    for machine in world.machines:
        _judge_station(world, machine, journals[machine.name], have)
    _judge_inventions(world, have)
    _judge_forks(world)
    _judge_feed(world)
    _judge_receipts(world)
    for (station, epoch, _), hashes in world.center.watch.hashes.items():
        if hashes and not ledger.stream(station, epoch, REGION).epoch:
            raise Broken(f"{station} {epoch} is unknown")


def _ledger_and_quarantine(world: World) -> set[Fact]:
    return {Fact(*row) for row in world.center.rows(EVERYTHING)}


def _judge_station(world: World, machine: Machine, facts: list[Fact], have: set[Fact]) -> None:
    lost = [fact for fact in facts if fact.owed and _bare(fact) not in have]
    if lost:
        raise Broken(f"{machine.name} committed {len(lost)} that the center does not have, first {lost[0]}")
    store = machine.store()
    store.journal.verify()
    receipts = {fact.receipt for fact in facts}
    if missing := machine.promised - receipts:
        raise Broken(f"{machine.name} said that receipts {sorted(missing)} are saved")
    counts, epoch = store.outbox.counts(), store.epochs.identity().epoch
    state = world.center.ledger.stream(machine.station, epoch, REGION)
    if counts.pending:
        raise Broken(f"{machine.name} has {counts.pending} pending")
    if (counts.acked_upto, store.outbox.hash_at(counts.acked_upto)) != (state.upto, state.head):
        raise Broken(f"{machine.name} believes {counts.acked_upto} of {epoch}, the ledger is at {state.upto}")


def _bare(fact: Fact) -> Fact:
    return Fact(fact.station, fact.epoch, fact.seq, fact.sha256)


def _judge_inventions(world: World, have: set[Fact]) -> None:
    """Nothing is in the center that no station wrote."""
    written = {_bare(fact) for fact in world.ever}
    for fact in have - written:
        if fact.seq < FAR:
            raise Broken(f"nobody has written {fact}")


def _judge_forks(world: World) -> None:
    """Whoever sent something else under a number that was taken is named."""
    named = {
        (row[0], row[1], row[2])
        for row in world.center.rows("SELECT station, epoch, seq, kind FROM alarm")
        if row[3] in _ALARMS
    }
    for key, hashes in world.center.watch.hashes.items():
        if len(hashes) > 1 and key not in named:
            raise Broken(f"{key} came with {len(hashes)} contents, and no alarm names it")


def _judge_feed(world: World) -> None:
    """Gap-free from 1, every accepted event once; what was published is that, and all of it."""
    ledger, center = world.center.ledger, world.center
    entries = []
    while page := ledger.feed(len(entries), MAX_FEED_PAGE):
        entries += page
    if [entry.feedseq for entry in entries] != list(range(1, len(entries) + 1)):
        raise Broken("the feed has a gap")
    fed = Counter(_key(json.loads(entry.body)) for entry in entries)
    stored = {(event.station, event.epoch, event.seq) for event in ledger.events() if event.problem is None}
    uptos = {
        (station, epoch): upto
        for station, epoch, upto, _ in center.rows("SELECT station, epoch, upto, region FROM stream")
    }
    accepted = {key for key in stored if key[2] <= uptos[key[:2]]}
    if set(fed) != accepted or max(fed.values(), default=1) > 1:
        raise Broken(
            f"the feed has {len(fed)} events, {max(fed.values(), default=0)} times; accepted are {len(accepted)}"
        )
    published = [json.loads(payload) for payload in center.downstream.got[ledger.generation]]
    numbers = {event["feedseq"]: _key(event) for event in published}
    if len({(event["feedseq"], _key(event)) for event in published}) > len(numbers):
        raise Broken("one number of the feed stood for two events of one generation")
    first = center.fed_from[ledger.generation]
    if numbers != {entry.feedseq: _key(json.loads(entry.body)) for entry in entries[first:]}:
        raise Broken("what was published is not the feed")


def _key(event: dict[str, object]) -> tuple[object, object, object]:
    return event["station"], event["epoch"], event["seq"]


def _judge_receipts(world: World) -> None:
    """Every receipt among the accepted events counts once."""
    counted = Counter((row[0], row[1]) for row in world.center.rows("SELECT station, receipt, 0, '' FROM intake"))
    told = {
        (event.station, json.loads(event.body)["data"]["receipt"])
        for event in world.center.ledger.events()
        if event.type == "station.intake.confirmed.v1" and event.problem is None
    }
    if set(counted) != told or max(counted.values(), default=1) > 1:
        raise Broken(f"{len(told)} receipts were told, {len(counted)} count")
