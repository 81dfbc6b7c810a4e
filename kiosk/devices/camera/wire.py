"""The messages of the station and the camera's child process over the child's pipes.

    | header length, 4 bytes | body length, 4 bytes | header, JSON | body, JPEG bytes |

Lengths are big-endian and bounded before a byte behind them is read: the child handles untrusted pictures and may be
compromised, so the station checks everything it receives.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.mat_measures import MatMeasure, MatQuality
from kiosk.domain.verdict import Finding, Measures, Reason

MAX_HEADER = 4_096
MAX_BODY = 20_000_000
MAX_WITHIN_S = 3_600.0
PREFIX = struct.Struct(">II")
RequestKind: TypeAlias = Literal["shoot", "goods", "measure", "look", "codes"]
FaultCode: TypeAlias = Literal["missing", "timeout", "format", "black", "frozen", "broken"]
Side: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]  # A picture's side in pixels; a JPEG cannot hold more
# Counts the requests to one child; the answer repeats it, so that a late answer never counts as a new picture.
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=MAX_WITHIN_S)]
MAX_PICTURE: Final = 8_000_000  # Bytes of one of the pictures of goods: the rule of the event that reports them
MAX_PREVIEW: Final = 500_000
MAX_LIVE_VIEW_BYTES: Final = 40_000  # Bytes of the picture of a live frame, of which there are five a second
LIVE_VIEW_SIDE_PX: Final = 480
MAX_CODE: Final = 700  # Characters; longer than any scan may be, so that the scanner's own rule refuses it
MAX_CODES: Final = 4  # Of one frame: a label, and its neighbors
_MAX_VALUE: Final = 2**31 - 1
_MAX_MEASURE: Final = 1_000_000
_MAX_OF_MEASURE: Final = {"coverage_bp": 10_000, "tilt_millideg": 90_000}
PictureBytes: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_PICTURE)]
FrameHash: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
Likeness: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{16})?\Z")]


class WireError(Exception):
    """The other side violated the protocol; the text names how."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question; the child ends itself when the answer takes much longer than ``within_s`` seconds.

    ``goods``: take a burst, judge it, and give the pictures that are cut out of it.
    """

    kind: RequestKind
    number: Number
    within_s: Seconds


class ShotCaptured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="taken"):
    number: Number
    width: Side
    height: Side


class ShotRefused(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="refused"):
    """No picture; code and message become a CameraFault."""

    number: Number
    code: FaultCode
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=800)]


class WirePicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size_bytes: PictureBytes
    width: Side
    height: Side


class GoodsInspected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="goods"):
    """The body is the JPEG of the master, behind it those of the natural cut and the detail: those that are there.

    ``frame_sha256`` is over the pixels of the frame that was judged, empty when there was none: a live sensor never
    gives the same twice.

    ``likeness`` is ``kiosk.photo.pictures.likeness`` of the master, and there exactly when that is.
    """

    number: Number
    findings: Annotated[tuple[Finding, ...], msgspec.Meta(max_length=len(Reason))]
    measures: Measures | None = None
    master: WirePicture | None = None
    natural: WirePicture | None = None
    detail: WirePicture | None = None
    frame_sha256: FrameHash = ""
    likeness: Likeness = ""


class MatMeasured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="mat"):
    """The body is the preview as JPEG, or empty. ``frame_sha256`` as in GoodsInspected."""

    number: Number
    measures: Annotated[tuple[MatMeasure, ...], msgspec.Meta(min_length=1, max_length=len(MatQuality))]
    preview: WirePicture | None = None
    frame_sha256: FrameHash = ""


class WireLiveView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="looked"):
    """``kiosk.devices.ports.LiveViewFrame``. The body is the picture as JPEG, or empty."""

    number: Number
    lights: Annotated[tuple[Reason, ...], msgspec.Meta(max_length=len(Reason))]
    still: bool
    picture: WirePicture | None = None


class CodesDetected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="codes_seen"):
    """AIM identifier and data of each; one that is too long is cut off behind what any code may have. No body."""

    number: Number
    codes: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=MAX_CODE)], ...], msgspec.Meta(max_length=MAX_CODES)]


Answer: TypeAlias = ShotCaptured | ShotRefused | GoodsInspected | MatMeasured | WireLiveView | CodesDetected
_encoder = msgspec.json.Encoder()
_answer: Callable[[bytes], Answer] = reader(
    msgspec.json.Decoder[Answer](
        ShotCaptured | ShotRefused | GoodsInspected | MatMeasured | WireLiveView | CodesDetected
    )
)
_request = reader(msgspec.json.Decoder(Request))

Row = TypeVar("Row", Finding, MatMeasure)


def bounded(row: Row) -> Row:
    """Clamp the numbers of the row to the bounds of the wire; the station refuses any other."""
    return replace(row, value=_clamp(row.value, _MAX_VALUE), limit=_clamp(row.limit, _MAX_VALUE))


def bounded_measures(measures: Measures) -> Measures:
    """Clamp the measures as ``bounded`` does."""
    numbers = asdict(measures)
    return Measures(**{name: _clamp(numbers[name], _MAX_OF_MEASURE.get(name, _MAX_MEASURE)) for name in numbers})


def _clamp(value: int, maximum: int) -> int:
    return min(max(0, value), maximum)


def pack(header: Request | Answer, body: bytes = b"") -> bytes:
    """Build one whole message; raises WireError when it is larger than the receiver accepts."""
    head = _encoder.encode(header)
    _check_lengths(len(head), len(body))
    return PREFIX.pack(len(head), len(body)) + head + body


def unpack_prefix(prefix: bytes) -> tuple[int, int]:
    """Return header and body length; raises WireError when one is out of bounds."""
    head, body = PREFIX.unpack(prefix)
    _check_lengths(head, body)
    return head, body


def unpack_answer(header: bytes) -> Answer:
    """Decode the header of an answer. Raises WireError."""
    try:
        return _answer(header)
    except Unreadable as error:
        raise WireError(f"an answer that cannot be read: {error}") from error


def unpack_request(header: bytes) -> Request:
    """Decode the header of a request. Raises WireError."""
    try:
        return _request(header)
    except Unreadable as error:
        raise WireError(f"a request that cannot be read: {error}") from error


def _check_lengths(head: int, body: int) -> None:
    if not 0 < head <= MAX_HEADER:
        raise WireError(f"a header of {head} bytes: 1 to {MAX_HEADER} are allowed")
    if body > MAX_BODY:
        raise WireError(f"a body of {body} bytes: at most {MAX_BODY} are allowed")
