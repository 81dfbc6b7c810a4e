"""A support bundle on its way to a stick: asked for by the station, judged anew by root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from kiosk.app.mounting.mounting import MAX_BUNDLE_BYTES, ExportPaths, copy_bundle
from kiosk.base.refused import Refused
from kiosk.base.root_requests import CannotRemove
from kiosk.station.doctor.tools import copy_request_file

NAME = "support-S0147-0001-2026-11-25.zip"


class Box:
    def __init__(self, folder: Path) -> None:
        self.data, self.stick = folder / "data", folder / "media/KIOSK-USB-sda1"
        self.request = copy_request_file(self.data)
        self.request.path.parent.mkdir(parents=True)
        self.stick.mkdir(parents=True)
        (self.data / NAME).write_bytes(b"PK")
        self.open = 0
        self.on_open: Callable[[], None] = lambda: None
        media = folder / "media"
        self.places = ExportPaths(self.data, (media,), lambda path: Path(path).parent == media, self.writable)

    @contextmanager
    def writable(self, medium: Path) -> Iterator[None]:
        self.open += 1
        self.on_open()
        yield

    def ask(self, name: str = NAME) -> None:
        """As anybody could have written it."""
        body = {"kind": "bundle", "id": "0" * 32, "body": {"bundle": name}}
        self.request.path.write_bytes(msgspec.json.encode(body))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_bundle_comes_to_the_stick_and_the_stick_is_open_for_it_alone(box: Box) -> None:
    box.ask()
    assert copy_bundle(box.places) == box.stick / NAME
    assert [path.name for path in box.stick.iterdir()] == [NAME]
    assert box.open == 1
    assert not box.request.exists(), "one that is left would be served again and again"
    with pytest.raises(Refused):
        copy_bundle(box.places)


def test_whatever_is_asked_for_is_asked_for_once(box: Box, tmp_path: Path) -> None:
    """Its path unit starts the helper as long as anything of that name is there."""
    request = box.request.path
    lays: list[Callable[[], object]] = [
        lambda: request.write_bytes(b""),
        lambda: request.write_bytes(b"x" * 5000),
        lambda: os.mkfifo(request),
        lambda: request.symlink_to(tmp_path / "elsewhere"),
        lambda: (request / "full/of").mkdir(parents=True),
    ]
    box.ask()
    request.rename(tmp_path / "elsewhere")
    for lay in lays:
        lay()
        with pytest.raises(Refused):
            copy_bundle(box.places)
        assert not box.request.exists()
    assert (tmp_path / "elsewhere").exists()


def test_one_that_comes_while_the_first_is_copied_stays_for_the_next_start(box: Box) -> None:
    box.ask()
    box.on_open = lambda: box.ask()
    copy_bundle(box.places)
    assert box.request.exists()


def test_a_request_that_cannot_be_taken_away_is_an_error_and_is_not_served(box: Box, tmp_path: Path) -> None:
    """So its unit pauses, and no stick is written again and again; a folder that leads elsewhere loses nothing."""
    (box.data / "requests").rename(tmp_path / "other")
    (box.data / "requests").symlink_to(tmp_path / "other")
    box.ask()
    with pytest.raises(CannotRemove, match="requests"):
        copy_bundle(box.places)
    assert (tmp_path / "other/bundle.json").exists()
    assert box.open == 0


def test_nothing_else_leaves_the_station(box: Box) -> None:
    def refused(name: str = NAME, match: str = "that is there") -> None:
        box.ask(name)
        with pytest.raises(match=match):
            copy_bundle(box.places)

    (box.data / "station.db").write_bytes(b"names")
    for name in ("", "station.db", "../x.zip", f"{NAME}\n"):
        refused(name, match="requested")
    (box.data / NAME).unlink()
    (box.data / NAME).symlink_to(box.data / "station.db")
    refused()
    (box.data / NAME).unlink()
    os.mkfifo(box.data / NAME)
    refused()
    (box.data / NAME).unlink()
    with (box.data / NAME).open("wb") as file:
        file.truncate(MAX_BUNDLE_BYTES + 1)
    refused()
    (box.data / NAME).write_bytes(b"PK")
    box.stick.rmdir()
    refused(match="no stick")
    assert box.open == 0


def test_a_folder_where_the_request_or_the_bundle_belongs_leaves_nothing_open(box: Box) -> None:
    (box.data / NAME).unlink()
    (box.data / NAME).mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(5):
        box.request.path.mkdir()
        with pytest.raises(Refused):
            copy_bundle(box.places)
        box.ask()
        with pytest.raises(match="no plain file"):
            copy_bundle(box.places)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
