"""Where what belongs into a recovery kit lies on a station, and where it is put on a new card.

Settings name a credential as its service sees it, ``/run/credentials/kiosk-relay.service/kiosk-relay.key``; what is
kept is ``/etc/credstore/kiosk-relay.key`` (systemd.exec(5), ImportCredential=). Elsewhere the name is the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.parcels.pickup_key import CREDENTIALS, key_path
from kiosk.station.parcels.settings import ParcelSettings

CREDSTORE: Final = Path("/etc/credstore")
_IN_A_SERVICE: Final = re.compile(r"/run/credentials/[A-Za-z0-9@._-]+/([A-Za-z0-9_-][A-Za-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class Places:
    """``credstore`` is another folder in tests."""

    settings_file: Path
    data: Path
    credstore: Path = CREDSTORE

    def read_from(self, path: Path, environ: Mapping[str, str]) -> Iterator[Path]:
        """Where a credential may be read, the best place first: a service sees its own copy alone."""
        yield path
        if (match := _IN_A_SERVICE.fullmatch(str(path))) is not None:
            if environ.get(CREDENTIALS):
                yield Path(environ[CREDENTIALS], match[1])
            yield self.credstore / match[1]

    def write_to(self, path: Path) -> Path:
        """Where a credential belongs on a new card. Raises ValueError for a place that is nobody's business.

        Anybody can encrypt to a public key, and root restores: a kit writes into the station's own folders alone.
        """
        match = _IN_A_SERVICE.fullmatch(str(path))
        if match is not None:
            return self.credstore / match[1]
        own = (self.credstore, self.settings_file.absolute().parent, self.data, keys_folder(self.data))
        if ".." in path.parts or path.parent not in own:
            raise ValueError(f"{path} lies outside the station's folders: put it there by hand")
        return path

    def pickup_key(self, settings: ParcelSettings) -> Path:
        """Where the station's key is kept. Raises ValueError as ``write_to``."""
        return self.write_to(key_path(settings, self.data, {}))


def keys_folder(data: Path) -> Path:
    return data.with_name(f"{data.name}-keys")


def credential_files(relay: RelaySettings | None) -> tuple[Path, ...]:
    """What the relay's settings name: certificates, keys, a password."""
    if relay is None:
        return ()
    named = (relay.ca_file, relay.cert_file, relay.key_file, relay.password_file)
    return tuple(dict.fromkeys(path for path in named if path is not None))
