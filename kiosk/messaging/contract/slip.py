"""The text of the code on a receipt or a member's strip: ``https://HOST/s#`` and digits, a COSE_Sign1 (RFC 9052).

Digits, because a QR code holds three and a third of a byte's worth of them in ten bits, and nothing after ``#`` leaves
a telephone. The payload is one CBOR array, its version and type first, in the order of `_payload` for a receipt and of
`_statement_payload` for the strip of what a member brought. The array is not tagged; algorithm (EdDSA) and key id are
in the protected header, so they are signed, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import Any, Final

import cbor2

from kiosk.base.ed25519 import Ed25519Key, is_signed_by
from kiosk.domain.identifiers import MAX_BAGS, ReceiptNumber, check_region
from kiosk.domain.mass import MAX_GROSS_G
from kiosk.domain.moment import ClockQuality
from kiosk.domain.money import MAX_FEN_PER_KG
from kiosk.domain.slip import Slip
from kiosk.domain.statement import BroughtSums, Statement
from kiosk.domain.trade import Mode

VERSION: Final = 1
RECEIPT: Final = 1  # The type: of a receipt, and of the strip of what a member brought
STATEMENT: Final = 2
HEAD_BYTES: Final = 8
MAX_DIGITS: Final = 600  # 249 bytes; a slip has some 126
MAX_HOST: Final = 40

_ALGORITHM, _KEY_ID, _EDDSA = 1, 4, -8  # RFC 9052 section 3.1, RFC 9053 section 2.2
_CLOCKS: Final = (ClockQuality.SYNCED, ClockQuality.RESTORED, ClockQuality.UNSET)
_MODES: Final = (Mode.PURCHASE, Mode.CONSIGNMENT)
_TEXT: Final = re.compile(r"https://[a-z0-9.-]{1,40}(?::[0-9]{1,5})?/s#([1-9][0-9]{0,599})")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,38}[a-z0-9])?")
_PRODUCT: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
_MAX: Final = 2**31 - 1
_MAX_SUM: Final = 2**53
_FIELDS: Final = {RECEIPT: 17, STATEMENT: 18}
_OTHER_PAPER: Final = {RECEIPT: "this is what a member brought, no receipt", STATEMENT: "this is a receipt"}


class BadSlip(ValueError):
    """It is no slip of this version; the text says why."""


class NotCanonical(BadSlip):
    """It says something, and is not written in the one form in which a slip may say it."""


@dataclass(frozen=True, slots=True)
class SignedPaper:
    """``signed`` is the Sig_structure (RFC 9052 section 4.4) that ``signature`` is over."""

    key_id: bytes
    signed: bytes
    signature: bytes

    def is_signed_by(self, public: bytes) -> bool:
        return is_signed_by(public, self.signed, self.signature)


@dataclass(frozen=True, slots=True)
class SignedSlip(SignedPaper):
    slip: Slip


@dataclass(frozen=True, slots=True)
class SignedStatement(SignedPaper):
    statement: Statement


def check_host(text: str) -> str:
    """Check the host name of the county's page of slips and return it unchanged. Raises BadSlip."""
    if not _HOST.fullmatch(text):
        raise BadSlip(f"{text[:60]!r} is no host name of 1 to {MAX_HOST} of a-z, 0-9, . and -")
    return text


def slip_text(host: str, key: Ed25519Key, slip: Slip) -> str:
    """Build the text of the receipt's code. Raises BadSlip for a slip that `parse_slip` would refuse."""
    return _text(host, key, _payload(slip), parse_slip)


def parse_slip(text: str) -> SignedSlip:
    """Parse the form alone. Raises BadSlip. No other text has the same content: nothing is left out or added."""
    row, seal = _opened(text, RECEIPT)
    return SignedSlip(*seal, _slip(row))


def statement_text(host: str, key: Ed25519Key, statement: Statement) -> str:
    """Build the text of the code on a member's strip. Raises BadSlip where `parse_statement` would."""
    return _text(host, key, _statement_payload(statement), parse_statement)


def parse_statement(text: str) -> SignedStatement:
    """Parse the form alone, as `parse_slip`. Raises BadSlip."""
    row, seal = _opened(text, STATEMENT)
    return SignedStatement(*seal, _statement(row))


def _text(host: str, key: Ed25519Key, fields: list[Any], parse: Callable[[str], SignedPaper]) -> str:
    payload = cbor2.dumps(fields)
    protected = cbor2.dumps({_ALGORITHM: _EDDSA, _KEY_ID: key.key_id})
    content = cbor2.dumps([protected, {}, payload, key.sign(_sig_structure(protected, payload))])
    text = f"https://{check_host(host)}/s#{int.from_bytes(content, 'big')}"
    parse(text)
    return text


def _opened(text: str, kind: int) -> tuple[list[Any], tuple[bytes, bytes, bytes]]:
    """Return the payload's fields, whose type must be ``kind``; and key id, signed bytes and signature."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadSlip("this is no code of a receipt")
    number = int(match[1])
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    protected, unprotected, payload, signature = _array(content, 4)
    _require(isinstance(protected, bytes) and unprotected == {} and isinstance(payload, bytes), "it is no COSE_Sign1")
    _require(isinstance(signature, bytes) and len(signature) == 64, "it has no signature of 64 bytes")
    header = _decode(protected)
    _require(isinstance(header, dict) and list(header) == [_ALGORITHM, _KEY_ID], "its header is another one")
    key_id = header[_KEY_ID]
    _require(
        header[_ALGORITHM] == _EDDSA and isinstance(key_id, bytes) and len(key_id) == 4, "its key is of another kind"
    )
    row = _array(payload, *_FIELDS.values())
    _require(all(type(field) is int for field in row[:2]) and row[0] == VERSION, "it is of a later version")
    _require(row[1] == kind or row[1] not in _FIELDS, _OTHER_PAPER[kind])
    _require(row[1] == kind and len(row) == _FIELDS[kind], "it is of a later version")
    return row, (key_id, _sig_structure(protected, payload), signature)


def _sig_structure(protected: bytes, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", payload])


def _payload(slip: Slip) -> list[Any]:
    return [
        VERSION,
        RECEIPT,
        slip.region,
        int(slip.receipt.station[1:]),
        slip.receipt.series,
        slip.receipt.counter,
        slip.minute,
        _CLOCKS.index(slip.clock),
        slip.product,
        slip.bags,
        slip.net_g,
        slip.price_fen_per_kg,
        slip.amount_fen,
        _MODES.index(slip.mode),
        list(slip.counters) if slip.counters else None,
        slip.copy_no,
        slip.head,
    ]


def _slip(row: list[Any]) -> Slip:
    region, station, series, counter, minute, clock, product, bags, net_g, price, fen, mode, *rest = row[2:]
    counters, copy_no, head = rest
    _check_numbers((
        (station, 9999), (counter, 999_999), (bags, MAX_BAGS), (mode, 1),
        (net_g, MAX_BAGS * MAX_GROSS_G), (price, MAX_FEN_PER_KG), (fen, _MAX_SUM), (copy_no, _MAX),
    ))  # fmt: skip
    is_counted = isinstance(counters, list) and len(counters) == 3
    _require(counters is None or (is_counted and all(type(n) is int and 0 <= n <= _MAX for n in counters)), "counters")
    _require(isinstance(product, str) and _PRODUCT.fullmatch(product) is not None, "its goods are no code")
    _check_common(region, minute, clock, head)
    return Slip(
        *(region, _receipt(station, series, counter), minute, _CLOCKS[clock], product, bags, net_g, price, fen),
        *(_MODES[mode], tuple(counters) if counters else None, copy_no, head),
    )


def _statement_payload(statement: Statement) -> list[Any]:
    first, last = statement.first, statement.last
    return [
        *(VERSION, STATEMENT, statement.region, int(first.station[1:]), int(statement.member[2:])),
        *(statement.minute, _CLOCKS.index(statement.clock)),
        *(first.series, first.counter, last.series, last.counter),
        *astuple(statement.sums),
        statement.head,
    ]


def _statement(row: list[Any]) -> Statement:
    region, station, member, minute, clock, series, counter, last_series, last, *sums, head = row[2:]
    _check_numbers((
        (station, 9999), (member, 99_999), (counter, 999_999), (last, 999_999),
        *((value, _MAX_SUM) for value in sums),
    ))  # fmt: skip
    _check_common(region, minute, clock, head)
    ends = _receipt(station, series, counter), _receipt(station, last_series, last)
    return Statement(region, f"M-{member:05d}", minute, _CLOCKS[clock], *ends, BroughtSums(*sums), head)


def _check_numbers(rows: Iterable[tuple[object, int]]) -> None:
    for value, largest in rows:
        _require(type(value) is int and 0 <= value <= largest, "one of its numbers is out of range")


def _check_common(region: object, minute: int | None, clock: int, head: object) -> None:
    _check_numbers(((0 if minute is None else minute, _MAX), (clock, len(_CLOCKS) - 1)))
    _require((minute is None) == (clock == 2), "its date does not fit its clock")
    _require(isinstance(head, bytes) and len(head) == HEAD_BYTES, "its hash has another length")
    try:
        check_region(region)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise BadSlip(str(error)) from error


def _receipt(station: int, series: Any, counter: int) -> ReceiptNumber:
    try:
        return ReceiptNumber(f"S{station:04d}", series, counter)
    except (ValueError, TypeError) as error:
        raise BadSlip(str(error)) from error


def _array(content: bytes, *lengths: int) -> list[Any]:
    found = _decode(content)
    _require(isinstance(found, list) and len(found) in lengths, "it has more or fewer fields")
    return list(found)


def _decode(content: bytes) -> Any:
    """Decode one CBOR item in its only valid form: shortest lengths, nothing after it."""
    try:
        found = cbor2.loads(content)
        is_same = cbor2.dumps(found) == content
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        raise BadSlip(f"it is no CBOR: {error}") from error
    if not is_same:
        raise NotCanonical("it is not written in the one form")
    return found


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise BadSlip(fault)
