"""What a station has done since its last close of day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DayTotals:
    """Counts, grams and fen since the last close; a day ends when a clerk closes it, not at midnight.

    ``intakes`` were confirmed, ``voids`` were voided (also intakes of an earlier day). ``bags``, ``net_g`` and both
    sums are those of the intakes confirmed since then that are not void. ``parcels_in`` does not count scans that
    were taken back. ``prints_unknown`` papers still want a decision. ``first_seq`` to ``last_seq`` are the events of
    the day in the current epoch; the first is one above the last when there are none.
    """

    intakes: int
    voids: int
    abandoned: int
    bags: int
    net_g: int
    purchase_fen: int
    consignment_fen: int
    parcels_in: int
    parcels_out: int
    parcels_returned: int
    photos: int
    prints_unknown: int
    first_seq: int
    last_seq: int
