"""``kiosk scale`` as technicians and checks call it: the command-line contract, section 3."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.cli.scale.options import PortOptions
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator

_GOOD = "022B30303435363732313903"


def _run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["scale", *arguments], input=given)


def _rows(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_protocols_are_listed_a_line_each() -> None:
    rows = _rows(_run("protocols"))
    contract = {"protocol": "xk3190_tf0", "mode": "stream", "reports": ["weight"], "trade": True}
    assert contract.items() <= rows[0].items()
    assert {row["protocol"] for row in rows} >= {"xk3190_tf0", "st_gs_csv"}


def test_a_reading_has_the_keys_of_the_contract() -> None:
    (row,) = _rows(_run("decode", "--protocol", "st_gs_csv", given=b"ST,NT,+ 12.450kg\r\n".hex()))
    assert row == {
        "readings": [
            {"weight": "12.450", "unit": "kg", "stable": True, "net": True, "overload": False, "underload": False}
        ],
        "records": [],
        "rejected": [],
    }


def test_what_the_format_does_not_say_is_null() -> None:
    (row,) = _rows(_run("decode", "--protocol", "xk3190_tf0", given=_GOOD))
    assert row["readings"] == [
        {"weight": "45.67", "unit": None, "stable": None, "net": None, "overload": None, "underload": None}
    ]


def test_a_converter_gives_its_bare_value_and_whether_to_doubt_it() -> None:
    rows = _rows(_run("decode", "--protocol", "hx711", given="0269 6c\nffffff\n7fffff\n"))
    said = {"unit": None, "stable": None, "net": None, "underload": None, "weight": None}
    assert [row["readings"] for row in rows] == [
        [said | {"overload": False, "raw": 158060, "suspect": False}],
        [said | {"overload": False, "raw": -1, "suspect": True}],
        [said | {"overload": True, "raw": 8388607, "suspect": True}],
    ]


def test_a_calibrated_converter_gives_a_weight_besides_its_bare_value() -> None:
    calibration = ("--param", "counts_per_kg=10000", "--param", "zero_counts=84210")
    (row,) = _rows(_run("decode", "--protocol", "hx711", *calibration, given="02696c"))
    (reading,) = row["readings"]
    assert {"weight": "7.385", "unit": "kg", "raw": 158060}.items() <= reading.items()


def test_every_line_has_a_fresh_decoder_and_one_object_an_empty_or_bad_one_too() -> None:
    lines = [_GOOD[:10], _GOOD[10:], "", "zz", "0", "é", " 02 2b 30 30 34 35 36 37 32 31 38 03 ", _GOOD.lower()]
    rows = _rows(_run("decode", "--protocol", "xk3190_tf0", given="\r\n".join(lines)))
    assert len(rows) == len(lines)
    empty: dict[str, object] = {"readings": [], "records": [], "rejected": []}
    assert rows[:3] == [empty] * 3
    assert rows[3:6] == [empty | {"error": "the line is not hexadecimal bytes"}] * 3
    assert rows[6] == empty | {"rejected": [{"reason": "checksum"}]}
    assert rows[7]["readings"][0]["weight"] == "45.67"


def test_bytes_that_are_no_text_are_a_bad_line() -> None:
    rows = _rows(_run("decode", "--protocol", "xk3190_tf0", given=b"\xff\xfe\n" + _GOOD.encode() + b"\n"))
    assert "error" in rows[0]
    assert rows[1]["readings"]


def test_overload_and_tare() -> None:
    lines = [b"OL,GS,+ 99.999kg\r\n".hex(), b"ST,TR,+  0.640kg\r\n".hex()]
    rows = _rows(_run("decode", "--protocol", "st_gs_csv", given="\n".join(lines)))
    assert rows[0]["readings"][0]["weight"] is None
    assert rows[0]["readings"][0]["overload"] is True
    assert rows[1] == {"readings": [], "records": [{"kind": "tare", "value": "0.640 kg"}], "rejected": []}


def test_parameters_reach_the_decoder() -> None:
    wrong_check = _GOOD[:-4] + "3803"
    decode = ("decode", "--protocol", "xk3190_tf0", "--param", "checksum=off", "--param", "strip_parity=true")
    (row,) = _rows(_run(*decode, given=wrong_check))
    assert row["readings"][0]["weight"] == "45.67"


@pytest.mark.parametrize("dash", [True, False])
def test_it_reads_a_file_or_standard_input(tmp_path: Path, dash: bool) -> None:
    file = tmp_path / "frames.txt"
    file.write_text(_GOOD)
    result = _run("decode", "--protocol", "xk3190_tf0", "-" if dash else str(file), given=_GOOD if dash else "")
    assert len(_rows(result)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("decode", "--protocol", "nope"), "no scale protocol 'nope'"),
        (("decode",), "--protocol"),
        (("decode", "--protocol", "xk3190_tf0", "--param", "speed=1"), "no parameter 'speed'"),
        (("decode", "--protocol", "xk3190_tf0", "--param", "checksum=1"), "must be one of: on, off"),
        (("decode", "--protocol", "xk3190_tf0", "--param", "checksum"), "is not KEY=VALUE"),
        (("decode", "--protocol", "xk3190_tf0", "/nowhere/frames"), "/nowhere/frames"),
        (("encode", "--protocol", "xk3190_tf0", "--command", "zero"), "xk3190_tf0 has no command 'zero'"),
        (("encode", "--protocol", "st_gs_csv"), "--command"),
        (("watch", "--port", "/dev/null", "--protocol", "nope"), "no scale protocol 'nope'"),
        (("watch", "--port", "/dev/null", "--protocol", "st_gs_csv", "--parity", "X"), "--parity"),
        (("simulate", "--protocol", "nope"), "no scale protocol 'nope'"),
        (("simulate", "--protocol", "st_gs_csv", "--link", "/nowhere/scale"), "cannot be made"),
        (("watch", "--port", "gpio:5,6", "--protocol", "st_gs_csv"), "does not fit this format"),
        (("watch", "--port", "tcp://scale:1", "--protocol", "st_gs_csv"), "by its IP address"),
        (("simulate", "--protocol", "st_gs_csv", "--param", "width=3"), "parameter 'width'"),
        (("simulate", "--protocol", "st_gs_csv", "--rfc2217", "--tcp"), "neither together"),
        (("simulate", "--protocol", "st_gs_csv", "--tcp", "--link", "/tmp/x"), "nor with --link"),
        (("simulate", "--protocol", "hx711", "--tcp"), "for serial formats"),
        (("dance",), "dance"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_clear_line(arguments: tuple[str, ...], words: str) -> None:
    result = _run(*arguments, given=_GOOD)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def _loaded(protocol: str, line: Path | NetLine | None = None, **more: Any) -> ScaleSimulator:
    """2.480 kg lie on it before it is switched on: a line that keeps reports has none of an empty pan."""
    simulator = ScaleSimulator(protocol, line, settle_s=0, **more)
    simulator.command("put 2.480kg")
    return simulator


def test_watch_prints_live_readings() -> None:
    with _loaded("st_gs_csv", hz=50) as simulator:
        result = _run("watch", "--port", simulator.path, "--protocol", "st_gs_csv", "--count", "3")
    rows = _rows(result)
    assert len(rows) == 3
    assert rows[-1]["weight"] == "2.480"
    assert "connected: The scale at " in result.stderr


def _watched(simulator: ScaleSimulator, protocol: str, *more: str) -> list[Any]:
    return _rows(_run("watch", "--port", simulator.path, "--protocol", protocol, "--count", "2", *more))


@pytest.mark.parametrize("protocol", ["mt_8217", "cas_type6", "usb_hid_scale", "mt_continuous"])
def test_watch_asks_what_has_to_be_asked_and_reads_every_carrier(protocol: str, tmp_path: Path) -> None:
    with _loaded(protocol, tmp_path / "scale", hz=50) as simulator:
        assert {row["weight"] for row in _watched(simulator, protocol)} == {"2.480"}


def test_watch_reads_the_pins_of_a_simulated_converter(tmp_path: Path) -> None:
    known = ("--param", "counts_per_kg=20000", "--param", "zero_counts=0")
    params = {"counts_per_kg": "20000", "zero_counts": "0"}
    with _loaded("hx711", tmp_path / "scale", hz=40, settings=IndicatorSettings(params=params)) as simulator:
        assert {row["weight"] for row in _watched(simulator, "hx711", *known)} == {"2.480"}


@pytest.mark.parametrize("rfc2217", [True, False])
def test_watch_reads_a_device_server_with_the_usual_line_of_the_format(rfc2217: bool) -> None:
    line = NetLine(LineSettings(9600, 7, "E", 1), rfc2217)
    with _loaded("mt_8217", line=line) as simulator:
        assert {row["weight"] for row in _watched(simulator, "mt_8217")} == {"2.480"}


@pytest.mark.parametrize(("option", "scheme"), [("--rfc2217", "rfc2217://127.0.0.1:"), ("--tcp", "tcp://127.0.0.1:")])
def test_simulate_prints_the_url_of_its_device_server(option: str, scheme: str) -> None:
    with _process("simulate", "--protocol", "mt_continuous", option, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith(scheme)
        rows = _rows(_run("watch", "--port", url, "--protocol", "mt_continuous", "--count", "2"))
        assert [row["weight"] for row in rows] == ["0.000", "0.000"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_simulate_is_one_of_several_addresses() -> None:
    arguments = ("simulate", "--protocol", "xk3190_tf1", "--param", "address=7")
    with _process(*arguments, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        watch = ("watch", "--port", port, "--protocol", "xk3190_tf1", "--count", "1", "--param", "address=7")
        assert _rows(_run(*watch))[0]["weight"] == "0.000"


def test_simulate_prints_its_path_and_obeys_until_the_input_ends(tmp_path: Path) -> None:
    link = tmp_path / "scale"
    words = "put 2.480kg\n\ndance\nunplug\nreplug\n"
    result = _run("simulate", "--protocol", "st_gs_csv", "--link", str(link), given=words)
    assert result.exit_code == 0
    path, *answers = result.stdout.splitlines()
    assert path == str(link)
    assert [json.loads(answer)["ok"] for answer in answers] == [True, False, False, True, True]
    assert "has no fault word 'dance'" in json.loads(answers[2])["error"]
    assert not link.is_symlink()


@contextmanager
def _process(*arguments: str, stdin: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kiosk.cli.kiosk", "scale", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_simulated_scale_without_a_terminal_lives_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    link = tmp_path / "scale"
    arguments = ("simulate", "--protocol", "st_gs_csv", "--link", str(link))
    with _process(*arguments, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{link}\n"
        watched = _run("watch", "--port", str(link), "--protocol", "st_gs_csv", "--count", "2")
        assert len(_rows(watched)) == 2
        process.send_signal(number)
        assert process.wait(30) == 0
    assert not link.is_symlink()


def test_watch_ends_in_good_order_on_a_signal() -> None:
    with (
        ScaleSimulator("xk3190_tf0", hz=50) as simulator,
        _process("watch", "--port", simulator.path, "--protocol", "xk3190_tf0", stdin=subprocess.DEVNULL) as process,
    ):
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["weight"] == "0.000"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert all(json.loads(line) for line in out.splitlines())
        assert "Traceback" not in err


def test_without_a_subcommand_one_line_says_so() -> None:
    result = CliRunner().invoke(main, ["scale"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: Missing command.\n"


@pytest.mark.parametrize("command", [("watch",), ("send", "--command", "zero")])
@pytest.mark.parametrize("baud", ["-5", "0", "1", "9601", "fast"])
def test_a_speed_that_no_line_has_is_refused(command: tuple[str, ...], baud: str) -> None:
    words = ["scale", *command, "--port", "/dev/none", "--protocol", "xk3190_tf0", f"--baud={baud}"]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert baud in result.stderr


def test_the_speed_is_the_one_given_or_the_usual_one() -> None:
    usual = PortOptions("/dev/ttyUSB0", "gg_14", {}, None, None, None, None)
    assert usual.line().baud == 600
    assert replace(usual, baud=9600).line().baud == 9600


@pytest.mark.parametrize(
    ("params", "command", "sent"),
    [((), "zero", b"MZ\r\n"), (("commands=tbw",), "zero", b"Z"), (("commands=tps",), "request_weight", b"?")],
)
def test_the_set_of_commands_is_a_parameter(params: tuple[str, ...], command: str, sent: bytes) -> None:
    words = [word for param in params for word in ("--param", param)]
    result = CliRunner().invoke(main, ["scale", "encode", "--protocol", "st_gs_csv", "--command", command, *words])
    assert (result.exit_code, result.stdout) == (0, sent.hex() + "\n")


def test_a_command_that_the_chosen_set_lacks_is_wrong_usage() -> None:
    words = ["--protocol", "st_gs_csv", "--command", "clear_tare", "--param", "commands=tbw"]
    result = CliRunner().invoke(main, ["scale", "encode", *words])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "clear_tare" in result.stderr
