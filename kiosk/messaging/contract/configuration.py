"""What a county gives one of its stations: a signed document that names its parts by hash, and the parts (contract §6).

A part is one JSON object, at most ``MAX_PART_BYTES``; the document names the SHA-256 of its bytes. What the document
does not name stays at the station as it is. The document, and parts that are small, travel together on ``down/config``;
the others are fetched below ``/configuration/{station}``, on the port of the photos lane; on a stick lie the same
bytes as files.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.configuration import ConfigurationVersion
from kiosk.domain.identifiers import check_region, check_station
from kiosk.messaging.contract.catalog.tables import ContainerTable, PriceTable, ProductTable
from kiosk.messaging.contract.strict_json import StrictJsonError, canonical, read

MAX_DOCUMENT_BYTES: Final = 8 * 1024
MAX_PART_BYTES: Final = 3_000_000  # 20,000 members have 1.5 MB
MAX_PARTS_BYTES: Final = 8_000_000  # All of one document
MAX_MESSAGE_BYTES: Final = 64 * 1024  # Inflated: what does not fit in it is fetched
MAX_NUMBER: Final = 2**31 - 1

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Counting = Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
# RFC 3339 in UTC, whole seconds. A document of another century comes from an unset clock, or is a joke.
Time = Annotated[str, msgspec.Meta(pattern=r"^20[2-8][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z\Z")]
Certificate = Annotated[str, msgspec.Meta(max_length=4096)]
Signature = Annotated[str, msgspec.Meta(max_length=100)]
PART_NAMES: Final = (
    *("goods", "prices", "containers", "members", "clerks", "layouts", "settings", "parcels"),
    *("keys", "voids", "checkpoints"),
)

FOLDER: Final = "station-configuration"  # On a stick; it holds a folder for each station's number
DOCUMENT: Final = "document.json"  # Beside it ``{sha256}.json`` for each part
INBOX: Final = "configuration"  # In the station's data folder: the same files, the document written last


class BadConfiguration(ValueError):
    """It is no document, no part or no message of this kind; the text says why."""


class UnknownPart(BadConfiguration): ...


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256
    size: Annotated[int, msgspec.Meta(ge=2, le=MAX_PART_BYTES)] = msgspec.field(name="bytes")

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(hashlib.sha256(content).hexdigest(), len(content))


class CountyMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the county's configuration key signs for one station. ``issued`` proves that it is no earlier than that.

    Each kind ends with ``certificate``, DER in base64, of that key, signed by the county's authority, and
    ``signature``, Ed25519 in base64, over the RFC 8785 bytes of everything else. No two kinds have the same fields.
    """

    station: str
    region: str
    version: tuple[Counting, Counting]
    issued: Time

    def __post_init__(self) -> None:
        check_station(self.station)
        check_region(self.region)

    @property
    def number(self) -> ConfigurationVersion:
        return ConfigurationVersion(*self.version)

    @property
    def issued_at(self) -> datetime:
        return datetime.fromisoformat(self.issued)

    def signed_bytes(self) -> bytes:
        """Return the canonical bytes that are signed: all fields but the signature."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["signature"]
        return canonical(fields)

    def encode(self) -> bytes:
        return canonical(msgspec.to_builtins(self))


class ConfigurationDocument(CountyMessage, frozen=True, forbid_unknown_fields=True):
    """``effective``: not before then, None for at once."""

    effective: Time | None
    parts: dict[str, Part]
    certificate: Certificate
    signature: Signature = ""

    def __post_init__(self) -> None:
        CountyMessage.__post_init__(self)
        unknown = [name for name in self.parts if name not in PART_NAMES]
        if unknown:
            raise UnknownPart(f"this software knows no part {unknown[0][:40]!r}: update the station first")
        if sum(part.size for part in self.parts.values()) > MAX_PARTS_BYTES:
            raise ValueError(f"its parts are larger than {MAX_PARTS_BYTES} bytes together")


# Made at import: two threads that make msgspec inspect a type for the first time make it crash (0.22).
_PREBUILT_DECODER: Final = msgspec.json.Decoder(ConfigurationDocument)


def parse_document(content: bytes) -> ConfigurationDocument:
    """Parse the form alone: the station checks the signature. Raises BadConfiguration; UnknownPart for a document made
    for later software.
    """
    try:
        return msgspec.convert(read(content, max_bytes=MAX_DOCUMENT_BYTES), ConfigurationDocument)
    except (StrictJsonError, msgspec.ValidationError, ValueError) as error:
        kind = UnknownPart if isinstance(error.__cause__, UnknownPart) else BadConfiguration
        raise kind(f"no usable document: {error}") from error


class ConfigurationMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On ``down/config``, zlib: the document's bytes as text, and parts by their hash."""

    document: Annotated[str, msgspec.Meta(max_length=MAX_DOCUMENT_BYTES)]
    parts: dict[Sha256, str]

    def encode(self) -> bytes:
        return zlib.compress(msgspec.json.encode(self), 9)


_read_message: Final = reader(msgspec.json.Decoder(ConfigurationMessage))


def parse_message(payload: bytes) -> ConfigurationMessage:
    """Inflate and parse a message of at most ``MAX_MESSAGE_BYTES``. Raises BadConfiguration."""
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(payload, MAX_MESSAGE_BYTES)
        if not inflater.eof or inflater.unused_data:
            raise BadConfiguration("no usable message: it is too large, cut off, or followed by something")
        return _read_message(content)
    except (zlib.error, Unreadable) as error:
        raise BadConfiguration(f"no usable message: {error}") from error


class ClerkRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person of the station; anyone missing from the list no longer works there."""

    number: Annotated[str, msgspec.Meta(pattern=r"^(?!0+$)([0-9]{2}|[1-9][0-9]{2,3})\Z")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    role: Annotated[str, msgspec.Meta(pattern=r"^(clerk|technician)\Z")]


class MemberRow(msgspec.Struct, frozen=True, array_like=True):
    """``["M-00001", "short name", "Y1P…"]``; ``card`` is "" for a member without one."""

    number: str
    short_name: str
    card: str = ""


class ParcelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waybill: Annotated[str, msgspec.Meta(min_length=6, max_length=40)]
    carrier: str = ""
    phone_last4: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4})?\Z")] = ""


class GoodsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    products: tuple[ProductTable, ...]


class PricesPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    prices: tuple[PriceTable, ...]


class ContainersPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    containers: tuple[ContainerTable, ...]


class MembersPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    members: tuple[MemberRow, ...]


class ClerksPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clerks: tuple[ClerkRow, ...]


class LayoutsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layout file's text for each kind of label that the county has its own of."""

    layouts: dict[str, Annotated[str, msgspec.Meta(max_length=32_000)]]


class CountySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a county sets for its stations; None leaves what the station's own settings say.

    The texts are on every receipt: when and how payment is made. ``phone``: the number to call. ``slip_host``: the name
    under which telephones find the county's page of signed slips; without it no receipt has a signed code.
    """

    payment_ug: Annotated[str, msgspec.Meta(max_length=120)] | None = None
    payment_zh: Annotated[str, msgspec.Meta(max_length=120)] | None = None
    payment_en: Annotated[str, msgspec.Meta(max_length=120)] | None = None
    phone: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    slip_host: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class SettingsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: CountySettings


class ParcelsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parcels that are on their way to the station."""

    parcels: Annotated[tuple[ParcelRow, ...], msgspec.Meta(max_length=5_000)]


class KeyRow(msgspec.Struct, frozen=True, array_like=True):
    """``["S0147", "Ed25519 in base64", ""]``: a key that signs slips and events of a station.

    ``state``: "" for one that is believed, also where a newer one has taken its place; ``revoked`` (stolen), ``cloned``
    (two machines used it).
    """

    station: Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")]
    public: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")]
    state: Annotated[str, msgspec.Meta(pattern=r"^(revoked|cloned)?\Z")] = ""


class KeysPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of all stations of the county, so that each can check the slips of the others without a line."""

    keys: Annotated[tuple[KeyRow, ...], msgspec.Meta(max_length=20_000)]


class VoidsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Receipts of the county's stations that were made void, the newest last."""

    receipts: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[A-Z]-[0-9]{6}\Z")], ...], msgspec.Meta(max_length=20_000)
    ]


class CheckpointRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``note``: a checkpoint of the county's log, as text (C2SP signed note).

    ``proof``: hashes in base64 that lead from the log of ``from_size`` leaves to it (RFC 9162, section 2.1.4); empty
    for ``from_size`` 0.
    """

    note: Annotated[str, msgspec.Meta(max_length=1000)]
    from_size: Annotated[int, msgspec.Meta(ge=0)]
    proof: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=44)], ...], msgspec.Meta(max_length=64)]


class CheckpointsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest checkpoint of the year, and at its turn the last one of the year before."""

    checkpoints: Annotated[tuple[CheckpointRow, ...], msgspec.Meta(max_length=4)]


AnyPart = (
    GoodsPart
    | PricesPart
    | ContainersPart
    | MembersPart
    | ClerksPart
    | LayoutsPart
    | SettingsPart
    | ParcelsPart
    | KeysPart
    | VoidsPart
    | CheckpointsPart
)
PART_TYPES: Final[Mapping[str, type[AnyPart]]] = {
    "goods": GoodsPart,
    "prices": PricesPart,
    "containers": ContainersPart,
    "members": MembersPart,
    "clerks": ClerksPart,
    "layouts": LayoutsPart,
    "settings": SettingsPart,
    "parcels": ParcelsPart,
    "keys": KeysPart,
    "voids": VoidsPart,
    "checkpoints": CheckpointsPart,
}
_PART_READERS: Final = {name: reader(msgspec.json.Decoder(kind)) for name, kind in PART_TYPES.items()}
_SORTED: Final = msgspec.json.Encoder(order="deterministic")


def encode_part(part: AnyPart) -> bytes:
    """Encode the part; the same content always gives the same bytes."""
    return _SORTED.encode(part)


def parse_part(name: str, content: bytes) -> AnyPart:
    """Parse the types; what they cannot express is checked by the station. Raises BadConfiguration."""
    try:
        return _PART_READERS[name](content)
    except Unreadable as error:
        raise BadConfiguration(f"the part {name} cannot be read: {error}") from error


def part_file(sha256: str) -> str:
    """Return the file name of a part beside its document."""
    return f"{sha256}.json"


def to_base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")


def from_base64(text: str) -> bytes:
    """Decode the text. Raises BadConfiguration."""
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise BadConfiguration(f"this is no base64: {error}") from error
