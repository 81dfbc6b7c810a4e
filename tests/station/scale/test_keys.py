"""The scale's own keys: what is never sent, and that what is sent is sent once and told as it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kiosk.app.shared.adapters import open_scale
from kiosk.base.refused import Refused
from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState
from kiosk.devices.scale.command import _REFUSALS, COMMANDS
from kiosk.devices.scale.pause import PausableScale
from kiosk.devices.scale.settings import Indicator
from kiosk.domain.metrology.pan import PanState
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.station.desk.view import DeskStep
from kiosk.station.doctor.tools import TechnicianTools
from kiosk.station.scale.keys import KEYS, REASON_CODES, REASONS, REFUSED_BY_SCALE, ScaleKeys
from kiosk.texts import LANGUAGES, load
from tests.devices.scale.listener import Listener
from tests.station.fakes import PROFILE, Rig
from tests.station.hardware import WAIT_S

MOST_G = PROFILE.max_g // 25
DONE = CommandResult(CommandOutcome.DONE)


class FakeScale:
    """Keeps what it was sent and answers what the test says."""

    pulse: float | None = None

    def __init__(self, answer: CommandResult = DONE) -> None:
        self.answer, self.sent = answer, cast(list[str], [])

    def start(self) -> None: ...
    def stop(self, timeout_s: float = 2.0) -> None: ...

    def send(self, command: str, deadline_s: float = 3.0) -> CommandResult:
        assert deadline_s <= 3.0
        self.sent.append(command)
        return self.answer


@pytest.fixture
def rig() -> Rig:
    return Rig()


def keys_of(rig: Rig, scale: FakeScale, commands: tuple[str, ...] = COMMANDS) -> ScaleKeys:
    return ScaleKeys(scale, commands, PROFILE.max_g, rig.desk.loads)


def acts_of(keys: ScaleKeys | None) -> TechnicianTools:
    return TechnicianTools(cast(Any, SimpleNamespace(equipment=SimpleNamespace(scale_keys=keys))))


def refusal(reason: str) -> CommandResult:
    return CommandResult(CommandOutcome.REFUSED, reason)


def show(rig: Rig, grams: int | None, **flags: bool) -> None:
    """One frame with these flags."""
    said: dict[str, bool | None] = {"stable": None, "net": None, "overload": None, "underload": None}
    rig.now += 0.1
    weight = None if grams is None else Decimal(grams).scaleb(-3)
    rig.desk.readings.on_reading(Reading(weight, "kg", raw=b"", **{**said, **flags}), rig.now)


# --- what may be zeroed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grams", [0, 5, -5, 120, MOST_G, -MOST_G])
def test_zero_reaches_four_percent_of_max(rig: Rig, grams: int) -> None:
    scale = FakeScale()
    rig.rest(grams)
    assert keys_of(rig, scale).press("zero") == DONE
    assert scale.sent == ["zero"]


@pytest.mark.parametrize("grams", [MOST_G + PROFILE.e_g, -MOST_G - PROFILE.e_g, PROFILE.max_g])
def test_beyond_it_nothing_is_sent(rig: Rig, grams: int) -> None:
    scale = FakeScale()
    rig.rest(grams)
    assert keys_of(rig, scale).press("zero") == refusal("not_near_zero")
    assert scale.sent == []


@pytest.mark.parametrize(
    ("grams", "flags", "reason"),
    [
        (640, {"net": True}, "pan_net"),
        (None, {"overload": True}, "not_near_zero"),
        (None, {"underload": True}, "not_near_zero"),
        (None, {}, "pan_unread"),
        (7, {}, "pan_unread"),  # no multiple of d: another scale, or a damaged frame
    ],
)
def test_what_the_station_cannot_judge_is_not_zeroed(
    rig: Rig, grams: int | None, flags: dict[str, bool], reason: str
) -> None:
    scale = FakeScale()
    rig.rest(0)
    show(rig, grams, **flags)
    assert keys_of(rig, scale).press("zero") == refusal(reason)
    assert scale.sent == []
    assert keys_of(rig, scale).press("clear_tare") == DONE, "the tare can be cleared whatever lies there"
    assert scale.sent == ["clear_tare"]


def test_goods_on_their_way_to_the_pan_are_not_zeroed(rig: Rig) -> None:
    scale = FakeScale()
    rig.rest(0)
    rig.read(900)
    assert rig.desk.view().pan.state is PanState.MOVING
    assert keys_of(rig, scale).press("zero") == refusal("pan_moving")
    assert scale.sent == []
    rig.rest(900)
    assert keys_of(rig, scale).press("zero") == DONE


def test_an_old_weight_is_none(rig: Rig) -> None:
    scale = FakeScale()
    assert keys_of(rig, scale).press("zero") == refusal("pan_unread"), "before the first reading"
    rig.rest(0)
    rig.desk.readings.on_expired(rig.now + 1)
    assert keys_of(rig, scale).press("zero") == refusal("pan_unread")
    rig.rest(0)
    rig.desk.readings.on_link(LinkState.MISSING, "", rig.now)
    assert keys_of(rig, scale).press("zero") == refusal("pan_unread")
    assert scale.sent == []


# --- whose weighing ---------------------------------------------------------------------------------------------------


def test_nobody_s_weighing_is_changed_under_them(rig: Rig) -> None:
    scale = FakeScale()
    keys = keys_of(rig, scale)
    rig.rest(0)
    rig.rest(MOST_G)
    version, _ = rig.store.catalogs.get()
    rig.desk.choices.choose_party("non_member")
    view = rig.desk.choices.choose_product("BADAM", version)
    assert view.step is DeskStep.AGREE
    for key in KEYS:
        assert keys.press(key) == refusal("intake_open")
    rig.desk.intake_exit.back()
    for key in KEYS:
        assert keys.press(key) == refusal("intake_open"), "one screen back its receipt number is still taken"
    assert scale.sent == []
    rig.desk.intake_exit.leave()
    for key in KEYS:
        assert keys.press(key) == DONE
    assert scale.sent == list(KEYS)


# --- which keys there are ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "names"),
    [
        (("read", "zero", "tare", "clear_tare"), ("zero", "clear_tare")),
        (("zero", "tare"), ("zero",)),
        (("request_weight", "tare"), ()),
        ((), ()),
    ],
)
def test_only_what_the_format_has(rig: Rig, commands: tuple[str, ...], names: tuple[str, ...]) -> None:
    scale = FakeScale()
    keys = keys_of(rig, scale, commands)
    rig.rest(0)
    assert keys.names == names
    assert acts_of(keys).scale_keys() == names
    for key in ("tare", "read", "self-destruct", *(set(KEYS) - set(names))):
        assert keys.press(key) == CommandResult(CommandOutcome.NOT_SUPPORTED)
    assert scale.sent == []


def test_every_press_is_in_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kiosk.station.scale.keys")
    rig.rest(0)
    keys_of(rig, FakeScale()).press("zero")
    keys_of(rig, FakeScale(refusal("tare_range"))).press("clear_tare")
    rig.rest(9_000)
    keys_of(rig, FakeScale()).press("zero")
    assert [(row.levelname, row.getMessage()) for row in caplog.records] == [
        ("INFO", "zero of the scale was asked for: done"),
        ("INFO", "clear_tare of the scale was asked for: refused tare_range"),
        ("INFO", "zero of the scale was asked for: refused not_near_zero"),
    ]


# --- the technician's acts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [CommandOutcome.DONE, CommandOutcome.NO_ANSWER, CommandOutcome.UNCONFIRMED])
def test_what_was_sent_is_told_and_sent_once(rig: Rig, outcome: CommandOutcome) -> None:
    scale = FakeScale(CommandResult(outcome))
    acts = acts_of(keys_of(rig, scale))
    rig.rest(0)
    assert (acts.press("zero"), acts.press("clear_tare")) == (outcome, outcome)
    assert scale.sent == ["zero", "clear_tare"]


def test_every_reason_of_a_refusal_has_a_code_and_every_code_its_words(rig: Rig) -> None:
    reasons = {*REASONS, "busy", "not_connected", *_REFUSALS}
    assert set(REASON_CODES) == reasons
    for code in {*REASON_CODES.values(), "no_scale_key"}:
        for language in LANGUAGES:
            assert load(language, strict=True).text(f"technician.refused.{code}")
    rig.rest(0)
    for reason in reasons:
        with pytest.raises(Refused) as refused:
            acts_of(keys_of(rig, FakeScale(refusal(str(reason))))).press("clear_tare")
        assert (refused.value.code, str(refused.value)) == (REASON_CODES[reason], reason)
    with pytest.raises(Refused) as refused:
        acts_of(keys_of(rig, FakeScale(refusal("a word of tomorrow")))).press("zero")
    assert refused.value.code == REFUSED_BY_SCALE


def test_a_scale_without_the_command_and_no_scale_at_all(rig: Rig) -> None:
    for keys in (keys_of(rig, FakeScale(), ("zero",)), None):
        with pytest.raises(Refused) as refused:
            acts_of(keys).press("clear_tare")
        assert refused.value.code == "no_scale_key"
    assert acts_of(None).scale_keys() == ()


# --- on a line --------------------------------------------------------------------------------------------------------


class Both(Listener):
    """Passes on to the desk what it hears."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._desk = rig.desk

    def on_reading(self, reading: Reading, at: float) -> None:
        self._desk.readings.on_reading(reading, at)
        super().on_reading(reading, at)

    def on_expired(self, at: float) -> None:
        self._desk.readings.on_expired(at)
        super().on_expired(at)

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        self._desk.readings.on_link(state, detail, at)
        super().on_link(state, detail, at)


@contextmanager
def on_a_line(rig: Rig, folder: Path) -> Iterator[tuple[ScaleSimulator, PausableScale, Both]]:
    """A scale that says net and clears it, watched as the station watches it."""
    listener = Both(rig)
    rig.clock = monotonic  # as the readings of a real scale
    with ScaleSimulator("sma", folder / "scale", settle_s=0, settings=IndicatorSettings(step_g=5)) as simulator:
        indicator = Indicator(simulator.path, "sma", {}, 0.05, PROFILE.e_g)
        scale = PausableScale(lambda hears: open_scale(indicator, LineSettings(), hears), listener)
        scale.start()
        try:
            yield simulator, scale, listener
        finally:
            scale.stop(WAIT_S)


def pan(rig: Rig) -> tuple[PanState, int | None]:
    view = rig.desk.view().pan
    return view.state, view.grams


def test_zero_and_clear_tare_of_a_real_scale_while_the_desk_reads_it(rig: Rig, tmp_path: Path) -> None:
    with on_a_line(rig, tmp_path) as (simulator, scale, listener):
        acts = acts_of(ScaleKeys(scale, COMMANDS, PROFILE.max_g, rig.desk.loads))
        simulator.command("put 0.640kg")
        assert listener.until(lambda: pan(rig) == (PanState.STABLE, 640))
        assert acts.press("zero") is CommandOutcome.DONE
        assert listener.until(lambda: pan(rig) == (PanState.EMPTY, 0))
        simulator.command("put 1.500kg")
        simulator.command("net 0.500kg")
        assert listener.until(lambda: listener.readings[-1][0].net is True)
        with pytest.raises(Refused, match="pan_net"):
            acts.press("zero")
        assert acts.press("clear_tare") is CommandOutcome.DONE
        assert listener.until(lambda: rig.desk.view().pan.grams == 860)
        simulator.command("put 30kg")
        assert listener.until(lambda: pan(rig) == (PanState.STABLE, 29_360))
        with pytest.raises(Refused, match="not_near_zero"):
            acts.press("zero")


def test_a_scale_that_is_taught_or_unplugged_is_sent_nothing(rig: Rig, tmp_path: Path) -> None:
    with on_a_line(rig, tmp_path) as (simulator, scale, listener):
        keys = ScaleKeys(scale, COMMANDS, PROFILE.max_g, rig.desk.loads)
        assert listener.until(lambda: pan(rig) == (PanState.EMPTY, 0))
        scale.pause()
        assert keys.press("clear_tare") == refusal("not_connected")
        assert keys.press("zero") == refusal("pan_unread")
        scale.resume()
        assert listener.until(lambda: pan(rig) == (PanState.EMPTY, 0))
        simulator.command("unplug")
        assert listener.until(lambda: listener.states()[-1] is LinkState.MISSING)
        assert keys.press("clear_tare") == refusal("not_connected")
