"""Money: integer fen, rounded half up once per line."""

from __future__ import annotations

MAX_FEN_PER_KG = 10_000_000  # CNY 100,000 a kilogram: above this a price is a typing mistake


def amount_fen(net_g: int, price_fen_per_kg: int) -> int:
    """Multiply net grams by fen per kilogram, half up: ``(net_g * price + 500) // 1000``.

    Raises ValueError for a negative factor: a void is a counter-document, never a negative amount.
    """
    if net_g < 0 or price_fen_per_kg < 0:
        raise ValueError("weight and price cannot be negative")
    return (net_g * price_fen_per_kg + 500) // 1000


def unit_price_fen(price_fen: int, net_g: int) -> int:
    """Compute a pack's fen per kilogram, half up, for buyers to compare. Raises ValueError for a pack of nothing."""
    if net_g < 1 or price_fen < 0:
        raise ValueError("a pack has a weight, and no price below zero")
    return (price_fen * 2000 + net_g) // (2 * net_g)
