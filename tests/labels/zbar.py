"""A second reader of symbols, of other makers: libzbar, Debian package libzbar0t64."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack

from PIL import Image

_Y800 = int.from_bytes(b"Y800", "little")
"""The name of the format in which a byte is the gray of a dot."""


def read(picture: Image.Image) -> set[tuple[str, str]]:
    """Name of the symbology and text of every symbol found."""
    gray = picture.convert("L")
    data = gray.tobytes()
    library = ctypes.CDLL("libzbar.so.0")
    for name in ("zbar_image_scanner_create", "zbar_image_create", "zbar_image_first_symbol", "zbar_symbol_next"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("zbar_symbol_get_data", "zbar_get_symbol_name"):
        getattr(library, name).restype = ctypes.c_char_p
    with ExitStack() as held:
        scanner = ctypes.c_void_p(library.zbar_image_scanner_create())
        held.callback(library.zbar_image_scanner_destroy, scanner)
        image = ctypes.c_void_p(library.zbar_image_create())
        held.callback(library.zbar_image_destroy, image)
        library.zbar_image_set_format(image, ctypes.c_ulong(_Y800))
        library.zbar_image_set_size(image, gray.width, gray.height)
        library.zbar_image_set_data(image, data, ctypes.c_ulong(len(data)), None)
        library.zbar_scan_image(scanner, image)
        return set(_found(library, image))


def _found(library: ctypes.CDLL, image: ctypes.c_void_p) -> Iterator[tuple[str, str]]:
    symbol = library.zbar_image_first_symbol(image)
    while symbol:
        pointer = ctypes.c_void_p(symbol)
        kind = library.zbar_get_symbol_name(library.zbar_symbol_get_type(pointer))
        yield kind.decode(), library.zbar_symbol_get_data(pointer).decode()
        symbol = library.zbar_symbol_next(pointer)
