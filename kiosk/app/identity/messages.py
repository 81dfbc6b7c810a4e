"""What wizard and root helper say to each other: a request file of the station's user, an answer that all may read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.files import open_regular
from kiosk.base.json_reader import reader
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


read_request: Final = reader(msgspec.json.Decoder(Request))
read_answer: Final = reader(msgspec.json.Decoder(Answer))


def file_content(path: Path) -> bytes | None:
    """None when it is not there. Whoever owns the folder may have put anything there: raises OSError for a link, a pipe
    and a large file."""
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(content) > MAX_BYTES:
        raise OSError(f"{path} has more than {MAX_BYTES} bytes")
    return content
