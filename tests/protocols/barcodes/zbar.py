"""A second reader beside zxing-cpp: Debian's libzbar. It has no DataMatrix and names no symbology identifier."""

from __future__ import annotations

import ctypes
from functools import cache

from PIL import Image

_GRAY = int.from_bytes(b"Y800", "little")


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libzbar.so.0")
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("zbar_image_scanner_create", pointer, []),
        ("zbar_image_scanner_destroy", None, [pointer]),
        ("zbar_scan_image", ctypes.c_int, [pointer, pointer]),
        ("zbar_image_create", pointer, []),
        ("zbar_image_destroy", None, [pointer]),
        ("zbar_image_set_format", None, [pointer, ctypes.c_ulong]),
        ("zbar_image_set_size", None, [pointer, ctypes.c_uint, ctypes.c_uint]),
        ("zbar_image_set_data", None, [pointer, ctypes.c_char_p, ctypes.c_ulong, pointer]),
        ("zbar_image_first_symbol", pointer, [pointer]),
        ("zbar_symbol_next", pointer, [pointer]),
        ("zbar_symbol_get_data", pointer, [pointer]),
        ("zbar_symbol_get_data_length", ctypes.c_uint, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def read(picture: Image.Image) -> list[bytes]:
    """The data of every symbol, GS where FNC1 stands inside it."""
    library, gray = _library(), picture.convert("L")
    dots = gray.tobytes()
    image, scanner = library.zbar_image_create(), library.zbar_image_scanner_create()
    try:
        library.zbar_image_set_format(image, _GRAY)
        library.zbar_image_set_size(image, *gray.size)
        library.zbar_image_set_data(image, dots, len(dots), None)
        library.zbar_scan_image(scanner, image)
        found, symbol = [], library.zbar_image_first_symbol(image)
        while symbol:
            size = library.zbar_symbol_get_data_length(symbol)
            found.append(ctypes.string_at(library.zbar_symbol_get_data(symbol), size))
            symbol = library.zbar_symbol_next(symbol)
        return found
    finally:
        library.zbar_image_scanner_destroy(scanner)
        library.zbar_image_destroy(image)
