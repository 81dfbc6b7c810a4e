"""What a technician sets for backups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.store.backup.shared.county_key import CountyKey

# As udev names file systems: ext4 and btrfs as RFC 9562, FAT `1A2B-3C4D`, NTFS sixteen digits.
UUID: Final = re.compile(r"[0-9A-Fa-f]+(-[0-9A-Fa-f]+)*")
MAX_UUID_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """``folder`` is on a second medium, for example a USB stick; the newest ``keep`` backups stay there.

    ``uuid`` is that of the medium's file system: no other medium gets the database. "" binds to none.

    ``county_key`` is the public key that recovery kits are encrypted to, ``county_key_file`` a file that holds it;
    without either no kits are made.
    """

    folder: Path
    keep: int = 14
    uuid: str = ""
    county_key: str = ""
    county_key_file: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.keep <= 400:
            raise ValueError(f"keep {self.keep} must be 1 to 400")
        if self.uuid and not (UUID.fullmatch(self.uuid) and len(self.uuid) <= MAX_UUID_LENGTH):
            raise ValueError(f"uuid {self.uuid!r} must be hexadecimal digits with dashes, as blkid(8) shows it")
        if self.county_key:
            if self.county_key_file is not None:
                raise ValueError("county_key and county_key_file are two places for one key: keep one")
            try:
                CountyKey.parse(self.county_key)
            except ValueError as error:
                raise ValueError(f"county_key {error}") from None
