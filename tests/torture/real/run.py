"""Runs with the real programs: servers, sorting centers and relays, killed at random while stations write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final

import psycopg

from kiosk.simulators.link import LinkConditions
from kiosk.sorting_center.ledger import Ledger, LedgerInUse
from tests.torture.center import Broken
from tests.torture.machine import Fact, Image, Machine
from tests.torture.real.ledger_view import LedgerView
from tests.torture.real.programs import Programs, center_name
from tests.torture.real.reader import FeedReader
from tests.torture.real.stands import Servers
from tests.torture.real.tally import Tally

STATIONS: Final = ("S0001", "S0002")
_LOOK_S: Final = 0.05
_PAUSE: Final = 5
"""Times as long as the last look took."""
_HELD_UP_ACTS: Final = 4
"""Of each station: all of it is one batch."""


class RealRun:
    """The programs of one run, and the stations' own processes: the stores that this process holds."""

    def __init__(self, folder: Path, template: Path, servers: Servers, random: Random) -> None:
        self._folder, self._servers, self._random = folder, servers, random
        began = time.monotonic()
        self._machines = [
            Machine(
                station, f"{station} {random.random()}", folder / station, template, lambda: time.monotonic() - began
            )
            for station in STATIONS
        ]
        self._programs = Programs(folder, self._machines, servers)
        self._ledger = LedgerView(servers.ledger_url)
        self._reader = FeedReader(servers.relay_urls[0], servers.login)
        self._images: list[Image] = []
        self._ever: set[Fact] = set()
        """Every event any card has ever held."""
        self._may_settle: set[str] = set()
        """Stations whose fork a technician may settle: one for each card that came back."""
        self._tally = Tally(runs=1)

    def draw(self, count: int) -> list[str]:
        """What `run` takes, by chance: every kind once before any comes a second time."""
        kinds = list(self._faults())
        drawn: list[str] = []
        while len(drawn) < count:
            drawn += self._random.sample(kinds, len(kinds))
        return drawn[:count]

    def run(self, kills: Sequence[str], acts: int) -> Tally:
        """Work and kills by turns, then rest; raises AssertionError when something is missing or there twice.

        ``kills``: what dies, in this order. ``acts``: what a station does at most between two of them.
        """
        began = time.monotonic()
        with self._running():
            self._wait("the feed has a reader", self._reader.is_listening)
            self._work(acts)
            self._wait("everything is acknowledged for the first time", self._is_at_rest)
            self._images = [machine.image(self._folder / f"image-{machine.station}") for machine in self._machines]
            time.sleep(self._servers.settles_s)
            for kill in kills:
                self._work(acts)
                self._wait("the ledger goes on", self._all_but(self._random.random()))
                self._faults()[kill]()
                self._tally.kills[kill] += 1
            self._work(acts)
            self._wait("everything is acknowledged", self._is_at_rest)
            self._judge()
        self._tally.seconds = time.monotonic() - began
        return self._tally

    @contextmanager
    def _running(self) -> Iterator[None]:
        with ExitStack() as ends:
            for machine in self._machines:
                machine.store()
                ends.callback(machine.off)
            ends.enter_context(self._reader)
            ends.enter_context(self._programs.running())
            yield

    def _work(self, acts: int) -> None:
        for machine in self._machines:
            for _ in range(self._random.randint(2, acts)):
                self._random.choice((machine.weigh, machine.weigh, machine.take_parcel))()

    # --- kills

    def _faults(self) -> dict[str, Callable[[], object]]:
        faults: dict[str, Callable[[], object]] = {
            **self._servers.faults,
            "sorting center": self._center_dies,
            "whole county": self._county_dies,
            "feed": self._feed_dies,
            "relay": self._relay_dies,
            "station": self._station_dies,
            "older card": self._older_card,
        }
        if self._ledger.on_postgresql:
            faults["in its transaction"] = self._dies_in_its_transaction
            faults["before it acknowledges"] = self._dies_before_it_acknowledges
        return faults

    def _center_dies(self) -> None:
        center = self._random.choice(self._programs.centers)
        center.kill()
        center.start()

    def _county_dies(self) -> None:
        """Every program and every server of it."""
        for center in self._programs.centers:
            center.kill()
        for fault in self._servers.faults.values():
            fault()
        for center in self._programs.centers:
            center.start()

    def _feed_dies(self) -> None:
        center = self._random.choice(self._programs.centers)
        self._wait("the feed has a process", lambda: self._programs.kill_feed(center))

    def _relay_dies(self) -> None:
        relay = self._random.choice(self._programs.relays)
        relay.kill()
        relay.start()

    def _station_dies(self) -> None:
        with self._down(self._random.randrange(len(STATIONS))) as machine:
            machine.off()

    def _older_card(self) -> None:
        """The card as it was after the first rest, with or without the file that would betray it."""
        place = self._random.randrange(len(STATIONS))
        with self._down(place) as machine:
            self._remember()
            machine.put_back(self._images[place], marker=self._random.random() < 0.5)
            self._may_settle.add(machine.station)

    @contextmanager
    def _down(self, place: int) -> Iterator[Machine]:
        relay, machine = self._programs.relays[place], self._machines[place]
        relay.kill()
        yield machine
        machine.store()
        relay.start()

    def _dies_in_its_transaction(self) -> None:
        """Sorting centers that have events in hand, some of them written, none committed."""
        with self._held_up() as blocked:
            for center in blocked:
                self._programs.centers[center].kill()
        for center in blocked:
            self._programs.centers[center].start()

    def _dies_before_it_acknowledges(self) -> None:
        """Sorting centers that have committed, and nobody has heard of it: neither broker nor station."""
        with self._held_up() as blocked:
            before = len(self._ledger.has())
            for link in self._servers.links:
                link.set(LinkConditions(up=False))
        names = {center_name(center) for center in blocked}

        def is_committed() -> bool:
            return len(self._ledger.has()) > before and names.isdisjoint(self._ledger.in_transaction())

        self._wait("what was held up is committed", is_committed)
        self._tally.again += len(self._ledger.has()) - before
        for center in blocked:
            self._programs.centers[center].kill()
        for link in self._servers.links:
            link.set(LinkConditions())
        for center in blocked:
            self._programs.centers[center].start()

    @contextmanager
    def _held_up(self) -> Iterator[list[int]]:
        """Nobody can write events; the sorting centers that stand in a transaction because of it, one at least."""
        self._wait("everything before is acknowledged", self._is_at_rest)
        with psycopg.connect(self._ledger.url) as connection:
            connection.execute("LOCK TABLE event_by_month IN SHARE MODE")
            self._work(_HELD_UP_ACTS)
            self._wait("a sorting center wants to write", self._blocked)
            yield self._blocked()

    def _blocked(self) -> list[int]:
        found = self._ledger.blocked()
        return [number for number in range(len(self._programs.centers)) if center_name(number) in found]

    # --- waiting

    def _owed(self) -> set[Fact]:
        return {_bare(fact) for machine in self._machines for fact in machine.facts() if fact.owed}

    def _lacking(self) -> int:
        return len(self._owed() - self._ledger.has())

    def _all_but(self, share: float) -> Callable[[], bool]:
        """Whether the center lacks no more than this share of what it lacks now."""
        allowed = int(share * self._lacking())
        return lambda: self._lacking() <= allowed

    def _is_at_rest(self) -> bool:
        """Nothing waits anywhere, the feed is out, and every station believes what the ledger has."""
        for machine in self._machines:
            store = machine.store()
            counts, epoch = store.outbox.counts(), store.epochs.identity().epoch
            if counts.pending or not counts.last_seq:
                return False
            own = counts.last_seq, store.outbox.hash_at(counts.last_seq)
            if self._ledger.reached(machine.station, epoch) != own:
                return False
        return self._ledger.is_numbered() and self._ledger.is_published() and not self._ledger.complaints()

    def _wait(self, what: str, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + self._servers.patience_s
        while True:
            began = time.monotonic()
            if condition():
                return
            if began > deadline:
                raise Broken(f"never: {what}. {self._programs.last_words()}")
            if self._may_settle:
                self._technician()
            self._tally.revived += self._programs.revive()
            # Two programs meet in a database; nothing announces that. Who looks takes little from those looked at.
            time.sleep(max(_LOOK_S, _PAUSE * (time.monotonic() - began)))

    def _technician(self) -> None:
        """Looks at what the county sees of a station, and settles a fork."""
        for station, epoch in self._ledger.complaints():
            machine = self._machines[STATIONS.index(station)]
            if station in self._may_settle and machine.store().epochs.identity().epoch == epoch:
                self._may_settle.remove(station)
                machine.begin_epoch()

    # --- the end

    def _remember(self) -> None:
        self._ever.update(_bare(fact) for machine in self._machines for fact in machine.facts())

    def _judge(self) -> None:
        self._remember()
        events, apart = self._ledger.events(), self._ledger.apart()
        has = {*events, *apart}
        self._tally.written, self._tally.in_ledger, self._tally.apart = len(self._ever), len(events), len(apart)
        if lost := self._owed() - has:
            raise Broken(f"{len(lost)} events are not at the center, first {min(lost, key=str)}")
        if invented := has - self._ever:
            raise Broken(f"nobody has written {min(invented, key=str)}")
        self._judge_once(events, apart)
        self._judge_feed()
        self._judge_use()
        for machine in self._machines:
            receipts = {fact.receipt for fact in machine.facts()}
            if not machine.promised <= receipts:
                raise Broken(f"{machine.name} has lost receipts {sorted(machine.promised - receipts)}")

    def _judge_once(self, events: Sequence[Fact], apart: Sequence[Fact]) -> None:
        counted = Counter(_key(fact) for fact in events)
        if twice := [key for key, number in counted.items() if number > 1]:
            raise Broken(f"{twice[0]} is in the ledger twice")
        if unnamed := {_key(fact) for fact in apart} - self._ledger.alarms():
            raise Broken(f"{min(unnamed)} is set apart, and no alarm names it")
        if self._ledger.alarms() and not self._tally.kills["older card"]:
            raise Broken("a fork is named, and nobody has brought an older card back")

    def _judge_use(self) -> None:
        """However often database and programs have died: a ledger that is written takes no new generation."""
        with suppress(LedgerInUse):
            Ledger.begin_generation(self._ledger.url)
            raise Broken("a backup can be announced under the sorting centers that write")

    def _judge_feed(self) -> None:
        feed = self._ledger.feed()
        if sorted(feed) != list(range(1, len(feed) + 1)):
            raise Broken("the feed has a gap or a number twice")
        if set(feed.values()) != self._ledger.released() or len(set(feed.values())) != len(feed):
            raise Broken("the feed is not what was released")
        heard = self._reader.heard()
        self._tally.heard, self._tally.heard_again = len(heard), self._reader.messages - len(heard)
        if wrong := [place for place, keys in heard.items() if keys != {feed.get(place)}]:
            raise Broken(f"place {wrong[0]} of the feed was published with {heard[wrong[0]]}")


def _bare(fact: Fact) -> Fact:
    return Fact(fact.station, fact.epoch, fact.seq, fact.sha256)


def _key(fact: Fact) -> tuple[str, str, int]:
    return fact.station, fact.epoch, fact.seq
