"""The county's certificate authority: PEM in, PEM out; no file, no clock.

    authority           signs stations, readers and the authority of servers; its key lies under a pass phrase
      servers           signs servers alone (extended key usage serverAuth), so that their certificates renew themselves
        server          center.county.example
      station, reader   clients alone (clientAuth)
      configuration     Ed25519, signs what stations are given (codeSigning), and passes for no connection

A certificate of one kind does not pass for another: TLS refuses a server's as a client's and vice versa, and the
subject states station or reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final, Self, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec.structs import replace

from kiosk.messaging.contract.checkpoint import Checkpoint, signed_note, verifier_line
from kiosk.messaging.contract.configuration import ConfigurationDocument, to_base64
from kiosk.messaging.contract.station_request import StationRequest
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Signable = TypeVar("Signable", ConfigurationDocument, StationRequest)
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

MACHINE_LIFETIME: Final = timedelta(days=40 * 365)  # Machines are revoked by the county's list, not by their age
SERVER_LIFETIME: Final = timedelta(days=397)  # Browsers refuse those that are valid longer
CLOCK_TOLERANCE: Final = timedelta(days=2)  # A certificate is valid before it was made: the peer's clock may be behind
MAX_NAMES: Final = 20  # Of one server


class BadAuthority(ValueError):
    """The files are no authority, or do not belong to each other."""


class BadPassPhrase(ValueError):
    """The pass phrase does not open the key, or the key is damaged: the two cannot be distinguished."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """PEM. ``certificate`` is followed by the one that signed it, unless that is the authority; ``key`` is secret."""

    certificate: str
    key: str
    not_after: datetime

    def __repr__(self) -> str:
        return f"IssuedCertificate(until {self.not_after:%Y-%m-%d})"


class CountyAuthority:
    """The root: every machine of the county trusts it."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        if certificate.public_key() != key.public_key():
            raise BadAuthority("the key is not that of the authority's certificate")
        self._certificate, self._key = certificate, key

    @classmethod
    def create(cls, region: str, now: datetime) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([_attribute(NameOID.ORGANIZATION_NAME, region), _attribute(NameOID.COMMON_NAME, "authority")])
        made = _builder(name, name, key.public_key(), now, MACHINE_LIFETIME)
        return cls(_sign_authority(made, key.public_key(), key, path_length=1), key)

    @classmethod
    def open(cls, certificate: str, sealed_key: str, pass_phrase: str) -> Self:
        """Open the sealed key. Raises BadAuthority, BadPassPhrase."""
        return cls(_load_certificate(certificate), _load_key(sealed_key, pass_phrase))

    @property
    def certificate(self) -> str:
        return _pem(self._certificate)

    @property
    def region(self) -> str:
        return str(self._certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)

    def sealed_key(self, pass_phrase: str) -> str:
        """Return PKCS #8 encrypted under the pass phrase, as openssl reads it."""
        return _key_pem(self._key, serialization.BestAvailableEncryption(pass_phrase.encode()))

    def issue_machine(self, subject: MachineSubject, now: datetime) -> IssuedCertificate:
        """Issue a certificate for a station or a reader. Raises ValueError for another kind."""
        if subject.kind not in (MachineKind.STATION, MachineKind.READER):
            raise ValueError(f"a {subject.kind} is signed in another way")
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name(subject), self._certificate.subject, key.public_key(), now, MACHINE_LIFETIME)
        made = _leaf(made, key.public_key(), self._key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH)
        return _issued(made.sign(self._key, hashes.SHA256()), key)

    def issue_configuration_key(self, region: str, generation: int, now: datetime) -> IssuedCertificate:
        """Issue a generation, which replaces the one before it at every station."""
        key = ed25519.Ed25519PrivateKey.generate()
        subject = MachineSubject(region, MachineKind.CONFIGURATION, MachineKind.CONFIGURATION, generation)
        made = _builder(_name(subject), self._certificate.subject, key.public_key(), now, MACHINE_LIFETIME)
        made = _leaf(made, key.public_key(), self._key.public_key(), ExtendedKeyUsageOID.CODE_SIGNING)
        return _issued(made.sign(self._key, hashes.SHA256()), key)

    def issue_server_authority(self, region: str, now: datetime) -> IssuedCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([_attribute(NameOID.ORGANIZATION_NAME, region), _attribute(NameOID.COMMON_NAME, "servers")])
        made = _builder(name, self._certificate.subject, key.public_key(), now, MACHINE_LIFETIME)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
        return _issued(_sign_authority(made, key.public_key(), self._key, path_length=0), key)


class ConfigurationKey:
    """Signs documents and requests for stations, by a key unencrypted on the server: see `issue_configuration_key`."""

    def __init__(self, issued: IssuedCertificate) -> None:
        """Load key and certificate. Raises BadAuthority."""
        certificate = _load_certificate(issued.certificate)
        try:
            key = serialization.load_pem_private_key(issued.key.encode("ascii", "replace"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadAuthority(f"the key cannot be read: {error}") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey) or key.public_key() != certificate.public_key():
            raise BadAuthority("the key is not that of the configuration's certificate")
        self._key = key
        self.subject = MachineSubject.parse(certificate.subject.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"}))
        self._certificate = certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, document: Signable) -> Signable:
        """Return a copy with certificate and signature. Raises ValueError for another generation or region."""
        if document.version[0] != self.subject.generation or document.region != self.subject.region:
            raise ValueError(f"the document is not one of {self.subject}")
        certified = replace(document, certificate=to_base64(self._certificate), signature="")
        return replace(certified, signature=to_base64(self._key.sign(certified.signed_bytes())))

    def note_of(self, checkpoint: Checkpoint) -> str:
        """Return the checkpoint of the county's log as a signed note."""
        return signed_note(checkpoint, *self.sign_message(checkpoint.text.encode("ascii")))

    def sign_message(self, message: bytes) -> tuple[bytes, bytes]:
        """Return the public key, and its signature over a message that begins with its kind and version."""
        return self._key.public_key().public_bytes_raw(), self._key.sign(message)


def log_lines(origins: Iterable[str], certificates: Iterable[bytes]) -> tuple[str, ...]:
    """Return the lines that verify checkpoints of these logs, one for each log and configuration key of the county.

    ``certificates``: of these keys, PEM or DER. Raises ValueError.
    """
    loaded = [
        x509.load_pem_x509_certificate(one) if one.startswith(b"-----") else x509.load_der_x509_certificate(one)
        for one in certificates
    ]
    keys = [key.public_bytes_raw() for one in loaded if isinstance(key := one.public_key(), ed25519.Ed25519PublicKey)]
    return tuple(verifier_line(origin, key) for origin in origins for key in keys)


class ServerAuthority:
    """Its key is unencrypted on the server, so that the certificates of servers renew themselves."""

    def __init__(self, issued: IssuedCertificate) -> None:
        """Load key and certificate. Raises BadAuthority."""
        self._certificate, self._key = _load_certificate(issued.certificate), _load_key(issued.key)

    def issue(self, region: str, names: Sequence[str], now: datetime) -> IssuedCertificate:
        """Issue for a server with these host names or addresses, the main one first. Raises BadSubject."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = MachineSubject(region, MachineKind.SERVER, names[0])
        alternative = x509.SubjectAlternativeName([_general_name(name) for name in names[:MAX_NAMES]])
        made = _builder(_name(subject), self._certificate.subject, key.public_key(), now, SERVER_LIFETIME)
        made = _leaf(made, key.public_key(), self._key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH)
        signed = made.add_extension(alternative, critical=False).sign(self._key, hashes.SHA256())
        return _issued(signed, key, chain=_pem(self._certificate))


def expiry_of(certificate: str) -> datetime:
    """Return when the first certificate in the PEM expires. Raises BadAuthority."""
    return _load_certificate(certificate).not_valid_after_utc


def _name(subject: MachineSubject) -> x509.Name:
    """Build the name in the order of certificates; RFC 4514 writes it in reverse."""
    return x509.Name(
        [
            _attribute(NameOID.ORGANIZATION_NAME, subject.region),
            _attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, subject.kind.value),
            _attribute(NameOID.COMMON_NAME, subject.name),
            _attribute(NameOID.SERIAL_NUMBER, str(subject.generation)),
        ]
    )


def _attribute(oid: x509.ObjectIdentifier, text: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, text)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    name: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + lifetime)
    )


def _sign_authority(
    made: x509.CertificateBuilder,
    public: ec.EllipticCurvePublicKey,
    key: ec.EllipticCurvePrivateKey,
    *,
    path_length: int,
) -> x509.Certificate:
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return _extended(made, public, key.public_key(), ca=True).sign(key, hashes.SHA256())


def _leaf(
    made: x509.CertificateBuilder,
    public: PublicKey,
    issuer: ec.EllipticCurvePublicKey,
    use: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return _extended(made, public, issuer, ca=False)


def _extended(
    made: x509.CertificateBuilder, public: PublicKey, issuer: ec.EllipticCurvePublicKey, *, ca: bool
) -> x509.CertificateBuilder:
    off = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    usage = x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **off)
    made = made.add_extension(usage, critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)


def _issued(certificate: x509.Certificate, key: PrivateKey, chain: str = "") -> IssuedCertificate:
    text = _key_pem(key, serialization.NoEncryption())
    return IssuedCertificate(_pem(certificate) + chain, text, certificate.not_valid_after_utc)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _key_pem(key: PrivateKey, under: serialization.KeySerializationEncryption) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, under).decode("ascii")


def _load_certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode("ascii", "replace"))
    except ValueError as error:
        raise BadAuthority(f"the certificate cannot be read: {error}") from error


def _load_key(text: str, pass_phrase: str | None = None) -> ec.EllipticCurvePrivateKey:
    under = pass_phrase.encode() if pass_phrase is not None else None
    try:
        key = serialization.load_pem_private_key(text.encode("ascii", "replace"), under)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if under is not None:
            raise BadPassPhrase("the pass phrase does not open the key of the authority") from None
        raise BadAuthority(f"the key cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadAuthority("the key is of another kind than this program makes")
    return key
