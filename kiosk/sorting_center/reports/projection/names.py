"""Names of goods out of the offers of stations."""

from __future__ import annotations

from collections.abc import Iterable

from kiosk.domain.events.rules import MAX_WORDS
from kiosk.sorting_center.reports.projection.feed_batch import FeedEvent
from kiosk.texts.plain import plain

# In the order of the columns of `name`; None leaves what is there.
NameRow = tuple[str, str | None, str | None, str | None]


def name_rows(events: Iterable[FeedEvent]) -> list[NameRow]:
    """Return one row for each code that has a name in these events; in each language the last one holds."""
    rows: dict[str, NameRow] = {}
    for offer in (one.offer for one in events if one.offer is not None):
        code, title = offer.product, offer.title
        titles = [plain(text[: 2 * MAX_WORDS], MAX_WORDS) or None for text in (title.ug, title.zh, title.en)]
        if any(titles):
            before = rows.get(code, (code, None, None, None))
            ug, zh, en = (new or old for new, old in zip(titles, before[1:], strict=True))
            rows[code] = (code, ug, zh, en)
    return list(rows.values())
