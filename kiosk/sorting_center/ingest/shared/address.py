"""Where the broker is."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit


class BrokerTransport(Enum):
    """What is spoken with the broker."""

    MQTT = "mqtt"
    AMQP = "amqp"


_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "amqp": 5672, "amqps": 5671}
_FORMS: Final = "mqtt://host:port, mqtts://host:port, amqp://host:port/vhost or amqps://host:port/vhost"
DEFAULT_VHOST: Final = "/"


class BrokerAddressError(ValueError):
    """The URL is not one that this version connects to; the text names a valid form."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A parsed URL. The password never shows in a log line.

    ``vhost`` is RabbitMQ's, and AMQP's alone: over MQTT it is a part of the user name (``vhost:user``).
    """

    transport: BrokerTransport
    host: str
    port: int
    tls: bool
    vhost: str = DEFAULT_VHOST
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        vhost = "" if self.vhost == DEFAULT_VHOST else f"/{quote(self.vhost, safe='')}"
        return f"{self.transport.value}{'s' if self.tls else ''}://{host}:{self.port}{vhost}"

    def with_password(self, file: Path) -> BrokerAddress:
        """Return the same broker with the password in this file; raises BrokerAddressError."""
        if self.username is None:
            raise BrokerAddressError(
                f"the password in {file} is whose? name the user in the address: "
                f"{self.transport.value}://user@host:port"
            )
        if self.password is not None:
            raise BrokerAddressError(f"the broker address has a password already: take it out, or the file {file}")
        try:
            password = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BrokerAddressError(f"the broker's password in {file} cannot be read: {error}") from error
        if not password:
            raise BrokerAddressError(f"the password file {file} is empty: write the password into it")
        return replace(self, password=password)

    @classmethod
    def parse(
        cls, url: str, *, ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None
    ) -> BrokerAddress:
        """Read the URL; raises BrokerAddressError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BrokerAddressError(f"the broker address is no URL ({error}): give {_FORMS}") from error
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
            raise BrokerAddressError(f"the broker address must be {_FORMS}")
        tls = parts.scheme.endswith("s")
        transport = BrokerTransport(parts.scheme.removesuffix("s"))
        if not tls and (ca_file or cert_file or key_file):
            raise BrokerAddressError(f"TLS files are given, but the broker address is not {transport.value}s://")
        if (cert_file is None) != (key_file is None):
            raise BrokerAddressError("a client certificate needs its key, and a key its certificate")
        return cls(
            transport=transport,
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            tls=tls,
            vhost=_vhost(transport, parts.path),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
        )


def _vhost(transport: BrokerTransport, path: str) -> str:
    name = path.removeprefix("/")
    if not name:
        return DEFAULT_VHOST
    if transport is BrokerTransport.MQTT or "/" in name:
        raise BrokerAddressError(f"the path of the broker address must go: it must be {_FORMS}")
    return unquote(name)


def tls_context(address: BrokerAddress) -> ssl.SSLContext:
    """Build the TLS context. Raises OSError for files that cannot be read or do not fit."""
    context = ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if address.cert_file is not None:
        context.load_cert_chain(address.cert_file, address.key_file)
    return context
