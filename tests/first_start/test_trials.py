"""Each device shows itself, or says why it does not: real adapters against simulated hardware."""

from __future__ import annotations

import dataclasses
import errno
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

import kiosk.web
from kiosk.base.refused import Refused
from kiosk.devices.ports import CameraFault, MatShot, PrintNotStarted, PrintUncertain, Scanner, Shot
from kiosk.devices.printer.profiles import profiles
from kiosk.devices.scale.probe import TIMING, ScaleProbe
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.first_start.device_questions import printer_makers, scale_makers, scale_picture, with_found
from kiosk.first_start.shared.draft import CameraDraft, draft_path, load_draft
from kiosk.first_start.shared.ports import Choice, TrialView
from kiosk.first_start.trials import (
    FAILED,
    POOR,
    SEEN,
    WAITING,
    WORKING,
    ListenTrial,
    OnDemandTrial,
    ScaleTrial,
    ScannerTrial,
)
from kiosk.first_start.wizard import FirstStartWizard
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import Proposal, Recording, propose, without_equivalents
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.texts import LANGUAGES, load
from tests.web.first_start.bench import Bench
from tests.web.first_start.scenes import draft_at


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is there is waited for, however long the machine stands still."""
    monkeypatch.setattr("kiosk.first_start.device_questions.SHOT_S", 25.0)
    monkeypatch.setattr("kiosk.devices.printer.stream.ANSWER_S", 15.0)


@pytest.fixture
def at(bench: Bench) -> Iterator[Callable[[str], FirstStartWizard]]:
    open_ones: list[FirstStartWizard] = []

    def begin(question: str) -> FirstStartWizard:
        open_ones.append(bench.begin(draft_at(bench, question)))
        return open_ones[-1]

    yield begin
    for wizard in open_ones:
        wizard.close()
    bench.scale.command("replug")
    bench.scale.command("take")
    bench.labels.command("on")
    bench.camera.command("scene badam")


def until(wizard: FirstStartWizard, right: Callable[[TrialView], bool], timeout_s: float = 30.0) -> TrialView:
    """The first look that is right."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        trial = wizard.view().trial
        assert trial is not None
        if right(trial):
            return trial
        time.sleep(0.02)
    raise AssertionError(trial)


def ended(trial: TrialView) -> bool:
    return trial.state in (SEEN, POOR, FAILED)


Begin = Callable[[str], FirstStartWizard]


class TestScale:
    def test_weight_state_and_frame(self, bench: Bench, at: Begin) -> None:
        wizard = at("reads")
        bench.scale.command("put 12.480kg")
        trial = until(wizard, lambda trial: trial.weight == "12.480 kg" and trial.motion == "stable")
        assert trial.state == SEEN
        assert trial.raw.startswith("ST,GS,+")
        assert "<0D><0A>" in trial.raw or trial.raw.endswith("kg")
        bench.scale.command("overload")
        assert until(wizard, lambda trial: trial.motion == "overload").weight == ""

    def test_a_cable_that_is_pulled_and_put_back(self, bench: Bench, at: Begin) -> None:
        wizard = at("reads")
        until(wizard, lambda trial: trial.state == SEEN)
        bench.scale.command("unplug")
        trial = until(wizard, lambda trial: trial.state == FAILED)
        assert "check its cable" in trial.detail
        bench.scale.command("replug")
        until(wizard, lambda trial: trial.state == SEEN and bool(trial.weight))

    def test_another_format_than_the_one_chosen(self, bench: Bench, at: Begin) -> None:
        draft = draft_at(bench, "reads")
        assert draft.scale is not None
        wizard = bench.begin(replace(draft, scale=replace(draft.scale, protocol="xk3190_tf0")))
        try:
            trial = until(wizard, lambda trial: "sends nothing like xk3190_tf0" in trial.detail)
            assert trial.state == WAITING
        finally:
            wizard.close()

    def test_the_port_is_free_when_the_question_is_left(self, bench: Bench, at: Begin) -> None:
        wizard = at("reads")
        until(wizard, lambda trial: trial.state == SEEN)
        wizard.answer("reads", {"value": "yes"})
        assert wizard.view().question == "e"
        assert "scale" not in {thread.name for thread in threading.enumerate()}
        wizard.back()
        until(wizard, lambda trial: trial.state == SEEN)


class TestListening:
    """The question for the format listens to the port that was chosen."""

    def test_what_is_heard_stands_first_and_sets_the_line(
        self, bench: Bench, at: Begin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It listens until it has heard enough, and hears nothing before it was looked at."""
        patient = partial(ScaleProbe, timing=dataclasses.replace(TIMING, first_s=60.0))
        monkeypatch.setattr("kiosk.app.shared.adapters.ScaleProbe", patient)
        bench.scale.command("silent")
        wizard = at("protocol")
        first = wizard.view()
        assert first.trial is not None
        assert first.trial.state == WORKING
        assert not any(tile.value.startswith("found:") for tile in first.choices)
        bench.scale.command("replug")
        until(wizard, lambda trial: trial.state == SEEN)
        tiles = wizard.view().choices
        assert (tiles[0].value, tiles[0].detail) == ("found:st_gs_csv 9600 8N1", "9600 8N1")
        assert len(tiles) == len(first.choices)
        labels = [tile.label for tile in tiles]
        assert len(labels) == len(set(labels)), "each format has one tile"
        wizard.answer("protocol", {"value": tiles[0].value})
        assert wizard.view().question == "line"
        assert next(tile.value for tile in wizard.view().choices if tile.chosen) == "9600 8N1"
        assert "listen" not in {thread.name for thread in threading.enumerate()}

    def test_a_choice_is_not_waited_for(self, bench: Bench, at: Begin) -> None:
        """The port is given back at once: the trial after it opens it again."""
        wizard = at("protocol")
        wizard.answer("protocol", {"value": "st_gs_csv"})
        wizard.answer("line", {"value": "9600 8N1"})
        until(wizard, lambda trial: trial.state == SEEN and bool(trial.weight))

    def test_a_silent_scale_is_said_to_be_silent(self, bench: Bench, at: Begin) -> None:
        bench.scale.command("silent")
        wizard = at("protocol")
        until(wizard, lambda trial: trial.state == WAITING)
        assert not any(tile.value.startswith("found:") for tile in wizard.view().choices)

    def test_a_port_that_cannot_be_opened(self, bench: Bench, at: Begin) -> None:
        bench.scale.command("unplug")
        wizard = at("protocol")
        assert "not plugged in" in until(wizard, lambda trial: trial.state == FAILED).detail

    @pytest.mark.parametrize(
        "value",
        ["found:", "found:no_such 9600 8N1", "found:st_gs_csv", "found:st_gs_csv 9600 9N9", "found:st_gs_csv 1 8N1"],
    )
    def test_a_found_format_that_nobody_found(self, bench: Bench, at: Begin, value: str) -> None:
        wizard = at("protocol")
        before = wizard.view().choices
        with pytest.raises(Refused):
            wizard.answer("protocol", {"value": value})
        assert wizard.view().question == "protocol"
        assert [tile.chosen for tile in wizard.view().choices][: len(before)].count(True) <= 1

    def test_a_probe_with_a_fault_of_its_own(self) -> None:
        class Odd:
            def run(self) -> tuple[Proposal, ...]:
                raise RuntimeError("odd")

            def cancel(self) -> None: ...

        trial = ListenTrial(lambda told: Odd())
        trial.close()
        assert (trial.view().state, trial.view().detail, trial.found) == (FAILED, "odd", ())


LISTED = [Choice("st_gs_csv", "st_gs_csv"), Choice("xk3190_eq_reversed", "xk3190_eq_reversed")]
EIGHT = LineSettings()


@pytest.mark.parametrize(
    ("heard", "values", "chosen"),
    [
        (b"=000.2000" * 8, ["found:xk3190_eq_reversed 9600 8N1", "found:xk3190_eq_forward 9600 8N1", "st_gs_csv"], []),
        (b"ST,GS,+  2.480kg\r\n" * 8, ["found:st_gs_csv 9600 8N1", "xk3190_eq_reversed"], ["st_gs_csv"]),
        (b"$GPGGA\r\n" * 8, ["st_gs_csv", "xk3190_eq_reversed"], []),
    ],
    ids=["both directions", "one layout", "no scale"],
)
def test_only_what_is_sure_is_chosen_for_the_technician(heard: bytes, values: list[str], chosen: list[str]) -> None:
    found = without_equivalents(propose([Recording(EIGHT, (heard,))]))
    tiles = list(with_found(LISTED, found))
    assert [tile.value for tile in tiles] == values
    assert [tile.label for tile in tiles if tile.chosen] == chosen


def test_an_answer_that_was_given_stays_the_chosen_one() -> None:
    listed = [Choice("xk3190_tf0", "xk3190_tf0", chosen=True), *LISTED]
    found = without_equivalents(propose([Recording(EIGHT, (b"ST,GS,+  2.480kg\r\n" * 8,))]))
    assert [tile.label for tile in with_found(listed, found) if tile.chosen] == ["xk3190_tf0"]
    heard = [Choice("st_gs_csv", "st_gs_csv", chosen=True), LISTED[1]]
    assert [tile.value for tile in with_found(heard, found) if tile.chosen] == ["found:st_gs_csv 9600 8N1"]


def test_every_format_and_every_printer_is_known_by_its_makers_and_a_drawing() -> None:
    drawings = {path.stem for path in (Path(kiosk.web.__file__).parent / "static" / "drawings").glob("*.svg")}
    for row in registry.PROTOCOLS.values():
        assert 2 < len(scale_makers(row)) <= 34, row.id
        assert row.devices.startswith(scale_makers(row).removesuffix(" …")), row.id
        assert scale_picture(row) in drawings
    for printer in profiles().values():
        makers, picture = printer_makers(printer)
        assert makers
        assert picture in drawings
    assert scale_makers(registry.get("xk3190_eq_reversed")) == "Yaohua XK3190-A26, A23p"
    assert {scale_picture(row) for row in registry.PROTOCOLS.values()} == {
        "scale-platform",
        "scale-price",
        "scale-balance",
        "scale-board",
    }
    assert {printer_makers(row)[1] for row in profiles().values()} == {
        "printer-label",
        "printer-belt",
        "printer-narrow",
        "printer-wide",
        "printer-sheet",
    }


def test_every_format_is_offered_by_maker(at: Begin) -> None:
    tiles = {tile.value: tile for tile in at("protocol").view().choices}
    assert tiles["xk3190_tf0"].makers.startswith("Yaohua")
    assert (tiles["xk3190_tf0"].label, tiles["xk3190_tf0"].picture) == ("xk3190_tf0", "scale-platform")


def test_a_format_that_needs_a_parameter_is_taught_elsewhere() -> None:
    frame = b"\xff\x14\x00\x24\x80"
    found = [one for one in propose([Recording(EIGHT, (frame * 8,))]) if one.candidate.params]
    assert found
    assert [tile.value for tile in with_found(LISTED, found)] == [tile.value for tile in LISTED]


class Silent:
    """A scale that only says what it is told to say."""

    def start(self) -> None: ...
    def stop(self, timeout_s: float = 2.0) -> None: ...


def test_a_format_that_does_not_tell_stable_is_still_after_five_alike() -> None:
    trial = ScaleTrial(lambda listener: Silent())
    for number, expected in enumerate(["moving"] * 4 + ["stable"] * 2):
        trial.on_reading(Reading(Decimal("1.20"), None, None, None, None, None, b""), number)
        assert trial.view().motion == expected
    trial.on_reading(Reading(Decimal("1.25"), None, None, None, None, None, b""), 9)
    assert trial.view().motion == "moving"
    trial.on_reading(Reading(Decimal("-0.05"), None, None, None, None, None, b""), 10)
    assert trial.view().motion == "negative"
    trial.on_expired(12)
    assert trial.view() == TrialView(SEEN, motion="lost")


class TestPrinters:
    @pytest.mark.parametrize("name", ["label", "receipt"])
    def test_a_test_paper_comes_out(self, bench: Bench, at: Begin, name: str) -> None:
        printer = bench.labels if name == "label" else bench.receipts
        before = len(printer.printed)
        wizard = at(f"{name}_test")
        assert wizard.view().trial == TrialView(WAITING)
        wizard.start_trial(f"{name}_test")
        assert until(wizard, ended).state == SEEN
        assert printer.wait_for(before + 1, 30)

    def test_no_paper_is_told_and_tried_again(self, bench: Bench, at: Begin) -> None:
        bench.labels.command("paper-out")
        wizard = at("label_test")
        wizard.start_trial("label_test")
        trial = until(wizard, ended)
        assert (trial.state, "put a new roll in" in trial.detail) == (FAILED, True)
        assert (trial.text_id, trial.place in trial.detail) == ("doctor.do.printer_paper_out", True)
        bench.labels.command("paper-in")
        wizard.start_trial("label_test")
        until(wizard, lambda trial: trial.state == SEEN)

    def test_a_printer_that_is_off(self, bench: Bench) -> None:
        draft = draft_at(bench, "label_test")
        assert draft.label is not None
        wizard = bench.begin(replace(draft, label=replace(draft.label, address="127.0.0.1:1")))
        try:
            wizard.start_trial("label_test")
            assert "check its power and cable" in until(wizard, ended).detail
        finally:
            wizard.close()


class TestScanner:
    def test_the_code_on_the_screen(self, bench: Bench, at: Begin) -> None:
        wizard = at("scanner_test")
        code = until(wizard, lambda trial: bool(trial.code)).code
        heard = threading.Event()
        while not heard.wait(0.1):  # the port may not be open yet: a scan is heard by nobody then
            bench.scanner.scan("6901234567892")
            trial = wizard.view().trial
            if trial is not None and trial.raw:
                heard.set()
        assert until(wizard, lambda trial: trial.raw == "6901234567892").state == WAITING
        bench.scanner.scan("]C1" + code)
        assert until(wizard, lambda trial: trial.state == SEEN).raw == "]C1" + code

    def test_states_of_the_adapter(self) -> None:
        class Quiet:
            def start(self) -> None: ...
            def stop(self, timeout_s: float = 3.0) -> None: ...

        told: list[Callable[[str], None]] = []

        def make(on_scan: Callable[[str], None], on_state: Callable[[str], None]) -> Scanner:
            told.extend((on_scan, on_state))
            return Quiet()

        trial = ScannerTrial("TEST-1234", make)
        told[1]("scanner_second_keyboard")
        assert (trial.view().state, trial.view().detail) == (FAILED, "scanner_second_keyboard")
        told[1]("ok")
        assert trial.view().state == WAITING
        told[0]("TEST-1234")
        assert trial.view().state == SEEN


MAT = MatMeasures(tuple(MatMeasure(one, 3_000, 3_000) for one in MatQuality))


def proof_of_camera(bench: Bench) -> str:
    """What stands in the draft that a restart would read."""
    return load_draft(draft_path(bench.config)).proven["camera"]


class TestCamera:
    def test_the_mat_is_measured_and_shown(self, bench: Bench, at: Begin) -> None:
        wizard = at("camera_test")
        assert wizard.shot() is None
        wizard.start_trial("camera_test")
        trial = until(wizard, ended)
        assert (trial.state, trial.shots) == (SEEN, 1)
        assert trial.mat is not None and trial.mat.good
        picture = wizard.shot()
        assert picture is not None
        assert picture.startswith(b"\xff\xd8\xff")
        wizard.answer("camera_test", {"value": "yes"})
        assert proof_of_camera(bench) == "seen"

    def test_a_camera_that_stands_badly_proves_nothing_and_that_is_written_down(self, bench: Bench, at: Begin) -> None:
        bench.camera.command("tilt")
        wizard = at("camera_test")
        wizard.start_trial("camera_test")
        trial = until(wizard, ended)
        assert trial.state == POOR and trial.mat is not None
        assert MatQuality.TILT in {row.quality for row in trial.mat.rows if not row.good}
        with pytest.raises(Refused, match="not_seen"):
            wizard.answer("camera_test", {"value": "yes"})
        wizard.answer("camera_test", {"value": "skip"})
        assert wizard.view().question == "broker"
        assert proof_of_camera(bench) == "poor"

    def test_who_goes_on_without_a_measurement_has_tried_nothing(self, bench: Bench, at: Begin) -> None:
        wizard = at("camera_test")
        wizard.answer("camera_test", {"value": "skip"})
        assert proof_of_camera(bench) == "unseen"

    def test_no_mat_is_no_picture(self, tmp_path: Path, bench: Bench, at: Begin) -> None:
        table = np.random.default_rng(1).integers(0, 255, (540, 960, 3)).astype(np.uint8)
        (tmp_path / "table.png").write_bytes(cv2.imencode(".png", table)[1].tobytes())
        draft = draft_at(bench, "camera_test")
        wizard = bench.begin(replace(draft, camera=CameraDraft("file", str(tmp_path / "table.png"))))
        try:
            wizard.start_trial("camera_test")
            trial = until(wizard, ended)
            assert trial.state == POOR and trial.mat is not None
            assert [row.value for row in trial.mat.rows] == [0]
            assert wizard.shot() is None
        finally:
            wizard.close()

    def test_a_lens_cap(self, bench: Bench, at: Begin) -> None:
        bench.camera.command("black")
        wizard = at("camera_test")
        wizard.start_trial("camera_test")
        trial = until(wizard, ended)
        assert (trial.state, trial.shots) == (FAILED, 0)
        assert wizard.shot() is None


class TestBroker:
    def test_somebody_listens(self, at: Begin) -> None:
        wizard = at("broker_test")
        wizard.start_trial("broker_test")
        assert until(wizard, ended).state == SEEN

    def test_nobody_listens(self, bench: Bench, at: Begin) -> None:
        draft = draft_at(bench, "broker_test")
        assert draft.broker is not None
        wizard = bench.begin(replace(draft, broker=replace(draft.broker, address="127.0.0.1:1")))
        try:
            wizard.start_trial("broker_test")
            trial = until(wizard, ended)
            assert (trial.state, trial.text_id) == (FAILED, "setup.fault.refused")
        finally:
            wizard.close()


class TestAttempt:
    def test_one_at_a_time_and_its_end_is_waited_for(self) -> None:
        gate, calls = threading.Event(), []

        def act() -> MatShot:
            calls.append(1)
            assert gate.wait(30)
            return MatShot(MAT, Shot(b"x", "", 1, 1))

        attempt = OnDemandTrial("thing", act)
        attempt.start()
        attempt.start()
        assert attempt.view().state == WORKING
        gate.set()
        attempt.close()
        attempt.join()
        assert (attempt.view().state, attempt.picture, len(calls)) == (SEEN, b"x", 1)

    @pytest.mark.parametrize(
        ("error", "text_id"),
        [
            (OSError("no way"), ""),
            (OSError(errno.EHOSTUNREACH, "no way"), "setup.fault.no_way"),
            (ValueError("no way"), ""),
            (CameraFault("timeout", "no way"), "setup.fault.camera"),
            (CameraFault("missing", "no way"), "doctor.do.camera_missing"),
            (PrintNotStarted("no way"), "doctor.do.printer_silent"),
            (PrintUncertain("no way"), "setup.fault.uncertain"),
            (RuntimeError("no way"), ""),
        ],
    )
    def test_whatever_goes_wrong_is_told(self, error: Exception, text_id: str) -> None:
        def act() -> None:
            raise error

        attempt = OnDemandTrial("thing", act, place="here")
        attempt.start()
        attempt.join()
        said = attempt.view()
        assert (said.state, said.detail, said.text_id) == (FAILED, "no way", text_id)
        for language in LANGUAGES if text_id else ():
            assert load(language).text(text_id, place="here")


def test_a_device_that_cannot_even_be_tried_leaves_the_screen_usable(bench: Bench) -> None:
    draft = draft_at(bench, "reads")
    assert draft.scale is not None
    wizard = bench.begin(replace(draft, scale=replace(draft.scale, protocol="gone_from_the_registry")))
    try:
        assert wizard.view().trial is None
        wizard.start_trial("reads")
        wizard.answer("reads", {"value": "skip"})
        assert wizard.view().question == "e"
    finally:
        wizard.close()


def test_the_bench_is_what_the_machine_lists(bench: Bench, tmp_path: Path) -> None:
    assert len(bench.machine.serial_ports()) == 2
    assert [kind for kind, _ in bench.machine.cameras()] == ["file"]
