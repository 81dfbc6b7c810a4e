from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.sorting_center.ledger.acceptance.streams import missing_ranges


@settings(deadline=None)
@given(st.sets(st.integers(1, 40)), st.integers(0, 40))
def test_ranges_are_exactly_what_is_missing(present: set[int], upto: int) -> None:
    above = sorted(seq for seq in present if seq > upto)
    top = max(above, default=upto)
    ranges = list(missing_ranges(upto, above, top))
    covered = [seq for first, last in ranges for seq in range(first, last + 1)]
    assert covered == [seq for seq in range(upto + 1, top + 1) if seq not in present]
    assert all(second[0] > first[1] + 1 for first, second in pairwise(ranges))


def test_what_was_only_seen_in_quarantine_is_missing_too() -> None:
    assert list(missing_ranges(3, [5], 7)) == [(4, 4), (6, 7)]
