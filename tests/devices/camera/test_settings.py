"""What a technician may set."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.devices.camera.settings import CameraSettings


def test_defaults() -> None:
    settings = CameraSettings("v4l2", "/dev/v4l/by-id/usb-cam")
    assert (settings.width, settings.height, settings.mains_hz) == (1920, 1080, 50)
    assert CameraSettings("none", "").path == ""
    by_itself = [CameraSettings(*kind).shoots_by_itself for kind in (("v4l2", "/dev/v0"), ("file", "/x"), ("none", ""))]
    assert by_itself == [True, False, False]
    for auto in (True, False):
        assert CameraSettings("file", "/x", auto_shutter=auto).shoots_by_itself is auto


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"kind": "usb"}, "v4l2, rpicam, picamera2, file, none"),
        ({"path": ""}, "path"),
        ({"path": "a\0b"}, "path"),
        ({"width": 0}, "width 0 must be 160 to 8192"),
        ({"height": 10_000}, "height 10000"),
        ({"mains_hz": 55}, "mains_hz 55 must be 50 or 60"),
        ({"kind": "rpicam", "path": "/dev/video0"}, "number of the camera"),
        ({"kind": "rpicam", "path": ""}, "number of the camera"),
    ],
)
def test_a_wrong_value_is_named(wrong: dict[str, Any], named: str) -> None:
    values: dict[str, Any] = {"kind": "file", "path": "/x", **wrong}
    with pytest.raises(ValueError, match=named):
        CameraSettings(**values)
