"""Code 128 as a row of modules; drawing it in whole dots is the label's business."""

from __future__ import annotations

QUIET_ZONE_MODULES = 10
"""Light modules before and after the bars (ISO/IEC 15417, clause 4.2: ten times the module width)."""


class NotEncodable(ValueError):
    """The text names the first character that the symbology has no place for."""


def code128_modules(text: str) -> str:
    """Return the modules of ``text`` as "1" (bar) and "0" (space), start to stop, without quiet zones.

    Digit runs of four or more are packed two to a symbol (code set C). Printable ASCII only: control
    characters would be legal in code set A, but no code of this system has any and a scanner would type them.

    Raises NotEncodable.
    """
    if not text:
        raise NotEncodable("a Code 128 symbol needs at least one character")
    for char in text:
        if not " " <= char <= "~":
            raise NotEncodable(f"Code 128 cannot carry {char!r} here: printable ASCII only")
    from barcode.codex import Code128  # loaded when the first symbol is drawn

    modules: str = Code128(text).build()[0]
    return modules
