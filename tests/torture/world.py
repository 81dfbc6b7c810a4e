"""Everything that takes part, and every step that may be taken. A step decides by its own number alone.

So a list of steps means the same whatever is left out of it, and the shortest list that fails can be looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from kiosk.messaging.contract.topics import Topics
from tests.torture.broker import MemoryBroker
from tests.torture.center import Center, Parts
from tests.torture.machine import REGION, Fact, Image, Machine, PowerCut
from tests.torture.poison import poison

STATIONS: Final = ("S0001", "S0002")
MOST_EPOCHS: Final = 4
"""Restores, clones and settled forks of one station: each costs receipt letters, and there are 23."""
WHOLE: Final = Parts()
_CENTER_DAY: Final = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of step, and the number that all its choices follow from."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class World:
    """Two stations, one broker, one center, all in ``folder``."""

    def __init__(self, folder: Path, template: Path, station: type[Machine] = Machine, parts: Parts = WHOLE) -> None:
        self._folder, self._template, self._station = folder, template, station
        self.now = 0.0
        self.broker = MemoryBroker()
        self.center = Center(folder, self.broker, self._received_at, parts)
        self.machines = [self._machine(station, station, folder / station) for station in STATIONS]
        self.ever: dict[Fact, None] = {}
        """Every event any card has ever held."""
        self.poisoned: set[bytes] = set()
        self._images: dict[str, Image] = {}
        self._lives = dict.fromkeys(STATIONS, 0)
        self._copies = 0
        self._center_offset = timedelta()

    def _machine(self, station: str, name: str, folder: Path) -> Machine:
        return self._station(station, name, folder, self._template, lambda: self.now)

    def _received_at(self) -> str:
        utc = _CENTER_DAY + timedelta(seconds=self.now) + self._center_offset
        return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def close(self) -> None:
        """Switch everything off."""
        for machine in self.machines:
            machine.off()
        self.center.kill()

    def apply(self, step: Step) -> None:
        """Take one step; raises AssertionError when a promise is broken by it."""
        random = Random(step.number)
        machine = self.machines[random.randrange(8) % len(self.machines)]
        try:
            _STEPS[step.name].act(self, machine, random)
        except PowerCut:
            self.remember(machine)
            machine.off()

    def remember(self, machine: Machine) -> list[Fact]:
        """Note what is on a card, before anything can take it away."""
        facts = machine.facts()
        self.ever.update(dict.fromkeys(facts))
        return facts

    # --- stations

    def weigh(self, machine: Machine, random: Random) -> None:
        for _ in range(random.randint(1, 4)):
            machine.weigh()

    def parcel(self, machine: Machine, random: Random) -> None:
        machine.take_parcel()

    def cut(self, machine: Machine, random: Random) -> None:
        """Power fails at some operation of the database, before or after it is done: statement or commit."""
        machine.store()
        machine.plan.left, machine.plan.after = random.randrange(45), random.random() < 0.5
        acts = [machine.weigh, machine.take_parcel, machine.relay, machine.weigh]
        random.shuffle(acts)
        for act in acts:
            act()
        machine.plan.left = None
        self.off(machine, random)

    def off(self, machine: Machine, random: Random) -> None:
        self.remember(machine)
        machine.off()

    def clock(self, machine: Machine, random: Random) -> None:
        """The wall clock jumps; only the monotonic one is used for waiting."""
        if random.random() < 0.3:
            self._center_offset = _jump(random)
        else:
            machine.wall_offset = _jump(random)

    def relay(self, machine: Machine, random: Random) -> None:
        """A round of the relay, after some time."""
        self.now += random.choice((0.0, 0.1, 5.0, 70.0, 700.0))
        if machine.is_connected or machine.connect(self.broker):
            machine.relay()

    def hang_up(self, machine: Machine, random: Random) -> None:
        machine.hang_up()

    def image(self, machine: Machine, random: Random) -> None:
        """Copy the card."""
        self._images[machine.name] = machine.image(self._copy())

    def put_back(self, machine: Machine, random: Random) -> None:
        """Bring an older copy of the card, with or without the file that would betray it."""
        image = self._images.get(machine.name)
        if image is not None and self._one_more_life(machine):
            self.remember(machine)
            machine.put_back(image, marker=random.random() < 0.5)

    def clone(self, machine: Machine, random: Random) -> None:
        """A second machine goes on from a copy of the card, under the same name, and both are at work."""
        if len(self.machines) > len(STATIONS) or not self._one_more_life(machine):
            return
        image = machine.image(self._copy())
        clone = self._machine(machine.station, f"{machine.name}-clone", self._folder / "clone")
        clone.put_back(image, marker=True)
        self.machines.append(clone)
        for one in random.sample([machine, clone], random.randint(0, 2)):
            one.weigh()

    def technician(self, machine: Machine, random: Random) -> None:
        """Looks at the alarm, and settles a fork."""
        if machine.alarm and self._one_more_life(machine):
            machine.begin_epoch()
            machine.alarm = ""

    def _copy(self) -> Path:
        self._copies += 1
        return self._folder / f"image-{self._copies}"

    def _one_more_life(self, machine: Machine) -> bool:
        if self._lives[machine.station] >= MOST_EPOCHS:
            return False
        self._lives[machine.station] += 1
        return True

    # --- the broker and the lines

    def carry(self, machine: Machine, random: Random) -> None:
        """Bytes arrive, of any connection, also of one that is dead already."""
        lines = self.broker.lines()
        if lines:
            self.broker.carry(random.choice(lines), random.randint(1, 6))

    def lose(self, machine: Machine, random: Random) -> None:
        """A connection breaks, and what it carried is lost from some message on."""
        lines = self.broker.lines()
        if lines:
            line = random.choice(lines)
            for _ in range(random.randint(0, len(line.up))):
                line.up.pop()
            line.lose("broken")

    def mute(self, machine: Machine, random: Random) -> None:
        """Answers at QoS 0 are lost."""
        for line in self.broker.lines():
            if random.random() < 0.5:
                line.down.clear()

    def twice(self, machine: Machine, random: Random) -> None:
        self.broker.twice(random.randrange(100))

    def kill_broker(self, machine: Machine, random: Random) -> None:
        self.broker.kill()
        if random.random() < 0.7:
            self.broker.start()

    def deny(self, machine: Machine, random: Random) -> None:
        self.broker.start(refuses=True)

    def allow(self, machine: Machine, random: Random) -> None:
        if not self.broker.is_up or self.broker.refuses:
            self.broker.start()

    def poison(self, machine: Machine, random: Random) -> None:
        """Somebody sends what is no event of anybody's."""
        topic, payload, retained = poison(random, machine.station)
        self.poisoned.add(payload)
        self.broker.publish(topic, payload, retained=retained)
        topics = Topics(REGION, machine.station)
        self.broker.tell(random.choice((topics.ack, topics.resend)), payload)

    # --- the center

    def work(self, machine: Machine, random: Random) -> None:
        self.center.work(random.randint(1, 3))

    def kill_center(self, machine: Machine, random: Random) -> None:
        """At once, or at the next commit: before it, or between it and the acknowledgement."""
        word = random.choice(("", "killed before", "killed after", "killed after", "fails"))
        if not word:
            self.center.kill()
            return
        self.center.plan.words = [word]
        self.center.work(2)
        self.center.plan.words.clear()

    def feed(self, machine: Machine, random: Random) -> None:
        self.center.downstream.dies_after = random.random() < 0.2
        self.center.feed()
        self.center.downstream.dies_after = False

    def back_up_ledger(self, machine: Machine, random: Random) -> None:
        self.center.back_up()

    def restore_ledger(self, machine: Machine, random: Random) -> None:
        self.center.restore()


def _jump(random: Random) -> timedelta:
    return random.choice((timedelta(days=-20_000), timedelta(days=-1), timedelta(), timedelta(days=3650)))


@dataclass(frozen=True, slots=True)
class _Kind:
    weight: int
    act: Callable[[World, Machine, Random], None]


_STEPS: Final = {
    "weigh": _Kind(12, World.weigh),
    "parcel": _Kind(4, World.parcel),
    "cut": _Kind(4, World.cut),
    "off": _Kind(1, World.off),
    "clock": _Kind(2, World.clock),
    "relay": _Kind(30, World.relay),
    "hang up": _Kind(2, World.hang_up),
    "image": _Kind(2, World.image),
    "put back": _Kind(2, World.put_back),
    "clone": _Kind(2, World.clone),
    "technician": _Kind(2, World.technician),
    "carry": _Kind(30, World.carry),
    "lose": _Kind(3, World.lose),
    "mute": _Kind(3, World.mute),
    "twice": _Kind(3, World.twice),
    "kill broker": _Kind(2, World.kill_broker),
    "deny": _Kind(1, World.deny),
    "allow": _Kind(6, World.allow),
    "poison": _Kind(4, World.poison),
    "work": _Kind(20, World.work),
    "kill center": _Kind(3, World.kill_center),
    "feed": _Kind(4, World.feed),
    "back up ledger": _Kind(2, World.back_up_ledger),
    "restore ledger": _Kind(2, World.restore_ledger),
}
NAMES: Final = tuple(_STEPS)


def steps_of(seed: int, count: int) -> list[Step]:
    """The steps that a seed stands for."""
    random = Random(seed)
    names = random.choices(NAMES, [kind.weight for kind in _STEPS.values()], k=count)
    return [Step(name, random.randrange(1_000_000)) for name in names]
