"""What the figures and references of an event must be to be believed: pure, the same at the station and at the center.

The types say what an event holds; these rules say what it may hold together. The station's own code cannot make an
event that breaks one (that is tested); one that does was written by something else, and the center keeps it apart:
no page, total or feed is made of it. Bounds are of physics and of the trade, wide enough for every station; texts are
held to the characters of codes, because they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from kiosk.domain import events as e
from kiosk.domain.events.parcel import ParcelStep
from kiosk.domain.identifiers import MAX_BAGS, SERIES_LETTERS, ReceiptNumber, parse_internal_code
from kiosk.domain.intake import TareSource
from kiosk.domain.mass import MAX_GROSS_G
from kiosk.domain.money import MAX_FEN_PER_KG, amount_fen
from kiosk.domain.parcel import ParcelNumber
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.domain.verdict import Reason, Verdict
from kiosk.domain.void import Void, VoidReason

# Of anything a station counts between two closes, on a list, in a catalog or in a counter: none gets near it.
MAX_COUNT: Final = 1_000_000
MAX_BYTES: Final = 2**40  # Of a photo or a backup: more than a station's disk has
MAX_PICTURE_BYTES: Final = 8_000_000  # Of one listing picture: 1600 x 1600 at the best quality is below 5 MB
# Of one listing picture, in pixels: more than twice what a station makes. A few kilobytes can say 65,535, and whoever
# opens such a picture needs gigabytes for it.
MAX_PICTURE_SIDE: Final = 4_000
MAX_ANSWER_BYTES: Final = 5_000_000  # Of the file that answers a request of the county
MAX_LISTING_PHOTOS: Final = 10  # The most any channel shows of one thing
MAX_WORDS: Final = 120  # Characters of a title, of an origin and of a grade, in one language
MAX_PIXELS: Final = 100_000  # A side of a picture: no camera of a station has a tenth of it
MAX_STEP_S: Final = 10**10  # Of a clock: some 300 years; a clock that starts in 1970 jumps less than 60
MAX_NUMBER: Final = 2**31 - 1  # Of a document of the county, and of its key
MAX_MS: Final = 10**12  # Thirty years of milliseconds, of a load on the pan, or of readings at a thousand a second

_MODES: Final = frozenset(mode.value for mode in Mode)
_TARE_SOURCES: Final = frozenset(source.value for source in TareSource)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_WORD = re.compile(r"[a-z0-9_]{1,32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")
_ABOUT = re.compile(r"[A-Za-z0-9._-]{0,64}")
_TEXT = re.compile(r"[ -~]{1,64}")
_ORIGIN = re.compile(r"[a-z0-9./-]{1,64}")
_TOO_MANY_BAGS: Final = f"a receipt has 1 to {MAX_BAGS} bags"
_TOO_HEAVY: Final = f"a load is 1 to {MAX_GROSS_G} g"


class _RuleViolation(ValueError):
    """The text says which rule is broken; it repeats nothing out of the event."""


def event_fault(data: e.EventData, station: str) -> str | None:
    """Return which rule an event of this station breaks, in one line; None when it breaks none."""
    try:
        if isinstance(data, ParcelStep):
            _parcel(data, station)
        else:
            _RULES[type(data)](data, station)
    except _RuleViolation as error:
        return str(error)
    except ValueError:
        return "unknown number, code or enum value"
    return None


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise _RuleViolation(rule)


def _count(*values: int, minimum: int = 0, maximum: int = MAX_COUNT) -> None:
    for value in values:
        if not minimum <= value <= maximum:
            raise _RuleViolation(f"a count is {minimum} to {maximum}")


def _match(pattern: re.Pattern[str], what: str, *values: str) -> None:
    for value in values:
        if pattern.fullmatch(value) is None:
            raise _RuleViolation(f"{what} has other characters than it may have")


def _receipt(text: str, station: str) -> ReceiptNumber:
    receipt = ReceiptNumber.parse(text)
    _require(receipt.station == station, "the receipt is another station's")
    return receipt


def _lot(text: str, station: str) -> None:
    code = parse_internal_code(text)
    _require(code.kind == "L", "the lot is no lot")
    _require(code.body.startswith(station[1:]), "the lot is another station's")


def _hash(*values: str | None) -> None:
    _match(_HASH, "a hash", *(value for value in values if value is not None))


def _counters(data: e.CountersData | None) -> None:
    if data is not None:
        _count(data.scale_profile, data.tare_library, data.clock)


def _intake(data: e.IntakeConfirmed, station: str) -> None:
    receipt = _receipt(data.receipt, station)
    _require(receipt.lot == data.lot, "the lot is not the receipt's")
    Party.parse(data.party)
    _require(data.mode in _MODES, "the mode is none")
    _match(_CODE, "a code", data.product, data.owner)
    _match(_TEXT, "the metrology", data.metrology)
    _count(data.catalog_version)
    _count(data.price_fen_per_kg, maximum=MAX_FEN_PER_KG)
    _require(1 <= len(data.bags) <= MAX_BAGS, _TOO_MANY_BAGS)
    gross_g = tare_g = net_g = fen = 0
    for number, bag in enumerate(data.bags, 1):
        _require(bag.bag == number, "bags count from 1")
        _require(bag.code is None or bag.code == receipt.bag_code(number), "the code is not the bag's")
        _bag(bag, data.price_fen_per_kg)
        gross_g += bag.gross_g
        tare_g += bag.tare_g
        net_g += bag.net_g
        fen += bag.amount_fen
    _require(data.gross_g == gross_g, "the gross is not the sum of the bags")
    _require(data.tare_g == tare_g, "the tare is not the sum of the bags")
    _require(data.net_g == net_g, "the net is not the sum of the bags")
    _require(data.amount_fen == fen, "the amount is not the sum of the bags")
    _certificate(data.certificate)
    if data.scale is not None:
        _counters(data.scale.counters)


def _bag(bag: e.BagData, price: int) -> None:
    _require(0 < bag.gross_g <= MAX_GROSS_G, _TOO_HEAVY)
    _require(0 <= bag.tare_g < bag.gross_g, "the tare is 0 to less than the gross")
    _require(bag.net_g == bag.gross_g - bag.tare_g, "net is not gross minus tare")
    _require(bag.amount_fen == amount_fen(bag.net_g, price), "the amount is not net times price, rounded half up")
    _match(_CODE, "a code", bag.container)
    _require(bag.tare_source in _TARE_SOURCES, "the source of the tare is none")
    _count(bag.reading, bag.load, minimum=1, maximum=MAX_MS)
    _count(bag.stable_ms, maximum=MAX_MS)
    _hash(bag.frames_sha256)


def _certificate(data: e.CertificateData) -> None:
    reason = NoCertificateReason(data.reason) if data.reason is not None else None
    Certificate(CertificateKind(data.kind), data.ref, reason)


def _intake_abandoned(data: e.IntakeAbandoned, station: str) -> None:
    _receipt(data.receipt, station)
    _match(_WORD, "the stage", data.stage)


def _intake_voided(data: e.IntakeVoided, station: str) -> None:
    receipt = _receipt(data.receipt, station)
    replacement = _receipt(data.replacement, station) if data.replacement is not None else None
    _require(receipt.lot == data.lot, "the lot is not the receipt's")
    Void(receipt, VoidReason(data.reason), *data.actors, replacement)


def _epoch(data: e.EpochStarted, _: str) -> None:
    _require(len(data.series) == 1 and data.series in SERIES_LETTERS, "the series is no letter of one")
    _match(_WORD, "the reason", data.why)
    _counters(data.counters)


def _photo(data: e.PhotoTaken, station: str) -> None:
    _lot(data.lot, station)
    _hash(data.photo_sha256)
    _count(data.size_bytes, maximum=MAX_BYTES)
    _count(data.width, data.height, minimum=1, maximum=MAX_PIXELS)


def _picture(data: e.PictureData) -> None:
    _hash(data.sha256)
    _count(data.size_bytes, minimum=1, maximum=MAX_PICTURE_BYTES)
    _count(data.width, data.height, minimum=1, maximum=MAX_PICTURE_SIDE)


def _photo_accepted(data: e.PhotoAccepted, station: str) -> None:
    _lot(data.lot, station)
    _picture(data.master)
    _picture(data.natural)
    measures = data.measures
    _count(measures.coverage_bp, maximum=10_000)
    _count(measures.length_mm, measures.width_mm, measures.pieces, measures.edge_rise_millipx, measures.px_per_m)
    _count(measures.tilt_millideg, maximum=90_000)
    verdict = Verdict(data.overruled)
    _require(verdict.accepted or verdict.may_be_overruled, "nobody may decide against this reason")
    _require(len({finding.reason for finding in data.overruled}) == len(data.overruled), "a reason is said once")
    for finding in data.overruled:
        _count(finding.value, finding.limit, maximum=MAX_BYTES)


def _photo_removed(data: e.PhotoRemoved, station: str) -> None:
    _lot(data.lot, station)
    _hash(data.photo_sha256)
    Reason(data.why)


def _listing_submitted(data: e.ListingSubmitted, station: str) -> None:
    _lot(data.lot, station)
    _match(_CODE, "a code", data.product, data.origin, *([data.grade] if data.grade else []))
    _count(data.catalog_version)
    _require(1 <= len(data.photos) <= MAX_LISTING_PHOTOS, f"a listing has 1 to {MAX_LISTING_PHOTOS} photos")
    _require(len(set(data.photos)) == len(data.photos), "a photo is shown once")
    _hash(*data.photos)
    _count(data.pack_g, minimum=1, maximum=MAX_GROSS_G)
    _count(data.price_fen, minimum=1, maximum=amount_fen(MAX_GROSS_G, MAX_FEN_PER_KG))
    names = (data.title, data.origin_words, data.grade_words)
    for words, max_length in (*((one, MAX_WORDS) for one in names), (data.storage, 200), (data.story, 600)):
        _require(
            all(len(text) <= max_length and text.isprintable() for text in (words.ug, words.zh, words.en)),
            "a text is none",
        )
    _require(bool(data.title.ug or data.title.zh or data.title.en), "a listing has a title")
    _require(bool(data.grade) or data.grade_words == e.NO_WORDS, "words of a grade without one")
    _require(not data.harvest or _MONTH.fullmatch(data.harvest) is not None, "the harvest is no month")
    _require(len(data.allergens) <= 14, "more allergens than there are")
    _match(_WORD, "an allergen", *data.allergens)


def _listing(data: e.ListingDrafted, station: str) -> None:
    _lot(data.lot, station)
    _match(_CODE, "a code", data.product)
    _hash(data.photo_sha256)


def _catalog(data: e.CatalogImported, _: str) -> None:
    _count(data.catalog_version, data.products, data.prices, data.containers, data.members)
    _hash(data.content_sha256)


def _config(data: e.ConfigApplied | e.ConfigRefused, _: str) -> None:
    _count(data.key, data.number, maximum=MAX_NUMBER)
    _hash(data.document_sha256)
    if isinstance(data, e.ConfigApplied):
        _count(data.catalog_version)
    else:
        _match(_WORD, "a reason", data.reason)


def _answer(data: e.RequestAnswered, _: str) -> None:
    _count(data.key, data.number, minimum=1, maximum=MAX_NUMBER)
    _match(_WORD, "a word of the answer", data.kind, data.outcome, *([data.reason] if data.reason else []))
    _require(data.outcome in ("done", "refused", "failed"), "the outcome is none")
    _hash(data.sha256 or None)
    _count(data.size_bytes, minimum=bool(data.sha256), maximum=MAX_ANSWER_BYTES if data.sha256 else 0)


def _print(data: e.PrintUnknown | e.PrintReprinted | e.PrintResolved, station: str) -> None:
    """Check ``about``: this station's receipt or parcel, or a paper of neither (``day-12``, ``test-...``)."""
    _match(_WORD, "the document", data.document)
    _count(data.bag, maximum=MAX_BAGS)
    _match(_ABOUT, "what a paper is about", data.about)
    if data.about[:1].isdecimal():
        _receipt(data.about, station)
    elif data.about.startswith("P-"):
        _require(ParcelNumber.parse(data.about).station == station, "the parcel is another station's")
    if isinstance(data, e.PrintUnknown):
        _match(_WORD, "the reason", data.why)
        if data.receipt:
            _receipt(data.receipt, station)


def _clerk(data: e.ClerkAdded | e.ClerkChanged, _: str) -> None:
    """Check all but the number, which the type checks."""
    if isinstance(data, e.ClerkChanged):
        _match(_WORD, "what changed", data.what)


def _auth_locked(data: e.AuthLocked, _: str) -> None:
    _match(_WORD, "the scope", data.scope)
    _count(data.minutes)


def _day(data: e.DayClosed, _: str) -> None:
    """Check bounds: bags, grams and fen are of the day's intakes that are not void, each bounded by the one before."""
    _hash(data.head)
    _count(data.intakes, data.voids, data.abandoned, data.parcels_in, data.parcels_out, data.parcels_returned)
    _count(data.photos, data.prints_unknown)
    _count(data.bags, maximum=data.intakes * MAX_BAGS)
    _require((data.bags == 0) == (data.net_g == 0), "grams without bags, or bags without grams")
    _count(data.net_g, maximum=data.bags * MAX_GROSS_G)
    _count(data.purchase_fen, data.consignment_fen, maximum=amount_fen(max(0, data.net_g), MAX_FEN_PER_KG) + data.bags)
    _count(data.first_seq, minimum=1, maximum=data.last_seq + 1)


def _backup(data: e.BackupMade, _: str) -> None:
    _count(data.size_bytes, data.events, maximum=MAX_BYTES)
    _hash(data.sha256)


def _parcels_expected(data: e.ParcelExpected, _: str) -> None:
    _count(data.count)


def _parcel(data: ParcelStep, station: str) -> None:
    """Check what the types do not."""
    _require(ParcelNumber.parse(data.parcel).station == station, "the parcel is another station's")
    if isinstance(data, e.ParcelNoticed):
        _count(data.code_no, minimum=1)
    if isinstance(data, e.ParcelDamaged):
        _match(_WORD, "where it was seen", data.seen_at)


def _scale(data: e.ScaleChanged, _: str) -> None:
    _count(data.counter)
    _hash(data.before_sha256 or None, data.sha256)
    _match(_WORD, "the protocol", data.protocol)
    _require(data.unit in ("kg", "g"), "the unit is neither kg nor g")
    _count(data.e_g, data.max_g, minimum=1, maximum=10 * MAX_GROSS_G)


def _tares(data: e.TaresChanged, _: str) -> None:
    _count(data.counter, data.catalog_version, data.containers)
    _hash(data.before_sha256 or None, data.sha256)


def _clock(data: e.ClockChanged, _: str) -> None:
    _count(data.counter)
    _count(data.step_s, minimum=-MAX_STEP_S, maximum=MAX_STEP_S)


def _scale_checked(data: e.ScaleChecked, _: str) -> None:
    _count(data.expected_g, minimum=1, maximum=MAX_GROSS_G)
    _count(data.read_g, minimum=-MAX_GROSS_G, maximum=MAX_GROSS_G)
    _count(data.allowed_g, maximum=MAX_GROSS_G)
    _require(data.passed == (abs(data.read_g - data.expected_g) <= data.allowed_g), "passed is not what was read")
    _count(data.reading, data.load, data.stable_ms, maximum=MAX_MS)
    _hash(data.frames_sha256)


def _load_left(data: e.LoadLeft, station: str) -> None:
    _count(data.peak_g, minimum=1, maximum=MAX_GROSS_G)
    _count(data.settled_ms, maximum=MAX_MS)
    _count(data.loads, minimum=1)
    if data.receipt is not None:
        _receipt(data.receipt, station)


def _key_made(data: e.KeyMade, _: str) -> None:
    _hash(data.public)
    _match(_WORD, "the reason", data.why)


def _covered(data: e.EventsCovered, _: str) -> None:
    _count(data.first_seq, minimum=1, maximum=data.last_seq)
    _count(data.last_seq, minimum=1, maximum=MAX_NUMBER)
    _count(data.events, minimum=1, maximum=data.last_seq - data.first_seq + 1)
    _hash(data.head)


def _checkpoint(data: e.CheckpointKept | e.CheckpointRefused, _: str) -> None:
    _match(_ORIGIN, "the origin", data.origin)
    _count(data.size, maximum=MAX_BYTES)
    _hash(data.root)
    if isinstance(data, e.CheckpointRefused):
        _count(data.kept_size, maximum=MAX_BYTES)
        _match(_WORD, "the reason", data.reason)


# Every type but the steps of a parcel, which share one; a type without a rule fails a test.
_RULES: Final[Mapping[type, Callable[..., None]]] = {
    e.EpochStarted: _epoch,
    e.IntakeConfirmed: _intake,
    e.IntakeAbandoned: _intake_abandoned,
    e.IntakeVoided: _intake_voided,
    e.PhotoTaken: _photo,
    e.PhotoAccepted: _photo_accepted,
    e.PhotoRemoved: _photo_removed,
    e.ListingDrafted: _listing,
    e.ListingSubmitted: _listing_submitted,
    e.CatalogImported: _catalog,
    e.ConfigApplied: _config,
    e.ConfigRefused: _config,
    e.RequestAnswered: _answer,
    e.PrintUnknown: _print,
    e.PrintReprinted: _print,
    e.PrintResolved: _print,
    e.ClerkAdded: _clerk,
    e.ClerkChanged: _clerk,
    e.AuthLocked: _auth_locked,
    e.DayClosed: _day,
    e.BackupMade: _backup,
    e.ParcelExpected: _parcels_expected,
    e.ScaleChanged: _scale,
    e.TaresChanged: _tares,
    e.ClockChanged: _clock,
    e.ScaleChecked: _scale_checked,
    e.LoadLeft: _load_left,
    e.KeyMade: _key_made,
    e.EventsCovered: _covered,
    e.CheckpointKept: _checkpoint,
    e.CheckpointRefused: _checkpoint,
}
