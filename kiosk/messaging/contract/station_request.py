"""What a county may request of one of its stations, signed: a report, a support bundle, a check for updates. No shell.

Nothing of a request is run, and none of its text becomes part of a path: its kind is looked up in a table of three.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from kiosk.messaging.contract.configuration import BadConfiguration, Certificate, CountyMessage, Signature, Time
from kiosk.messaging.contract.strict_json import StrictJsonError, read

MAX_REQUEST_BYTES: Final = 4096
REQUESTS: Final = "requests"  # In the station's data folder
REQUEST: Final = "request.json"  # In it the one that waits; the relay writes it, the station's process removes it
ANSWERS: Final = "answers"  # In it the files that go to the county, each under its SHA-256


class RequestKind(StrEnum):
    REPORT = "report"  # What the doctor finds, as words
    BUNDLE = "bundle"  # The support bundle
    UPDATE = "update"  # The relay checks for updates now; a person installs them, as always


class StationRequest(CountyMessage, frozen=True, forbid_unknown_fields=True):
    """``kind``: a `RequestKind`, or a word of later software. ``release``: the version that an update is about."""

    expires: Time
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,16}\Z")]
    release: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+~-]{0,40}\Z")]
    certificate: Certificate
    signature: Signature = ""


_PREBUILT_DECODER: Final = msgspec.json.Decoder(StationRequest)  # As that of ConfigurationDocument


def parse_request(content: bytes) -> StationRequest:
    """Parse the form alone. Raises BadConfiguration."""
    try:
        return msgspec.convert(read(content, max_bytes=MAX_REQUEST_BYTES), StationRequest)
    except (StrictJsonError, msgspec.ValidationError, ValueError) as error:
        raise BadConfiguration(f"no usable request: {error}") from error
