"""Message catalogs: gettext ``.po`` files keyed by stable ids, read as they are when the program starts."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO

from babel.messages.catalog import Catalog as BabelCatalog
from babel.messages.catalog import Message
from babel.messages.pofile import PoFileError, read_po

from kiosk.texts.languages import LANGUAGES, Language, plural_index

NEEDS_REVIEW = "needs review"
FROM_TERMS = "source: terms"
REVIEWED = "reviewed"  # What a reviewer puts instead, followed by initials and month: `# reviewed A.T. 2027-01`.
FALLBACK = "en"
STATION = "kiosk.texts"  # The package with the catalogs of the station; the sorting center has its own
UNKNOWN_VALUE = "\u2013"

# Named and nothing more: no format codes, attributes or indexes that a catalog could misuse.
PLACEHOLDER = re.compile(r"\{([a-z][a-z_0-9]*)\}")

_log = logging.getLogger(__name__)


class MissingText(LookupError):
    """There is no such text, or a value it needs was not given."""


class DamagedCatalog(ValueError):
    """A catalog file cannot be read."""


@dataclass(frozen=True, slots=True)
class MessageEntry:
    """One message: its plural forms (a single one when it does not count) and the translator's comments."""

    forms: tuple[str, ...]
    counts: bool
    comments: tuple[str, ...]
    english: tuple[str, ...]

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of all values the message needs."""
        return frozenset(name for form in self.forms for name in PLACEHOLDER.findall(form))


@cache
def catalog(lang: str, package: str = STATION) -> Mapping[str, MessageEntry]:
    """Load all entries of one language by id; raises KeyError for an unknown language.

    ``catalogs`` in ``package`` has a folder for each language with one or more files. Raises DamagedCatalog, naming the
    file, when one cannot be read or gives an id that another file has.
    """
    folder = files(package).joinpath("catalogs", LANGUAGES[lang].code)
    entries: dict[str, MessageEntry] = {}
    try:
        names = sorted(part.name for part in folder.iterdir() if part.name.endswith(".po"))
    except OSError as error:
        raise DamagedCatalog(f"the texts in {lang}/ cannot be read ({error}): install the program again") from error
    for name in names:
        part = _read_part(folder.joinpath(name), f"{lang}/{name}")
        twice = sorted(entries.keys() & part.keys())
        if twice:
            raise DamagedCatalog(f"the texts in {lang}/{name} give {twice[0]} again: install the program again")
        entries.update(part)
    return entries


def _read_part(path: Traversable, name: str) -> dict[str, MessageEntry]:
    try:
        return parse_catalog(path.read_bytes())
    except (DamagedCatalog, OSError) as error:
        raise DamagedCatalog(f"the texts in {name} cannot be read ({error}): install the program again") from error


def parse_catalog(source: bytes) -> dict[str, MessageEntry]:
    """Read a ``.po`` file; entries without text count as missing and are left out. Raises DamagedCatalog."""
    try:
        # No locale given: Babel would overwrite the file's own plural rule, and it has none for Uyghur.
        read: BabelCatalog = read_po(BytesIO(source), abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        raise DamagedCatalog(str(error)) from error
    entries = ((_id(message), _entry(message)) for message in read if message.id)
    return {name: entry for name, entry in entries if all(entry.forms)}


def _id(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _entry(message: Message) -> MessageEntry:
    counts = not isinstance(message.id, str)
    forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))
    return MessageEntry(forms, counts, tuple(message.user_comments), tuple(message.auto_comments))


class Texts:
    """The texts of one language. ``strict`` raises MissingText; otherwise the English text is shown and logged once."""

    def __init__(self, language: Language, *, strict: bool = False, package: str = STATION) -> None:
        self.language = language
        self._strict, self._package = strict, package
        self._entries = catalog(language.code, package)
        self._logged: set[str] = set()

    def __contains__(self, text_id: object) -> bool:
        return text_id in self._entries

    def text(self, text_id: str, **values: object) -> str:
        """Return the message with ``{name}`` replaced by ``values["name"]``; a counting one chooses its form by ``n``.

        For HTML use ``kiosk.texts.html.fill``: it escapes the values.
        """
        return PLACEHOLDER.sub(lambda found: str(self.value(text_id, found[1], values)), self.template(text_id, values))

    def template(self, text_id: str, values: Mapping[str, object]) -> str:
        """Return the message with its placeholders, in the plural form for ``values["n"]``."""
        entry = self._entries.get(text_id)
        if entry is not None:
            return _form(entry, self.language, values)
        self._report_missing(text_id, f"there is no text {text_id!r} in {self.language.code}")
        english = catalog(FALLBACK, self._package).get(text_id)
        return text_id if english is None else _form(english, LANGUAGES[FALLBACK], values)

    def value(self, text_id: str, name: str, values: Mapping[str, object]) -> object:
        """Return one value of a message; a dash when the caller forgot it (MissingText when strict)."""
        if name in values:
            return values[name]
        self._report_missing(f"{text_id}:{name}", f"the text {text_id!r} needs a value for {name!r}")
        return UNKNOWN_VALUE

    def _report_missing(self, key: str, message: str) -> None:
        if self._strict:
            raise MissingText(message)
        # Bounded: an id can be put together from a code that came from outside.
        if key not in self._logged and len(self._logged) < 200:
            self._logged.add(key)
            _log.warning("%s", message)


def _form(entry: MessageEntry, language: Language, values: Mapping[str, object]) -> str:
    if not entry.counts:
        return entry.forms[0]
    n = values.get("n")
    return entry.forms[plural_index(language, n if isinstance(n, int) else 0)]


@cache
def load(lang: str, *, strict: bool = False) -> Texts:
    """Load the texts of ``ug``, ``zh`` or ``en`` once; raises KeyError for another language."""
    return Texts(LANGUAGES[lang], strict=strict)


def needs_review(lang: str, package: str = STATION) -> list[str]:
    """List the ids of all texts that no native reader has approved yet, sorted."""
    return sorted(name for name, entry in catalog(lang, package).items() if NEEDS_REVIEW in entry.comments)
