"""Letters between station and helper as files; the helper reads them with the rights of the station's user."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from kiosk.app.update.owner import as_owner, read_small
from kiosk.base.files import open_regular, write_durably
from kiosk.station.update.letters import (
    ANSWER,
    MAX_BYTES,
    REQUEST,
    VERDICT,
    Answer,
    Request,
    Verdict,
    is_bundle_name,
    parse,
)
from kiosk.station.update.refusals import UpdateRefused, Why

REQUESTS: Final = "requests"
BUNDLES: Final = "updates"
"""Folders of the station's data."""

L = TypeVar("L", Request, Answer, Verdict)


class HelperLetters:
    """What the helper finds."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def take_request(self) -> Request | None:
        """Gone before it is acted on, whatever it is: one that ends the helper comes only once. Raises OSError."""
        found = self._read(REQUEST, Request)
        place = self._data / REQUESTS / REQUEST
        with as_owner(self._data):
            try:
                place.unlink(missing_ok=True)
            except IsADirectoryError:
                shutil.rmtree(place)
        return found

    def answer(self) -> Answer | None:
        """Raises OSError."""
        return self._read(ANSWER, Answer)

    def verdict(self) -> Verdict | None:
        """Raises OSError."""
        return self._read(VERDICT, Verdict)

    @contextmanager
    def bundle(self, name: str) -> Iterator[BinaryIO]:
        """Opened once: what is done with the name afterwards changes nothing."""
        if not is_bundle_name(name):
            raise UpdateRefused(Why.NOT_FOUND)
        try:
            with as_owner(self._data):
                file = open_regular(self._data / BUNDLES / name)
        except OSError as error:
            raise UpdateRefused(Why.NOT_FOUND, error.strerror or str(error)) from error
        with file:
            yield file

    def clear(self) -> None:
        """Raises OSError."""
        with as_owner(self._data):
            for name in (ANSWER, VERDICT):
                (self._data / REQUESTS / name).unlink(missing_ok=True)

    def drop_bundle(self, name: str) -> None:
        """Raises OSError."""
        with as_owner(self._data):
            (self._data / BUNDLES / name).unlink(missing_ok=True)

    def _read(self, name: str, kind: type[L]) -> L | None:
        with as_owner(self._data):
            raw = read_small(self._data / REQUESTS / name, MAX_BYTES)
        return None if raw is None else parse(raw, kind)


class StationLetters:
    """What the station writes."""

    def __init__(self, data: Path) -> None:
        self._folder = data / REQUESTS

    def ask(self, bundle: str) -> None:
        """Raises OSError."""
        self._write(REQUEST, Request(bundle))

    def answer(self, answer: Answer) -> None:
        """Raises OSError."""
        self._write(ANSWER, answer)

    def tell(self, verdict: Verdict) -> None:
        """Raises OSError."""
        self._write(VERDICT, verdict)

    def waits(self) -> bool:
        """Whether a request is there that nobody has taken."""
        return (self._folder / REQUEST).exists()

    def _write(self, name: str, letter: Request | Answer | Verdict) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_durably(self._folder / name, msgspec.json.encode(letter))
