"""`make quick`: the first case of every file, and one of each kind that needs a browser, a broker or a whole machine.

By rule, so that nobody keeps a list: a file that needs nothing but itself is a kind of its own; all files that paint,
all that start a broker, and each folder of whole machines are one kind each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

MACHINES = frozenset({"system", "systemd", "lock"})
"""Folders below tests/ whose cases start the real programs, boot a system or open a screen."""
BROKERS = frozenset({"Broker", "Village", "Peer", "RabbitMQ", "RealRun"})
"""Names of those that start a broker."""


def one_of_each(items: Iterable[Any]) -> list[Any]:
    """The first item of each kind, in the order given."""
    first: dict[str, Any] = {}
    for item in items:
        first.setdefault(kind_of(item), item)
    return list(first.values())


def kind_of(item: pytest.Function) -> str:
    """What one case stands for."""
    path = item.nodeid.partition("::")[0]
    folder = path.split("/")[1]
    if folder in MACHINES:
        return folder
    names = vars(item.module)
    if any(str(getattr(value, "__module__", "")).startswith("playwright") for value in names.values()):
        return "browser"
    return "broker" if BROKERS & names.keys() or "broker" in item.fixturenames else path
