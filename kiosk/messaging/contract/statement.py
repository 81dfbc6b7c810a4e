"""What a member brought to all stations of a county, as a file that the county's configuration key signs.

``signature`` is ``{key id}.{Ed25519 in base64}`` over `CONTEXT` and the RFC 8785 bytes of everything else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from kiosk.base.ed25519 import is_signed_by, key_id_of
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.domain.statement import BroughtSums
from kiosk.messaging.contract.checkpoint import BadCheckpoint, parse_verifier
from kiosk.messaging.contract.configuration import Sha256
from kiosk.messaging.contract.event_signature import parse_signature
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.messaging.contract.strict_json import MAX_INTEGER, StrictJsonError, canonical, read

CONTEXT: Final = b"kiosk/statement/1\n"
KIND: Final = "statement"
MAX_BYTES: Final = 16 * 1024 * 1024  # 20,000 receipts have 6 MB

_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
_Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]\Z")]


class StatementLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt: grams, fen per kg (0 where unknown), fen. ``event`` is the hash of its event.

    ``day``: that of its arrival where its own is unknown (``day_known``).
    """

    receipt: str
    day: _Day
    day_known: bool
    product: Annotated[str, msgspec.Meta(max_length=64)]
    bags: _Count
    net_g: _Count
    price_fen_per_kg: _Count
    amount_fen: _Count
    mode: Literal["purchase", "consignment"]
    void: bool
    event: Sha256


class StatementFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "until"}):
    kind: Literal["statement"]
    region: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,16}\Z")]
    member: Annotated[str, msgspec.Meta(pattern=r"^M-[0-9]{5}\Z")]
    first: _Day
    last: _Day
    lines: list[StatementLine]
    sums: BroughtSums
    signature: Annotated[str, msgspec.Meta(max_length=120)] = ""

    @property
    def message(self) -> bytes:
        """What is signed."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["signature"]
        return CONTEXT + canonical(fields)

    def encode(self, public: bytes, signature: bytes) -> bytes:
        """Encode the file with this signature over ``message``."""
        text = f"{key_id_of(public).hex()}.{b64encode(signature).decode('ascii')}"
        return canonical(msgspec.to_builtins(msgspec.structs.replace(self, signature=text)))


def sums_of(lines: Sequence[StatementLine]) -> BroughtSums:
    return BroughtSums.of((1, line.mode, line.void, line.net_g, line.amount_fen) for line in lines)


# With the module: see `configuration`.
_PREBUILT_DECODER: Final = msgspec.json.Decoder(StatementFile)


def check_statement(content: bytes, keys: PublicKeys) -> list[tuple[str, bool]]:
    """Return each check by name: form, region, lines, sums, key_known, signature. A file without form has no other
    check, and with an unknown key the signature is not checked.
    """
    try:
        raw = read(content, max_bytes=MAX_BYTES)
        found = msgspec.convert(raw, StatementFile)
        if msgspec.to_builtins(found) != raw:  # something is missing, or present but unsigned
            return [("form", False)]
    except (StrictJsonError, msgspec.ValidationError):
        return [("form", False)]
    signature, known = parse_signature(found.signature), _signers(keys)
    rows = [
        ("form", True),
        ("region", found.region == keys.region),
        ("lines", _are_receipts(found)),
        ("sums", sums_of(found.lines) == found.sums),
    ]
    if signature is None:
        return [*rows, ("signature", False)]
    signers = [public for public in known if key_id_of(public) == signature.key_id]
    is_signed = any(is_signed_by(key, found.message, signature.signature) for key in signers)
    return [*rows, ("key_known", bool(signers)), *([("signature", is_signed)] if signers else [])]


def _are_receipts(found: StatementFile) -> bool:
    """Return whether each receipt is listed once, and is of a day of the statement."""
    try:
        numbers = {ReceiptNumber.parse(line.receipt) for line in found.lines}
    except BadIdentifier:
        return False
    return len(numbers) == len(found.lines) and all(found.first <= line.day <= found.last for line in found.lines)


def _signers(keys: PublicKeys) -> list[bytes]:
    """Return the county's keys of all generations."""
    found = []
    for line in keys.log:
        try:
            found.append(parse_verifier(line)[1])
        except BadCheckpoint:
            continue
    return found
