"""What wizard and root helper say to each other: a request file of the station's user, an answer that all may read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from kiosk.app.recovery.media import read_bounded
from kiosk.base.json_reader import reader
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.first_start.recovery.ports import Refusal, Why

REQUEST: Final = Path("/var/lib/kiosk/requests/recovery.json")
"""``kiosk-recovery.path`` starts the helper when it changes."""
ANSWER: Final = Path("/run/kiosk-recovery/answer.json")
LOCK: Final = "at-work"
"""Beside the answer: the helper holds it (flock(2)) for as long as it works, so that a killed one works no more."""
MAX_BYTES: Final = 4096

Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``code`` is secret. ``letter`` is that of the newest paper receipt, "" when the card knows it."""

    id: Id
    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{16}\Z")]
    letter: Annotated[str, msgspec.Meta(pattern=rf"^[{SERIES_LETTERS}]?\Z")] = ""

    def __repr__(self) -> str:
        return f"Request({self.id}, {self.station})"


class Answer(msgspec.Struct, frozen=True):
    """``id`` is that of the request. ``word``: "working" from the moment the digits were found right, "" when the
    station is in place, else a refusal of ``ports.Refusal``; ``message`` is for the journal, and holds no secret.
    """

    id: Id
    word: Refusal | Literal["working", ""] = ""
    message: str = ""
    why: Why | None = None
    wait_s: int = 0


WORKING: Final = "working"
read_request: Final = reader(msgspec.json.Decoder(Request))
read_answer: Final = reader(msgspec.json.Decoder(Answer))


def file_content(path: Path) -> bytes | None:
    """None when it is not there. Whoever owns the folder may have put anything there: raises OSError for a link, a pipe
    and a large file."""
    try:
        content = read_bounded(path, MAX_BYTES)
    except FileNotFoundError:
        return None
    if len(content) > MAX_BYTES:
        raise OSError(f"{path} has more than {MAX_BYTES} bytes")
    return content
