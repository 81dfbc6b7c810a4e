"""Numbers, units, money and times as people read them: the only place that formats them.

Digits are 0-9 and groups look like ``1,234.5`` in all three languages. Only `tonnes` rounds: a weight or an amount
that was agreed on is shown whole. In Uyghur text every result needs ``plain.isolate`` (paper) or ``html.bdi_*``.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kiosk.domain.identifiers import ReceiptNumber

NO_BREAK_SPACE = "\u00a0"
# The narrow sign for all languages; Babel's Uyghur pattern has the full-width one, which tears a line of digits.
YUAN = "\u00a5"


def number(value: int) -> str:
    return f"{value:,}"


def kilograms(grams: int, decimals: int = 3) -> str:
    """``12.450`` from 12450 g, with 0 to 3 ``decimals`` as the scale shows, or more where the weight would change."""
    if not 0 <= decimals <= 3:
        raise ValueError(f"kilograms have 0 to 3 decimals, not {decimals}")
    whole, rest = divmod(abs(grams), 1000)
    digits = f"{rest:03d}".rstrip("0").ljust(decimals, "0")
    sign = "-" if grams < 0 else ""
    return f"{sign}{whole:,}.{digits}" if digits else f"{sign}{whole:,}"


def kg_text(grams: int, decimals: int = 3) -> str:
    """``12.450 kg``; the space does not break."""
    return f"{kilograms(grams, decimals)}{NO_BREAK_SPACE}kg"


def pack_weight(grams: int) -> str:
    """As shops write it: ``500 g``, ``1 kg``, ``2.5 kg``."""
    return f"{grams}{NO_BREAK_SPACE}g" if 0 <= grams < 1000 else kg_text(grams, 0)


def tonnes(grams: int) -> str:
    """``1,740.68 t`` from 1740676980 g, for sums of a county; what would round to nothing is ``< 0.01 t``."""
    hundredths = (abs(grams) + 5_000) // 10_000
    if grams and not hundredths:
        return f"<{NO_BREAK_SPACE}0.01{NO_BREAK_SPACE}t"
    return f"{'-' if grams < 0 else ''}{hundredths // 100:,}.{hundredths % 100:02d}{NO_BREAK_SPACE}t"


def money(fen: int) -> str:
    """``¥1,203.82`` from 120382 fen."""
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{YUAN}{yuan:,}.{rest:02d}"


def price_per_kg(fen: int) -> str:
    """``¥60.00/kg`` from 6000 fen per kilogram."""
    return f"{money(fen)}/kg"


def utc_offset(zone: str, day: str, clock: str) -> str:
    """``UTC+8``: the distance from UTC of ``clock`` in an IANA zone on an ISO date; ``zone`` itself when it is none.

    Xinjiang people live by two clocks: a printed time without it may be two hours off.
    """
    try:
        offset = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone)).utcoffset()
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return zone
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


def receipt(number: ReceiptNumber) -> str:
    """``0147-A-000381``: the same on screen, on paper and when read out over the telephone."""
    return str(number)
