"""What wizard and root helper say to each other, by the protocol of ``kiosk/base/root_requests.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.json_reader import reader
from kiosk.base.root_requests import PUBLIC, REQUESTS, MessageFile
from kiosk.first_start.identity.ports import InUse, Why


class IdentityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``code`` is secret, and "" for an identity in the clear."""

    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    code: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{16})?\Z")] = ""

    def __repr__(self) -> str:
        return f"Request({self.station})"


class IdentityResponse(msgspec.Struct, frozen=True):
    """``word``: "" when all went well, else a refusal of ``ports.Refusal``, or "failed"; ``why`` says more of it,
    ``message`` is for the journal. ``in_use`` is the station this machine is. ``machine`` is whose marks are its own.

    The helper writes one at each start of the machine, too, which answers no request.
    """

    machine: str
    word: str = ""
    message: str = ""
    in_use: InUse | None = None
    why: Why | None = None
    wait_s: int = 0


_read_request: Final = reader(msgspec.json.Decoder(IdentityRequest))
_read_answer: Final = reader(msgspec.json.Decoder(IdentityResponse))


def request_file(data: Path) -> MessageFile[IdentityRequest]:
    """``kiosk-identity.path`` starts the helper when it changes."""
    return MessageFile(data / REQUESTS / "identity.json", _read_request)


def answer_file(runtime: Path = Path("/run/kiosk-identity")) -> MessageFile[IdentityResponse]:
    """In the runtime folder of ``kiosk-identity.service``."""
    return MessageFile(runtime / "answer.json", _read_answer, PUBLIC)
