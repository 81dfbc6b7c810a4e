"""Hello, status, acknowledgement, resend: strict and bounded."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messaging.contract.control import (
    MAX_DOCTOR_ROWS,
    Ack,
    BadControl,
    DoctorRow,
    Hello,
    Resend,
    Status,
    decode,
    encode,
)
from tests.depth import many

EPOCH = "00c0ffee00c0ffee"
ACK = Ack(EPOCH, 7, ((9, 9), (12, 15)), (3,), "ab" * 32, "0123456789abcdef", 5, "cd" * 32)


def test_an_acknowledgement_on_the_wire() -> None:
    assert json.loads(encode(ACK)) == {
        "epoch": EPOCH,
        "upto": 7,
        "gaps": [[9, 9], [12, 15]],
        "quarantined": [3],
        "head": "ab" * 32,
        "generation": "0123456789abcdef",
        "at": 5,
        "hash_at": "cd" * 32,
    }


def test_an_acknowledgement_of_an_older_center_still_reads() -> None:
    told = json.loads(encode(ACK))
    for later in ("generation", "at", "hash_at"):
        del told[later]
    read = decode(Ack, json.dumps(told).encode())
    assert (read.generation, read.at, read.hash_at) == ("", None, "")


def test_a_hello_of_an_older_station_asks_for_no_hash() -> None:
    told = json.loads(encode(Hello(epoch=EPOCH, next=8, oldest=5, pending=3, software="kiosk 0.1.0", at=4)))
    assert told.pop("at") == 4
    assert decode(Hello, json.dumps(told).encode()).at == 0


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        (Hello(EPOCH, 1, 1, 0, "k"), "software", "k\n"),
        (Hello(EPOCH, 1, 1, 0, "k"), "boot", "ab\n"),
        (Status(False, 0, "k", EPOCH), "alarm", "fork\n"),
        (Status(False, 0, "k", EPOCH), "alarm", "\n"),
        (ACK, "generation", "\n"),
        (ACK, "hash_at", "\n"),
    ],
)
def test_no_text_of_a_message_ends_with_a_line_end(message: Hello | Status | Ack, name: str, value: str) -> None:
    told = json.loads(encode(message)) | {name: value}
    with pytest.raises(BadControl):
        decode(type(message), json.dumps(told).encode())


@pytest.mark.parametrize("wrong", ["x", "0123456789ABCDEF", "0123456789abcdef0"])
def test_a_generation_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(BadControl):
        decode(Ack, json.dumps({**json.loads(encode(ACK)), "generation": wrong}).encode())


@pytest.mark.parametrize(
    "message",
    [
        ACK,
        Ack(epoch=EPOCH, upto=0, gaps=(), quarantined=(), head="0" * 64),
        Hello(epoch=EPOCH, next=1, oldest=1, pending=0, software="kiosk 0.1.0"),
        Status(online=True, pending=3, software="kiosk 0.1.0", epoch=EPOCH, alarm="fork"),
        Status(True, 3, "kiosk 0.1.0", EPOCH, doctor=(DoctorRow("scale", "fail", "scale_silent"), DoctorRow("clock"))),
        Resend(epoch=EPOCH, ranges=((1, 2),)),
    ],
)
def test_every_message_reads_back_as_itself(message: Hello | Status | Ack | Resend) -> None:
    assert decode(type(message), encode(message)) == message


def test_a_later_version_may_add_keys() -> None:
    later = json.loads(encode(ACK)) | {"later": [1]}
    assert decode(Ack, json.dumps(later).encode()) == ACK


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "x"},
        {"epoch": EPOCH + "\n"},
        {"upto": -1},
        {"upto": True},
        {"upto": "7"},
        {"upto": 2**31},
        {"gaps": [[9, 8]]},
        {"gaps": [[0, 8]]},
        {"gaps": [[9]]},
        {"gaps": [[n, n] for n in range(1, 102)]},
        {"quarantined": list(range(1, 1002))},
        {"head": "0"},
        {"head": None},
        {"at": -1},
        {"hash_at": "0"},
        {"hash_at": None},
    ],
)
def test_a_wrong_acknowledgement_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadControl, match="no usable Ack"):
        decode(Ack, json.dumps(json.loads(encode(ACK)) | change).encode())


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"7", b"\xff", encode(ACK).replace(b'"upto":7', b'"upto":7,"upto":8'), b"[" * 9, b" " * 40_000],
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(BadControl):
        decode(Ack, payload)


def test_what_the_other_side_would_refuse_is_not_sent() -> None:
    with pytest.raises(BadControl, match="no usable Ack"):
        encode(msgspec.structs.replace(ACK, gaps=((9, 8),)))
    with pytest.raises(BadControl, match="no usable Hello"):
        encode(Hello(epoch=EPOCH, next=0, oldest=1, pending=0, software="kiosk"))


@given(st.binary(max_size=120))
@settings(max_examples=many(50, torture=300), deadline=None)
def test_noise_raises_nothing_but_bad_control(noise: bytes) -> None:
    with pytest.raises(BadControl):
        decode(Hello, noise)


STATUS = Status(True, 3, "kiosk 0.1.0", EPOCH)


def test_rows_of_the_doctor_on_the_wire() -> None:
    rows = (DoctorRow("printer_label", "warn", "printer_near_end"), DoctorRow("scale"))
    told = json.loads(encode(msgspec.structs.replace(STATUS, doctor=rows)))
    assert told.pop("doctor") == [
        {"row": "printer_label", "state": "warn", "code": "printer_near_end"},
        {"row": "scale"},
    ]
    assert decode(Status, json.dumps(told).encode()) == STATUS, "an older station sends none"


def test_a_status_stays_small() -> None:
    well = tuple(DoctorRow(f"printer_receipt_{number:02}") for number in range(MAX_DOCTOR_ROWS))
    worst = tuple(DoctorRow("r" * 32, "fail", "c" * 32) for _ in range(MAX_DOCTOR_ROWS))
    bare = len(encode(STATUS))
    assert len(encode(msgspec.structs.replace(STATUS, doctor=well))) - bare <= 32 * MAX_DOCTOR_ROWS
    assert len(encode(msgspec.structs.replace(STATUS, doctor=worst))) < 3 * 1024


@pytest.mark.parametrize(
    "rows",
    [
        [{"row": "scale"}] * (MAX_DOCTOR_ROWS + 1),
        [{"row": f"r{number}"} for number in range(5000)],
        [{"row": "s" * 33}],
        [{"row": ""}],
        [{"row": "<b>scale</b>"}],
        [{"row": "\u0633"}],
        [{"row": "scale\n"}],
        [{"row": "scale", "code": "put paper in"}],
        [{"row": "scale", "code": "c" * 20_000}],
        [{"row": "scale", "state": "well"}],
        [{"row": "scale", "state": 1}],
        [{"row": 1}],
        [{"code": "fine"}],
        ["scale"],
        [None],
        {"row": "scale"},
        "scale",
        None,
        7,
    ],
)
def test_rows_of_a_doctor_that_is_none_are_refused(rows: object) -> None:
    told = json.loads(encode(STATUS)) | {"doctor": rows}
    with pytest.raises(BadControl, match="no usable Status"):
        decode(Status, json.dumps(told).encode())
