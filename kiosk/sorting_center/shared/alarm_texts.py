"""What the program writes down about alarms and notices: a code and values, shown by a sentence of every language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader

# For programs, in webhooks. Codes without a sentence here are shown on pages alone.
ENGLISH: Final[Mapping[str, str]] = {
    "came_twice": "event {seq} came twice with different content",
    "breaks_the_chain": "event {seq} does not follow the event before it",
    "confirmed_again": "event {seq} confirms a receipt that event {first} of {epoch} has confirmed",
    "in_two_regions": "is heard in the region {region} as well as in {other}",
    "names_another_region": (
        "sends events that name another region than their topic; the topic's is the one they count in"
    ),
    "too_many_epochs": "tells of more than {n} epochs; nothing of a further one is taken in or acknowledged",
    "by_turns": "two machines send by turns under this number: boot {boot} and boot {other}",
    "many_times": "{n} times; the first: {said}",
    "set_apart": "{n} events set apart: {reason}",
    "last_heard": "last heard {at}",
    "waiting": "{n} events wait there",
    "missing_since": "{n} events are missing since {at}",
    "missing": "{n} events are missing",
    "never_came": "{n} events of an ended epoch never came",
    "too_much_today": "{n} MB were taken in today (UTC); the rest has to wait until tomorrow",
    "little_disk": "the disk of the sorting center is nearly full; {n} MB were taken in today (UTC), the rest waits",
    "scale_valid_until": "{text} valid until {day}",
    "valid_until": "valid until {day}",
    "software": "{text}",
    "key_untried": "last tried on {day}",
    "above_max": "receipt {receipt} has a bag of {n} g; the scale shows {most} g at most",
    "far_price": "receipt {receipt} has {n} fen for a kilogram; other stations have {most} fen on that day",
    "old_price": "buys {product} for {n} fen a kilogram since {since}; the county's price is {most} fen",
    "not_bought": "buys {product} for {n} fen a kilogram since {since}; the county buys none there",
    "document_refused": "refused the county's document {version} on {at}: {why}",
    "unsigned": "signature device failed: {n} events without a signature that is believed since {since}",
    "early_clock": "{receipt} was written at {at} by a clock that is set; no event there is older than {since}",
    "log_inconsistent": "refused the county's log {origin} with {n} events: it does not continue its own with {most}",
    "log_smaller": "refused the county's log {origin} with {n} events: it keeps one with {most}",
    "log_signature": "refused the county's log {origin} with {n} events: the county has not signed it",
    "log_begun_again": "keeps {origin}: the county's log has begun again in this year",
}
_MINUTE_FORMAT: Final = "%Y-%m-%d %H:%M UTC"


class AlarmDetail(msgspec.Struct, frozen=True):
    """``code`` names the text ``said_{code}`` of the pages, and ``values`` fill it."""

    code: str
    values: dict[str, str | int]


_read_detail: Final = reader(msgspec.json.Decoder(AlarmDetail))


def format_detail(code: str, **values: str | int) -> str:
    """As it is stored: JSON. ``said`` is another detail."""
    return msgspec.json.encode(AlarmDetail(code, values)).decode()


def parse_detail(text: str) -> AlarmDetail | None:
    """None for any other text: a version of software, what an earlier version has written."""
    try:
        return _read_detail(text)
    except Unreadable:
        return None


def english_detail(text: str) -> str:
    """A stored detail as an English sentence; any other text as it is."""
    found = parse_detail(text)
    if found is None or found.code not in ENGLISH:
        return text
    values = found.values
    if "said" in values:
        values = {**values, "said": english_detail(str(values["said"]))}
    return ENGLISH[found.code].format_map(values)


def format_minute(at: datetime) -> str:
    """A moment as a value of a detail."""
    return at.astimezone(UTC).strftime(_MINUTE_FORMAT)


def parse_minute(at: str) -> datetime:
    return datetime.strptime(at, _MINUTE_FORMAT).replace(tzinfo=UTC)
