"""Notices that wait: written together with their cases, sent at least once, given up after three days."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.notices.targets import NoticeTarget, no_such_target, target_of
from kiosk.sorting_center.desk.shared.audit import escaped_text
from kiosk.sorting_center.desk.shared.cases import CaseState
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import alarm_case, case_step, notice, notice_target
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.shared.alarm_texts import format_detail

MAX_CASES_PER_NOTICE: Final = 50  # A power cut makes hundreds of stations quiet at once
MAX_STEPS: Final = 500  # Of one transaction
MAX_WAITING: Final = 2_000
MAX_ENDED: Final = 1_000
# Longer than any sending takes: then another process takes the notice over.
LEASE_TIME: Final = timedelta(seconds=120)
GIVE_UP_AFTER: Final = timedelta(days=3)
MIN_TRIES: Final = 12  # Also when a clock jumps by years
_MAX_RESULT: Final = 1_000


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"  # There was no room for it


class NoticeCase(msgspec.Struct, frozen=True):
    """A case when the notice was written. ``again``: it had been closed before."""

    number: int
    kind: str
    region: str
    station: str
    subject: str
    detail: str
    opened_at: str
    again: bool


@dataclass(frozen=True, slots=True)
class AlarmNotice:
    """``code`` is the same in every copy; without cases it is a test."""

    id: int
    code: str
    target: str
    cases: tuple[NoticeCase, ...]
    number: int
    state: NoticeState
    tries: int
    made_at: str
    ended_at: str | None
    result: str


@dataclass(frozen=True, slots=True)
class NoticeClaim:
    """One notice that no other process sends until the lease is over. ``turn`` proves it."""

    notice: AlarmNotice
    target: NoticeTarget
    turn: int


class NoticeOutbox:
    """Safe over any number of processes: one at a time sends to a target, as its row says."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def collect(self, now: datetime) -> int:
        """Write notices of cases that were opened or reopened; return how many.

        ``told`` of the case's step is set in the same transaction: no case is reported twice or left out when a process
        dies in between.
        """
        unnotified = (case_step.c.told.is_(False)) & (case_step.c.state == CaseState.OPEN.value)
        with self._database.reading() as connection:
            if connection.execute(select(case_step.c.id).where(unnotified).limit(1)).first() is None:
                return 0
        with self._database.writing() as connection:
            steps = select(case_step.c.id, case_step.c.alarm_case).where(unnotified).order_by(case_step.c.id)
            found = connection.execute(steps.limit(MAX_STEPS).with_for_update()).all()
            connection.execute(update(case_step).where(case_step.c.id.in_([row.id for row in found])).values(told=True))
            written = _enqueue(connection, _load_cases(connection, {row.alarm_case for row in found}), now)
            _delete_old(connection)
        return written

    def test(self, target: str, now: datetime) -> None:
        """Write a notice without cases. Raises Refused: no_such_target, paused, no_room."""
        with self._database.writing() as connection:
            row = connection.execute(select(notice_target).where(notice_target.c.name == target)).first()
            if row is None:
                raise no_such_target(target)
            if row.paused:
                raise Refused("paused", f"{target} is paused: let it go on first", {"name": target})
            if _waiting(connection) >= MAX_WAITING:
                raise Refused("no_room", f"{MAX_WAITING} notices wait already", {"n": str(MAX_WAITING)})
            _write(connection, target, (), NoticeState.WAITING, now)
            this_target = notice_target.c.name == target
            connection.execute(update(notice_target).where(this_target).values(next_at=to_rfc3339(now)))
            _delete_old(connection)

    def claim(self, now: datetime) -> NoticeClaim | None:
        """Claim the next to send, if any target is due; the one with the fewest tries, so that none blocks others."""
        at, far = to_rfc3339(now), to_rfc3339(now + timedelta(days=1))
        due = or_(notice_target.c.next_at <= at, notice_target.c.next_at > far)  # far: written by a wrong clock
        next_due = (
            select(notice.c.id, notice.c.target, notice_target.c.turn)
            .join(notice_target, notice_target.c.name == notice.c.target)
            .where(notice.c.state == NoticeState.WAITING.value, due, notice_target.c.paused.is_(False))
            .order_by(notice.c.tries, notice.c.id)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(next_due).first()
        if row is None:
            return None
        with self._database.writing() as connection:
            same_turn = (notice_target.c.name == row.target) & (notice_target.c.turn == row.turn)
            leased = {"turn": row.turn + 1, "next_at": to_rfc3339(now + LEASE_TIME)}
            if not connection.execute(update(notice_target).where(same_turn).values(**leased)).rowcount:
                return None  # another process was faster
            tried = update(notice).where(notice.c.id == row.id).values(tries=notice.c.tries + 1)
            connection.execute(tried)
            target = connection.execute(select(notice_target).where(notice_target.c.name == row.target)).one()
            found = connection.execute(select(notice).where(notice.c.id == row.id)).one()
            return NoticeClaim(_notice(found), target_of(target), target.turn)

    def mark_sent(self, claim: NoticeClaim, result: str, now: datetime) -> None:
        """Store the result; the target is due again at once."""
        self._finish(claim, {"failures": 0, "next_at": to_rfc3339(now)}, (NoticeState.SENT, result), now)

    def mark_failed(self, claim: NoticeClaim, result: str, wait_s: float, now: datetime) -> None:
        """Store the result; the target is due again after ``wait_s``.

        A notice that is too old is given up, and, when none was delivered, the others that are as old.
        """
        failures = claim.target.failures + 1
        is_old = claim.notice.made_at < to_rfc3339(now - GIVE_UP_AFTER)
        given_up = is_old and max(failures, claim.notice.tries) >= MIN_TRIES
        state = NoticeState.GIVEN_UP if given_up else NoticeState.WAITING
        later = {"failures": failures, "next_at": to_rfc3339(now + timedelta(seconds=wait_s))}
        if not self._finish(claim, later, (state, result), now) or failures < MIN_TRIES:
            return
        with self._database.writing() as connection:
            still_waiting = (notice.c.target == claim.target.name) & (notice.c.state == NoticeState.WAITING.value)
            others = still_waiting & (notice.c.made_at < to_rfc3339(now - GIVE_UP_AFTER))
            values = {"state": NoticeState.GIVEN_UP.value, "result": escaped_text(result, _MAX_RESULT)}
            connection.execute(update(notice).where(others).values(**values, ended_at=to_rfc3339(now)))

    def _finish(
        self, claim: NoticeClaim, of_target: dict[str, object], outcome: tuple[NoticeState, str], now: datetime
    ) -> bool:
        state, result = outcome
        with self._database.writing() as connection:
            same_turn = (notice_target.c.name == claim.target.name) & (notice_target.c.turn == claim.turn)
            if not connection.execute(update(notice_target).where(same_turn).values(**of_target)).rowcount:
                return False  # the lease is over, or the target was removed
            ended = to_rfc3339(now) if state is not NoticeState.WAITING else None
            values = {"state": state.value, "result": escaped_text(result, _MAX_RESULT), "ended_at": ended}
            connection.execute(update(notice).where(notice.c.id == claim.notice.id).values(**values))
        return True

    def newest(self, limit: int = 50) -> list[AlarmNotice]:
        """Return the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(notice).order_by(notice.c.id.desc()).limit(limit))
            return [_notice(row) for row in rows]

    def counts(self) -> dict[tuple[str, NoticeState], int]:
        counted = select(notice.c.target, notice.c.state, func.count()).group_by(notice.c.target, notice.c.state)
        with self._database.reading() as connection:
            return {(target, NoticeState(state)): int(number) for target, state, number in connection.execute(counted)}


def _load_cases(connection: Connection, numbers: Collection[int]) -> list[NoticeCase]:
    of_these = case_step.c.alarm_case.in_(numbers) & (case_step.c.state == CaseState.OPEN.value)
    counted = select(case_step.c.alarm_case, func.count()).where(of_these).group_by(case_step.c.alarm_case)
    opened = {int(row.alarm_case): int(row[1]) for row in connection.execute(counted)}
    rows = connection.execute(select(alarm_case).where(alarm_case.c.id.in_(numbers)).order_by(alarm_case.c.id))
    return [
        NoticeCase(
            row.id, row.kind, row.region, row.station, row.subject, row.detail, row.opened_at, opened[row.id] > 1
        )
        for row in rows
    ]


def _enqueue(connection: Connection, cases: Sequence[NoticeCase], now: datetime) -> int:
    room, written = MAX_WAITING - _waiting(connection), 0
    not_paused = select(notice_target).where(notice_target.c.paused.is_(False))
    for target in [target_of(row) for row in connection.execute(not_paused)]:
        selected = [case for case in cases if not target.kinds or case.kind in target.kinds]
        for start in range(0, len(selected), MAX_CASES_PER_NOTICE):
            state = NoticeState.WAITING if room > 0 else NoticeState.DROPPED
            _write(connection, target.name, selected[start : start + MAX_CASES_PER_NOTICE], state, now)
            room, written = room - 1, written + (room > 0)
    return written


def _waiting(connection: Connection) -> int:
    counted = select(func.count()).select_from(notice).where(notice.c.state == NoticeState.WAITING.value)
    return int(connection.execute(counted).scalar_one())


def _write(connection: Connection, target: str, cases: Sequence[NoticeCase], state: NoticeState, now: datetime) -> None:
    waits = state is NoticeState.WAITING
    row = {
        "code": secrets.token_hex(16),
        "target": target,
        "cases": msgspec.json.encode(cases).decode(),
        "number": len(cases),
        "state": state.value,
        "tries": 0,
        "made_at": to_rfc3339(now),
        "ended_at": None if waits else to_rfc3339(now),
        "result": "" if waits else format_detail("no_room", n=MAX_WAITING),
    }
    connection.execute(insert(notice).values(**row))


def _delete_old(connection: Connection) -> None:
    """Delete all that have ended but the newest MAX_ENDED."""
    ended = select(notice.c.id).where(notice.c.state != NoticeState.WAITING.value)
    last = connection.execute(ended.order_by(notice.c.id.desc()).offset(MAX_ENDED).limit(1)).scalar()
    if last is not None:
        expired = (notice.c.id <= last) & (notice.c.state != NoticeState.WAITING.value)
        connection.execute(delete(notice).where(expired))


_cases: Final = msgspec.json.Decoder(tuple[NoticeCase, ...]).decode


def _notice(row: Row[Any]) -> AlarmNotice:
    return AlarmNotice(**{**row._mapping, "cases": _cases(row.cases), "state": NoticeState(row.state)})
