"""Kinds of files: which case of them `make quick` takes, and which are begun first in a run of all.

`make quick` takes the first case of every file, and one of each kind that needs a browser, a broker or a whole machine.
By rule, so that nobody keeps a list: a file that needs nothing but itself is a kind of its own; all files that paint,
all that start a broker, and each folder of whole machines are one kind each.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any, Final

import pytest

MACHINES = frozenset({"system", "systemd", "lock"})
"""Folders below tests/ whose cases start the real programs, boot a system or open a screen."""
BROKERS = frozenset({"Broker", "Village", "Peer", "RabbitMQ", "RealRun"})
"""Names of those that start a broker."""
LONG: Final = ("systemd", "system", "browser", "photo", "lock", "broker", "store", "protocols")
"""Kinds and folders with files that take long: begun last, one of them would be waited for alone."""


def one_of_each(items: Iterable[Any]) -> list[Any]:
    """The first item of each kind, in the order given."""
    first: dict[str, Any] = {}
    for item in items:
        first.setdefault(kind_of(item), item)
    return list(first.values())


def longest_first(items: list[Any]) -> None:
    """Sort files by the kinds and folders that take long; the items of a file stay together, in their order."""
    turns: dict[str, int] = {}
    for item in items:
        names = kind_of(item), item.nodeid.split("/")[1]
        turn = next((turn for turn, name in enumerate(LONG) if name in names), len(LONG))
        turns[item.path] = min(turn, turns.get(item.path, turn))
    items.sort(key=lambda item: turns[item.path])


def kind_of(item: pytest.Function) -> str:
    """What one case stands for."""
    path = item.nodeid.partition("::")[0]
    folder = path.split("/")[1]
    if folder in MACHINES:
        return folder
    if _paints(item.module):
        return "browser"
    return "broker" if BROKERS & vars(item.module).keys() or "broker" in item.fixturenames else path


@cache
def _paints(module: ModuleType) -> bool:
    return any(str(getattr(value, "__module__", "")).startswith("playwright") for value in vars(module).values())
