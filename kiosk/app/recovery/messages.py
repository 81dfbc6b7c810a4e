"""What wizard and root helper say to each other, by the protocol of ``kiosk/base/root_requests.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from kiosk.base.json_reader import reader
from kiosk.base.root_requests import PUBLIC, REQUESTS, MessageFile
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.first_start.shared.recovery.ports import Refusal, Why

WORKING: Final = "working"


class RecoveryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``code`` is secret. ``letter`` is that of the newest paper receipt, "" when the card knows it."""

    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{16}\Z")]
    letter: Annotated[str, msgspec.Meta(pattern=rf"^[{SERIES_LETTERS}]?\Z")] = ""

    def __repr__(self) -> str:
        return f"Request({self.station})"


class RecoveryResponse(msgspec.Struct, frozen=True):
    """``word``: "working" from the moment the digits were found right, "" when the station is in place, else a refusal
    of ``ports.Refusal``; ``message`` is for the journal, and holds no secret.
    """

    word: Refusal | Literal["working", ""] = ""
    message: str = ""
    why: Why | None = None
    wait_s: int = 0


_read_request: Final = reader(msgspec.json.Decoder(RecoveryRequest))
_read_answer: Final = reader(msgspec.json.Decoder(RecoveryResponse))


def request_file(data: Path) -> MessageFile[RecoveryRequest]:
    """``kiosk-recovery.path`` starts the helper when it changes."""
    return MessageFile(data / REQUESTS / "recovery.json", _read_request)


def answer_file(runtime: Path = Path("/run/kiosk-recovery")) -> MessageFile[RecoveryResponse]:
    """In the runtime folder of ``kiosk-recovery.service``."""
    return MessageFile(runtime / "answer.json", _read_answer, PUBLIC)
