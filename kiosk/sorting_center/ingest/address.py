"""Where the broker is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class BrokerAddressError(ValueError):
    """The URL is none this version connects to; the text says what to give."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A parsed ``mqtt://`` or ``mqtts://`` URL. The password never shows in a log line."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    def with_password(self, file: Path) -> BrokerAddress:
        """The same broker with the password in this file; raises BrokerAddressError."""
        if self.username is None:
            raise BrokerAddressError(
                f"the password in {file} is whose? name the user in the address: mqtt://user@host:port"
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
            raise BrokerAddressError(f"the broker address is no URL ({error}): give mqtt://host:port") from error
        if parts.scheme in ("amqp", "amqps"):
            raise BrokerAddressError("amqp:// is not supported in this version: give mqtt://host:port")
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise BrokerAddressError("the broker address must be mqtt://host:port or mqtts://host:port")
        tls = parts.scheme == "mqtts"
        if not tls and (ca_file or cert_file or key_file):
            raise BrokerAddressError("TLS files are given, but the broker address is not mqtts://")
        if (cert_file is None) != (key_file is None):
            raise BrokerAddressError("a client certificate needs its key, and a key its certificate")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            tls=tls,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
        )
