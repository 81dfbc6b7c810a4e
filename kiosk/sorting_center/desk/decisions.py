"""Decisions of people on what is never changed: a quarantined event, a day that does not add up, a receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.cases import checked_reason
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import decision
from kiosk.sorting_center.ledger.database.times import to_rfc3339

MAX_OUTCOME: Final = 200
_CHUNK: Final = 500


class DecisionKind(StrEnum):
    """``quarantine``: region, station, epoch, seq and hash of an event. ``day``: region, station, epoch and seq of
    a day that was closed. ``receipt``: region, station and number of a receipt that is there twice. Parted by spaces.
    """

    QUARANTINE = "quarantine"
    DAY = "day"
    RECEIPT = "receipt"


ACTS: Final[Mapping[DecisionKind, frozenset[str]]] = {
    DecisionKind.QUARANTINE: frozenset({"take_again", "set_aside"}),
    DecisionKind.DAY: frozenset({"accepted", "asked_back"}),
    DecisionKind.RECEIPT: frozenset({"first_counts", "asked_back"}),
}


@dataclass(frozen=True, slots=True)
class DecisionRationale:
    """``figures``: those the person saw; "" where there are none."""

    who: str
    reason: str
    figures: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """``number`` counts those on the same subject, from 1. ``outcome``: what came of it, "" for nothing yet.
    ``figures`` as in `DecisionRationale`.
    """

    kind: DecisionKind
    subject: str
    number: int
    act: str
    reason: str
    who: str
    at: str
    outcome: str
    figures: str


class Decisions:
    """Only ever added to: a later decision overrules an earlier one."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def decide(
        self, subject: tuple[DecisionKind, str], seen: int, act: str, rationale: DecisionRationale, now: datetime
    ) -> Decision:
        """Store a decision. ``seen``: how many decisions on the subject the person saw.

        Raises Refused: no_such_act, no_reason, decided_meanwhile.
        """
        kind, key = subject
        if act not in ACTS[kind]:
            raise Refused("no_such_act", f"on a {kind} one decides {' or '.join(sorted(ACTS[kind]))}")
        reason, figures = checked_reason(rationale.reason), rationale.figures
        fresh = Decision(kind, key, seen + 1, act, reason, rationale.who, to_rfc3339(now), "", figures)
        same_subject = (decision.c.kind == kind.value) & (decision.c.subject == key)
        with self._database.writing() as connection:
            last = connection.execute(
                select(decision).where(same_subject).order_by(decision.c.number.desc()).limit(1)
            ).first()
            if (last.number if last is not None else 0) != seen:
                by = f"{last.who} has decided {last.act}" if last is not None else "nothing is decided"
                raise Refused("decided_meanwhile", f"{by} meanwhile: look at it again")
            connection.execute(insert(decision).values(asdict(fresh) | {"kind": kind.value}))
        return fresh

    def carry_out(self, kind: DecisionKind, act: str, execute: Callable[[Decision], str]) -> Decision | None:
        """Let ``execute`` carry out the oldest decision without an outcome and store what it returns; None without one.

        Of several processes one does it, the others pass over it. When the process ends in between, ``execute`` is
        called again for the same decision.
        """
        waiting = (decision.c.kind == kind.value) & (decision.c.act == act) & (decision.c.outcome == "")
        oldest = select(decision).where(waiting).order_by(decision.c.id).limit(1)
        with self._database.reading() as connection:
            if connection.execute(oldest).first() is None:
                return None
        with self._database.writing(alone=False) as connection:
            row = connection.execute(oldest.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            outcome = execute(_decision(row))[:MAX_OUTCOME]
            connection.execute(update(decision).where(decision.c.id == row.id).values(outcome=outcome))
            return replace(_decision(row), outcome=outcome)

    def newest(self, kind: DecisionKind, limit: int) -> Sequence[Decision]:
        """Return the newest first."""
        query = select(decision).where(decision.c.kind == kind.value).order_by(decision.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_decision(row) for row in connection.execute(query)]

    def history(self, kind: DecisionKind, subject: str) -> Sequence[Decision]:
        """Return the oldest first."""
        query = select(decision).where(decision.c.kind == kind.value, decision.c.subject == subject)
        with self._database.reading() as connection:
            return [_decision(row) for row in connection.execute(query.order_by(decision.c.number))]

    def latest(self, kind: DecisionKind, subjects: Iterable[str]) -> dict[str, Decision]:
        """Return the latest decision on each subject that has one, by subject."""
        all_subjects, found = list(subjects), {}
        with self._database.reading() as connection:
            for start in range(0, len(all_subjects), _CHUNK):
                part = (decision.c.kind == kind.value) & decision.c.subject.in_(all_subjects[start : start + _CHUNK])
                newest = select(func.max(decision.c.id)).where(part).group_by(decision.c.subject)
                for row in connection.execute(select(decision).where(decision.c.id.in_(newest))):
                    found[row.subject] = _decision(row)
        return found


def _decision(row: Row[Any]) -> Decision:
    values = {name: getattr(row, name) for name in Decision.__dataclass_fields__}
    return Decision(**values | {"kind": DecisionKind(row.kind)})
