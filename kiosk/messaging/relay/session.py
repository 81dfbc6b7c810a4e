"""What the relay does while it is connected: say hello, send what waits, believe only the center's acknowledgement."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.control import (
    MAX_DOCTOR_ROWS,
    MAX_STATUS_ROWS,
    Ack,
    BadControl,
    Hello,
    Resend,
    Status,
    decode,
    encode,
)
from kiosk.messaging.contract.envelope import ZERO_HASH
from kiosk.messaging.contract.seal import OutboxCounts, SealedEvent
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.connection import (
    BrokerConnection,
    ConnectionEvent,
    ConnectionLost,
    ConnectionOptions,
    Message,
    PubAck,
    Ready,
    Will,
)
from kiosk.messaging.relay.earlier_epochs import EarlierEpochs, EpochQuery, ForkPoint, HashQuery
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.messaging.relay.shared.ports import StationSide, StorePort
from kiosk.messaging.relay.shared.throughput import left_s
from kiosk.messaging.relay.window import InFlightWindow, OutgoingMessage, build_message, rows_that_fit

CONTROL_CONTENT: Final = "application/json"
# Until the status after the backlog became empty: the dashboard must not show it for another minute.
_STATUS_SOON_S: Final = 3.0
# Between two polls of what the doctor found; the doctor itself looks once a minute.
DOCTOR_POLL_S: Final = 10.0
_ESTIMATE_INTERVAL_S: Final = 10.0  # How often the remaining time is reported: the waiting events are read for it
# So long after the last question about earlier epochs, or a fork, another generation may lead to the next one.
# Otherwise two ledgers that answer one station in turn, or a broker that lies, would keep it asking about twenty epochs
# without end.
_QUERY_RETRY_S: Final = 60.0


class RelaySession:
    """One connection's worth of relaying. Any error of the outbox ends it; nothing is lost by that."""

    def __init__(
        self, store: StorePort, pace: Pace, log: RateLimitedLog, clock: Callable[[], float], side: StationSide
    ) -> None:
        self._store, self._pace, self._log, self._clock = store, pace, log, clock
        self._watcher, self._read_doctor_rows, self._side = side.watcher, side.doctor_rows, side
        self._settings = settings = pace.settings
        self._topics = Topics(settings.region, settings.station)
        self._window = InFlightWindow(pace)
        self._earlier = EarlierEpochs(pace)
        self._fork_point = ForkPoint()
        self._epoch = store.epochs.identity().epoch
        self._quarantined: tuple[int, ...] = ()
        self._alarm = ""
        self._has_more = True
        self._ready = False
        self._lost: ConnectionLost | None = None
        self._mqtt_5 = True
        self._next_estimate_at = 0.0
        self._last_status: Status | None = None
        self._next_status_at = 0.0
        self._doctor_poll_at = 0.0
        self._next_hello_at = 0.0
        self._last_received_at = 0.0
        # Of this connection only: the next one begins with all questions, whatever the ledger was then.
        self._generation = ""
        self._last_query_at = float("-inf")
        self._next_query_at: float | None = None

    @property
    def unfinished(self) -> bool:
        return len(self._window) > 0 or self._earlier.in_flight

    @property
    def is_over(self) -> bool:
        return self._lost is not None

    @property
    def is_session_takeover(self) -> bool:
        return self._lost is not None and self._lost.fault is LinkFault.SESSION_TAKEOVER

    @property
    def no_mqtt_5(self) -> bool:
        return self._lost is not None and self._lost.no_mqtt_5

    @property
    def settled(self) -> bool:
        return self._ready and self._earlier.settled

    @property
    def missing(self) -> int:
        return self._earlier.missing

    def run(self, stop: threading.Event, options: ConnectionOptions) -> None:
        """Connect and relay until the connection is lost or ``stop`` is set. Raises BrokerFault and store errors."""
        self._mqtt_5 = options.mqtt_5
        self._pace.throughput.idle()
        will = Will(self._topics.status, encode(self._status(online=False)))
        subscriptions = self._topics.ack, self._topics.resend, self._topics.config, self._topics.cmd
        with BrokerConnection(options, subscriptions, will, self._pace.tuning) as connection:
            connection.open()
            while not self._lost and not stop.is_set():
                for event in connection.poll(self._pace.tuning.poll_s):
                    self._on_event(connection, event)
                if self._ready and not self._lost:
                    self._pump(connection)
            if self._ready and not self._lost:
                connection.disconnect(self._topics.status, encode(self._status(online=False)), CONTROL_CONTENT)

    def _on_event(self, connection: BrokerConnection, event: ConnectionEvent) -> None:
        match event:
            case Ready():
                self._ready = True
                self._last_received_at = self._clock()
                self._enter_epoch(connection)
            case ConnectionLost(why, fault):
                self._lost = event
                self._log.write(f"broker {self._settings.broker_url}: {why}", kind="lost")
                if fault is not None:
                    self._watcher.fault(fault)
            case PubAck(mid, why, fault):
                self._window.puback(mid, self._clock())
                if fault is not None:
                    self._log.write(f"the broker did not pass a message on: {why}", kind="refused")
                    self._watcher.fault(fault)
            case Message(topic, payload):
                self._on_message(connection, topic, payload)

    def _on_message(self, connection: BrokerConnection, topic: str, payload: bytes) -> None:
        self._last_received_at = self._clock()
        try:
            if topic == self._topics.ack:
                self._on_ack(connection, decode(Ack, payload))
            elif topic == self._topics.resend:
                self._on_resend(decode(Resend, payload))
            elif topic == self._topics.config:
                self._side.configuration_received(payload)
            elif topic == self._topics.cmd:
                self._side.request_received(payload)
        except BadControl as error:
            self._log.write(f"message on {topic} ignored: {error}", kind="unreadable")

    def _pump(self, connection: BrokerConnection) -> None:
        now = self._clock()
        if self._store.changed():
            self._has_more = True
            self._follow_epoch(connection)
        if self._window.stalled(now):
            if now - self._last_received_at >= self._pace.silence_s:
                self._lost = ConnectionLost("the sorting center has said nothing for long")
                self._log.write("the sorting center has said nothing for long: connecting again", kind="silent")
                return
            self._log.write("the sorting center does not acknowledge: sending again", kind="stalled")
            self._pace.stalled()
            self._rewind()
            self._hello(connection)
        if self._earlier.stalled(now):
            self._pace.stalled()
            self._earlier.rewind(now)
            self._hello_earlier(connection, self._earlier.queries())
        if now >= self._next_hello_at:
            self._hello(connection)
        if self._next_query_at is not None and now >= self._next_query_at:
            self._ask_earlier(connection)
        while (
            self._has_more
            and self._window.room
            and self._pace.budget.allows_sending(now)
            and self._send_next(connection)
        ):
            pass
        # What was done once waits behind what never was.
        if not self._has_more:
            self._send_earlier(connection)
        if now >= self._doctor_poll_at:
            self._doctor_poll_at = now + DOCTOR_POLL_S
            if self._has_new_doctor_fault():
                self._next_status_at = now
        if now >= self._next_status_at:
            self._publish_status(connection)
        if now >= self._next_estimate_at:
            self._estimate(now)

    def _send_next(self, connection: BrokerConnection) -> bool:
        after, last = self._window.next_range()
        rows = self._store.outbox.pending(self._pace.batch_events, after)
        rows = rows_that_fit(rows, last, self._pace.tuning.batch_bytes)
        if not rows and last is not None:
            self._window.skip_range()
            return True
        if not rows:
            self._has_more = False
            return False
        if rows[0].epoch != self._epoch:
            self._enter_epoch(connection)
            return True
        sent = self._publish(connection, rows)
        if sent is not None:
            mid, message = sent
            self._pace.throughput.waiting(self._clock())
            self._window.sent(mid, message.first, message.last, self._clock(), message.size)
        return sent is not None

    def _send_earlier(self, connection: BrokerConnection) -> None:
        """Send one message of an earlier epoch, when the center lacks any and none is on its way."""
        next_range = self._earlier.next_range()
        if next_range is None or not self._pace.budget.allows_sending(self._clock()):
            return
        epoch, after, last = next_range
        rows = self._store.outbox.sealed(epoch, self._pace.batch_events, after)
        rows = rows_that_fit(rows, last, self._pace.tuning.batch_bytes)
        if not rows:
            self._earlier.drop(epoch)
        elif (sent := self._publish(connection, rows)) is not None:
            self._earlier.sent(epoch, sent[1].last, self._clock())

    def _publish(self, connection: BrokerConnection, rows: Sequence[SealedEvent]) -> tuple[int, OutgoingMessage] | None:
        message = build_message(rows, self._topics, self._pace.budget.message_bytes)
        mid = connection.publish(message.topic, message.payload, message.content_type)
        self._pace.budget.spend(len(message.payload), self._clock())
        return None if mid is None else (mid, message)

    def _publish_control(
        self, connection: BrokerConnection, topic: str, payload: bytes, *, retain: bool = False
    ) -> None:
        """Publish a hello or a status without waiting for the data budget, and charge it afterwards."""
        connection.publish(topic, payload, CONTROL_CONTENT, retain=retain)
        self._pace.budget.spend(len(payload), self._clock())

    def _hello(self, connection: BrokerConnection) -> None:
        """Ask what the center has, and again after a while: a ledger that lost events does not ask by itself."""
        at = self._fork_point.question
        self._next_hello_at = self._clock() + (self._pace.patience_s if at else self._pace.hello_interval_s())
        counts = self._store.outbox.counts()
        waiting = self._store.outbox.pending(1)
        following = counts.last_seq + 1
        oldest = waiting[0].seq if waiting else following
        self._publish_hello(connection, EpochQuery(self._epoch, counts.last_seq, at), oldest, counts.pending)

    def _hello_earlier(self, connection: BrokerConnection, questions: Sequence[EpochQuery]) -> None:
        """Ask about earlier epochs. Nothing of them is pending: unfinished events are re-issued in the next epoch."""
        for question in questions:
            self._publish_hello(connection, question, question.last_seq + 1, 0)

    def _publish_hello(self, connection: BrokerConnection, question: EpochQuery, oldest: int, pending: int) -> None:
        hello = Hello(
            epoch=question.epoch,
            next=question.last_seq + 1,
            oldest=oldest,
            pending=pending,
            software=self._settings.software,
            boot=self._settings.boot,
            monotonicms=round(self._clock() * 1000),
            at=question.at,
            configuration=self._side.configuration(),
        )
        self._publish_control(connection, self._topics.hello, encode(hello))

    def _publish_status(self, connection: BrokerConnection) -> None:
        self._next_status_at = self._clock() + self._pace.tuning.status_s
        status = self._status(online=True)
        if status != self._last_status:
            self._last_status = status
            self._publish_control(connection, self._topics.status, encode(status), retain=True)
        if not self._mqtt_5:
            self._watcher.fault(LinkFault.MQTT_3)

    def _estimate(self, now: float) -> None:
        """Report about how long it takes until everything is acknowledged, while something waits."""
        self._next_estimate_at = now + _ESTIMATE_INTERVAL_S
        throughput = self._pace.throughput
        if not self._store.outbox.counts().pending:
            throughput.idle()
            self._watcher.remaining(None)
        else:
            rate = throughput.rate(now)
            self._watcher.remaining(None if rate is None else left_s(self._store.outbox.waiting_bytes(), rate))

    def _has_new_doctor_fault(self) -> bool:
        """Return whether the doctor found a fault since the last status: it is sent at once."""
        bad = {row for row in self._read_doctor_rows() if row.state != "ok"}
        return self._last_status is not None and not bad <= set(self._last_status.doctor_rows)

    def _status(self, *, online: bool) -> Status:
        rows = self._read_doctor_rows() if online else ()
        return Status(
            online=online,
            pending=self._store.outbox.counts().pending + self._earlier.missing,
            software=self._settings.software,
            epoch=self._epoch,
            alarm=self._alarm,
            boot=self._settings.boot,
            doctor=rows[:MAX_DOCTOR_ROWS],
            doctor_more=rows[MAX_DOCTOR_ROWS:MAX_STATUS_ROWS],
        )

    def _on_ack(self, connection: BrokerConnection, ack: Ack) -> None:
        # The other process may have started an epoch since the last check: this answer is then not about the new one.
        self._follow_epoch(connection)
        if ack.epoch != self._epoch:
            self._on_earlier_ack(connection, ack)
            return
        self._check_generation(ack)
        counts = self._store.outbox.counts()
        if ack.upto > counts.last_seq:
            self._on_database_behind(connection, ack, counts.last_seq)
            return
        if self._own_hash(ack.epoch, ack.upto) != ack.head:
            self._on_fork(connection, ack, counts)
            return
        self._set_alarm("")
        self._fork_point = ForkPoint()
        if ack.upto != counts.acked_upto or ack.quarantined != self._quarantined:
            if not self._store.outbox.acknowledge(ack.upto, ack.quarantined, ack.epoch):
                self._follow_epoch(connection)
                return
            self._quarantined = ack.quarantined
        if ack.upto > counts.acked_upto:
            self._window.acknowledged(ack.upto, self._clock())
            self._log.clear("stalled")
            if ack.upto == counts.last_seq:
                self._pace.throughput.idle()
                self._watcher.remaining(None)
                self._publish_status_soon()
        elif ack.upto < counts.acked_upto:
            self._log.write(
                f"the sorting center went back from {counts.acked_upto} to {ack.upto}: sending again", kind="back"
            )
            self._rewind()
            self._ask_earlier(connection)
        self._resend_gaps(ack.gaps)
        self._watcher.ack_received(self._alarm)

    def _own_hash(self, epoch: str, seq: int) -> str | None:
        return self._store.outbox.hash_at(seq, epoch) if seq else ZERO_HASH

    def _on_earlier_ack(self, connection: BrokerConnection, ack: Ack) -> None:
        """Check for an ended epoch only whether the center still has what it acknowledged."""
        if not self._earlier.is_known(ack.epoch):
            return
        self._check_generation(ack)
        owed = self._earlier.owed_upto(ack.epoch)
        if self._own_hash(ack.epoch, ack.upto) == ack.head:
            self._accept_earlier_ack(ack, owed)
        else:
            self._on_earlier_fork(connection, ack, owed)
        self._watcher.ack_received(self._alarm)

    def _on_earlier_fork(self, connection: BrokerConnection, ack: Ack, owed: int) -> None:
        """Find what the center lacks after a machine with the same card sent it other events; re-issue that."""
        found = self._earlier.contradicted(ack, partial(self._own_hash, ack.epoch), self._clock())
        if isinstance(found, HashQuery):
            self._hello_earlier(connection, [self._earlier.query(ack.epoch)])
        elif found is not None and found.upto < owed:
            self._reissue(connection, ack.epoch, found.upto)
        elif ack.at is None and ack.upto < owed:
            self._log.write(
                f"the sorting center has another event {ack.upto} of the earlier epoch {ack.epoch} than this database, "
                "and is too old to say from where on: nothing of it is sent again; call the administrator",
                kind="earlier fork",
                level=logging.ERROR,
            )

    def _reissue(self, connection: BrokerConnection, epoch: str, shared_upto: int) -> None:
        """Give new numbers in the current epoch to events whose numbers the center has from another machine. The first
        is sent under its old number once more, so that the center has both, and raises its alarm.
        """
        first = self._store.outbox.sealed(epoch, 1, shared_upto)
        if first:
            self._publish(connection, first)
        count = self._store.epochs.reissue(epoch, shared_upto)
        self._log.write(
            f"the sorting center came back from a backup and took another machine's event {shared_upto + 1} of the "
            f"earlier epoch {epoch}: {count} events that it had acknowledged are told again with new numbers; call the "
            "administrator, two machines may use one database",
            kind="earlier fork",
            level=logging.ERROR,
        )
        self._has_more = True
        self._next_status_at = self._clock()

    def _check_generation(self, ack: Ack) -> None:
        """Ask about earlier epochs when another ledger answers: it may lack what ``upto`` does not show."""
        if not ack.generation or ack.generation == self._generation:
            return
        if self._generation:
            self._log.write(
                "the sorting center's ledger is another one: asking about earlier epochs", kind="generation"
            )
            self._next_query_at = max(self._clock(), self._last_query_at + _QUERY_RETRY_S)
        self._generation = ack.generation

    def _accept_earlier_ack(self, ack: Ack, owed: int) -> None:
        before = self._earlier.missing
        self._earlier.acknowledged(ack.epoch, ack.upto, self._clock())
        if self._earlier.missing > before:
            self._log.write(
                f"the sorting center has epoch {ack.epoch} up to {ack.upto}, it had it up to {owed}: sending again",
                kind="earlier back",
            )
            self._next_status_at = self._clock()
        elif before and not self._earlier.missing:
            self._publish_status_soon()

    def _on_resend(self, resend: Resend) -> None:
        if resend.epoch == self._epoch:
            self._resend_gaps(resend.ranges)

    def _resend_gaps(self, gaps: Sequence[tuple[int, int]]) -> None:
        if gaps:
            self._window.add_gaps(gaps)
            self._has_more = True

    def _on_database_behind(self, connection: BrokerConnection, ack: Ack, last: int) -> None:
        """Begin a new epoch: this database is older than the center's copy, and its numbers must not be reused. A
        forged message looks alike, so this is limited: each epoch costs a receipt letter, and there are few.
        """
        if self._store.epochs.behind_limit_reached():
            self._log.write(
                f"the sorting center claims event {ack.upto}, this database ends at {last}, and a new epoch was begun "
                "for that already: acknowledgement refused, events stay pending; call the administrator, the broker "
                "or the ledger may not be what it seems",
                kind="ahead",
                level=logging.ERROR,
            )
            self._set_alarm("ahead")
            return
        if not self._store.epochs.start("behind", ending=ack.epoch):
            self._follow_epoch(connection)
            return
        self._log.write(
            f"the sorting center has event {ack.upto}, this database ends at {last}: an older copy was brought back; "
            "starting a new epoch",
            kind="behind",
            level=logging.ERROR,
        )
        self._enter_epoch(connection)

    def _on_fork(self, connection: BrokerConnection, ack: Ack, counts: OutboxCounts) -> None:
        """Refuse the acknowledgement; what this ledger does not have of acknowledged events is pending again. It was
        restored from a backup then, and another machine was faster: the center gets both, and raises its alarm.
        """
        self._log.write(
            f"the sorting center has another event {ack.upto} of epoch {self._epoch} than this database: "
            "acknowledgement refused, events stay pending; call the administrator, two machines may use one database",
            kind="fork",
            level=logging.ERROR,
        )
        self._set_alarm("fork")
        found = self._fork_point.contradicted(ack, counts.acked_upto, partial(self._own_hash, ack.epoch))
        if isinstance(found, HashQuery):
            self._hello(connection)
        elif found is None:
            self._next_hello_at = min(self._next_hello_at, self._clock() + _QUERY_RETRY_S)
        elif found.upto < counts.acked_upto:
            self._store.outbox.acknowledge(found.upto, ack.quarantined, ack.epoch)
            self._quarantined = ack.quarantined
            self._rewind()

    def _set_alarm(self, alarm: str) -> None:
        if alarm != self._alarm:
            self._alarm = alarm
            self._next_status_at = self._clock()
            if alarm:
                self._watcher.ack_received(alarm)

    def _publish_status_soon(self) -> None:
        if self._last_status is not None and self._last_status.pending:
            self._next_status_at = min(self._next_status_at, self._clock() + _STATUS_SOON_S)

    def _follow_epoch(self, connection: BrokerConnection) -> None:
        """Switch to the database's newest epoch when the other process has begun one."""
        if self._store.epochs.identity().epoch != self._epoch:
            self._enter_epoch(connection)

    def _enter_epoch(self, connection: BrokerConnection) -> None:
        self._epoch = self._store.epochs.identity().epoch
        self._quarantined = ()
        self._fork_point = ForkPoint()
        self._set_alarm("")
        self._rewind()
        self._hello(connection)
        self._ask_earlier(connection)

    def _ask_earlier(self, connection: BrokerConnection) -> None:
        self._last_query_at, self._next_query_at = self._clock(), None
        self._earlier.ask(self._store.outbox.earlier(), self._clock())
        self._hello_earlier(connection, self._earlier.queries())

    def _rewind(self) -> None:
        self._window.rewind()
        self._has_more = True
