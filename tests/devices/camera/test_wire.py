"""Framing between the station and the camera's child."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.camera.wire import (
    MAX_BODY,
    MAX_HEADER,
    PREFIX,
    Request,
    RequestKind,
    ShotCaptured,
    ShotRefused,
    WireError,
    pack,
    unpack_answer,
    unpack_prefix,
    unpack_request,
)


@settings(deadline=None)
@given(st.integers(1, 2**40), st.integers(1, 65_535), st.integers(1, 65_535), st.binary(max_size=300))
def test_an_answer_comes_back_as_it_was_sent(number: int, width: int, height: int, body: bytes) -> None:
    message = pack(ShotCaptured(number, width, height), body)
    head, length = unpack_prefix(message[: PREFIX.size])
    assert unpack_answer(message[PREFIX.size : PREFIX.size + head]) == ShotCaptured(number, width, height)
    assert message[PREFIX.size + head :] == body
    assert length == len(body)


@settings(deadline=None)
@given(st.binary(min_size=PREFIX.size, max_size=PREFIX.size))
def test_no_prefix_gets_past_the_bounds(prefix: bytes) -> None:
    try:
        head, body = unpack_prefix(prefix)
    except WireError:
        return
    assert 0 < head <= MAX_HEADER
    assert body <= MAX_BODY


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_headers_are_wire_errors(header: bytes) -> None:
    for unpack in (unpack_answer, unpack_request):
        with pytest.raises(WireError):
            unpack(header)


@pytest.mark.parametrize(
    "header",
    [
        b'{"type":"taken","number":1,"width":0,"height":9}',
        b'{"type":"taken","number":1,"width":9}',
        b'{"type":"taken","number":1,"width":9,"height":9,"more":1}',
        b'{"type":"taken","number":1,"width":9.5,"height":9}',
        b'{"type":"refused","number":1,"code":"tired","message":"x"}',
        b'{"type":"refused","number":1,"code":"black","message":""}',
        b'{"kind":"shoot","number":1,"within_s":1}',
        b'{"number":1,"width":9,"height":9}',
        b'{"type":"goods","number":1}',
        b'{"type":"goods","number":1,"findings":[{"reason":"ugly","value":1,"limit":1}]}',
        b'{"type":"goods","number":1,"findings":[{"reason":"blur","value":1}]}',
        b'{"type":"goods","number":1,"findings":[{"reason":"blur","value":1.5,"limit":1}]}',
        b'{"type":"goods","number":1,"findings":[{"reason":"blur","value":"1","limit":1}]}',
        b'{"type":"goods","number":1,"findings":[{"reason":"blur","value":true,"limit":1}]}',
        b'{"type":"goods","number":1,"findings":[],"frame_sha256":"x"}',
        b'{"type":"mat","number":1,"measures":[]}',
        b'{"type":"mat","number":1,"measures":[{"quality":"beauty","value":1,"limit":1}]}',
        b'{"type":"mat","number":1,"measures":[{"quality":"tilt","value":1,"limit":1}],"frame_sha256":"x"}',
        b'{"type":"goods","number":1,"findings":[],"master":{"size_bytes":8000001,"width":1,"height":1}}',
    ],
)
def test_answers_outside_the_rules_are_refused(header: bytes) -> None:
    with pytest.raises(WireError, match="cannot be read"):
        unpack_answer(header)


def test_a_message_the_other_side_would_refuse_is_not_packed() -> None:
    with pytest.raises(WireError, match="body"):
        pack(ShotCaptured(1, 1, 1), bytes(MAX_BODY + 1))
    with pytest.raises(WireError, match="header"):
        pack(ShotRefused(1, "broken", "x" * MAX_HEADER))


@pytest.mark.parametrize("kind", get_args(RequestKind))
def test_a_request_may_ask_for_a_picture_goods_the_mat_a_look_or_codes(kind: RequestKind) -> None:
    assert unpack_request(pack(Request(kind, 1, 2.5))[PREFIX.size :]) == Request(kind, 1, 2.5)


def test_a_request_has_a_known_kind_and_a_finite_time() -> None:
    for kind, within in ((b"shoot", b"0"), (b"shoot", b"-1"), (b"shoot", b"1e9"), (b"shoot", b"null"), (b"film", b"1")):
        with pytest.raises(WireError):
            unpack_request(b'{"kind":"' + kind + b'","number":1,"within_s":' + within + b"}")
