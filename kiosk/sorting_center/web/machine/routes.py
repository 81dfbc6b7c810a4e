"""What programs ask: the feed, receipts, figures, how all is. JSON, but for Prometheus.

The OpenAPI 3.1 document of it is made of the routes themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, get_type_hints

import msgspec
from flask import Response, current_app, jsonify, request
from werkzeug.exceptions import BadRequest

from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.envelope import (
    DETAIL_PATTERNS,
    IDENTITY_PATTERNS,
    MAX_SEQ,
    OPTIONAL_PATTERNS,
    text_schema,
)
from kiosk.sorting_center.desk.station_configurations import NO_CONFIGURATION, StationConfiguration
from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.feed.feed import feed_message
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.ledger.ledger import MAX_FEED_PAGE
from kiosk.sorting_center.ledger.overview import MAX_INTAKES, Counts, IntakeRow, StationRow, Totals
from kiosk.sorting_center.reports.receipts import ReceiptRow
from kiosk.sorting_center.shared.health import HealthReport
from kiosk.sorting_center.watch.county_watch import known_stations
from kiosk.sorting_center.web.machine.monitoring import health_answer, metrics_answer
from kiosk.sorting_center.web.shared.access import EVERYONE, AccessRule, GuardedBlueprint, access_policy
from kiosk.sorting_center.web.shared.query_params import MAX_WHOLE_NUMBER, parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources

# Of what is described, not of the program: another first number when a program that reads it must be changed.
VERSION: Final = "1.0.0"

Schema = dict[str, Any]
_JSON: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/{name}"

openapi = GuardedBlueprint("openapi", __name__)


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A parameter of a query. A number above ``maximum`` is refused, or replaced by ``maximum`` if ``lowered``."""

    name: str
    default: int
    minimum: int
    maximum: int
    text: str
    lowered: bool = False

    def from_request(self) -> int:
        text = request.args.get(self.name)
        if text is None:
            return self.default
        number = parse_whole_number(text)
        if number is None or number < self.minimum or (number > self.maximum and not self.lowered):
            highest = MAX_WHOLE_NUMBER if self.lowered else self.maximum
            raise BadRequest(f"{self.name} must be a whole number from {self.minimum} to {highest}")
        return min(number, self.maximum)

    @property
    def schema(self) -> Schema:
        upper_limit = MAX_WHOLE_NUMBER if self.lowered else self.maximum
        limits = {"type": "integer", "minimum": self.minimum, "maximum": upper_limit, "default": self.default}
        text = f"{self.text} Above {self.maximum:,} it is taken for that." if self.lowered else self.text
        return {"name": self.name, "in": "query", "required": False, "description": text, "schema": limits}


@dataclass(frozen=True, slots=True)
class RouteDoc:
    """What a route answers: its type by status. ``media`` is what it is written in."""

    answers: Mapping[int, Any]
    parameters: tuple[WholeNumber, ...] = ()
    media: str = _JSON


class Fault(msgspec.Struct):
    error: str


class Beyond(msgspec.Struct):
    """This ledger came back from a backup and is shorter than what was read: start over."""

    error: str
    last: int
    generation: str


class FeedPage(msgspec.Struct):
    """Accepted events in the order of the feed. ``last`` is where to ask on from, in this generation alone."""

    events: list[FeedEvent]
    last: int
    generation: str


class FeedEvent(msgspec.Struct):
    """A placeholder for the schema that is made of the contract with the stations."""


def _define_struct(name: str, doc: str, *more: tuple[str, Any], parts: type) -> type[msgspec.Struct]:
    fields = [*more, *((name, kind) for name, kind in get_type_hints(parts).items())]
    return msgspec.defstruct(name, fields, namespace={"__doc__": doc})


MemberIntake: Final = _define_struct(
    "IntakeRow",
    "``at`` is the corrected time, null where nobody knows it; ``clock``: how far the station's own could be believed.",
    ("member", str | None),  # None: a non-member
    ("at", str | None),
    ("clock", Literal["synced", "restored", "unset"]),
    parts=IntakeRow,
)


class IntakesPage(msgspec.Struct):
    """Receipts in the order of the feed. ``last`` is where to ask on from, in this generation alone."""

    intakes: list[MemberIntake]  # type: ignore[valid-type]
    last: int
    generation: str


Summary: Final = _define_struct(
    "Summary",
    "Counts, totals of all time and of today, and every station.",
    ("totals", Totals),
    ("today", Totals),
    ("by_station", list[StationRow]),
    parts=Counts,
)


class StationDocument(msgspec.Struct):
    """What a station has of the county's documents. Versions are like ``2.17``: the county's key, and the document.

    ``state``: none (the county gives it no document), waiting, current or refused; ``reason`` is that of its last
    refusal. ``by_hand_since``: since when goods that were imported there by hand are in force. Null is "never".
    """

    region: str
    station: str
    state: Literal["none", "waiting", "current", "refused"]
    newest: str | None
    newest_at: str | None
    applied: str | None
    applied_at: str | None
    reason: str | None
    by_hand_since: str | None


class StationDocuments(msgspec.Struct):
    stations: list[StationDocument]


HealthAnswer: Final = _define_struct(
    "Health", "How the program is: ``status`` in one word.", ("status", Literal["ok", "trouble"]), parts=HealthReport
)


_DOCS: Final[dict[Callable[..., Any], RouteDoc]] = {}  # By view: filled beside the routes


def documented(doc: RouteDoc) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Describe a route: what it answers when all is well, and which errors beside those of every machine route."""

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        _DOCS[view] = doc
        return view

    return register


@openapi.get_route("/openapi.json", EVERYONE)
@documented(RouteDoc({200: dict}))
def document() -> Response:
    return jsonify(build_document())


def build_document() -> Schema:
    kinds = [kind for doc in _DOCS.values() for kind in doc.answers.values()]
    _, schemas = msgspec.json.schema_components([Fault, *kinds], ref_template=_REFERENCE)
    for schema in schemas.values():
        if "description" in schema:  # its newlines are those of the source file
            schema["description"] = " ".join(schema["description"].split())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sorting center of village stations",
            "version": VERSION,
            "description": "What programs ask a sorting center. Times are RFC 3339 in UTC, weights whole grams, "
            "amounts whole fen. The feed also comes over MQTT; the schemas of the data of each type of event are in "
            "that contract.",
        },
        "servers": [{"url": "/"}],
        "paths": {
            rule.rule: {"get": _operation(rule.endpoint, current_app.view_functions[rule.endpoint])}
            for rule in sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule)
            if current_app.view_functions[rule.endpoint] in _DOCS
        },
        "components": {
            "schemas": dict(sorted(schemas.items())) | {"FeedEvent": _feed_event()},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `sorting-center token add NAME --scope SCOPE`. The words beside it are "
                    "its scopes; it may ask as often a minute as was said then.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": "center", "description": "A person signed in."},
            },
        },
    }


def _operation(endpoint: str, view: Callable[..., Any]) -> Schema:
    need, doc = access_policy().access_rules[endpoint], _DOCS[view]
    security: list[Schema] = []
    if need.scope is not None:  # one of them is enough; the empty one: no credentials
        security = [{"token": [need.scope.value]}, {"session": []}, *([{}] if need.this_machine else [])]
    return {
        "operationId": endpoint.replace(".", "_"),
        "summary": " ".join((view.__doc__ or "").split()),
        "parameters": [parameter.schema for parameter in doc.parameters],
        "security": security,
        "responses": {
            **{str(status): _answer(status, kind, doc.media) for status, kind in sorted(doc.answers.items())},
            **{str(status): _answer(status, Fault, _JSON) for status in _error_statuses(need, doc)},
        },
    }


def _error_statuses(need: AccessRule, doc: RouteDoc) -> Iterator[int]:
    """Yield the error statuses of every machine route. Without a database the caller cannot be identified."""
    if doc.parameters:
        yield HTTPStatus.BAD_REQUEST.value
    if need.scope is not None:
        yield from _HEADERS.keys() | {HTTPStatus.FORBIDDEN.value}
    if HTTPStatus.SERVICE_UNAVAILABLE.value not in doc.answers:
        yield HTTPStatus.SERVICE_UNAVAILABLE.value


# Of answers with these statuses: name, type and meaning.
_HEADERS: Final = {
    HTTPStatus.TOO_MANY_REQUESTS.value: ("Retry-After", "integer", "Seconds until it may ask again."),
    HTTPStatus.UNAUTHORIZED.value: ("WWW-Authenticate", "string", "Bearer."),
}


def _answer(status: int, kind: Any, media: str) -> Schema:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    answer: Schema = {"description": HTTPStatus(status).phrase, "content": {media: {"schema": schema}}}
    if status in _HEADERS:
        name, kind, text = _HEADERS[status]
        answer["headers"] = {name: {"description": text, "schema": {"type": kind}}}
    return answer


def _feed_event() -> Schema:
    """Describe the envelope; the fields of ``data`` depend on ``type``."""
    patterns = {**IDENTITY_PATTERNS, **DETAIL_PATTERNS}
    texts = {**patterns, **OPTIONAL_PATTERNS}
    return {
        "title": "FeedEvent",
        "description": "An event as its station has hashed it, and `feedseq`.",
        "type": "object",
        "properties": {
            **{name: text_schema(rule) for name, rule in texts.items()},
            "seq": {"type": "integer", "minimum": 1, "maximum": MAX_SEQ},
            "feedseq": {"type": "integer", "minimum": 1, "description": "Its place; not part of the hash."},
            "data": {"type": "object"},
        },
        "required": sorted([*patterns, "seq", "feedseq", "data"]),
    }


_AFTER: Final = WholeNumber("after", 0, 0, MAX_WHOLE_NUMBER, "The feedseq behind which to begin.")
_AFTER_FEEDSEQ: Final = WholeNumber("after_feedseq", 0, 0, MAX_WHOLE_NUMBER, "The feedseq behind which to begin.")
_EVENTS: Final = WholeNumber("limit", 100, 1, MAX_FEED_PAGE, "How many events at most.", lowered=True)
_RECEIPTS: Final = WholeNumber("limit", 100, 1, MAX_INTAKES, "How many receipts at most.", lowered=True)

machine = GuardedBlueprint("machine", __name__)


@machine.get_route("/feed", AccessRule(scope=Scope.FEED))
@documented(RouteDoc({200: FeedPage, 409: Beyond}, (_AFTER, _EVENTS)))
def feed() -> tuple[Response, int]:
    """Read accepted events with feedseq above ``after``, replayed from the ledger; 409 for an unknown position."""
    after = _AFTER.from_request()
    ledger = sources().ledger
    entries = ledger.feed(after, _EVENTS.from_request())
    if not entries and after > (end := ledger.feed_end()):
        # After an empty list the reader would wait permanently, while other events get the numbers it already has.
        text = f"after={after} is beyond the end of the feed ({end}): this ledger came back from a backup; start over"
        return jsonify(error=text, last=end, generation=ledger.generation), 409
    last = entries[-1].feedseq if entries else after
    events = b",".join(feed_message(entry) for entry in entries)
    rest = json.dumps({"generation": ledger.generation, "last": last}).encode()
    return Response(b'{"events":[' + events + b"]," + rest[1:] + b"\n", mimetype="application/json"), 200


@machine.get_route("/intakes.json", AccessRule(scope=Scope.READ))
@documented(RouteDoc({200: IntakesPage}, (_AFTER_FEEDSEQ, _RECEIPTS)))
def intakes() -> Response:
    """Read receipts in feed order, as soon as the reports include them."""
    after = _AFTER_FEEDSEQ.from_request()
    ledger, reports = sources().ledger, sources().reports
    followed = reports.progress().followed
    rows = [row for row in ledger.intakes(after, _RECEIPTS.from_request()) if row.feedseq <= followed]
    known = reports.receipts.rows([(row.station, row.receipt, row.region) for row in rows])
    found = [asdict(row) | _person_and_time(known.get((row.station, row.receipt, row.region))) for row in rows]
    return jsonify(intakes=found, last=rows[-1].feedseq if rows else after, generation=ledger.generation)


def _person_and_time(row: ReceiptRow | None) -> dict[str, str | None]:
    if row is None:  # None that the reports could read
        return {"member": None, "at": None, "clock": ClockQuality.UNSET.value}
    return {"member": row.member, "at": to_rfc3339(row.at) if row.at is not None else None, "clock": row.clock}


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


@machine.get_route("/stations.json", AccessRule(scope=Scope.READ))
@documented(RouteDoc({200: StationDocuments}))
def station_documents() -> Response:
    """List the county document that each station has, and the one it should have."""
    desk = sources().desk
    reported = desk.configurations.all()
    keys = sorted({*reported, *desk.registry.current().stations, *known_stations(sources().ledger)})
    return jsonify(
        stations=[msgspec.structs.asdict(_station_document(key, reported.get(key, NO_CONFIGURATION))) for key in keys]
    )


def _station_document(key: tuple[str, str], one: StationConfiguration) -> StationDocument:
    return StationDocument(
        *key,
        state=one.state.value,
        newest=str(one.newest) if one.newest is not None else None,
        newest_at=one.made_at or None,
        applied=str(one.applied.version) if one.applied is not None else None,
        applied_at=one.applied.at if one.applied is not None else None,
        reason=one.refused.reason if one.refused is not None else None,
        by_hand_since=one.by_hand_since or None,
    )


@machine.get_route("/health", EVERYONE)
@documented(RouteDoc({200: HealthAnswer, 503: HealthAnswer}))
def health() -> tuple[Response, int]:
    """Report health: 200 when all works, else 503 and what is wrong."""
    return health_answer(sources().health)


@machine.get_route("/metrics", AccessRule(scope=Scope.METRICS, this_machine=True))
@documented(RouteDoc({200: str}, media="text/plain"))
def metrics() -> Response:
    """Write metrics for Prometheus; for programs on this machine, and those with a token."""
    return metrics_answer(sources().health, sources().figures)
