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
    """Format 12450 g as ``12.450``, with 0 to 3 ``decimals`` as the scale shows, or more to keep the weight exact."""
    if not 0 <= decimals <= 3:
        raise ValueError(f"kilograms have 0 to 3 decimals, not {decimals}")
    whole, rest = divmod(abs(grams), 1000)
    digits = f"{rest:03d}".rstrip("0").ljust(decimals, "0")
    sign = "-" if grams < 0 else ""
    return f"{sign}{whole:,}.{digits}" if digits else f"{sign}{whole:,}"


def kg_text(grams: int, decimals: int = 3) -> str:
    """Format as ``12.450 kg``; the space does not break."""
    return f"{kilograms(grams, decimals)}{NO_BREAK_SPACE}kg"


def pack_weight(grams: int) -> str:
    """Format as shops write it: ``500 g``, ``1 kg``, ``2.5 kg``."""
    return f"{grams}{NO_BREAK_SPACE}g" if 0 <= grams < 1000 else kg_text(grams, 0)


def tonnes(grams: int) -> str:
    """Format 1740676980 g as ``1,740.68 t``, for a county's sums; what would round to nothing is ``< 0.01 t``."""
    hundredths = (abs(grams) + 5_000) // 10_000
    if grams and not hundredths:
        return f"<{NO_BREAK_SPACE}0.01{NO_BREAK_SPACE}t"
    return f"{'-' if grams < 0 else ''}{hundredths // 100:,}.{hundredths % 100:02d}{NO_BREAK_SPACE}t"


def money(fen: int) -> str:
    """Format 120382 fen as ``¥1,203.82``."""
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{YUAN}{yuan:,}.{rest:02d}"


def price_per_kg(fen: int) -> str:
    """Format 6000 fen per kilogram as ``¥60.00/kg``."""
    return f"{money(fen)}/kg"


def utc_offset(zone: str, day: str, clock: str) -> str:
    """Format the UTC offset of ``clock`` in an IANA zone on an ISO date, as ``UTC+8``; an unknown zone unchanged.

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
    """Format as ``0147-A-000381``: the same on screen, on paper and when read out over the telephone."""
    return str(number)
