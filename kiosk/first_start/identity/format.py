"""The identity of one station as a file: unencrypted, or sealed with the code on its paper; and the claim mark, which
stays where the identity was taken and names the machine that has it. Bytes to values, no I/O.

    identity.toml          in the clear: station, region, village, broker_url, certificate, key, authority,
                           photos, updates, county_key, wifi_network, wifi_password, pin_secret
    identity-S0147.toml    station, region, village, and ``sealed``: base64 of
                           a version byte | salt 16 | age file with the file in the clear

The version is 3 with a secret for PINs by telephone inside, 2 with a Wi-Fi network, else 1. Software that does not know
the content reports that the file was made for newer software, and takes nothing: the station would be one to which the
county can answer nothing.

The unencrypted fields beside the seal are compared with the sealed ones: no sealed identity can be given another
number, region or village.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import tomlkit

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.identifiers import check_region, check_station
from kiosk.domain.paper_code import PaperCode
from kiosk.domain.telephone_pin import read_secret
from kiosk.messaging.relay.shared.settings import CenterEndpoint, Endpoint
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.shared.age_file import NotOpened, seal_to_paper, unseal_with_paper
from kiosk.texts.plain import plain

MAX_BYTES: Final = 64 * 1024  # Certificate, key and authority with a chain are below 20 kB
_MAX_BARE_BYTES: Final = 1024  # Bytes outside of texts and comments: 13 names and their equals signs are below 200
# A comment, or a text of TOML 1.0. Possessive and with an optional end: it never backtracks. Up to its first mistake a
# file is cut as its reader cuts it, and behind that nothing is read.
_TEXT: Final = re.compile(
    rb"""#[^\n]*+"""
    rb"""|"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5})?|'{3}(?:[^']++|'(?!''))*+(?:'{3,5})?"""
    rb"""|"(?:[^"\\\n]++|\\.)*+"?|'[^'\n]*+'?""",
    re.DOTALL,
)
VERSION: Final = 1
_VERSION_WITH_WIFI: Final = 2
_VERSION_WITH_PIN_SECRET: Final = 3
FOLDER: Final = "station-identities"  # Made by the county, and copied to a stick as a whole
CLEAR: Final = "identity.toml"
SEALED: Final = re.compile(r"identity-(S[0-9]{4})\.toml")
MAX_VILLAGE_LENGTH: Final = 40
_MAX_PEM_LENGTH: Final = 32_000
_MAX_URL_LENGTH: Final = 200
_MAX_NETWORK_BYTES: Final = 32  # IEEE 802.11
_PASSPHRASE: Final = re.compile(r"[ -~]{8,63}")
_CERTIFICATE, _PRIVATE_KEY = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"


class BadIdentity(ValueError):
    """The file is no identity, or none that could ever work; the text says why and holds no secret."""


class RenamedIdentity(BadIdentity):
    """It is stored under the name of another station."""


class UnsupportedVersion(BadIdentity):
    """It was made for other software."""


class WrongCode(ValueError):
    """The code opens another identity, or this one was changed: the two cannot be distinguished."""


class StationIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a machine one certain station. Certificates and key are PEM; ``authority`` signed the broker's
    certificate, "" means the authorities of the operating system. ``photos``, ``updates`` and ``county_key`` are
    written into the settings of these names unless they are "". ``wifi_password`` is "" for an open network,
    ``pin_secret`` 64 hexadecimal digits, or "" where the county answers no forgotten PIN. Raises ValueError.
    """

    station: str
    region: str
    broker_url: str
    certificate: str
    key: str
    village: str = ""
    authority: str = ""
    photos: str = ""
    updates: str = ""
    county_key: str = ""
    wifi_network: str = ""
    wifi_password: str = ""
    pin_secret: str = ""

    def __post_init__(self) -> None:
        check_station(self.station)
        check_region(self.region)
        check_village(self.village)
        if not Endpoint.parse(self.broker_url).tls:
            raise ValueError(f"broker_url {self.broker_url!r} must begin with mqtts://: a certificate needs TLS")
        _check_pem("certificate", self.certificate, _CERTIFICATE)
        _check_pem("key", self.key, _PRIVATE_KEY)
        if self.authority:
            _check_pem("authority", self.authority, _CERTIFICATE)
        check_center("photos", self.photos)
        check_center("updates", self.updates)
        check_county_key(self.county_key)
        if len(self.wifi_network.encode()) > _MAX_NETWORK_BYTES or not self.wifi_network.isprintable():
            raise ValueError(f"wifi_network must be printable text of at most {_MAX_NETWORK_BYTES} bytes")
        if self.wifi_password and not (self.wifi_network and _PASSPHRASE.fullmatch(self.wifi_password)):
            raise ValueError("wifi_password needs a wifi_network, and must be 8 to 63 printable characters of ASCII")
        if self.pin_secret:
            read_secret(self.pin_secret)
            if not self.authority:
                raise ValueError("pin_secret needs the county's authority")

    def __repr__(self) -> str:
        return f"Identity({self.station} of {self.region})"


class SealedIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What anybody may read, and what the code opens. Raises ValueError."""

    station: str
    region: str
    sealed: str
    village: str = ""

    def __post_init__(self) -> None:
        check_station(self.station)
        check_region(self.region)
        check_village(self.village)


_PREBUILT_DECODERS: Final = (msgspec.json.Decoder(StationIdentity), msgspec.json.Decoder(SealedIdentity))


def check_village(text: str) -> str:
    """Return the name unchanged; raises ValueError for one that is too long or has invisible characters."""
    if plain(text, MAX_VILLAGE_LENGTH) != text:
        raise ValueError(f"a village has at most {MAX_VILLAGE_LENGTH} characters, single spaces and nothing invisible")
    return text


def check_center(name: str, url: str) -> str:
    """Return the address of the setting ``name`` unchanged, or ""; raises ValueError."""
    if len(url) > _MAX_URL_LENGTH:
        raise ValueError(f"{name} has {len(url)} characters, at most {_MAX_URL_LENGTH} are read")
    if url and not CenterEndpoint.parse(url, name).tls:
        raise ValueError(f"{name} {url!r} must begin with https://")
    return url


def check_county_key(text: str) -> str:
    return CountyKey.parse(text).text if text else ""


def sealed_name(station: str) -> str:
    return f"identity-{station}.toml"


def read_clear(content: bytes) -> StationIdentity:
    try:
        return msgspec.convert(_table(content), StationIdentity)
    except ValueError as error:
        raise BadIdentity(str(error)) from error


def read_sealed(content: bytes, name: str) -> SealedIdentity:
    """Read the envelope of the file ``name``. Raises BadIdentity, also when the name has another number."""
    try:
        found = msgspec.convert(_table(content), SealedIdentity)
    except ValueError as error:
        raise BadIdentity(str(error)) from error
    if name != sealed_name(found.station):
        raise RenamedIdentity(f"the file {name} holds the identity of {found.station}: it was renamed")
    return found


def write_clear(identity: StationIdentity) -> bytes:
    """Write it as a person could have written it."""
    fields = {name: getattr(identity, name) for name in identity.__struct_fields__}
    return _toml({name: value for name, value in fields.items() if value})


def seal(identity: StationIdentity, code: PaperCode) -> bytes:
    shown = {"station": identity.station, "region": identity.region, "village": identity.village}
    sealed = bytes([_version(identity)]) + seal_to_paper(write_clear(identity), code)
    fields = {**shown, "sealed": base64.b64encode(sealed).decode("ascii")}
    return _toml({name: value for name, value in fields.items() if value})


def _version(identity: StationIdentity) -> int:
    if identity.pin_secret:
        return _VERSION_WITH_PIN_SECRET
    return _VERSION_WITH_WIFI if identity.wifi_network else VERSION


def unseal(envelope: SealedIdentity, code: PaperCode) -> StationIdentity:
    """Open the envelope. Raises WrongCode, BadIdentity."""
    try:
        content = base64.b64decode(envelope.sealed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadIdentity(f"sealed is no base64: {error}") from error
    version = content[0] if content else 0
    if not VERSION <= version <= _VERSION_WITH_PIN_SECRET:
        raise UnsupportedVersion(f"it is of version {version}: this program reads 1 to {_VERSION_WITH_PIN_SECRET}")
    try:
        identity = read_clear(unseal_with_paper(content[1:], code))
    except NotOpened:
        raise WrongCode("the code does not open this identity, or the file was changed") from None
    inside = (identity.station, identity.region, identity.village)
    if inside != (envelope.station, envelope.region, envelope.village):
        raise BadIdentity("what is inside is another station than the file says")
    return identity


def _check_pem(name: str, text: str, marker: str) -> None:
    if marker not in text:
        raise ValueError(f"{name} is no PEM: there is no line with {marker!r}")
    if not text.isascii() or len(text) > _MAX_PEM_LENGTH or any(sign < " " and sign not in "\r\n" for sign in text):
        raise ValueError(f"{name} must be plain PEM text of at most {_MAX_PEM_LENGTH} characters")


def _table(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise ValueError(f"the file has more than {MAX_BYTES} bytes")
    if len(_TEXT.sub(b"", content)) > _MAX_BARE_BYTES:  # names in names: the reader takes seconds for 64 kB of them
        raise ValueError("it holds much that no identity has")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"it cannot be read as TOML: {error or 'too deep'}") from error


def _toml(fields: Mapping[str, str]) -> bytes:
    document = tomlkit.document()
    for name, value in fields.items():
        document.append(name, tomlkit.string(value, multiline="\n" in value))
    return document.as_string().encode("utf-8")


MAX_MARK_BYTES: Final = 4096
_MACHINE: Final = re.compile(r"[0-9a-f]{64}")


class BadClaim(ValueError):
    """The mark cannot be read: the identity was taken, and the machine is unknown."""


class ClaimMark(msgspec.Struct, frozen=True):
    """``machine`` is the SHA-256 of the machine's own random number; ``claimed_at`` the time of its clock, which may be
    wrong on a new box. Fields of later versions are ignored. Raises ValueError.
    """

    station: str
    machine: str
    claimed_at: str

    def __post_init__(self) -> None:
        check_station(self.station)
        if not _MACHINE.fullmatch(self.machine):
            raise ValueError("machine must be 64 hexadecimal digits")


_claim: Final = reader(msgspec.json.Decoder(ClaimMark))


def claim_name(station: str) -> str:
    return f"identity-{station}.claimed.json"


def read_claim(content: bytes) -> ClaimMark:
    try:
        return _claim(content[:MAX_MARK_BYTES])
    except Unreadable as error:
        raise BadClaim(str(error)) from error


def write_claim(claim: ClaimMark) -> bytes:
    return msgspec.json.format(msgspec.json.encode(claim), indent=1) + b"\n"
