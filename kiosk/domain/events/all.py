"""Every event this software knows, derived from the modules of this folder: a new one is written once."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from kiosk.domain.events import catalog, counter, epoch, intake, parcel, photo, scale, signing
from kiosk.domain.events.event import EventData

_MODULES = (epoch, intake, photo, catalog, counter, parcel, scale, signing)


def _events_of(module: ModuleType) -> Iterator[type[EventData]]:
    for value in vars(module).values():
        here = isinstance(value, type) and value.__module__ == module.__name__
        if here and issubclass(value, EventData) and value.TYPE:
            yield value


# In the order of their modules, and there in the order in which they are written.
EVENT_CLASSES: tuple[type[EventData], ...] = tuple(found for module in _MODULES for found in _events_of(module))
