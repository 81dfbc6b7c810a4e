"""Two machines that take turns under one station number: a card that was copied and put into both.

The broker throws one off when the other comes, and each sends what it has while it is there, so every number looks
well. Only their boot ids tell them apart. A machine that starts again gets a new one and never says the old one again,
so a boot id that is back after another one is a second machine. No I/O here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from kiosk.messaging.contract.control import Hello
from kiosk.sorting_center.shared.alarm_texts import format_detail

_MAX_BOOTS: Final = 4  # Boots of one station number: two twins, and one start of each in between


@dataclass(frozen=True, slots=True)
class Boots:
    """The boots that said hello under one station number, the last one at the end, each with its newest
    ``monotonicms``.
    """

    seen_boots: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Boots:
        """Read what ``text`` wrote."""
        return cls(tuple((str(boot), int(at_ms)) for boot, at_ms in json.loads(text)))

    @property
    def text(self) -> str:
        return json.dumps(self.seen_boots)

    def is_new(self, hello: Hello) -> bool:
        """False for a hello of an old station, and for one that a broker delivers once more."""
        return bool(hello.boot) and hello.monotonicms > dict(self.seen_boots).get(hello.boot, -1)

    def with_hello(self, hello: Hello) -> Boots:
        """After a hello that is news."""
        others = tuple(one for one in self.seen_boots if one[0] != hello.boot)
        return Boots((*others, (hello.boot, hello.monotonicms))[-_MAX_BOOTS:])


def detect_twin(previous: Boots, hello: Hello) -> str | None:
    """What an alarm says when this hello shows a second machine, naming both by boot id; None when it does not."""
    if not previous.is_new(hello) or not previous.seen_boots:
        return None
    last = previous.seen_boots[-1][0]
    if hello.boot == last or hello.boot not in dict(previous.seen_boots):
        return None
    return format_detail("by_turns", boot=hello.boot, other=last)
