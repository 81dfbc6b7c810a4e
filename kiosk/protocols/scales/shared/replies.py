"""What a device answers instead of a weight: whole lines, each with what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kiosk.protocols.scales.shared.reading import Record, Rejected, RejectReason

ACKNOWLEDGEMENT = "acknowledgement"  # The kind of a Record that says: understood, done


@dataclass(frozen=True, slots=True)
class ReplyPattern:
    """Lines that ``pattern`` matches as a whole are a record of the kind ``means``, or refused for this reason.

    The value of a record is what the pattern's first group caught, without one the whole line.
    """

    pattern: re.Pattern[bytes]
    means: str | RejectReason


def match_reply(replies: Iterable[ReplyPattern], line: bytes) -> Record | Rejected | None:
    """What the first fitting row makes of the line; None when it is no such answer."""
    for reply in replies:
        match = reply.pattern.fullmatch(line)
        if match is None:
            continue
        if isinstance(reply.means, RejectReason):
            return Rejected(reply.means, line)
        text = (match[1] or b"") if match.re.groups else line
        return Record(reply.means, text.decode("latin-1").strip(), line)
    return None
