"""What the station tells about the counter and the box: papers, people, locks, days and backups."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from kiosk.domain.clerk import Role
from kiosk.domain.day import DayTotals
from kiosk.domain.events.event import EventData


@dataclass(frozen=True, slots=True)
class PrintUnknown(EventData):
    """Whether a paper came out is not known; a person decides, nothing is printed again by itself."""

    TYPE: ClassVar[str] = "station.print.unknown.v1"
    receipt: str  # Empty for a paper that is no intake's
    # `bag_label`, `receipt`, `crate_label`, `parcel_label`, `pickup_slip`, `day_slip`, `member_card`,
    # `member_statement`, `member_code`, `tote_tag`, `seal_tag`, `manifest`, `test_label`, `test_receipt`.
    document: str
    bag: int  # Of a crate label the number of the crate in its lot; 0 for all that is on neither
    why: str  # `restart` (the station died while sending) or `device`
    about: str = ""  # Receipt, parcel or member number, that of a tote, seal or manifest, `day-...` or `test-...`


@dataclass(frozen=True, slots=True)
class PrintReprinted(EventData):
    """A person asked for a paper again; it comes out marked as a copy."""

    TYPE: ClassVar[str] = "station.print.reprinted.v1"
    document: str
    bag: int
    about: str
    actor: str


@dataclass(frozen=True, slots=True)
class PrintResolved(EventData):
    """A person looked: the paper came out, or it did not and a copy is queued. The actor ``station`` stands for the
    scan of a label on its bag, which nobody needs to look for any more.
    """

    TYPE: ClassVar[str] = "station.print.resolved.v1"
    document: str
    bag: int
    about: str
    came_out: bool
    actor: str


@dataclass(frozen=True, slots=True)
class ClerkAdded(EventData):
    """A person may work at the counter; the name stays at the station."""

    TYPE: ClassVar[str] = "station.clerk.added.v1"
    clerk: str
    role: Role


@dataclass(frozen=True, slots=True)
class ClerkChanged(EventData):
    """What of a clerk changed: ``pin``, ``role``, ``person`` (the county gave the number a name, without a PIN), or
    ``retired`` (may not work at the counter any more).
    """

    TYPE: ClassVar[str] = "station.clerk.changed.v1"
    clerk: str
    role: Role
    what: str


@dataclass(frozen=True, slots=True)
class AuthLocked(EventData):
    """Somebody guessed too often: ``scope`` is ``pin`` or ``pickup``."""

    TYPE: ClassVar[str] = "station.auth.locked.v1"
    scope: str
    minutes: int


@dataclass(frozen=True, slots=True)
class DayClosed(EventData):
    """A clerk closed the day. ``head`` is the hash of the event before this one: all of the day hangs on it.

    ``first_seq`` and ``last_seq`` count in the epoch the day was closed in.
    """

    TYPE: ClassVar[str] = "station.day.closed.v1"
    actor: str
    head: str
    intakes: int
    voids: int
    abandoned: int
    bags: int
    net_g: int
    purchase_fen: int
    consignment_fen: int
    parcels_in: int
    parcels_out: int
    parcels_returned: int
    photos: int
    prints_unknown: int
    first_seq: int
    last_seq: int

    @classmethod
    def of(cls, totals: DayTotals, head: str, actor: str) -> DayClosed:
        return cls(actor=actor, head=head, **asdict(totals))


@dataclass(frozen=True, slots=True)
class BackupMade(EventData):
    """The whole database was copied to another medium; ``events`` is how many are in the copy."""

    TYPE: ClassVar[str] = "station.backup.made.v1"
    size_bytes: int
    sha256: str
    events: int
