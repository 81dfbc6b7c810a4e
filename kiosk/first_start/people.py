"""The people of the wizard enter the database: before the settings file is there, so that no station starts without."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kiosk.domain.clerk import Role
from kiosk.first_start.draft import PersonDraft, SettingsDraft
from kiosk.store import Stamp, Store


def enrol(store: Store, draft: SettingsDraft, stamp: Callable[[], Stamp]) -> None:
    """Write technician and clerk into the database. Raises StoreError.

    Safe to repeat after a power cut: who is there already by name and role only gets the PIN.
    """
    there = {(row.name, row.role): row.number for row in store.clerks()}
    for role, person in _people(draft):
        number = there.get((person.name, role))
        if number is None:
            store.add_clerk(person.name, role, person.pin_hash, stamp())
        else:
            store.set_pin(number, person.pin_hash, stamp())


def _people(draft: SettingsDraft) -> Iterator[tuple[Role, PersonDraft]]:
    for role in (Role.TECHNICIAN, Role.CLERK):
        person: PersonDraft | None = getattr(draft, role.value)
        if person is not None and person.pin_hash:
            yield role, person
