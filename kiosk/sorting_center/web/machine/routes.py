"""What programs ask: the feed, receipts, figures, how all is. JSON, but for Prometheus."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

from flask import Response, jsonify

from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.feed.feed import feed_message
from kiosk.sorting_center.ledger.ledger import MAX_FEED_PAGE
from kiosk.sorting_center.ledger.overview import MAX_INTAKES
from kiosk.sorting_center.web.machine.monitoring import health_answer, metrics_answer
from kiosk.sorting_center.web.machine.openapi import (
    Beyond,
    FeedPage,
    HealthAnswer,
    IntakesPage,
    RouteDoc,
    Summary,
    WholeNumber,
    documented,
)
from kiosk.sorting_center.web.shared.access import EVERYONE, AccessRule, GuardedBlueprint
from kiosk.sorting_center.web.shared.query_params import MAX_WHOLE_NUMBER
from kiosk.sorting_center.web.shared.sources import sources

_AFTER: Final = WholeNumber("after", 0, 0, MAX_WHOLE_NUMBER, "The feedseq behind which to begin.")
_AFTER_FEEDSEQ: Final = WholeNumber("after_feedseq", 0, 0, MAX_WHOLE_NUMBER, "The feedseq behind which to begin.")
_EVENTS: Final = WholeNumber("limit", 100, 1, MAX_FEED_PAGE, "How many events at most.", lowered=True)
_RECEIPTS: Final = WholeNumber("limit", 100, 1, MAX_INTAKES, "How many receipts at most.", lowered=True)

machine = GuardedBlueprint("machine", __name__)


@machine.get_route("/feed", AccessRule(scope=Scope.FEED))
@documented(RouteDoc({200: FeedPage, 409: Beyond}, (_AFTER, _EVENTS)))
def feed() -> tuple[Response, int]:
    """Accepted events with feedseq above ``after``, replayed from the ledger; 409 for a place it has not."""
    after = _AFTER.from_request()
    ledger = sources().ledger
    entries = ledger.feed(after, _EVENTS.from_request())
    if not entries and after > (end := ledger.feed_end()):
        # An empty list would be waited on for ever, while other events get the numbers the reader already has.
        text = f"after={after} is beyond the end of the feed ({end}): this ledger came back from a backup; start over"
        return jsonify(error=text, last=end, generation=ledger.generation), 409
    last = entries[-1].feedseq if entries else after
    events = b",".join(feed_message(entry) for entry in entries)
    rest = json.dumps({"generation": ledger.generation, "last": last}).encode()
    return Response(b'{"events":[' + events + b"]," + rest[1:] + b"\n", mimetype="application/json"), 200


@machine.get_route("/intakes.json", AccessRule(scope=Scope.READ))
@documented(RouteDoc({200: IntakesPage}, (_AFTER_FEEDSEQ, _RECEIPTS)))
def intakes() -> Response:
    """Receipts in feed order."""
    after = _AFTER_FEEDSEQ.from_request()
    ledger = sources().ledger
    rows = ledger.intakes(after, _RECEIPTS.from_request())
    last = rows[-1].feedseq if rows else after
    return jsonify(intakes=[asdict(row) for row in rows], last=last, generation=ledger.generation)


@machine.get_route("/ledger/summary.json", AccessRule(scope=Scope.READ))
@documented(RouteDoc({200: Summary}))
def summary() -> Response:
    snapshot = sources().snapshots.overview.current().value
    return jsonify(
        **asdict(snapshot.counts),
        totals=asdict(snapshot.totals),
        today=asdict(snapshot.today),
        by_station=[asdict(row) for row in snapshot.stations],
    )


@machine.get_route("/health", EVERYONE)
@documented(RouteDoc({200: HealthAnswer, 503: HealthAnswer}))
def health() -> tuple[Response, int]:
    """200 when all works, else 503 and what is wrong."""
    return health_answer(sources().health)


@machine.get_route("/metrics", AccessRule(scope=Scope.METRICS, this_machine=True))
@documented(RouteDoc({200: str}, media="text/plain"))
def metrics() -> Response:
    """What Prometheus scrapes; to programs on this machine, and to those with a token."""
    return metrics_answer(sources().health, sources().figures)
