"""What the program itself writes down about alarms and notices: kept in English, shown in every language.

A sentence is made and read by one table, so what stands in a database, of whatever age, leads back to its code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, Literal

DetailCode = Literal[
    "came_twice",
    "breaks_the_chain",
    "confirmed_again",
    "in_two_regions",
    "names_another_region",
    "too_many_epochs",
    "by_turns",
    "many_times",
    "set_apart",
    "last_heard",
    "waiting",
    "missing_since",
    "missing",
    "never_came",
    "too_much_today",
    "little_disk",
    "scale_valid_until",
    "valid_until",
    "above_max",
    "far_price",
    "early_clock",
    "mail_taken",
    "mail_taken_in_part",
    "mail_login_refused",
    "mail_answered",
    "mail_none_taken",
    "mail_late",
    "mail_failed",
    "no_logins",
    "login_unreadable",
    "login_lines",
    "plain_http",
    "not_found",
    "not_open",
    "too_long",
    "bad_target",
    "no_room",
    "own_error",
    "late",
    "answered",
    "failed",
]

_ENGLISH: Final[Mapping[DetailCode, str]] = {
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
    "above_max": "receipt {receipt} has a bag of {n} g; the scale shows {most} g at most",
    "far_price": "receipt {receipt} has {n} fen for a kilogram; other stations have {most} fen on that day",
    "early_clock": "{receipt} was written at {at} by a clock that is set; no event there is older than {since}",
    "mail_taken": "given to the mail server",
    "mail_taken_in_part": "given to the mail server; it refused {n} of the recipients",
    "mail_login_refused": "the mail server did not take the login ({n})",
    "mail_answered": "the mail server answered {n}",
    "mail_none_taken": "the mail server takes none of {n} recipients",
    "mail_late": "mail server {host}: no answer within {seconds} s",
    "mail_failed": "mail server {host}: {text}",
    "no_logins": "no folder of logins is given: {option}",
    "login_unreadable": "the file of the login {name} cannot be read",
    "login_lines": "the file of the login {name} must have two lines: user and password",
    "plain_http": "plain http goes only to a host named with --allow-webhook-host, like {host}",
    "not_found": "the name {host} is not found",
    "not_open": "{host} is {address}, which is not in the open net: --allow-webhook-host {host} allows it",
    "too_long": "the notice has {n} bytes, at most {most} are sent",
    "bad_target": "the address of this target cannot be used",
    "no_room": "there was no room: {n} notices wait already",
    "own_error": "an error of this software: {text}; it is in the log",
    "late": "{host}: no answer within {seconds} s",
    "answered": "{host} answered {n}",
    "failed": "{host}: {text}",
}

_COUNT: Final = r"-?[0-9]+"
# Of values, by their name; of any other it is one word.
_VALUE_PATTERNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("n", "seq", "first", "most"), _COUNT),
    "seconds": r"[0-9.]+",
    **dict.fromkeys(("at", "since"), r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC"),
    "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    **dict.fromkeys(("text", "said", "option"), r".+"),
}
_MINUTE_FORMAT: Final = "%Y-%m-%d %H:%M UTC"
_WORD: Final = r"\S+"
_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class AlarmDetail:
    """A sentence that was read back. Values are as they were written."""

    code: DetailCode
    values: Mapping[str, str]


def format_minute(at: datetime) -> str:
    """Of a sentence, to the minute."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"


def parse_minute(at: str) -> datetime:
    return datetime.strptime(at, _MINUTE_FORMAT).replace(tzinfo=UTC)


def format_detail(code: DetailCode, **values: str | int) -> str:
    """In English, as it is kept."""
    return _ENGLISH[code].format(**values)


def parse_detail(text: str) -> AlarmDetail | None:
    """None for what is none of these: a version of software, a sentence that was cut off, one of a later version."""
    for code, shape in _detail_patterns():
        if (found := shape.fullmatch(text)) is not None:
            return AlarmDetail(code, found.groupdict())
    return None


@cache
def _detail_patterns() -> list[tuple[DetailCode, re.Pattern[str]]]:
    return [(code, re.compile(_detail_pattern(english))) for code, english in _ENGLISH.items()]


def _detail_pattern(english: str) -> str:
    shape, end, seen = "", 0, set[str]()
    for place in _PLACEHOLDER.finditer(english):
        name = place[1]
        shape += re.escape(english[end : place.start()])
        shape += f"(?P={name})" if name in seen else f"(?P<{name}>{_VALUE_PATTERNS.get(name, _WORD)})"
        seen.add(name)
        end = place.end()
    return shape + re.escape(english[end:])
