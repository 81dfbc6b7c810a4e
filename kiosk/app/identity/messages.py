"""What wizard and root helper say to each other: a request file of the station's user, an answer that all may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.first_start.identity.ports import InUse, Why

REQUEST: Final = Path("/var/lib/kiosk/requests/identity.json")
"""``kiosk-identity.path`` starts the helper when it changes."""
ANSWER: Final = Path("/run/kiosk-identity/answer.json")
MAX_BYTES: Final = 4096

Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``code`` is secret, and "" for an identity in the clear."""

    id: Id
    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    code: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{16})?\Z")] = ""

    def __repr__(self) -> str:
        return f"Request({self.id}, {self.station})"


class Answer(msgspec.Struct, frozen=True):
    """``id`` is that of the request it belongs to, "" without one. ``word``: "" when all went well, else a refusal of
    ``ports.Refusal``, or "failed"; ``why`` says more of it, ``message`` is for the journal. ``in_use`` is the station
    this machine is. ``machine`` is whose marks are its own.
    """

    machine: str
    id: str = ""
    word: str = ""
    message: str = ""
    in_use: InUse | None = None
    why: Why | None = None
    wait_s: int = 0


read_request: Final = msgspec.json.Decoder(Request).decode
read_answer: Final = msgspec.json.Decoder(Answer).decode


def file_content(path: Path) -> bytes | None:
    """None when it is not there. Whoever owns the folder may have put anything there: raises OSError for a link, a pipe
    and a large file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise OSError(f"{path} is no plain file of at most {MAX_BYTES} bytes")
        return file.read(MAX_BYTES)
