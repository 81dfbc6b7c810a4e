"""Appends released events to the county's log, and makes the checkpoint of each day that is over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from kiosk.base.worker import Worker
from kiosk.domain.events import CheckpointKept, CheckpointRefused
from kiosk.sorting_center.configuration.keys import load_key
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.ledger.database import places
from kiosk.sorting_center.ledger.database.alarms import IncidentRecorder
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.schema import log_witness
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.log.checkpoints import make_checkpoints
from kiosk.sorting_center.log.tree import append, read_position
from kiosk.sorting_center.shared.alarm_texts import format_detail
from kiosk.sorting_center.shared.stored_events import decode_envelope, decode_known
from kiosk.sorting_center.stations.authority import BadAuthority, ConfigurationKey

log = logging.getLogger(__name__)

COUNTY_LOG: Final = "county_log"  # The kind of its alarms
_POLL_INTERVAL_S: Final = 5.0  # Nothing waits for a leaf before the checkpoint of the day
# After a batch, which takes 10 ms: a ledger that has no log yet gets one while events come in, as fast as they can.
_PAUSE_S: Final = 0.1
_RETRY_S: Final = 5.0
_FIRST_YEAR: Final = 2020  # A clock before it was not set: what is appended then would be of a year without a log
_WITNESSES: Final = frozenset({CheckpointKept.TYPE, CheckpointRefused.TYPE})


class CountyLog:
    """Any number of processes may have one: of two that append at once, the second continues where the first ended."""

    def __init__(
        self,
        ledger: Ledger,
        zone: tzinfo,
        key: Path | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take ``zone``, in which days and years begin, and ``key`` for checkpoints (None: none are made).

        Does not close ``ledger``.
        """
        self._ledger, self._zone, self._key, self._now = ledger, zone, key, now
        self._made_for: date | None = None
        self._failed_for: date | None = None
        self.thread = Worker("county log", self._poll, retry_s=_RETRY_S, expected=(LedgerError, OSError))

    def _poll(self) -> float:
        return _PAUSE_S if self.step() else _POLL_INTERVAL_S

    def step(self) -> int:
        """Make what is due, and append a batch; return how many feed places were processed. Raises LedgerError."""
        now = self._now()
        today = now.astimezone(self._zone).date()
        if today.year < _FIRST_YEAR:
            raise LedgerError(f"the county's log waits: the clock of this machine stands in {today.year}")
        self._check_day(today - timedelta(days=1))
        with self._ledger.reading() as connection:
            end = places.last_feedseq(connection)
            if end <= read_position(connection):
                return 0
        with self._ledger.writing() as connection:
            done = append(connection, (today.year, self._ledger.generation), end)
            if done:
                _record_witnesses(connection, done, to_rfc3339(now))
        return len(done)

    def _check_day(self, day: date) -> None:
        """Make the checkpoint of the day that is over, before later events are appended."""
        if self._key is None or day == self._made_for:
            return
        try:
            key = load_key(self._key)
        except (OSError, BadAuthority) as error:
            if day != self._failed_for:
                log.error("There is no checkpoint of %s yet: the county's key cannot be used (%s).", day, error)
            self._failed_for = day
            return
        self.make_checkpoints(key, day)
        self._made_for = day

    def make_checkpoints(self, key: ConfigurationKey, day: date) -> None:
        """Make checkpoints of the current log under ``day``. Raises LedgerError."""
        with self._ledger.writing() as connection:
            make_checkpoints(connection, key, day)


def _record_witnesses(connection: Connection, done: range, at: str) -> None:
    """Record what stations report of the log in events of these places."""
    columns = ("region", "body")
    for row in places.placed_events(connection, done[0] - 1, done[-1], columns, _WITNESSES):
        event = decode_envelope(bytes(row.body))
        data, key = decode_known(event), (event.station, event.epoch, event.seq)
        if not isinstance(data, CheckpointKept | CheckpointRefused):
            continue
        recorder = IncidentRecorder(connection, row.region, at)
        if isinstance(data, CheckpointRefused):
            values: dict[str, str | int] = {"origin": data.origin[:24], "n": data.size, "most": data.kept_size}
            recorder.raise_alarm(COUNTY_LOG, key, _refusal_detail(data.reason, values))
        elif data.origin.startswith(f"{row.region}/"):
            known = connection.execute(select(log_witness.c.size).where(log_witness.c.origin == data.origin).limit(1))
            if known.first() is None and "." in data.origin:
                recorder.raise_alarm(COUNTY_LOG, key, format_detail("log_begun_again", origin=data.origin[:24]))
            upsert_rows(connection, log_witness, [(data.origin, event.station, data.size, data.root, int(row.feedseq))])


def _refusal_detail(reason: str, values: dict[str, str | int]) -> str:
    match reason:
        case "signature":
            return format_detail("log_signature", **values)
        case "smaller":
            return format_detail("log_smaller", **values)
    return format_detail("log_inconsistent", **values)
