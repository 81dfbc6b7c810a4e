"""Pictures of damaged parcels: one a parcel, kept exactly when it was accepted with it, whatever dies in between."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.store.shared.records import ParcelRow
from tests.station.counter.rig import shot

NUMBER = ParcelNumber("S0147", "A", 12)
ROW = ParcelRow(
    NUMBER, "SF1", "SF", ParcelState.ARRIVED, None, None, False, False, True, None, None, 0, None, None, None
)
RowOf = Callable[[ParcelNumber], ParcelRow | None]


def row_of(row: ParcelRow | None) -> RowOf:
    return lambda number: row


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def photos(tmp_path: Path) -> ParcelPhotos:
    return ParcelPhotos(tmp_path)


def test_a_second_shot_replaces_the_first(photos: ParcelPhotos, tmp_path: Path) -> None:
    photos.keep(NUMBER, shot(b"one"))
    photos.keep(NUMBER, shot(b"two"))
    photos.keep(NUMBER, shot(b"two"))
    assert photos.waiting_sha256(NUMBER) == shot(b"two").sha256
    assert names(tmp_path) == [f"new/{NUMBER}.{shot(b'two').sha256}.jpg"]


def test_a_full_disk_leaves_the_shot_before(
    photos: ParcelPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "no room")

    photos.keep(NUMBER, shot(b"one"))
    monkeypatch.setattr("kiosk.base.files.flush_to_disk", full)
    with pytest.raises(OSError, match="no room"):
        photos.keep(NUMBER, shot(b"two"))
    assert names(tmp_path) == [f"new/{NUMBER}.{shot(b'one').sha256}.jpg"]


def test_two_parcels_may_have_the_same_picture(photos: ParcelPhotos) -> None:
    other = ParcelNumber("S0147", "A", 13)
    for number in (NUMBER, other):
        photos.keep(number, shot())
        with photos.accepting(number):
            pass
    gone = replace(ROW, waybill="", photo_sha256=shot().sha256)
    assert photos.forget(lambda number: gone if number == NUMBER else replace(gone, waybill="SF2")) == 1
    assert photos.path(shot().sha256) is not None


@pytest.mark.parametrize("text", ["", "x", "0" * 64, "../" * 20, "*", "0" * 63 + "*"])
def test_only_a_hash_finds_a_picture(photos: ParcelPhotos, text: str) -> None:
    photos.keep(NUMBER, shot())
    assert photos.path(text) is None


def test_a_booking_that_fails_lets_the_shot_wait_on(photos: ParcelPhotos, tmp_path: Path) -> None:
    photos.keep(NUMBER, shot())
    with pytest.raises(KeyError), photos.accepting(NUMBER):
        assert names(tmp_path) == [f"kept/{NUMBER}.{shot().sha256}.jpg"]
        raise KeyError
    assert photos.waiting_sha256(NUMBER) == shot().sha256


class TestAfterAPowerCut:
    def test_between_keeping_and_booking_it_waits_again(self, photos: ParcelPhotos) -> None:
        photos.keep(NUMBER, shot())
        with photos.accepting(NUMBER):
            pass
        photos.tidy(row_of(ROW))
        assert photos.waiting_sha256(NUMBER) == shot().sha256

    def test_after_booking_it_is_kept(self, photos: ParcelPhotos, tmp_path: Path) -> None:
        photos.keep(NUMBER, shot())
        with photos.accepting(NUMBER):
            pass
        photos.tidy(row_of(replace(ROW, state=ParcelState.NOTICED, photo_sha256=shot().sha256)))
        assert names(tmp_path) == [f"kept/{NUMBER}.{shot().sha256}.jpg"]

    @pytest.mark.parametrize("row", [None, replace(ROW, state=ParcelState.REFUSED)])
    def test_a_shot_nobody_waits_for_is_gone(self, photos: ParcelPhotos, tmp_path: Path, row: ParcelRow | None) -> None:
        photos.keep(NUMBER, shot())
        (tmp_path / "new" / f".{NUMBER}.jpg.new").write_bytes(b"half")
        (tmp_path / "new" / "notes.txt").write_text("somebody's")
        photos.tidy(row_of(row))
        assert names(tmp_path) == ["new/notes.txt"]

    def test_nothing_there_is_nothing_to_do(self, photos: ParcelPhotos, tmp_path: Path) -> None:
        photos.tidy(row_of(None))
        assert photos.forget(row_of(None)) == 0
        assert names(tmp_path) == []


def test_a_name_with_a_flipped_bit_keeps_no_station_from_its_start(photos: ParcelPhotos, tmp_path: Path) -> None:
    """There is no series I, and no parcel 0."""
    photos.keep(NUMBER, shot(b"one"))
    strange = [f"P-0147-{number}.{'a' * 64}.jpg" for number in ("I-000012", "A-000000")]
    for name in strange:
        (tmp_path / "new" / name).write_bytes(b"?")
    photos.tidy(row_of(None))
    assert names(tmp_path) == sorted(f"new/{name}" for name in strange)
    assert photos.forget(row_of(None)) == 0
