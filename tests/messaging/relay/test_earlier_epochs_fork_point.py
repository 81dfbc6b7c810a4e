"""Where two chains part, found by asking for one hash after the other."""

from __future__ import annotations

import pytest

from kiosk.messaging.contract.control import Ack
from kiosk.messaging.relay.earlier_epochs import ForkPoint, HashQuery, SharedUpTo

EPOCH = "00c0ffee00c0ffee"
OLD, NEW = "0" * 16, "1" * 16


def own(seq: int) -> str:
    return f"{seq:064x}"


class Chain:
    """A ledger whose first ``shared`` events are this database's; the rest, up to ``upto``, is not."""

    def __init__(self, shared: int, upto: int, generation: str = NEW) -> None:
        self.shared, self.upto, self.generation = shared, upto, generation

    def hash(self, seq: int) -> str:
        return own(seq) if seq <= self.shared else f"{seq:f>64x}"

    def ack(self, at: int | None = 0) -> Ack:
        hash_at = self.hash(at) if at and at <= self.upto else ""
        return Ack(EPOCH, self.upto, (), (), self.hash(self.upto), self.generation, at, hash_at)


def found(chain: Chain, acked_upto: int, fork_point: ForkPoint | None = None) -> tuple[int, int]:
    """The answer, and how many questions it took."""
    looking = fork_point or ForkPoint()
    step, questions = looking.contradicted(chain.ack(), acked_upto, own), 0
    while isinstance(step, HashQuery):
        questions += 1
        assert looking.question == step.at
        assert looking.contradicted(chain.ack(), acked_upto, own) is None, "it is not asked twice"
        step = looking.contradicted(chain.ack(step.at), acked_upto, own)
    assert step is not None
    assert looking.question == 0
    return step.upto, questions


def test_every_fork_is_found() -> None:
    for acked_upto in range(12):
        for upto in range(1, 16):
            for shared in range(upto):
                got, questions = found(Chain(shared, upto), acked_upto)
                assert got == min(shared, acked_upto), (acked_upto, upto, shared)
                assert questions <= 5


def test_years_of_events_take_few_questions() -> None:
    assert found(Chain(249_990, 250_010), 250_000) == (249_990, 19)
    assert found(Chain(250_000, 250_010), 250_000) == (250_000, 1)


def test_what_is_known_is_not_asked_again() -> None:
    looking, chain = ForkPoint(), Chain(7, 12)
    assert found(chain, 10, looking)[0] == 7
    chain.upto = 20
    assert looking.contradicted(chain.ack(), 7, own) == SharedUpTo(7)


def test_another_ledger_is_asked_anew() -> None:
    looking = ForkPoint()
    assert found(Chain(7, 12), 7, looking) == (7, 1)
    other = Chain(4, 12, OLD)
    assert looking.contradicted(other.ack(), 7, own) is None, "not at once: two may answer in turn"
    assert looking.question == 7
    step = looking.contradicted(other.ack(7), 7, own)
    while isinstance(step, HashQuery):
        step = looking.contradicted(other.ack(step.at), 7, own)
    assert step == SharedUpTo(4)


def test_an_answer_that_does_not_fit_starts_over() -> None:
    """The ledger came back once more, and nobody said so."""
    looking = ForkPoint()
    assert looking.contradicted(Chain(9, 12).ack(), 9, own) == HashQuery(9)
    assert looking.contradicted(Chain(9, 12).ack(9), 9, own) == SharedUpTo(9)
    assert found(Chain(3, 6), 9, looking)[0] == 3
    assert found(Chain(8, 12), 9, looking)[0] in (3, 8)


@pytest.mark.parametrize("upto", [3, 9, 12])
def test_a_center_that_does_not_know_the_question_is_taken_at_its_word(upto: int) -> None:
    assert ForkPoint().contradicted(Chain(2, upto).ack(None), 9, own) == SharedUpTo(9)
