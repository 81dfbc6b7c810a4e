"""The camera as the scanner: two equal frames in a row, an end, turns with everybody else, and words for what fails."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.devices.camera.child.image_file import ImageFileSource
from kiosk.devices.camera.child.server import detect_codes
from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.devices.scanner import camera as scanner_camera
from kiosk.devices.scanner.camera import SCAN_TIMEOUT_S, CameraScanner
from kiosk.devices.scanner.report import ScanReporter
from kiosk.protocols.barcodes.linear import code128_modules
from kiosk.protocols.barcodes.matrix import qr_modules
from kiosk.protocols.barcodes.reader import read_codes
from kiosk.protocols.barcodes.refusal import ScanRefusal
from tests.station.hardware import Heard

WAYBILL, QR = "]C0SF1385012345678", "]Q1https://example.test/1"
BUSY, GONE = CameraFault("timeout", "busy"), CameraFault("missing", "gone")


class Frames:
    """A camera that sees what it was told, frame by frame, then nothing; eight frames are a look."""

    def __init__(self, *frames: Iterable[str] | CameraFault) -> None:
        self._frames = list(frames)
        self.taken = 0
        self.now = 0.0

    def read_codes(self, deadline_s: float) -> tuple[str, ...]:
        self.taken += 1
        self.now += SCAN_TIMEOUT_S / 8
        frame = self._frames.pop(0) if self._frames else ()
        if isinstance(frame, CameraFault):
            raise frame
        return tuple(frame)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_camera, "TURN_S", 0.001)


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([[WAYBILL], [WAYBILL]], [WAYBILL]),
        ([[], [WAYBILL], ["]C0SF1385012345679"], [WAYBILL], [WAYBILL]], [WAYBILL]),
        ([[WAYBILL], [], [WAYBILL]], [ScanRefusal.NO_CODE]),
        ([], [ScanRefusal.NO_CODE]),
        ([[WAYBILL], BUSY, [WAYBILL], [WAYBILL]], [WAYBILL]),
        ([GONE], [ScanRefusal.NO_PICTURE]),
        ([[QR, WAYBILL], [WAYBILL, QR]], [WAYBILL, QR]),
        ([["]Q1" + "q" * 297], ["]Q1" + "q" * 297]], [ScanRefusal.TOO_LONG]),
        ([["]Q1٣٤٥\u202e"], ["]Q1٣٤٥\u202e"]], [ScanRefusal.NOT_ASCII]),
        ([["]C0\x0fo"], ["]C0\x0fo"]], [ScanRefusal.CONTROL]),
    ],
)
def test_one_look_ends_with_a_code_or_with_a_word(
    frames: list[list[str] | CameraFault], told: list[str | ScanRefusal]
) -> None:
    camera, heard = Frames(*frames), Heard()
    scanner = CameraScanner(camera, ScanReporter(heard, clock=lambda: 0.0, on_refused=heard), lambda: camera.now)
    scanner.start()
    assert camera.taken == 0, "nobody asked"
    scanner.scan_for_code()
    heard.wait(lambda words: len(words) == len(told))
    scanner.stop(30.0)
    scanner.stop(30.0)
    assert heard.told == told
    assert not [thread for thread in threading.enumerate() if thread.name == "scanner"]


def test_a_camera_that_breaks_is_asked_again_next_time() -> None:
    asked = Heard()

    class Broken(Frames):
        def read_codes(self, deadline_s: float) -> tuple[str, ...]:
            asked("once")
            if len(asked.told) == 1:
                raise RuntimeError("broken")
            return super().read_codes(deadline_s)

    camera, heard = Broken([WAYBILL], [WAYBILL]), Heard()
    scanner = CameraScanner(camera, ScanReporter(heard), lambda: camera.now)
    scanner.start()
    scanner.scan_for_code()
    asked.wait(bool)
    scanner.scan_for_code()
    heard.wait(lambda told: told == [WAYBILL])
    scanner.stop(30.0)


def label(path: Path, *, turned: bool = False) -> Path:
    """A waybill on grey cardboard, a QR code below it, and a DataMatrix-like noise nobody should read."""
    picture = np.full((1080, 1920, 3), 150, np.uint8)
    bars = np.array([[255 - 255 * (module == "1") for module in code128_modules("SF1385012345678")]], np.uint8)
    bars = np.pad(np.repeat(np.repeat(bars, 4, 1), 160, 0), 40, constant_values=255)
    picture[200 : 200 + bars.shape[0], 500 : 500 + bars.shape[1]] = bars[:, :, None]
    cells = np.array([[255 - 255 * cell for cell in row] for row in qr_modules("https://example.test/1")], np.uint8)
    cells = np.pad(np.repeat(np.repeat(cells, 10, 1), 10, 0), 60, constant_values=255)
    picture[480 : 480 + cells.shape[0], 780 : 780 + cells.shape[1]] = cells[:, :, None]
    seen = cv2.GaussianBlur(picture, (5, 5), 0)
    if turned:
        seen = cv2.warpAffine(seen, cv2.getRotationMatrix2D((960, 540), 12, 0.8), (1920, 1080), borderValue=(150,) * 3)
    assert cv2.imwrite(str(path), seen)
    return path


def test_codes_of_a_frame_through_the_child_and_what_is_under_way_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that stands still: a loaded machine takes its time to start the child."""
    monkeypatch.setattr(scanner_camera, "READ_S", 60.0)
    path = label(tmp_path / "label.png", turned=True)
    heard = Heard()
    with closing(ChildCamera(CameraSettings("file", str(path)))) as camera:
        scanner = CameraScanner(camera, ScanReporter(heard, on_refused=heard), lambda: 0.0)
        scanner.start()
        scanner.scan_for_code()
        assert camera.shoot(60.0).width == 1920  # in between, or after it
        heard.wait(lambda told: len(told) == 2, 60.0)
        scanner.stop(30.0)
    assert sorted(heard.told) == [WAYBILL, "]Q0https://example.test/1"] or sorted(heard.told) == [WAYBILL, QR]


def test_what_lies_beside_the_label_is_read_only_where_the_middle_shows_no_code(tmp_path: Path) -> None:
    def seen(*codes: tuple[str, int, int]) -> tuple[str, ...]:
        picture = np.full((1080, 1920, 3), 150, np.uint8)
        for text, left, top in codes:
            bars = np.array([[255 - 255 * (module == "1") for module in code128_modules(text)]], np.uint8)
            bars = np.pad(np.repeat(np.repeat(bars, 2, 1), 90, 0), 24, constant_values=255)
            picture[top : top + bars.shape[0], left : left + bars.shape[1]] = bars[:, :, None]
        assert cv2.imwrite(str(tmp_path / "frame.png"), picture)
        return detect_codes(ImageFileSource(str(tmp_path / "frame.png")), 7).codes

    middle, side = ("SF1385012345678", 700, 480), ("YT7300000000001", 20, 20)
    assert (seen(middle, side), seen(side), seen()) == ((WAYBILL,), ("]C0YT7300000000001",), ())


def test_no_other_symbology_is_looked_for() -> None:
    import zxingcpp

    for kind in (zxingcpp.BarcodeFormat.PDF417, zxingcpp.BarcodeFormat.Aztec, zxingcpp.BarcodeFormat.Code39):
        drawn = np.array(zxingcpp.create_barcode("SF1385012345678", kind).to_image(scale=4), np.uint8)
        gray = np.pad(drawn, 60, constant_values=255)
        assert zxingcpp.read_barcodes(gray), kind
        assert read_codes(memoryview(gray.tobytes()).cast("B", gray.shape)) == []
