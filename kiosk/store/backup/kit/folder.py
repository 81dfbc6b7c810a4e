"""An opened kit as a folder that only its owner may enter: for a technician with an encrypted disk, and by hand.

``kit.json`` is what ``kiosk restore --kit FOLDER`` reads; the other files are the same for a person.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kiosk.base.files import sync_folder, write_durably
from kiosk.store.backup.kit.contents import Kit, from_bytes, to_bytes
from kiosk.store.backup.kit.kit_files import read_kit

WHOLE: Final = "kit.json"
_MODE: Final = 0o600


def write_folder(kit: Kit, folder: Path) -> None:
    """Raises FileExistsError when there is such a folder, and OSError."""
    folder.mkdir(mode=0o700)
    folder.chmod(0o700)  # whatever the umask says
    write_durably(folder / "station.toml", kit.settings, _MODE)
    write_durably(folder / "pickup-key", f"{kit.pickup_key}\n".encode("ascii"), _MODE)
    for credential in kit.credentials:
        write_durably(folder / f"credential-{Path(credential.path).name}", credential.content, _MODE)
    write_durably(folder / WHOLE, to_bytes(kit), _MODE)
    sync_folder(folder.parent)


def read_folder(folder: Path) -> Kit:
    """Raises KitRefused."""
    return from_bytes(read_kit(folder / WHOLE))
