"""The code that a new scanner is asked to scan, drawn on the screen: a bar code for lasers, a QR code for imagers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from kiosk.protocols.barcodes import linear, matrix

_BAR_HEIGHT = 60
# Modules large enough for a cheap scanner held a hand away; edges between pixels would blur them.
_BAR_MM, _SQUARE_MM = 0.4, 1.0


def code128_svg(text: str, px_per_mm: float) -> str:
    """A Code 128 symbol with its quiet zones, whole pixels a module of about 0.4 mm. Raises NotEncodable."""
    modules = linear.code128_modules(text)
    quiet = linear.QUIET_ZONE_MODULES
    bars = _runs([module == "1" for module in modules])
    path = "".join(f"M{start + quiet} 0h{length}v{_BAR_HEIGHT}h-{length}z" for start, length in bars)
    return _svg(len(modules) + 2 * quiet, _BAR_HEIGHT, path, _dots(_BAR_MM, px_per_mm))


def qr_svg(text: str, px_per_mm: float) -> str:
    """A QR code with its quiet zone, whole pixels a module of about 1 mm. Raises ValueError."""
    rows = matrix.qr_modules(text)
    quiet = matrix.QUIET_ZONE_MODULES
    path = "".join(
        f"M{start + quiet} {line + quiet}h{length}v1h-{length}z"
        for line, row in enumerate(rows)
        for start, length in _runs(row)
    )
    side = len(rows) + 2 * quiet
    return _svg(side, side, path, _dots(_SQUARE_MM, px_per_mm))


def _runs(dark: Sequence[bool]) -> Iterator[tuple[int, int]]:
    at = 0
    for is_dark, run in groupby(dark):
        length = len(list(run))
        if is_dark:
            yield at, length
        at += length


def _dots(module_mm: float, px_per_mm: float) -> int:
    return max(1, round(module_mm * px_per_mm))


def _svg(width: int, height: int, path: str, dots: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * dots}" height="{height * dots}" '
        f'viewBox="0 0 {width} {height}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{width}v{height}h-{width}z"/><path fill="#000" d="{path}"/></svg>'
    )
