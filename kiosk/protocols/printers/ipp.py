"""IPP messages: requests to an office printer or a queue, and their answers.

Source: RFC 8010 (encoding), RFC 8011 (operations, printer-state 5.4.11, printer-state-reasons 5.4.12, job-state 5.3.7),
PWG 5100.11 (job-impressions-completed).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

VERSION = b"\x01\x01"
MAX_BYTES = 65_536  # Of an answer: the requested attributes need a few hundred
_OPERATION_GROUP, _JOB_GROUP, _PRINTER_GROUP, _END = 0x01, 0x02, 0x04, 0x03
_FIRST_VALUE_TAG = 0x10
_INTEGER, _BOOLEAN, _ENUM = 0x21, 0x22, 0x23
_NAME, _KEYWORD, _URI, _CHARSET, _NATURAL, _MIME = 0x42, 0x44, 0x45, 0x47, 0x48, 0x49
Value = int | bool | str
Attribute = tuple[int, str, Value | tuple[str, ...]]


class Operation(IntEnum):
    """RFC 8011, 5.4.15."""

    VALIDATE_JOB = 0x0004
    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


class JobState(IntEnum):
    """RFC 8011, 5.3.7: the last three are final."""

    PENDING = 3
    HELD = 4
    PROCESSING = 5
    STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


_PROCESSING, _STOPPED = 4, 5  # Values of printer-state; 3 is idle

PRINTER_ATTRIBUTES = (
    "printer-state",
    "printer-state-reasons",
    "printer-is-accepting-jobs",
    "document-format-supported",
)
SHEETS = ("job-impressions-completed", "job-media-sheets-completed")
JOB_ATTRIBUTES = ("job-state", "job-state-reasons", *SHEETS)

# Reasons without their severity. One that is not here is an error when its severity is, else it stops nothing.
_FLAGS: Final = {
    "media-empty": "paper_out",
    "media-needed": "paper_out",
    "media-jam": "paper_jam",
    "media-low": "paper_near_end",
    "cover-open": "cover_open",
    "door-open": "cover_open",
    "interlock-open": "cover_open",
    "marker-supply-empty": "ribbon_out",
    "toner-empty": "ribbon_out",
    "paused": "paused",
    "moving-to-paused": "paused",
    "spool-area-full": "buffer_full",
    "fuser-over-temp": "temperature",
    "fuser-under-temp": "temperature",
    "shutdown": "offline",
    "connecting-to-device": "offline",
    "timed-out": "offline",
    "offline": "offline",
}


class BadIppResponse(ValueError):
    """The text names what is wrong with the bytes."""


@dataclass(frozen=True, slots=True)
class IppResponse:
    """``attributes`` of the printer and its jobs by name; the operation's own are left out."""

    status: int
    request_id: int
    attributes: Mapping[str, tuple[Value, ...]]

    @property
    def accepted(self) -> bool:
        """RFC 8011, appendix B: 0x0000 to 0x00ff are successes."""
        return self.status < 0x0100

    def number(self, name: str) -> int | None:
        value = next(iter(self.attributes.get(name, ())), None)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(value for value in self.attributes.get(name, ()) if isinstance(value, str))


def request(operation: Operation, request_id: int, uri: str, *attributes: Attribute) -> bytes:
    """Build a request without its document, which follows it."""
    common: tuple[Attribute, ...] = (
        (_CHARSET, "attributes-charset", "utf-8"),
        (_NATURAL, "attributes-natural-language", "en"),
        (_URI, "printer-uri", uri),
    )
    head = VERSION + struct.pack(">HI", operation, request_id) + bytes((_OPERATION_GROUP,))
    return head + b"".join(map(_attribute, (*common, *attributes))) + bytes((_END,))


def user(name: str) -> Attribute:
    return _NAME, "requesting-user-name", name


def job_name(name: str) -> Attribute:
    return _NAME, "job-name", name


def job_id(number: int) -> Attribute:
    return _INTEGER, "job-id", number


def document_format(kind: str) -> Attribute:
    return _MIME, "document-format", kind


def last_document() -> Attribute:
    return _BOOLEAN, "last-document", True


def requested_attributes(names: tuple[str, ...]) -> Attribute:
    return _KEYWORD, "requested-attributes", names


def _attribute(attribute: Attribute) -> bytes:
    tag, name, value = attribute
    written = b""
    for one in value if isinstance(value, tuple) else (value,):
        data = _value(one)
        written += bytes((tag,)) + struct.pack(">H", len(name)) + name.encode("ascii")
        written += struct.pack(">H", len(data)) + data
        name = ""  # a further value of the same attribute
    return written


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return bytes((value,))
    return struct.pack(">i", value) if isinstance(value, int) else value.encode("utf-8")


def parse(data: bytes) -> IppResponse:
    """Read a whole answer. Raises BadIppResponse for one that is cut, too long, or no IPP."""
    if not 9 <= len(data) <= MAX_BYTES or data[0] not in (1, 2):
        raise BadIppResponse(f"{len(data)} bytes that are no IPP answer")
    status, request_id = struct.unpack_from(">HI", data, 2)
    found: dict[str, list[Value]] = {}
    group, name, at = 0, "", 8
    while (tag := _byte(data, at)) != _END:
        at += 1
        if tag < _FIRST_VALUE_TAG:
            group, name = tag, ""
            continue
        key, at = _piece(data, at)
        value, at = _piece(data, at)
        name = key.decode("utf-8", "replace") or name
        if group in (_JOB_GROUP, _PRINTER_GROUP):
            found.setdefault(name, []).append(_read(tag, value))
    return IppResponse(status, request_id, {name: tuple(values) for name, values in found.items()})


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise BadIppResponse("the answer is cut")
    return data[at]


def _piece(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(data):
        raise BadIppResponse("the answer is cut")
    end = at + 2 + int.from_bytes(data[at : at + 2])
    if end > len(data):
        raise BadIppResponse("the answer is cut")
    return data[at + 2 : end], end


def _read(tag: int, value: bytes) -> Value:
    if tag in (_INTEGER, _ENUM) and len(value) == 4:
        return int.from_bytes(value, signed=True)
    if tag == _BOOLEAN and len(value) == 1:
        return value != b"\0"
    return value.decode("utf-8", "replace")


def parse_status(reply: bytes) -> tuple[str, ...] | None:
    """Return the flags of an answer to Get-Printer-Attributes, or None for bytes that say nothing of a state."""
    try:
        answer = parse(reply)
    except BadIppResponse:
        return None
    state = answer.number("printer-state")
    if not answer.accepted or state is None:
        return None
    found: dict[str, None] = {}
    for word in answer.words("printer-state-reasons"):
        reason, severity = _severity(word)
        flag = _FLAGS.get(reason) or ("error" if severity == "error" else None)
        if flag:
            found[flag] = None
    if answer.attributes.get("printer-is-accepting-jobs") == (False,) or (state == _STOPPED and not found):
        found["offline"] = None
    if state == _PROCESSING:
        found["printing"] = None
    return tuple(found)


def _severity(word: str) -> tuple[str, str]:
    for severity in ("report", "warning", "error"):
        if word.endswith(f"-{severity}"):
            return word.removesuffix(f"-{severity}"), severity
    return word, ""
