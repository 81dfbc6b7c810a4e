"""What programs ask: the feed, receipts, figures, how all is. JSON, but for Prometheus."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

from flask import Response, jsonify, request
from werkzeug.exceptions import BadRequest

from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.feed.feed import feed_message
from kiosk.sorting_center.ledger.ledger import MAX_FEED_PAGE
from kiosk.sorting_center.ledger.overview import MAX_INTAKES
from kiosk.sorting_center.web.access import EVERYONE, Need, Pages
from kiosk.sorting_center.web.monitoring import health_answer, metrics_answer
from kiosk.sorting_center.web.sources import sources

_MAX_FEEDSEQ: Final = 2**63 - 1

machine = Pages("machine", __name__)


@machine.look("/feed", Need(scope=Scope.FEED))
def feed() -> tuple[Response, int]:
    """Accepted events with feedseq above ``after``, replayed from the ledger; 409 for a place it has not."""
    after = _whole_number("after", 0, 0, _MAX_FEEDSEQ)
    ledger = sources().ledger
    entries = ledger.feed(after, _whole_number("limit", 100, 1, MAX_FEED_PAGE))
    if not entries and after > (end := ledger.feed_end()):
        return _beyond(after, end)
    last = entries[-1].feedseq if entries else after
    events = b",".join(feed_message(entry) for entry in entries)
    rest = json.dumps({"generation": ledger.generation, "last": last}).encode()
    return Response(b'{"events":[' + events + b"]," + rest[1:] + b"\n", mimetype="application/json"), 200


def _beyond(after: int, end: int) -> tuple[Response, int]:
    """An empty list would be waited on for ever, while other events get the numbers the reader already has."""
    text = f"after={after} is beyond the end of the feed ({end}): this ledger came back from a backup; start over"
    return jsonify(error=text, last=end, generation=sources().ledger.generation), 409


@machine.look("/intakes.json", Need(scope=Scope.READ))
def intakes() -> Response:
    """Receipts in feed order."""
    after = _whole_number("after_feedseq", 0, 0, _MAX_FEEDSEQ)
    ledger = sources().ledger
    rows = ledger.intakes(after, _whole_number("limit", 100, 1, MAX_INTAKES))
    last = rows[-1].feedseq if rows else after
    return jsonify(intakes=[asdict(row) for row in rows], last=last, generation=ledger.generation)


@machine.look("/ledger/summary.json", Need(scope=Scope.READ))
def summary() -> Response:
    """Counts, totals and stations."""
    picture = sources().pictures.overview.current().value
    return jsonify(
        **asdict(picture.counts),
        totals=asdict(picture.totals),
        today=asdict(picture.today),
        by_station=[asdict(row) for row in picture.stations],
    )


@machine.look("/health", EVERYONE)
def health() -> tuple[Response, int]:
    """200 when all works, else 503 and what is wrong."""
    return health_answer(sources().health)


@machine.look("/metrics", Need(scope=Scope.METRICS, this_machine=True))
def metrics() -> Response:
    """What Prometheus scrapes; to programs on this machine, and to those with a token."""
    return metrics_answer(sources().health, sources().figures)


def _whole_number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and least <= int(text)):
        raise BadRequest(f"{name} must be a whole number from {least}")
    return min(int(text), most)
