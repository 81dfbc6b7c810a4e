"""The support bundle: one file that shows the state of a station, without personal data.

It holds no event's data, no row of a table, no picture, key or paper; every text in it goes through the scrubber.
"""

from __future__ import annotations

import html
import json
import os
import platform
import re
import subprocess
import tomllib
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from kiosk.base import systemd
from kiosk.base.files import atomic_writer
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.doctor.finding import DoctorFinding
from kiosk.station.shared.settings import StationSettings
from kiosk.store.database.inspection import (
    SQLITE_VERSION,
    all_epochs,
    inspect_database,
    last_events,
    private_words,
    row_counts,
)
from kiosk.store.shared.errors import StoreError
from kiosk.texts import load

# From so many letters on a name may have an ending: "Ali" with one would be part of too many words.
_ENDING_FROM: Final = {"LATIN": 4, "ARABIC": 3}
# What Uyghur hangs on a name without a gap, in Latin and in Arabic letters: cases, plural, the friendly "jan".
_ENDINGS: Final = re.compile(
    r"(?:ning|ni|gha|qa|ge|ke|din|tin|da|de|ta|te|lar|ler|jan|"
    r"نىڭ|نى|غا|قا|گە|كە|دىن|تىن|دا|دە|تا|تە|لار|لەر|جان|دەك|تەك|چە|مۇ)+"
)
# A name in Arabic letters of this length may have any ending: words that begin with a whole name are that name.
_OWN_ENDING_FROM: Final = 5
_MAX_ENDING_LETTERS: Final = 12
_MIN_DIGITS: Final = 5  # Of a name that is only digits
_MAX_SPACED_LETTERS: Final = 5
_FIRST_HAN: Final = "\u3400"  # A Chinese name of few characters may be written with a gap after each
# Names of more words are searched for as written, reversed, and with the family name first or last.
_MAX_PERMUTED_WORDS: Final = 3

_ESCAPE: Final = re.compile(
    r"\\{1,4}u([0-9A-Fa-f]{4})|((?:\\{1,4}x[0-9A-Fa-f]{2})+)|((?:%[0-9A-Fa-f]{2})+)|(&(?:#\w{1,7}|[A-Za-z]{2,6});)"
)
_HEX: Final = re.compile(r"\\{1,4}x|%")
_BREAK: Final = "\n"
_GAP: Final = " "


class PrivateNames:
    """Finds names in any text: with anything between their words, in any order, escaped, accented or not. Texts and
    names are reduced to the same plain letters first, so the work grows with the text, not with the number of names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._alone: set[str] = set()
        for name in names:
            self._add(_Plain(name).text.split())
        lengths: dict[str, set[int]] = {}
        for spelling in self._alone:
            lengths.setdefault(spelling[:2], set()).add(len(spelling))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def _add(self, words: list[str]) -> None:
        if "".join(words).isdecimal() and len("".join(words)) < _MIN_DIGITS:
            return  # every count would be masked, and no personal number is so short
        for order in _orders(words):
            self._alone.add(_GAP.join(order))
            glued = "".join(order)
            self._alone.add(glued)
            if len(glued) <= _MAX_SPACED_LETTERS and min(glued) >= _FIRST_HAN:
                self._alone.add(_GAP.join(glued))

    def mask(self, text: str, instead: str) -> str:
        if not self._alone:
            return text
        plain = _Plain(text)
        pieces: list[str] = []
        last = 0
        for start, end in plain.spans(_merge(self._find(plain.text))):
            pieces += [text[last:start], instead]
            last = end
        return "".join((*pieces, text[last:]))

    def _find(self, plain: str) -> Iterator[tuple[int, int]]:
        """Yield the longest name that begins at each place, with its ending."""
        for at in range(len(plain)):
            for length in self._lengths.get(plain[at : at + 2], self._lengths.get(plain[at], ())):
                if plain[at : at + length] in self._alone and _begins(plain, at):
                    end = _word_end(plain, at, at + length)
                    if end:
                        yield at, end
                        break


def _script(plain: str, at: int) -> str:
    """Return the script of the letter; "" for none, and for scripts without separate words, as Chinese. A digit counts
    as Latin: half a hexadecimal number is no name.
    """
    if not 0 <= at < len(plain) or not plain[at].isalnum() or plain[at] >= _FIRST_HAN:
        return ""
    if plain[at].isascii():
        return "LATIN"
    return unicodedata.name(plain[at], "").partition(" ")[0]


def _begins(plain: str, at: int) -> bool:
    """Return whether a word begins here: no letter of the same script precedes it."""
    return not _script(plain, at) or _script(plain, at - 1) != _script(plain, at)


def _word_end(plain: str, start: int, end: int) -> int:
    """Return where the word that begins with this name ends; 0 when it is another word."""
    script = _script(plain, end - 1)
    if not script or _script(plain, end) != script:
        return end
    length = end - start
    if length >= _ENDING_FROM.get(script, length + 1):
        ending = _ENDINGS.match(plain, end, end + _MAX_ENDING_LETTERS)
        if ending and _script(plain, ending.end()) != script:
            return end
    return end if script == "ARABIC" and length >= _OWN_ENDING_FROM else 0


class _Plain:
    """A text in plain letters, each with its source position: no case, accent, escape or width; one gap for anything
    else. A line's end is kept: no name goes over it.
    """

    def __init__(self, text: str) -> None:
        letters: list[str] = []
        self._from: list[int] = []
        self._end = len(text)
        for start, character in _characters(text):
            for letter in _letters(character):
                if letter in (_GAP, _BREAK) and letters[-1:] == [letter]:
                    continue
                letters.append(letter)
                self._from.append(start)
        self.text = "".join(letters)

    def spans(self, found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Convert places in the plain text to places in the original; accents after the last letter belong to it."""
        for start, end in found:
            yield self._from[start], self._from[end] if end < len(self._from) else self._end


def _characters(text: str) -> Iterator[tuple[int, str]]:
    last = 0
    for escape in _ESCAPE.finditer(text):
        yield from ((at, text[at]) for at in range(last, escape.start()))
        yield from _decode(escape)
        last = escape.end()
    yield from ((at, text[at]) for at in range(last, len(text)))


def _decode(escape: re.Match[str]) -> Iterator[tuple[int, str]]:
    code, _, _, entity = escape.groups()
    if code:
        yield escape.start(), chr(int(code, 16))
        return
    if entity:
        yield from ((escape.start(), letter) for letter in html.unescape(entity))
        return
    run = escape[0]
    data = bytes.fromhex(_HEX.sub("", run))
    width = len(run) // len(data)
    try:
        characters = data.decode("utf-8")
    except UnicodeDecodeError:
        characters = data.decode("latin-1")
        sizes = [1] * len(data)
    else:
        sizes = [len(character.encode()) for character in characters]
    start = escape.start()
    for character, size in zip(characters, sizes, strict=True):
        yield start, character
        start += size * width


def _letters(character: str) -> str:
    if character.isascii():
        return character.lower() if character.isalnum() else _BREAK if character == "\n" else _GAP
    return "".join(
        letter if letter.isalnum() else _GAP
        for letter in unicodedata.normalize("NFKD", character).casefold()
        if unicodedata.category(letter) not in ("Mn", "Cf")
    )


def _orders(words: list[str]) -> Iterator[tuple[str, ...]]:
    if len(words) > _MAX_PERMUTED_WORDS:
        yield tuple(words)
        yield tuple(reversed(words))
        yield (words[-1], *words[:-1])
        yield (*words[1:], words[0])
    elif words:
        yield from permutations(words)


def _merge(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Merge names that share a letter, so that no part of either is left."""
    start, end = 0, 0
    for begin, stop in found:
        if begin < end:
            end = max(end, stop)
            continue
        if end:
            yield start, end
        start, end = begin, stop
    if end:
        yield start, end


NAME, CODE, PHONE, ID_NUMBER, WAYBILL, NUMBER = "[name]", "[code]", "[phone]", "[id]", "[waybill]", "[number]"

_ALONE, _ALONE_END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
# Receipt and parcel numbers are the station's own and stay: support asks about them.
_RECEIPT: Final = r"[0-9]{4}-[A-Z]-[0-9]{6}(?!\d)"
_DAY: Final = r"-[01]\d-[0-3]\d"
# Of free texts also stay names of bundles, times, days of the station's years, addresses of its network, weights.
_PRESERVED: Final = "|".join(
    (
        _RECEIPT,
        r"support-S\d{4}-\d{4}(?!\d)",
        rf"{_ALONE}(?:1970|20\d\d){_DAY}[ T][0-2]\d:[0-5]\d(?::\d\d(?:[.,]\d{{1,9}})?)?(?:[+-]\d\d:?\d\d)?(?!\d)",
        rf"{_ALONE}20[2-4]\d{_DAY}(?![0-9A-Za-z]|[ .-]\d{{3}})",
        r"(?<![0-9A-Za-z.-])(?:127|10|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254)(?:\.\d{1,3}){2,3}(?![0-9A-Za-z.-])",
        r"(?<![0-9A-Za-z.])\d{1,3}\.\d{3} ?kg(?![0-9A-Za-z])",
    )
)

# Mobile and landline numbers, ID numbers of 18 places, S10 and carriers' numbers, slips and member cards.
_PERSONAL: Final = (
    (re.compile(r"Y1[KP][0-9A-Z]{4,}", re.IGNORECASE), CODE),
    (re.compile(rf"{_ALONE}\d{{17}}[\dXx]{_ALONE_END}"), ID_NUMBER),
    (re.compile(rf"{_ALONE}\d{{6}}[ -]\d{{8}}[ -]\d{{3}}[\dXx]{_ALONE_END}"), ID_NUMBER),
    (re.compile(rf"(?:\+|{_ALONE})(?:(?:00)?86[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}{_ALONE_END}"), PHONE),
    (re.compile(rf"{_ALONE}0\d{{2,3}}[ -]\d{{7,8}}{_ALONE_END}"), PHONE),
    (re.compile(rf"{_ALONE}[A-Za-z]{{1,4}}[ -]?\d{{8,}}[0-9A-Za-z-]*"), WAYBILL),
)

# What people write between the digits of one number, and what no eye sees there.
_BETWEEN: Final = "[ .()\\[\\]\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff-]"
_RUN: Final = re.compile(rf"[+(]{{0,2}}+\d++(?:{_BETWEEN}{{1,3}}+\d++)*+(?:[ -]?[Xx]{_ALONE_END})?")
_MIN_NUMBER_DIGITS: Final = 7
# Personal numbers that are recognized even where letters adjoin them.
_INSIDE: Final = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|(?:86)?1[3-9]\d{9}|0\d{9,11})(?!\d)")

# Of texts in which anything may have been written: every long number, every six digits without neighbors.
_FREE: Final = (
    (re.compile(rf"{_ALONE}\d{{8,}}{_ALONE_END}"), NUMBER),
    (re.compile(r"(?<!\d)\d{3}[ -]\d{3}(?!\d)"), CODE),
    (
        re.compile(
            rf"((?:code|pin|slip|pickup|码|كود)[^\d\n]{{0,12}})\d(?:{_BETWEEN}{{0,3}}\d){{5}}(?!\d)", re.IGNORECASE
        ),
        rf"\g<1>{CODE}",
    ),
    (re.compile(rf"{_ALONE}[A-Za-z]?\d{{6}}[A-Za-z]?{_ALONE_END}"), CODE),
    (re.compile(rf"{_ALONE}M(?:[_\u2010-\u2015-]\d{{2,}}| ?\d{{5}}){_ALONE_END}", re.IGNORECASE), "[member]"),
)

_HARMLESS: Final = {0xFF02: "'", 0xFF3C: "/"}
_TOKEN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{4,63}")


class Scrubber:
    """Removes personal data from a text; rather too much than too little: support can do with a gap in a log line, a
    villager cannot with a leak. ``private`` are names and waybills as stored in the station's database. ``own`` are its
    identifiers of itself, epochs and heads of the journal. They stay: support compares them, and a hexadecimal number
    may by chance look like a waybill.
    """

    def __init__(self, private: Iterable[str], own: Iterable[str] = ()) -> None:
        marks = "|".join(re.escape(mark) for mark in own if mark)
        self._preserved = re.compile(f"{_ALONE}(?:{marks}){_ALONE_END}") if marks else None
        self._preserved_free = re.compile(f"{_PRESERVED}|{self._preserved.pattern}" if self._preserved else _PRESERVED)
        words = {word.strip() for word in private if word.strip()}
        self._waybills = {word.upper() for word in words if _TOKEN.fullmatch(word) and any(map(str.isdigit, word))}
        self._names = PrivateNames(word for word in words if word.upper() not in self._waybills)

    def structured(self, text: str) -> str:
        """Scrub a text that this program made of its own words and counts."""
        return _around(self._preserved, text, self._structured)

    def free(self, text: str) -> str:
        """Scrub a text from any source: logs, settings, file names. Full-width letters and ligatures come out plain."""
        # A wide quotation mark or backslash would end a text of the settings, which are JSON.
        text = unicodedata.normalize("NFKC", text.translate(_HARMLESS))
        return _around(self._preserved_free, text, self._free)

    def _free(self, text: str) -> str:
        text = _INSIDE.sub(NUMBER, _RUN.sub(_mask_number, self._structured(text)))
        return _apply(_FREE, text)

    def _structured(self, text: str) -> str:
        return _apply(_PERSONAL, self._mask_known(text))

    def _mask_known(self, text: str) -> str:
        text = self._names.mask(text, NAME)
        if self._waybills:
            text = _TOKEN.sub(self._replacement, text)
        return text

    def _replacement(self, token: re.Match[str]) -> str:
        return WAYBILL if token[0].upper() in self._waybills else token[0]


def _around(preserved: re.Pattern[str] | None, text: str, work: Callable[[str], str]) -> str:
    pieces: list[str] = []
    last = 0
    for own in preserved.finditer(text) if preserved else ():
        pieces += [work(text[last : own.start()]), own[0]]
        last = own.end()
    return "".join((*pieces, work(text[last:])))


def _apply(rules: Iterable[tuple[re.Pattern[str], str]], text: str) -> str:
    for pattern, instead in rules:
        text = pattern.sub(instead, text)
    return text


def _mask_number(run: re.Match[str]) -> str:
    """Mask a long number, but not one that is part of a word, as in a hexadecimal id."""
    number, text = run[0], run.string
    if sum(map(str.isdigit, number)) < _MIN_NUMBER_DIGITS:
        return number
    before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
    glued = (before + after).isascii() and any(map(str.isalnum, before + after))
    return number if glued and number.isdigit() else NUMBER


KEEP: Final = 5  # Bundles of a station in one folder; older ones are deleted when a new one is made
_MODE: Final = 0o600
_TAIL_BYTES: Final = 256 * 1024
_MAX_LOGS: Final = 20
_SECRET = re.compile(r"password|passphrase|secret|token|credential|user|(^|_)(pin|key)($|_)", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")
_MASK: Final = "***"
_NO_JOURNAL: Final = "the journal cannot be read\n"


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a bundle. ``running``: whether the findings are those of a running station."""

    station: StationSettings
    settings_file: Path | None
    findings: Sequence[DoctorFinding]
    moment: Moment
    software: str
    metrology: str
    running: bool


def write_bundle(subject: Subject, folder: Path) -> Path:
    path = folder / _file_name(subject, folder)
    with atomic_writer(path, _MODE) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in contents(subject):
            bundle.writestr(name, text)
    _prune(folder, subject.station.station)
    return path


def contents(subject: Subject) -> Iterator[tuple[str, str]]:
    database = subject.station.database
    try:
        scrubber, readable = _scrubber(database) if database.exists() else Scrubber(()), True
    except (StoreError, OSError, ValueError, AttributeError, KeyError, TypeError):
        scrubber, readable = Scrubber(()), False
    yield "about.json", _json(_about(subject), scrubber)
    yield "doctor.txt", scrubber.structured(_findings(subject.findings))
    yield "settings.json", scrubber.free(_settings(subject.settings_file))
    yield "database.json", _json(_database(database), scrubber)
    if not readable:
        yield "logs.txt", "Left out: the names to take out of the logs cannot be read from the database.\n"
        return
    for name, text in _logs(subject.station.data):
        yield f"logs/{scrubber.free(name)}", scrubber.free(text)


def _scrubber(database: Path) -> Scrubber:
    epochs = all_epochs(database)
    return Scrubber(private_words(database), [mark for epoch in epochs for mark in (epoch.epoch, epoch.head)])


def _about(subject: Subject) -> dict[str, object]:
    return {
        "station": subject.station.station,
        "region": subject.station.region,
        "running": subject.running,
        "software": subject.software,
        "metrology": subject.metrology,
        "python": platform.python_version(),
        "sqlite": SQLITE_VERSION,
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "made_at": subject.moment.timestamp,
        "clock": subject.moment.quality.value,
        "zone": subject.moment.zone,
    }


def _findings(findings: Sequence[DoctorFinding]) -> str:
    texts = load("en")
    return "".join(f"{row.verdict:5} {row.device:16} {row.sentence(texts)}\n" for row in findings)


def _settings(path: Path | None) -> str:
    """Return the settings as parsed, secrets masked: comments, which may hold anything, are left out."""
    if path is None:
        return '"no settings file was named"\n'
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return '"the settings file cannot be read"\n'
    return json.dumps(_mask_secrets(tables), indent=1, ensure_ascii=False, default=str) + "\n"


def _mask_secrets(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _mask_secrets(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mask_secrets(inner, key) for inner in value]
    if _SECRET.search(key) and not key.endswith("_file"):
        return _MASK
    return _USERINFO.sub(f"{_MASK}@", value) if isinstance(value, str) else value


def _database(path: Path) -> dict[str, object]:
    try:
        seen = inspect_database(path)
        return {
            "look": asdict(seen) if seen else None,
            "epochs": [asdict(epoch) for epoch in all_epochs(path)],
            "rows": row_counts(path),
            "last_events": [asdict(event) for event in last_events(path)],
            "megabytes": path.stat().st_size // 1_000_000,
        }
    except (StoreError, OSError, ValueError, KeyError, TypeError) as error:
        return {"unreadable": type(error).__name__}


def _logs(data: Path) -> Iterator[tuple[str, str]]:
    files = [*data.glob("*.log"), *data.glob("*.log.[0-9]"), *(data / "logs").glob("*")]
    log_count = 0
    for path in sorted(files):
        if log_count == _MAX_LOGS:
            break
        try:
            text = _tail(path) if path.is_file() else None
        except OSError as error:
            text = f"cannot be read: {error.strerror}\n"
        if text is not None:
            log_count += 1
            yield f"{path.name}.txt", text
    if systemd.is_booted():
        yield "services.txt", _journal()


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        text = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    # The first line may be cut in the middle of a name, where the scrubber does not know it again.
    return text if size <= _TAIL_BYTES else text.partition("\n")[2]


def _journal() -> str:
    """Read what the services logged since the start; empty for a user who may not read the journal."""
    try:
        text = subprocess.run(
            ["journalctl", "--unit=kiosk-*", "--lines=3000", "--no-pager", "--output=short-iso", "--quiet"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=15.0,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return _NO_JOURNAL
    if not text.strip():
        return _NO_JOURNAL
    return text if len(text) <= _TAIL_BYTES else text[-_TAIL_BYTES:].partition("\n")[2]


def _json(value: object, scrubber: Scrubber) -> str:
    return scrubber.structured(json.dumps(value, indent=1, ensure_ascii=False)) + "\n"


def _file_name(subject: Subject, folder: Path) -> str:
    """Build the file name from a rising number, and the date unless the clock is unset."""
    station = subject.station.station
    number = max((_number(path) for path in folder.glob(f"support-{station}-*.zip")), default=0) + 1
    date = "" if subject.moment.quality is ClockQuality.UNSET else f"-{subject.moment.timestamp[:10]}"
    return f"support-{station}-{number:04}{date}.zip"


def _number(path: Path) -> int:
    digits = path.name.split("-")[2][:4]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _prune(folder: Path, station: str) -> None:
    old = sorted(folder.glob(f"support-{station}-*.zip"), key=_number)[:-KEEP]
    for path in old:
        # Another user's file, or a medium that is full of errors: the new one is written, and that is what counts.
        with suppress(OSError):
            path.unlink(missing_ok=True)
