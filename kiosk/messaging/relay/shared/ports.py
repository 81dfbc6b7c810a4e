"""What the relay needs from the station's database; the store implements it under the same names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.control import DoctorRow
from kiosk.messaging.contract.seal import DatabaseIdentity, EarlierEpoch, OutboxCounts, SealedEvent
from kiosk.messaging.relay.shared.faults import LinkFault


class OutboxPort(Protocol):
    """The events that wait for the sorting center, and its answers to them."""

    def pending(self, limit: int, after: int = 0) -> Sequence[SealedEvent]:
        """Return events of the current epoch that are not done, seq > ``after``, oldest first."""

    def counts(self) -> OutboxCounts: ...

    def waiting_bytes(self) -> int:
        """Count the bytes of undone events of the current epoch. It reads all of them: call it rarely."""

    def earlier(self) -> Sequence[EarlierEpoch]:
        """Return the epochs before the current one of which the center had something, oldest first."""

    def sealed(self, epoch: str, limit: int, after: int = 0) -> Sequence[SealedEvent]:
        """Return events of any epoch of this database, done or not, seq > ``after``, oldest first."""

    def hash_at(self, seq: int, epoch: str) -> str | None: ...  # The hash of this event, None when there is none

    def acknowledge(self, upto: int, quarantined: Sequence[int], epoch: str) -> bool:
        """Mark events up to ``upto`` as done, later ones as pending (again). Return False and change nothing when
        ``epoch`` is not the current one: checked in the transaction that writes.
        """


class EpochsPort(Protocol):
    """The epochs of one station; the other process may begin one as well."""

    def identity(self) -> DatabaseIdentity: ...

    def start(self, why: str, *, ending: str) -> bool:
        """Begin a new epoch, re-issuing what is pending. Return False, unchanged, unless ``ending`` is current."""

    def reissue(self, epoch: str, after: int) -> int:
        """Issue again in the current epoch what was acknowledged of an earlier one above ``after``; return how many
        events. From then on ``after`` is all that was acknowledged of it, so a second call finds nothing.
        """

    def behind_limit_reached(self) -> bool:
        """Return whether no (further) epoch may be begun because the center has more than this database."""


class StorePort(Protocol):
    """The database of one station, used from one thread. Any call may raise the store's errors."""

    @property
    def outbox(self) -> OutboxPort: ...
    @property
    def epochs(self) -> EpochsPort: ...

    def changed(self) -> bool:
        """Return whether another connection has committed since the last call. Cheap: called many times a second."""


# The last findings of the station's doctor: the worst first, MAX_STATUS_ROWS at most; raises nothing.
DoctorRows = Callable[[], tuple[DoctorRow, ...]]


class LinkWatcher(Protocol):
    """Receives the state of the link to the sorting center. Must return at once and raise nothing."""

    def ack_received(self, alarm: str) -> None:
        """Note that an acknowledgement was accepted, or refused for ``alarm``: ``fork`` or ``ahead``."""

    def fault(self, fault: LinkFault) -> None:
        """Note that the broker refuses something, or ends the connection; called again as long as it lasts."""

    def remaining(self, left_s: float | None) -> None:
        """Note about how many seconds remain until all is acknowledged; None when unknown, or nothing waits."""


class WaitingEvents(Protocol):
    """What goes before anything else. May raise the store's errors."""

    def any_waiting(self) -> bool: ...  # Whether an event waits for the sorting center's acknowledgement


class LaneWork(Protocol):
    """What a lane carries. Each call says the seconds until the next step."""

    @property
    def name(self) -> str: ...  # Of its thread
    @property
    def activity(self) -> str: ...  # What is interrupted when something goes wrong, for the log
    @property
    def log(self) -> RateLimitedLog: ...
    def step(self) -> float: ...  # Raises CenterUnreachable, Preempted, and whatever else goes wrong
    def preempted(self) -> float: ...  # What was on its way was broken off for an event. Raises nothing

    def failed(self, error: Exception) -> float:
        """Handle an unreachable center, or any other error of ``step``, already logged. Raises nothing."""


class NullLinkWatcher:
    def ack_received(self, alarm: str) -> None: ...
    def fault(self, fault: LinkFault) -> None: ...
    def remaining(self, left_s: float | None) -> None: ...


@dataclass(frozen=True, slots=True)
class StationSide:
    """What the relay reports to and asks at the station, beside its database.

    ``configuration``: the version of the county's document that is in force, "" for none; may raise the store's errors.
    ``configuration_received`` is given what comes on ``down/config``, ``request_received`` what comes on ``down/cmd``;
    they must return at once and raise nothing.
    """

    watcher: LinkWatcher = field(default_factory=NullLinkWatcher)
    doctor_rows: DoctorRows = tuple
    configuration: Callable[[], str] = str
    configuration_received: Callable[[bytes], None] = lambda _: None
    request_received: Callable[[bytes], None] = lambda _: None
