"""What the station and the camera's child process say to each other over the child's pipes.

    | header length, 4 bytes | body length, 4 bytes | header, JSON | body, JPEG bytes |

Lengths are big-endian and bounded before a byte behind them is read: the child handles untrusted pictures and may be
out of its mind, so the station believes nothing it has not checked.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal, TypeAlias

import msgspec

MAX_HEADER = 4_096
MAX_BODY = 20_000_000
MAX_WITHIN_S = 3_600.0
PREFIX = struct.Struct(">II")

FaultCode: TypeAlias = Literal["missing", "timeout", "format", "black", "frozen", "broken"]
Side: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
"""A picture's side in pixels; a JPEG cannot hold more."""
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""Counts the requests to one child; the answer repeats it, so that a late answer is never taken for a new picture."""


class WireError(Exception):
    """The other side broke the rules; the text says which."""


class ShotRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="shoot"):
    """Take one picture; the child ends itself when that takes much longer than ``within_s`` seconds."""

    number: Number
    within_s: Annotated[float, msgspec.Meta(gt=0, le=MAX_WITHIN_S)]


class ShotTaken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="taken"):
    """The body is the JPEG."""

    number: Number
    width: Side
    height: Side


class ShotRefused(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="refused"):
    """No picture; code and message become a CameraFault."""

    number: Number
    code: FaultCode
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=800)]


Answer: TypeAlias = ShotTaken | ShotRefused

_encoder = msgspec.json.Encoder()
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(ShotTaken | ShotRefused)
_requests: msgspec.json.Decoder[ShotRequest] = msgspec.json.Decoder(ShotRequest)


def pack(header: ShotRequest | Answer, body: bytes = b"") -> bytes:
    """One whole message; raises WireError when it is larger than the other side takes."""
    head = _encoder.encode(header)
    _check_lengths(len(head), len(body))
    return PREFIX.pack(len(head), len(body)) + head + body


def unpack_prefix(prefix: bytes) -> tuple[int, int]:
    """Header and body length; raises WireError when one is out of bounds."""
    head, body = PREFIX.unpack(prefix)
    _check_lengths(head, body)
    return head, body


def unpack_answer(header: bytes) -> Answer:
    """Raises WireError."""
    try:
        return _answers.decode(header)
    except msgspec.MsgspecError as error:
        raise WireError(f"an answer that cannot be read: {error}") from error


def unpack_request(header: bytes) -> ShotRequest:
    """Raises WireError."""
    try:
        return _requests.decode(header)
    except msgspec.MsgspecError as error:
        raise WireError(f"a request that cannot be read: {error}") from error


def _check_lengths(head: int, body: int) -> None:
    if not 0 < head <= MAX_HEADER:
        raise WireError(f"a header of {head} bytes: 1 to {MAX_HEADER} are allowed")
    if body > MAX_BODY:
        raise WireError(f"a body of {body} bytes: at most {MAX_BODY} are allowed")
