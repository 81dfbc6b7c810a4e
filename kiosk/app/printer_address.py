"""The root helper of ``kiosk-printer-address.service``: lets the station reach one printer on the network.

    requests/printer-address  the station's wish, judged anew and trusted in nothing
    printer-address           the address that is kept, on the data partition, where only root writes
    50-kiosk-printer.conf     the drop-in of the station's unit, made anew at each boot
    settled                   what the running systemd knows of; in memory, as the drop-in

Killed between any two lines it is run again and does what is left: at the next start of the station, or of the machine.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.base.files import sync_folder, write_durably
from kiosk.station.papers.network_printer import LONGEST, REQUEST, STATION_UNIT, Address, parse_request

logger = logging.getLogger(__name__)

_SETTLED: Final = "settled"
_SYSTEMCTL_S: Final = 20.0
_MOST_REQUESTS: Final = 5
"""Of one run: a folder of that name cannot be taken away, and would be there for ever."""
_NO_FOLDER: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(frozen=True, slots=True)
class AddressPlaces:
    """Other folders in tests."""

    data: Path = Path("/var/lib/kiosk")
    kept: Path = Path("/var/lib/kiosk-keys/printer-address")
    drop_in: Path = Path(f"/run/systemd/system/{STATION_UNIT}.d/50-kiosk-printer.conf")
    runtime: Path = Path("/run/kiosk-printer-address")


def systemctl(*words: str) -> None:
    """Raises OSError when systemd does not do it."""
    try:
        subprocess.run(["systemctl", *words], timeout=_SYSTEMCTL_S, check=True, capture_output=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise OSError(errno.EIO, f"systemctl {words[0]} failed", "systemctl") from error


def is_own(address: Address) -> bool:
    """Whether it is one of this machine: only such a one can be bound (ip(7))."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class PrinterAddress:
    """What is kept, and what is in force."""

    places: AddressPlaces = field(default_factory=AddressPlaces)
    own: Callable[[Address], bool] = is_own
    manager: Callable[..., None] = systemctl

    def take_request(self) -> bool:
        """Keep what the station asks for; a request that is refused is told in the log and gone.

        Whether there was one. Raises OSError.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            folder = os.open((self.places.data / REQUEST).parent, flags)
        except OSError as error:
            if error.errno in _NO_FOLDER:
                return False
            raise
        try:
            return self._take_from(folder)
        finally:
            os.close(folder)

    def _take_from(self, folder: int) -> bool:
        """The folder is the station's: no link in it is followed, and no pipe waited for."""
        try:
            content = _read(folder, REQUEST.name)
            if content is None:
                return False
            self.keep(parse_request(content))
        except ValueError as error:
            logger.warning("the station asks for a printer's address and is refused: %s", error)
        with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            os.unlink(REQUEST.name, dir_fd=folder)
        return True

    def keep(self, address: Address) -> None:
        """From now on this one and no other. Raises ValueError for the machine's own, OSError."""
        if self.own(address):
            raise ValueError("it is the address of this machine")
        if self._kept() != address:
            write_durably(self.places.kept, f"{address}\n".encode("ascii"), 0o600)

    def keep_none(self) -> None:
        """No printer on the network any more. Raises OSError."""
        self.places.kept.unlink(missing_ok=True)
        sync_folder(self.places.kept.parent)

    def run(self) -> Address | None:
        """All that is asked for and kept, in force. Raises OSError.

        systemd does not start a unit again that runs: a request that comes meanwhile is taken by this run.
        """
        for _ in range(_MOST_REQUESTS):
            taken = self.take_request()
            address = self.settle()
            if not taken:
                break
        return address

    def settle(self) -> Address | None:
        """Bring systemd to what is kept, and start the station anew when that was otherwise. Raises OSError."""
        address, places = self._kept(), self.places
        wanted = "" if address is None else f"[Service]\nIPAddressAllow={address}\n"
        if _text(places.drop_in) == wanted and _text(places.runtime / _SETTLED) == wanted:
            return address
        self._lay(wanted)
        self.manager("daemon-reload")
        # Not waited for: the station waits for this unit.
        self.manager("--no-block", "try-restart", STATION_UNIT)
        places.runtime.mkdir(parents=True, exist_ok=True)
        _replace(places.runtime / _SETTLED, wanted)
        return address

    def _lay(self, wanted: str) -> None:
        drop_in = self.places.drop_in
        if wanted:
            drop_in.parent.mkdir(parents=True, exist_ok=True)
            _replace(drop_in, wanted)
        else:
            drop_in.unlink(missing_ok=True)

    def _kept(self) -> Address | None:
        """Judged as strictly as a request: nobody knows what a card gives back after years."""
        try:
            return parse_request(self.places.kept.read_bytes()[: LONGEST + 1])
        except FileNotFoundError:
            return None
        except ValueError as error:
            logger.warning("the address in %s is not used: %s", self.places.kept, error)
            return None


def _read(folder: int, name: str) -> bytes | None:
    """None when nothing is asked for. Raises ValueError for what is no plain file."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError:
        raise ValueError("it is no plain file") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no plain file")
        return os.read(descriptor, LONGEST + 1)
    finally:
        os.close(descriptor)


def _text(path: Path) -> str:
    """What is not there says as much as nothing."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ""


def _replace(path: Path, text: str) -> None:
    """Whole or not at all; in memory nothing has to be forced out."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="ascii")
    fresh.chmod(0o644)
    fresh.replace(path)
