"""The root helper of ``kiosk-printer-address.service``: lets the station reach one printer on the network.

    requests/printer-address.json  the station's wish, judged anew and trusted in nothing
    printer-address                the address that is kept, on the data partition, where only root writes
    50-kiosk-printer.conf          the drop-in of the station's unit, made anew at each boot
    settled                        what the running systemd knows of; in memory, as the drop-in

If killed between any two lines, it runs again and does the rest: at the next start of the station, or of the machine.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.app.shared.systemd_control import file_text, settle_file, systemctl
from kiosk.base.files import sync_folder, write_durably
from kiosk.base.root_requests import CannotRemove, Message, serve
from kiosk.station.papers.network_printer import (
    MAX_REQUEST_BYTES,
    STATION_UNIT,
    Address,
    AddressRequest,
    parse,
    parse_line,
    request_file,
)

logger = logging.getLogger(__name__)

_SETTLED: Final = "settled"
_MAX_REQUESTS: Final = 5  # Of one run: a request that cannot be removed would stay permanently


@dataclass(frozen=True, slots=True)
class AddressPaths:
    data: Path = Path("/var/lib/kiosk")
    stored: Path = Path("/var/lib/kiosk-keys/printer-address")
    drop_in: Path = Path(f"/run/systemd/system/{STATION_UNIT}.d/50-kiosk-printer.conf")
    runtime: Path = Path("/run/kiosk-printer-address")


def is_own(address: Address) -> bool:
    """Return whether it is an address of this machine: only such a one can be bound (ip(7))."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class PrinterAddress:
    places: AddressPaths = field(default_factory=AddressPaths)
    own: Callable[[Address], bool] = is_own
    manager: Callable[..., None] = systemctl

    def take_request(self) -> None:
        """Store what the station requests; log and drop a refused request. Raises OSError."""
        try:
            serve(request_file(self.places.data), self._judge, repeatable=True)
        except CannotRemove as error:
            logger.warning("no request for a printer's address is carried out: %s", error)

    def _judge(self, message: Message[AddressRequest]) -> None:
        try:
            self.keep(parse(message.body.address))
        except ValueError as error:
            logger.warning("the station asks for a printer's address and is refused: %s", error)

    def keep(self, address: Address) -> None:
        """Store this address in place of any other. Raises ValueError for the machine's own, OSError."""
        if self.own(address):
            raise ValueError("it is the address of this machine")
        if self._stored() != address:
            write_durably(self.places.stored, f"{address}\n".encode("ascii"), 0o600)

    def keep_none(self) -> None:
        """Remove the stored address. Raises OSError."""
        self.places.stored.unlink(missing_ok=True)
        sync_folder(self.places.stored.parent)

    def run(self) -> Address | None:
        """Serve all requests and put the stored address in force; return it. Raises OSError.

        systemd does not start a running unit again: a request that comes meanwhile is taken by this run.
        """
        for _ in range(_MAX_REQUESTS):
            self.take_request()
            address = self.settle()
            if not request_file(self.places.data).exists():
                break
        return address

    def settle(self) -> Address | None:
        """Apply what is stored to systemd, and restart the station when that was otherwise. Raises OSError."""
        address, places = self._stored(), self.places
        drop_in_text = "" if address is None else f"[Service]\nIPAddressAllow={address}\n"
        changed = settle_file(places.drop_in, drop_in_text)
        if not changed and file_text(places.runtime / _SETTLED) == drop_in_text:
            return address
        self.manager("daemon-reload")
        # Not waited for: the station waits for this unit.
        self.manager("--no-block", "try-restart", STATION_UNIT)
        settle_file(places.runtime / _SETTLED, drop_in_text)
        return address

    def _stored(self) -> Address | None:
        """Read the address and judge it as strictly as a request: a card may be damaged after years."""
        try:
            return parse_line(self.places.stored.read_bytes()[: MAX_REQUEST_BYTES + 1])
        except FileNotFoundError:
            return None
        except ValueError as error:
            logger.warning("the address in %s is not used: %s", self.places.stored, error)
            return None
