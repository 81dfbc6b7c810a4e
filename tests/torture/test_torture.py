"""Any order of work and faults ends with everything at the center, once; and the harness finds what does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.depth import many
from tests.torture.broken_rules import RULES, BrokenRule
from tests.torture.judgement import heal, judge
from tests.torture.runner import Runner, quiet
from tests.torture.world import NAMES, Step

FINDS_WITHIN: int = 40
"""Seeds, behind the one that found the broken rule when it was written down."""


@pytest.fixture
def runner() -> Iterator[Runner]:
    one = Runner()
    yield one
    one.close()


def test_seeded_runs_end_with_everything_at_the_center_once(runner: Runner) -> None:
    failures = [failure for seed in range(many(12, torture=40, quick=2)) if (failure := runner.run(seed))]
    assert not failures, "\n".join(str(failure) for failure in failures)


COPY_AND_BACKUP = (
    ("work", 69880),
    ("back up ledger", 52277),
    ("clone", 36822),
    ("relay", 653828),
    ("carry", 131877),
    ("work", 836476),
    ("carry", 140493),
    ("restore ledger", 422797),
    ("relay", 741489),
)
"""Two machines with one card; event 3 of the first is taken in; the ledger comes back older; the second is faster."""


def test_nothing_is_lost_when_a_copy_is_faster_after_the_ledger_came_back(runner: Runner) -> None:
    """The first machine has its acknowledgement; it tells the event again, and the center names the number."""
    with quiet(), runner.world() as world:
        for name, number in COPY_AND_BACKUP:
            world.apply(Step(name, number))
        heal(world)
        judge(world)
        facts = {machine.name: machine.facts() for machine in world.machines}
        (first,) = [machine for machine in world.machines if machine.name == "S0002-clone"]
        told = {json.loads(event.body).get("reissued"): event.type for event in world.center.ledger.events()}
        receipts = {str(row[0]) for row in world.center.rows("SELECT receipt, '', 0, '' FROM intake")}
        named = {
            row[:3] for row in world.center.rows("SELECT station, epoch, seq, kind FROM alarm WHERE kind = 'fork'")
        }
    epoch = facts[first.name][0].epoch
    assert "fork" in first.alarms
    assert told[f"{epoch}-3"] == "station.intake.confirmed.v1"
    assert ("S0002", epoch, 3) in named
    assert {fact.receipt for one in facts.values() for fact in one if fact.receipt} == receipts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_that_is_broken_is_found(rule: BrokenRule) -> None:
    runner = Runner(rule.station, rule.parts)
    try:
        seeds = (rule.seed, *range(FINDS_WITHIN))
        found = next((broken for seed in seeds if (broken := runner.broken_by_seed(seed))), "")
    finally:
        runner.close()
    assert found
    assert found.startswith("Broken: ")


class Torture(RuleBasedStateMachine):
    """The same steps, chosen by hypothesis."""

    runner: ClassVar[Runner]

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.open.enter_context(quiet())
        self.world = self.open.enter_context(self.runner.world())

    @rule(name=st.sampled_from(NAMES), number=st.integers(0, 999_999))
    def step(self, name: str, number: int) -> None:
        self.world.apply(Step(name, number))

    def teardown(self) -> None:
        try:
            heal(self.world)
            judge(self.world)
        finally:
            self.open.close()


def test_what_hypothesis_chooses_ends_as_well(runner: Runner) -> None:
    Torture.runner = runner
    run_state_machine_as_test(
        Torture,
        settings=settings(
            max_examples=many(6, torture=300, quick=1),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
