"""Alarms as cases: opened by conditions, claimed and closed by people, kept with their whole history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.audit import escaped_text
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import alarm_case, case_step
from kiosk.sorting_center.ledger.database.times import to_rfc3339

MAX_REASON: Final = 500
MAX_PAGE: Final = 500
MAX_OPEN: Final = 10_000  # People cannot distinguish more open cases
SYSTEM_USER: Final = "itself"  # Opens cases, and closes those of SELF_CLEARING kinds

# Kinds that are over when they are no longer seen.
SELF_CLEARING: Final = frozenset(
    {
        "key_untried",
        *("quiet", "backlog", "gap", "offline", "reports", "never_seen", "old_software", "verification_over"),
        *("held_back", "old_price", "document_refused", "unsigned"),
    }
)
# Kinds of a day, reopened only by a person: while the reports are rebuilt their conditions are not seen.
NEVER_REOPENED: Final = frozenset({"impossible_mass", "impossible_price", "impossible_clock"})


CaseKey = tuple[str, str, str, str]  # Kind, region, station and subject


class CaseState(StrEnum):
    OPEN = "open"
    CLAIMED = "taken"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Condition:
    """What is wrong at a station. ``subject`` distinguishes two of one kind there: an epoch and number, a day.

    ``detail`` is one of `alarm_texts`, or "".
    """

    kind: str
    region: str
    station: str
    subject: str = ""
    detail: str = ""

    @property
    def key(self) -> CaseKey:
        return self.kind, self.region, self.station, self.subject


@dataclass(frozen=True, slots=True)
class Case:
    """``present``: its condition was seen the last time. ``version`` counts the steps."""

    id: int
    kind: str
    region: str
    station: str
    subject: str
    detail: str
    state: CaseState
    present: bool
    version: int
    opened_at: str
    seen_at: str
    who: str
    reason: str

    @property
    def key(self) -> CaseKey:
        return self.kind, self.region, self.station, self.subject


@dataclass(frozen=True, slots=True)
class CaseStep:
    """``who`` is a person, or SYSTEM_USER."""

    at: str
    who: str
    state: CaseState
    reason: str


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """An empty string matches all."""

    kind: str = ""
    station: str = ""


class Cases:
    """One row for each condition there ever was."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def observe(self, conditions: Iterable[Condition], now: datetime) -> list[Case]:
        """Take in all that is wrong now; return the cases that were opened or reopened.

        A closed case stays closed as long as its condition lasts; it is reopened when that was over and came back.
        """
        seen = {condition.key: condition for condition in conditions}
        with self._database.writing() as connection:
            known = _load_all(connection)
            opened = [key for key in seen if key not in known]
            _open(connection, [seen[key] for key in opened], now)
            _update_presence(connection, seen.keys(), known, now)
            reopened = [
                key
                for key, case in known.items()
                if key in seen
                and not case.present
                and case.state is CaseState.CLOSED
                and case.kind not in NEVER_REOPENED
            ]
            for key in reopened:
                _add_step(connection, known[key], CaseState.OPEN, (SYSTEM_USER, "it has come back"), now)
            for key, case in known.items():
                if key not in seen and case.state is not CaseState.CLOSED and case.kind in SELF_CLEARING:
                    _add_step(connection, case, CaseState.CLOSED, (SYSTEM_USER, "it is over"), now)
            rows = _load_all(connection)
        return [rows[key] for key in [*opened, *reopened]]

    def claim(self, number: int, version: int, who: str, now: datetime) -> Case:
        """Claim a case. Raises Refused: no_such_case, decided_meanwhile, closed."""
        return self.decide_all({number: version}, CaseState.CLAIMED, (who, ""), now)[0]

    def close(self, number: int, version: int, who: str, reason: str, now: datetime) -> Case:
        """Close a case. Raises Refused: no_reason, no_such_case, decided_meanwhile, closed."""
        return self.decide_all({number: version}, CaseState.CLOSED, (who, checked_reason(reason)), now)[0]

    def reopen(self, number: int, version: int, who: str, reason: str, now: datetime) -> Case:
        """Reopen a case. Raises Refused: no_reason, no_such_case, decided_meanwhile, not_closed."""
        return self.decide_all({number: version}, CaseState.OPEN, (who, checked_reason(reason)), now)[0]

    def decide_all(
        self, seen: Mapping[int, int], state: CaseState, signed_reason: tuple[str, str], now: datetime
    ) -> list[Case]:
        """Decide all of ``seen`` or none: numbers of cases with the versions that were read. Raises Refused:
        no_such_case, decided_meanwhile, closed, not_closed.
        """
        with self._database.writing() as connection:
            before = _load_cases(connection, seen)
            for number, version in seen.items():
                if (case := before.get(number)) is None:
                    raise Refused("no_such_case", f"there is no case {number}", {"number": str(number)})
                if case.version != version:
                    by = case.who or "somebody"
                    raise Refused("decided_meanwhile", f"{by} has decided meanwhile: look at it again")
                if (case.state is CaseState.CLOSED) != (state is CaseState.OPEN):
                    raise Refused("not_closed" if state is CaseState.OPEN else "closed", f"this case is {case.state}")
                _add_step(connection, case, state, signed_reason, now)
            after = _load_cases(connection, seen)
            return [after[number] for number in seen]

    def find(self, numbers: Iterable[int]) -> list[Case]:
        """Return those that exist."""
        with self._database.reading() as connection:
            return list(_load_cases(connection, numbers).values())

    def all_open(self) -> list[Case]:
        """Return those not closed, the newest first, at most MAX_OPEN."""
        query = select(alarm_case).where(alarm_case.c.state.in_([CaseState.OPEN.value, CaseState.CLAIMED.value]))
        with self._database.reading() as connection:
            return [_case(row) for row in connection.execute(query.order_by(alarm_case.c.id.desc()).limit(MAX_OPEN))]

    def get(self, number: int) -> Case:
        """Return the case. Raises Refused: no_such_case."""
        found = self.find([number])
        if not found:
            raise Refused("no_such_case", f"there is no case {number}", {"number": str(number)})
        return found[0]

    def page(
        self, states: Iterable[CaseState], before: int | None = None, limit: int = 100, only: CaseFilter | None = None
    ) -> list[Case]:
        """Return the newest first."""
        query = select(alarm_case).where(alarm_case.c.state.in_([state.value for state in states]))
        if only is not None and only.kind:
            query = query.where(alarm_case.c.kind == only.kind)
        if only is not None and only.station:
            query = query.where(alarm_case.c.station == only.station)
        if before is not None:
            query = query.where(alarm_case.c.id < before)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(alarm_case.c.id.desc()).limit(max(1, min(limit, MAX_PAGE))))
            return [_case(row) for row in rows]

    def of_station(self, region: str, station: str) -> list[Case]:
        """Return those not closed, the newest first."""
        query = select(alarm_case).where(
            alarm_case.c.region == region, alarm_case.c.station == station, alarm_case.c.state != CaseState.CLOSED.value
        )
        with self._database.reading() as connection:
            return [_case(row) for row in connection.execute(query.order_by(alarm_case.c.id.desc()))]

    def counts(self) -> dict[CaseState, int]:
        counted = select(alarm_case.c.state, func.count()).group_by(alarm_case.c.state)
        with self._database.reading() as connection:
            found = {CaseState(state): int(number) for state, number in connection.execute(counted)}
        return {state: found.get(state, 0) for state in CaseState}

    def kinds(self) -> list[str]:
        """Return the kinds that ever had a case."""
        with self._database.reading() as connection:
            return sorted(connection.execute(select(alarm_case.c.kind).distinct()).scalars())

    def history(self, number: int) -> Sequence[CaseStep]:
        """Return the oldest first."""
        query = select(case_step).where(case_step.c.alarm_case == number).order_by(case_step.c.id)
        with self._database.reading() as connection:
            return [CaseStep(row.at, row.who, CaseState(row.state), row.reason) for row in connection.execute(query)]


def checked_reason(text: str) -> str:
    """Return a person's words as they are stored. Raises Refused: no_reason."""
    reason = text.strip()
    if len(reason) < 3:
        raise Refused("no_reason", "say why, in a few words: whoever comes after you has to understand it")
    return escaped_text(reason, MAX_REASON)


def _load_cases(connection: Connection, numbers: Iterable[int]) -> dict[int, Case]:
    requested, found = list(numbers), dict[int, Case]()
    for start in range(0, len(requested), MAX_PAGE):
        query = select(alarm_case).where(alarm_case.c.id.in_(requested[start : start + MAX_PAGE]))
        found.update((row.id, _case(row)) for row in connection.execute(query))
    return found


def _load_all(connection: Connection) -> dict[CaseKey, Case]:
    cases = [_case(row) for row in connection.execute(select(alarm_case))]
    return {case.key: case for case in cases}


def _case(row: Row[Any]) -> Case:
    return Case(**{**row._mapping, "state": CaseState(row.state), "present": bool(row.present)})


def _open(connection: Connection, conditions: Iterable[Condition], now: datetime) -> None:
    at, state = to_rfc3339(now), CaseState.OPEN.value
    for condition in conditions:
        fresh = asdict(condition) | {"detail": escaped_text(condition.detail, MAX_REASON)}
        fresh |= {
            "state": state,
            "present": True,
            "version": 1,
            "opened_at": at,
            "seen_at": at,
            "who": "",
            "reason": "",
        }
        number = connection.execute(insert(alarm_case).values(fresh).returning(alarm_case.c.id)).scalar_one()
        step = {"alarm_case": number, "at": at, "who": SYSTEM_USER, "state": state, "reason": ""}
        connection.execute(insert(case_step).values(step))


def _update_presence(
    connection: Connection, seen: Collection[CaseKey], known: Mapping[CaseKey, Case], now: datetime
) -> None:
    here = [case.id for key, case in known.items() if key in seen]
    cleared = [case.id for key, case in known.items() if key not in seen and case.present]
    for numbers, values in ((here, {"present": True, "seen_at": to_rfc3339(now)}), (cleared, {"present": False})):
        for start in range(0, len(numbers), MAX_PAGE):
            part = alarm_case.c.id.in_(numbers[start : start + MAX_PAGE])
            connection.execute(update(alarm_case).where(part).values(values))


def _add_step(
    connection: Connection, case: Case, state: CaseState, signed_reason: tuple[str, str], now: datetime
) -> None:
    who, reason = signed_reason
    this_version = (alarm_case.c.id == case.id) & (alarm_case.c.version == case.version)
    values = {"state": state.value, "version": case.version + 1, "who": who, "reason": reason}
    if not connection.execute(update(alarm_case).where(this_version).values(values)).rowcount:
        raise Refused("decided_meanwhile", "somebody has decided meanwhile: look at it again")
    step = {"alarm_case": case.id, "at": to_rfc3339(now), "who": who, "state": state.value, "reason": reason}
    connection.execute(insert(case_step).values(step))
