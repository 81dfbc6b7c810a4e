"""Any order of intakes, new epochs, lost answers, broken lines and restored centers ends with nothing missing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kiosk.messaging.contract.control import Ack
from tests.depth import many
from tests.messaging.relay.line import Bench


class Relaying(RuleBasedStateMachine):
    """Two processes on one database, a wire, and a center that sometimes comes back from a backup."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self.folder.name) / "kiosk.sqlite", self.template, batch_events=3, window=2)
        self.backup = dict(self.bench.ledger.events)
        self.answers: list[Ack] = []
        self.begun = 1

    @rule(count=st.integers(1, 5))
    def bring_in(self, count: int) -> None:
        self.bench.intakes(count)

    @precondition(lambda self: self.begun < 8)
    @rule()
    def technician_begins_a_new_epoch(self) -> None:
        self.bench.new_epoch()
        self.begun += 1

    @precondition(lambda self: self.begun < 8)
    @rule()
    def the_epoch_changes_in_the_middle_of_sending(self) -> None:
        def act() -> None:
            self.bench.new_epoch()
            self.begun += 1

        self.bench.wire.before_publishing = act
        self.bench.pump()
        self.bench.wire.before_publishing = lambda: None

    @rule(seconds=st.sampled_from([0, 5, 200]))
    def send(self, seconds: int) -> None:
        self.bench.now += seconds
        self.bench.pump()

    @rule()
    def what_was_sent_arrives(self) -> None:
        self.answers += self.bench.wire.carried(self.bench.ledger)

    @rule()
    def what_was_sent_is_lost(self) -> None:
        self.bench.wire.sent.clear()

    @precondition(lambda self: self.answers)
    @rule(lost=st.booleans())
    def an_answer_arrives(self, lost: bool) -> None:
        answer = self.answers.pop(0)
        if not lost:
            self.bench.hear(answer)

    @rule()
    def all_flows(self) -> None:
        self.answers.clear()
        self.bench.flow()

    @rule()
    def the_line_breaks(self) -> None:
        self.answers.clear()
        self.bench.connect()

    @rule()
    def the_center_makes_a_backup(self) -> None:
        self.backup = dict(self.bench.ledger.events)

    @rule()
    def the_center_comes_back_from_its_backup(self) -> None:
        self.bench.ledger.events = dict(self.backup)
        self.answers.clear()

    @invariant()
    def nobody_but_the_technician_begins_an_epoch(self) -> None:
        assert self.bench.whys() == ["new"] + ["forked"] * (self.begun - 1)

    def teardown(self) -> None:
        try:
            self.bench.connect()
            self.bench.flow()
            assert self.bench.missing() == set()
            assert self.bench.station.outbox.counts().pending == 0
            assert self.bench.session.settled
            self.nobody_but_the_technician_begins_an_epoch()
            self.bench.station.journal.verify()
        finally:
            self.bench.open.close()
            self.folder.cleanup()


def test_nothing_is_missing_in_any_order(template: Path) -> None:
    Relaying.template = template
    run_state_machine_as_test(
        Relaying,
        settings=settings(
            max_examples=many(12, torture=200, quick=3),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
