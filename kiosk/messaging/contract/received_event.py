"""An event as it is kept: its identity is certain, and its problem, if it has one, is recorded."""

from __future__ import annotations

import msgspec


class ReceivedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event with a certain identity.

    ``body`` is the canonical JSON of everything that was sent, ``signature`` and unknown keys included; ``sha256`` is
    over it without ``signature``. ``problem`` is None, or why it is stored, acknowledged and quarantined:
    ``unknown_type`` (newer than this software), ``bad_data`` (breaks the schema or a rule of its type, see
    `kiosk.domain.events.rules`, or a rule of the envelope; ``time``, ``clock`` and ``prevhash`` are then "" where they
    are unusable) or ``oversized`` (of a known type, with more than MAX_UNKNOWN_BYTES in unknown keys: ``body`` is then
    the envelope alone, and ``left_out_bytes`` the size of the rest). ``region`` is what the event states, "" when it
    states none: the topic proves it. ``data`` are its data as in the body, ``null`` where it has none. ``reissued`` is
    the ``{epoch}-{seq}`` it had before its station started a new epoch, None for most. ``signature`` is the attribute,
    not checked, "" for an event without one.
    """

    station: str
    epoch: str
    seq: int
    type: str
    prevhash: str
    sha256: str
    body: bytes
    time: str
    clock: str
    data: bytes
    problem: str | None
    region: str = ""
    reissued: str | None = None
    left_out_bytes: int = 0
    signature: str = ""

    def __repr__(self) -> str:
        """Show the identity alone: an event may be 64 KiB."""
        return f"ReceivedEvent({self.station} {self.epoch}-{self.seq} {self.type})"
