"""The helper's side of the messages of an update: the station's folder, with the rights of the station's user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from kiosk.app.update.owner import as_owner
from kiosk.base.files import open_regular
from kiosk.base.root_requests import BadMessage, MessageFile, last_answer, serve
from kiosk.station.update.messages import BUNDLES, Answer, Request, UpdateFiles, Verdict, is_bundle_name
from kiosk.station.update.refusals import UpdateRefused, Why

A = TypeVar("A")
B = TypeVar("B")


class HelperMessages:
    """Implements ``kiosk.station.update.ports.Messages``."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._files = UpdateFiles(data, partial(as_owner, data))

    def serve(self, handle: Callable[[Request], A]) -> A | None:
        """Removed before it is acted on, whatever it is: one that ends the helper comes only once. Raises OSError."""
        return serve(self._files.request, lambda message: handle(message.body))

    def answer(self, number: str) -> Answer | None:
        return _of_update(self._files.answer, number)

    def verdict(self, number: str) -> Verdict | None:
        return _of_update(self._files.verdict, number)

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
        with suppress(BadMessage):
            self._files.answer.take()
        with suppress(BadMessage):
            self._files.verdict.take()

    def drop_bundle(self, name: str) -> None:
        """Raises OSError."""
        with as_owner(self._data):
            (self._data / BUNDLES / name).unlink(missing_ok=True)


def _of_update(file: MessageFile[B], number: str) -> B | None:
    last = last_answer(file)
    return last.body if last is not None and last.id == number else None
