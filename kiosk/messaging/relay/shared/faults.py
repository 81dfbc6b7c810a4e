"""What a broker says it will not do, as the words people see: at ``kiosk doctor`` and on the technician's page."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

NO_SUBSCRIBERS: Final = 0x10
NO_MQTT_5: Final = 0x84


class LinkFault(StrEnum):
    """One word for each reason; the text ``doctor.do.link_{word}`` says what to do about it."""

    NOT_AUTHORIZED = "not_authorized"
    QUOTA = "quota"
    TOO_LARGE = "too_large"
    NO_SUBSCRIBERS = "no_subscribers"  # The broker took it, but no sorting center is subscribed
    TOPIC_INVALID = "topic_invalid"
    # Another connection with this station's client id: two machines have one station's card.
    SESSION_TAKEOVER = "taken_over"
    REFUSED = "refused"  # For another reason, which the relay's log names
    # The broker only speaks MQTT 3.1.1: a PUBACK or the end of a connection has no reason, so none is reported.
    MQTT_3 = "mqtt_3"


# By reason code (MQTT 5.0, section 2.4).
_FAULT_BY_REASON_CODE: Final[Mapping[int, LinkFault]] = {
    NO_SUBSCRIBERS: LinkFault.NO_SUBSCRIBERS,
    0x86: LinkFault.NOT_AUTHORIZED,
    0x87: LinkFault.NOT_AUTHORIZED,
    0x8E: LinkFault.SESSION_TAKEOVER,
    0x90: LinkFault.TOPIC_INVALID,
    0x95: LinkFault.TOO_LARGE,
    0x97: LinkFault.QUOTA,
}
# The broker is busy, shuts down or moves, or the line broke: nothing a technician of the station could mend.
_TRANSIENT_CODES: Final = frozenset({0x80, 0x81, 0x82, NO_MQTT_5, 0x88, 0x89, 0x8B, 0x8D, 0x93, 0x98, 0x9C, 0x9D})


def fault_of(code: int) -> LinkFault | None:
    """Return the fault for a reason code; None for success, and for what passes by itself."""
    if code < 0x80 and code != NO_SUBSCRIBERS:
        return None
    return None if code in _TRANSIENT_CODES else _FAULT_BY_REASON_CODE.get(code, LinkFault.REFUSED)
