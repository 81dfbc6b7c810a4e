"""What waits to go out: written with the cases it tells of, sent at least once, given up after three days."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from kiosk.sorting_center.desk.audit import visible
from kiosk.sorting_center.desk.cases import State
from kiosk.sorting_center.desk.database import DeskDatabase
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.notices.targets import Target, target_of
from kiosk.sorting_center.desk.schema import alarm_case, case_step, notice, notice_target
from kiosk.sorting_center.ledger.database.times import told
from kiosk.sorting_center.sentences import say

CASES_IN_ONE: Final = 50
"""A power cut makes hundreds of stations quiet at once: nobody reads a hundred letters."""
MAX_STEPS: Final = 500
"""Looked at in one transaction."""
MAX_WAITING: Final = 2_000
MAX_ENDED: Final = 1_000
LEASE: Final = timedelta(seconds=120)
"""Longer than any sending takes: whoever died in it is followed by another one then."""
GIVEN_UP: Final = timedelta(days=3)
MIN_TRIES: Final = 12
"""A clock that jumps by years gives nothing up that was not tried."""
_MAX_RESULT: Final = 300


class NoticeState(StrEnum):
    """A notice begins waiting."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"
    """There was no room for it."""


class ToldCase(msgspec.Struct, frozen=True):
    """A case as it was when the notice was written. ``again``: it was there before and has come back."""

    number: int
    kind: str
    region: str
    station: str
    subject: str
    detail: str
    opened_at: str
    again: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """``code`` is what a receiver knows a second copy by; without cases it is a test."""

    id: int
    code: str
    target: str
    cases: tuple[ToldCase, ...]
    number: int
    state: NoticeState
    tries: int
    made_at: str
    ended_at: str | None
    result: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One notice that nobody else sends until the lease is over. ``turn`` proves it."""

    notice: Notice
    target: Target
    turn: int


class Notices:
    """Safe over any number of processes: a target is served by one at a time, as its row says."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def collect(self, now: datetime) -> int:
        """Write what goes out about cases that were opened, or opened again; how many notices that makes.

        The step of the case says whether it was told, in the same transaction: nothing is told of twice, and nothing is
        left out when a process dies between the two.
        """
        untold = (case_step.c.told.is_(False)) & (case_step.c.state == State.OPEN.value)
        with self._database.reading() as connection:
            if connection.execute(select(case_step.c.id).where(untold).limit(1)).first() is None:
                return 0
        with self._database.writing() as connection:
            steps = select(case_step.c.id, case_step.c.alarm_case).where(untold).order_by(case_step.c.id)
            found = connection.execute(steps.limit(MAX_STEPS).with_for_update()).all()
            connection.execute(update(case_step).where(case_step.c.id.in_([row.id for row in found])).values(told=True))
            written = _enqueue(connection, _told_cases(connection, {row.alarm_case for row in found}), now)
            _forget(connection)
        return written

    def test(self, target: str, now: datetime) -> None:
        """Send an empty one to ``target``. Raises Refused: no_such_target, paused, no_room."""
        with self._database.writing() as connection:
            row = connection.execute(select(notice_target).where(notice_target.c.name == target)).first()
            if row is None:
                raise Refused("no_such_target", f"there is no target {target[:40]!r}", name=target[:40])
            if row.paused:
                raise Refused("paused", f"{target} is paused: let it go on first", name=target)
            if _waiting(connection) >= MAX_WAITING:
                raise Refused("no_room", f"{MAX_WAITING} notices wait already", n=MAX_WAITING)
            _write(connection, target, (), NoticeState.WAITING, now)
            mine = notice_target.c.name == target
            connection.execute(update(notice_target).where(mine).values(next_at=told(now)))
            _forget(connection)

    def claim(self, now: datetime) -> Claim | None:
        """The next to send, if any target is due. Of one target that with the fewest tries: one that is never taken
        keeps no other from its way.
        """
        at, far = told(now), told(now + timedelta(days=1))
        due = or_(notice_target.c.next_at <= at, notice_target.c.next_at > far)  # far: written by a clock gone wrong
        wanted = (
            select(notice.c.id, notice.c.target, notice_target.c.turn)
            .join(notice_target, notice_target.c.name == notice.c.target)
            .where(notice.c.state == NoticeState.WAITING.value, due, notice_target.c.paused.is_(False))
            .order_by(notice.c.tries, notice.c.id)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            return None
        with self._database.writing() as connection:
            mine = (notice_target.c.name == row.target) & (notice_target.c.turn == row.turn)
            leased = {"turn": row.turn + 1, "next_at": told(now + LEASE)}
            if not connection.execute(update(notice_target).where(mine).values(**leased)).rowcount:
                return None  # another process was faster
            tried = update(notice).where(notice.c.id == row.id).values(tries=notice.c.tries + 1)
            connection.execute(tried)
            target = connection.execute(select(notice_target).where(notice_target.c.name == row.target)).one()
            found = connection.execute(select(notice).where(notice.c.id == row.id)).one()
            return Claim(_notice(found), target_of(target), target.turn)

    def sent(self, claim: Claim, result: str, now: datetime) -> None:
        """It has come through: its target is served on at once."""
        self._end(claim, {"failures": 0, "next_at": told(now)}, (NoticeState.SENT, result), now)

    def failed(self, claim: Claim, result: str, wait_s: float, now: datetime) -> None:
        """It has not: its target is left alone for ``wait_s``.

        A notice too old by now is given up; with a target that takes nothing at all every other that is as old.
        """
        failures = claim.target.failures + 1
        is_old = claim.notice.made_at < told(now - GIVEN_UP)
        given_up = is_old and max(failures, claim.notice.tries) >= MIN_TRIES
        state = NoticeState.GIVEN_UP if given_up else NoticeState.WAITING
        later = {"failures": failures, "next_at": told(now + timedelta(seconds=wait_s))}
        if not self._end(claim, later, (state, result), now) or failures < MIN_TRIES:
            return
        with self._database.writing() as connection:
            mine = (notice.c.target == claim.target.name) & (notice.c.state == NoticeState.WAITING.value)
            others = mine & (notice.c.made_at < told(now - GIVEN_UP))
            values = {"state": NoticeState.GIVEN_UP.value, "result": visible(result, _MAX_RESULT)}
            connection.execute(update(notice).where(others).values(**values, ended_at=told(now)))

    def _end(self, claim: Claim, of_target: dict[str, object], said: tuple[NoticeState, str], now: datetime) -> bool:
        """Whether the claim still held."""
        state, result = said
        with self._database.writing() as connection:
            mine = (notice_target.c.name == claim.target.name) & (notice_target.c.turn == claim.turn)
            if not connection.execute(update(notice_target).where(mine).values(**of_target)).rowcount:
                return False  # the lease is over, or the target is gone: who has it now says how it went
            ended = told(now) if state is not NoticeState.WAITING else None
            values = {"state": state.value, "result": visible(result, _MAX_RESULT), "ended_at": ended}
            connection.execute(update(notice).where(notice.c.id == claim.notice.id).values(**values))
        return True

    def newest(self, limit: int = 50) -> list[Notice]:
        """The newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(notice).order_by(notice.c.id.desc()).limit(limit))
            return [_notice(row) for row in rows]

    def counts(self) -> dict[tuple[str, NoticeState], int]:
        """By target and state."""
        counted = select(notice.c.target, notice.c.state, func.count()).group_by(notice.c.target, notice.c.state)
        with self._database.reading() as connection:
            return {(target, NoticeState(state)): int(number) for target, state, number in connection.execute(counted)}


def _told_cases(connection: Connection, numbers: Collection[int]) -> list[ToldCase]:
    of_these = case_step.c.alarm_case.in_(numbers) & (case_step.c.state == State.OPEN.value)
    counted = select(case_step.c.alarm_case, func.count()).where(of_these).group_by(case_step.c.alarm_case)
    opened = {int(row.alarm_case): int(row[1]) for row in connection.execute(counted)}
    rows = connection.execute(select(alarm_case).where(alarm_case.c.id.in_(numbers)).order_by(alarm_case.c.id))
    return [
        ToldCase(row.id, row.kind, row.region, row.station, row.subject, row.detail, row.opened_at, opened[row.id] > 1)
        for row in rows
    ]


def _enqueue(connection: Connection, cases: Sequence[ToldCase], now: datetime) -> int:
    room, written = MAX_WAITING - _waiting(connection), 0
    not_paused = select(notice_target).where(notice_target.c.paused.is_(False))
    for target in [target_of(row) for row in connection.execute(not_paused)]:
        mine = [case for case in cases if not target.kinds or case.kind in target.kinds]
        for start in range(0, len(mine), CASES_IN_ONE):
            state = NoticeState.WAITING if room > 0 else NoticeState.DROPPED
            _write(connection, target.name, mine[start : start + CASES_IN_ONE], state, now)
            room, written = room - 1, written + (room > 0)
    return written


def _waiting(connection: Connection) -> int:
    counted = select(func.count()).select_from(notice).where(notice.c.state == NoticeState.WAITING.value)
    return int(connection.execute(counted).scalar_one())


def _write(connection: Connection, target: str, cases: Sequence[ToldCase], state: NoticeState, now: datetime) -> None:
    waits = state is NoticeState.WAITING
    row = {
        "code": secrets.token_hex(16),
        "target": target,
        "cases": msgspec.json.encode(cases).decode(),
        "number": len(cases),
        "state": state.value,
        "tries": 0,
        "made_at": told(now),
        "ended_at": None if waits else told(now),
        "result": "" if waits else say("no_room", n=MAX_WAITING),
    }
    connection.execute(insert(notice).values(**row))


def _forget(connection: Connection) -> None:
    """The oldest of those that have ended."""
    ended = select(notice.c.id).where(notice.c.state != NoticeState.WAITING.value)
    last = connection.execute(ended.order_by(notice.c.id.desc()).offset(MAX_ENDED).limit(1)).scalar()
    if last is not None:
        gone = (notice.c.id <= last) & (notice.c.state != NoticeState.WAITING.value)
        connection.execute(delete(notice).where(gone))


_cases: Final = msgspec.json.Decoder(list[ToldCase]).decode


def _notice(row: Row[Any]) -> Notice:
    cases = tuple(_cases(row.cases))
    return Notice(
        row.id,
        row.code,
        row.target,
        cases,
        row.number,
        NoticeState(row.state),
        row.tries,
        row.made_at,
        row.ended_at,
        row.result,
    )
