"""What the machine keeps of its identity, for root alone: below its data partition, mode 0600."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from kiosk.base.files import sync_folder, write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.lockout import Lockout
from kiosk.first_start.identity.format import StationIdentity

logger = logging.getLogger(__name__)

# `ImportCredential=kiosk-relay.*` of the relay's unit takes them all.
CERTIFICATE, KEY, AUTHORITY = "kiosk-relay.crt", "kiosk-relay.key", "kiosk-relay.ca.crt"
# `ImportCredential=kiosk-station.*` of the station's unit takes these: whom it obeys, and its secret for PINs by
# telephone.
COUNTY_AUTHORITY, PIN_SECRET = "kiosk-station.ca.crt", "kiosk-station.pin"
PENDING, RECORD, MACHINE, WRONG_CODES = "identity-kept.json", "identity.json", "machine", "wrong-codes.json"
MODE: Final = 0o600
_RANDOM_BYTES: Final = 32
# Where iwd finds the networks it knows (iwd.network(5)).
NETWORKS: Final = Path("/var/lib/iwd")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9 _-]+")


class PendingIdentity(msgspec.Struct, frozen=True):
    """An identity that is on its way: root's alone, on the data partition. ``name`` is its file on the medium.

    ``claimed``: the mark on the medium was seen to be this machine's. Until then this copy is worth nothing.
    """

    identity: StationIdentity
    name: str
    claimed: bool = False


class InUse(msgspec.Struct, frozen=True):
    station: str
    region: str
    village: str
    broker_url: str
    authority: bool
    photos: str = ""
    updates: str = ""
    county_key: str = ""
    pin_secret: bool = False


_read_pending: Final = reader(msgspec.json.Decoder(PendingIdentity))
_record: Final = reader(msgspec.json.Decoder(InUse))
_lockout: Final = reader(msgspec.json.Decoder(Lockout))


@dataclass(frozen=True, slots=True)
class FileVault:
    """The folders lie on the data partition. Every change is durable when it returns; all raise OSError."""

    keys: Path
    credentials: Path
    networks: Path = NETWORKS

    @property
    def machine(self) -> str:
        """SHA-256 of the machine's own random number, made with its data partition.

        Not /etc/machine-id: below a sealed root that is another one at every start, and the same in every copy of an
        image.
        """
        file = self.keys / MACHINE
        with suppress(FileNotFoundError):
            return hashlib.sha256(file.read_bytes()).hexdigest()
        write_durably(file, secrets.token_bytes(_RANDOM_BYTES), MODE)
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def pending(self) -> PendingIdentity | None:
        """Return None also for an unreadable file: it was written durably, so it was changed by hand."""
        with suppress(FileNotFoundError, Unreadable):
            return _read_pending((self.keys / PENDING).read_bytes())
        return None

    def save_pending(self, identity: PendingIdentity) -> None:
        write_durably(self.keys / PENDING, msgspec.json.encode(identity), MODE)

    def drop_pending(self) -> None:
        (self.keys / PENDING).unlink(missing_ok=True)
        sync_folder(self.keys)

    def in_use(self) -> InUse | None:
        with suppress(FileNotFoundError, Unreadable):
            return _record((self.keys / RECORD).read_bytes())
        return None

    def wrong_codes(self) -> Lockout:
        """Return the wrong codes typed here, also before a restart; none when the file cannot be read."""
        with suppress(FileNotFoundError, Unreadable):
            return _lockout((self.keys / WRONG_CODES).read_bytes())
        return Lockout()

    def count(self, wrong_codes: Lockout) -> None:
        write_durably(self.keys / WRONG_CODES, msgspec.json.encode(wrong_codes), MODE)

    def install(self, identity: StationIdentity) -> None:
        """Write certificate and key for the relay, and the county's files for the station; safe to repeat. The record
        comes last: when it exists, all of them do.
        """
        files = [(CERTIFICATE, identity.certificate), (KEY, identity.key), (AUTHORITY, identity.authority)]
        if identity.pin_secret:
            files += [(COUNTY_AUTHORITY, identity.authority), (PIN_SECRET, identity.pin_secret)]
        for name, content in files:
            if content:
                write_durably(self.credentials / name, content.encode("ascii"), MODE)
        if identity.wifi_network:
            self._install_network(identity.wifi_network, identity.wifi_password)
        fields = {name: getattr(identity, name) for name in InUse.__struct_fields__}
        record = InUse(
            **{**fields, "authority": bool(identity.authority), "pin_secret": bool(identity.pin_secret)},
        )
        write_durably(self.keys / RECORD, msgspec.json.encode(record), MODE)

    def _install_network(self, network: str, password: str) -> None:
        if not self.networks.is_dir():
            logger.warning("the Wi-Fi network of the identity is not used: there is no %s", self.networks)
            return
        name = network if _PLAIN_NAME.fullmatch(network) else f"={network.encode().hex()}"
        # In a value iwd reads a backslash as the beginning of an escape, and passes over spaces at its ends.
        escaped = password.replace("\\", r"\\").replace(" ", r"\s")
        kind, content = ("psk", f"[Security]\nPassphrase={escaped}\n") if password else ("open", "")
        write_durably(self.networks / f"{name}.{kind}", content.encode("ascii"), MODE)
