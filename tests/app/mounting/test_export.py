"""A support bundle on its way to a stick: asked for by the station, judged anew by root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.app.mounting.export import LARGEST, ExportPlaces, NothingCopied, copy_bundle
from kiosk.station.doctor.tools import COPY_REQUEST

NAME = "support-S0147-0001-2026-11-25.zip"


class Box:
    def __init__(self, folder: Path) -> None:
        self.data, self.stick = folder / "data", folder / "media/KIOSK-USB-sda1"
        (self.data / "requests").mkdir(parents=True)
        self.stick.mkdir(parents=True)
        (self.data / NAME).write_bytes(b"PK")
        self.open = 0
        media = folder / "media"
        self.places = ExportPlaces(self.data, (media,), lambda path: Path(path).parent == media, self.writable)

    @contextmanager
    def writable(self, medium: Path) -> Iterator[None]:
        self.open += 1
        yield

    def ask(self, content: str) -> None:
        (self.data / COPY_REQUEST).write_text(content)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_bundle_comes_to_the_stick_and_the_stick_is_open_for_it_alone(box: Box) -> None:
    box.ask(f'{{"bundle": "{NAME}"}}')
    assert copy_bundle(box.places) == box.stick / NAME
    assert [path.name for path in box.stick.iterdir()] == [NAME]
    assert box.open == 1


def test_nothing_else_leaves_the_station(box: Box) -> None:
    (box.data / "station.db").write_bytes(b"names")
    box.ask(f'{{"bundle": "{NAME}"}}')
    for content in ("", "{}", '{"bundle": "station.db"}', '{"bundle": "../x.zip"}', f'{{"bundle": "{NAME}\\n"}}'):
        box.ask(content)
        with pytest.raises(NothingCopied):
            copy_bundle(box.places)
    box.ask(f'{{"bundle": "{NAME}"}}')
    (box.data / NAME).unlink()
    (box.data / NAME).symlink_to(box.data / "station.db")
    with pytest.raises(NothingCopied):
        copy_bundle(box.places)
    (box.data / NAME).unlink()
    os.mkfifo(box.data / NAME)
    with pytest.raises(NothingCopied):
        copy_bundle(box.places)
    (box.data / NAME).unlink()
    with (box.data / NAME).open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(NothingCopied):
        copy_bundle(box.places)
    (box.data / NAME).write_bytes(b"PK")
    box.stick.rmdir()
    with pytest.raises(NothingCopied, match="no stick"):
        copy_bundle(box.places)
    assert box.open == 0


def test_a_folder_where_the_request_or_the_bundle_belongs_leaves_nothing_open(box: Box) -> None:
    (box.data / COPY_REQUEST).mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(5):
        with pytest.raises(NothingCopied, match="no plain file"):
            copy_bundle(box.places)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
