"""QR codes and DataMatrix symbols: rows of modules, True for dark, without quiet zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from kiosk.protocols.barcodes.gs1.elements import check_associations, check_pairs, parse_notation, to_bracketed

Modules = tuple[tuple[bool, ...], ...]
QUIET_ZONE_MODULES = 4  # Light modules on every side (ISO/IEC 18004, clause 9.1)
DATAMATRIX_QUIET_ZONE_MODULES = 1  # Light modules on every side (ISO/IEC 16022, clause 7.2)


def qr_modules(text: str, level: str = "") -> Modules:
    """Encode ``text``, a Digital Link for example, digit runs as digits. The code is as small as possible, or has the
    given ``level`` of error correction: "M" can do without 15 % of its codewords.

    Raises ValueError for an empty text or one too long for any QR code.
    """
    if not text:
        raise ValueError("a QR code needs at least one character")
    return _modules(text, "QRCode", **({"ec_level": level} if level else {}))


def gs1_datamatrix_modules(bracketed: str) -> Modules:
    """Encode "(01)...(10)..." as GS1 DataMatrix, always a square: the library's long shapes are of an extension
    (ISO/IEC 21471) that few scanners read. Raises BadElementString.
    """
    return _modules(_validate(bracketed), "DataMatrix", gs1=True, force_square=True)


def svg_path(rows: Modules) -> str:
    """Draw the dark modules as an SVG path whose unit is a module, behind the quiet zone of a QR code."""
    return "".join(
        f"M{start + QUIET_ZONE_MODULES} {line + QUIET_ZONE_MODULES}h{length}v1h-{length}z"
        for line, row in enumerate(rows)
        for start, length in dark_runs(row)
    )


def dark_runs(modules: Iterable[bool]) -> Iterator[tuple[int, int]]:
    """Yield begin and length of each run of adjacent dark modules."""
    at = 0
    for is_dark, run in groupby(modules):
        length = len(list(run))
        if is_dark:
            yield at, length
        at += length


def _validate(bracketed: str) -> str:
    """Check the elements of a label's only symbol together."""
    elements = parse_notation(bracketed)
    check_pairs(elements)
    check_associations(elements)
    return to_bracketed(elements)


def _modules(text: str, symbology: str, **options: bool | str) -> Modules:
    import zxingcpp  # 3 MB of native code: loaded when the first symbol is drawn

    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology), **options)
    picture = symbol.to_image(scale=1, add_quiet_zones=False)
    height, width = picture.shape
    dots = memoryview(picture).tobytes()
    return tuple(tuple(dot == 0 for dot in dots[y * width : (y + 1) * width]) for y in range(height))
