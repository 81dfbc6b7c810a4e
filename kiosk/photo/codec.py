"""Untrusted picture bytes to pixels within bounds, and pixels to JPEG bytes that carry nothing but the picture."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.photo.arrays import BgrImage
from kiosk.photo.picture_header import PictureRefused, jpeg_segments, read_header

# A 40-megapixel JPEG of a phone at its best quality is 12 to 18 MB; the channels take at most 16 MB.
MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000  # 120 MB decoded: what a board with 1 GB of memory can still hold beside everything else
# Measured on a whitened 800 x 800 apple: 68 KB at 92, between the 38 KB and 300 KB bounds of the strictest channel.
JPEG_QUALITY = 92
_LESS_QUALITIES = (86, 80, 70, 60)
_METADATA = frozenset({*range(0xE1, 0xF0), 0xFE})


def decode_picture(data: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> BgrImage:
    """Decode a JPEG or PNG, upright: an EXIF rotation is applied and dropped.

    The size is read from the header and checked before a pixel is decoded. Raises PictureRefused.
    """
    if len(data) > max_bytes:
        raise PictureRefused(f"the picture has {len(data)} bytes: at most {max_bytes} are taken")
    header = read_header(data)
    if header.width * header.height > max_pixels:
        raise PictureRefused(
            f"the picture is {header.width} x {header.height} pixels: at most {max_pixels} in all are taken"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureRefused(f"the {header.kind} data is damaged") from error
    if image is None or sorted(image.shape[:2]) != sorted((header.width, header.height)):
        raise PictureRefused(f"the {header.kind} data is damaged")
    return np.asarray(image, np.uint8)


def encode_jpeg(image: BgrImage, quality: int = JPEG_QUALITY, full_color: bool = False) -> bytes:
    """Encode pixels as a baseline JPEG without any metadata; raises ValueError when they cannot be encoded.

    ``full_color`` keeps the color of every pixel (4:4:4); else four share one (4:2:0), and red bleeds into white.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if full_color:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    try:
        written, data = cv2.imencode(".jpg", image, options)
    except cv2.error as error:
        raise ValueError("these pixels cannot be written as a JPEG") from error
    if not written:
        raise ValueError("these pixels cannot be written as a JPEG")
    jpeg = data.tobytes()
    if metadata_markers(jpeg):
        raise ValueError("the JPEG encoder added metadata")
    return jpeg


def encode_jpeg_within(image: BgrImage, bytes_at_best: int) -> bytes:
    """Encode as ``encode_jpeg``, at lower quality if too large; the file may be too large even at the lowest."""
    jpeg = encode_jpeg(image)
    for quality in _LESS_QUALITIES:
        if len(jpeg) <= bytes_at_best:
            break
        jpeg = encode_jpeg(image, quality)
    return jpeg


def metadata_markers(jpeg: bytes) -> tuple[int, ...]:
    """List the markers of all segments that can reveal who, where and when: APP1 to APP15 and comments.

    APP0 is the JFIF header and holds only the pixel density. Raises PictureRefused when the header is torn.
    """
    return tuple(segment.marker for segment in jpeg_segments(jpeg) if segment.marker in _METADATA)
