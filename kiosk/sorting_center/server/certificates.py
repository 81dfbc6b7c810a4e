"""The certificate of this server: who signs it, who shows it, and when a new one is due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from kiosk.sorting_center.configuration.keys import certificate_of, load_key
from kiosk.sorting_center.server.layout import BROKER_PORT, PORTS, ServerLayout
from kiosk.sorting_center.server.machine import ServerMachine
from kiosk.sorting_center.stations.authority import BadAuthority, IssuedCertificate, ServerAuthority, expiry_of

RENEWED_BEFORE: Final = timedelta(days=60)
REPORTED_BEFORE: Final = timedelta(days=30)
_SERVED_S: Final = 30.0
SECRET_MODE, PUBLIC_MODE = 0o600, 0o644


class ServerCertificates:
    def __init__(self, layout: ServerLayout, machine: ServerMachine) -> None:
        self._layout, self._machine = layout, machine

    def days_left(self) -> int:
        return (_load(self._layout.pairs()[0][0]).not_valid_after_utc - self._machine.now()).days

    def names(self) -> list[str]:
        """Return the names in the certificate, the main one first. Raises OSError, ValueError."""
        loaded = _load(self._layout.pairs()[0][0])
        names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name) for kind in (x509.DNSName, x509.IPAddress) for name in names.get_values_for_type(kind)]

    def region(self) -> str:
        subject = _load(self._layout.pairs()[0][0]).subject
        return str(subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value)

    def problem(self, names: list[str] | None = None, margin: timedelta = RENEWED_BEFORE) -> str:
        """Return why renewal is due: missing or unfitting file, other ``names``, or end near; "" when it is not."""
        try:
            signer = _load(self._layout.servers_certificate)
            authority = self._layout.authority_certificate.read_bytes()
            for certificate, key in self._layout.pairs():
                loaded = _load(certificate)
                loaded.verify_directly_issued_by(signer)
                if loaded.public_key() != load_pem_private_key(key.read_bytes(), None).public_key():
                    return f"{key} is not the key of {certificate}"
                left = loaded.not_valid_after_utc - self._machine.now()
                if left < margin:
                    return f"{certificate} ends in {left.days} days"
            if any(copy.read_bytes() != authority for copy in self._layout.copies_of_authority()):
                return "the authority that nginx and the broker know is another one"
            if names is not None and set(self.names()) != set(names):
                return f"it is for {', '.join(self.names())}"
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        except Exception as error:  # whatever the library finds in a damaged file
            return f"a certificate or key in {self._layout.tls} cannot be used: {error}"
        return ""

    def configuration_problem(self) -> str:
        """Return why the key that signs stations' configurations cannot be used; "" when it can."""
        try:
            load_key(self._layout.configuration_key)
            signed = _load(certificate_of(self._layout.configuration_key))
            signed.verify_directly_issued_by(_load(self._layout.authority_certificate))
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        except Exception as error:  # whatever the library finds in a damaged file
            return f"{self._layout.configuration_key} cannot be used: {error}"
        return ""

    def issue(self, region: str, names: list[str]) -> None:
        """Issue and store one certificate for all programs. Raises OSError, BadAuthority."""
        certificate, key = (path.read_text() for path in (self._layout.servers_certificate, self._layout.servers_key))
        signer = ServerAuthority(IssuedCertificate(certificate, key, expiry_of(certificate)))
        issued = signer.issue(region, names, self._machine.now())
        authority = self._layout.authority_certificate.read_bytes()
        for copy in self._layout.copies_of_authority():
            self._machine.write(copy, authority, PUBLIC_MODE)
        for place, key_place in self._layout.pairs():
            self._machine.write(key_place, issued.key.encode(), SECRET_MODE)
            self._machine.write(place, issued.certificate.encode(), PUBLIC_MODE)

    def is_served(self, port: int) -> bool:
        try:
            own = _load(self._layout.pairs()[0][0])
            host = str(own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
            shown = self._machine.peer_certificate(port, host, self._layout.authority_certificate)
        except OSError:
            return False
        return shown == own.public_bytes(Encoding.DER)

    def have_served(self, unit: str, ports: list[int], act: str) -> bool:
        """Run systemctl's ``act`` on ``unit`` unless it serves the certificate at these ports; return whether it ran.

        Raises OSError.
        """
        if all(map(self.is_served, ports)):
            return False
        done = self._machine.run(["systemctl", act, unit])
        if done.code != 0 or not self._machine.wait_until(lambda: all(map(self.is_served, ports)), _SERVED_S):
            silent = [str(port) for port in ports if not self.is_served(port)]
            raise OSError(f"{unit} does not answer with its certificate at {', '.join(silent)}: journalctl -eu {unit}")
        return True

    def open_ports(self) -> list[int]:
        """Return the ports of nginx, by the sites that are enabled."""
        return [port for site, port in PORTS.items() if (self._layout.sites / f"sorting-center-{site}").exists()]

    def renew(self, margin: timedelta = RENEWED_BEFORE) -> bool:
        """Renew the certificate when due and have all programs serve it. Raises OSError, ValueError."""
        due = bool(self.problem(margin=margin))
        if due:
            self.issue(self.region(), self.names())
        served = self.have_served("mosquitto.service", [BROKER_PORT], "reload-or-restart")
        return self.have_served("nginx.service", self.open_ports(), "reload-or-restart") or served or due


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise BadAuthority(f"{path}: {error}") from error
