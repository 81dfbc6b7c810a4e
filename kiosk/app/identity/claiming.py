"""Taking an identity from a stick, so that two machines never have it, and a power cut never loses it.

    1  keep   the identity, opened, on the data partition: worth nothing yet
    2  mark   the medium: claimed by this machine
    3  keep   again, as claimed: from here on no medium is needed
    4  remove the identity from the medium
    5  use    certificate and key where the relay takes them, then the record of who this machine is
    6  drop   what was kept

    cut after   on the medium               this machine            what follows
    0, 1        unclaimed                   not the station         anybody with the code takes it
    2           claimed, still there        has it, does not know   it goes on when it sees its mark; others are refused
    3           claimed, still there        has it                  it goes on by itself; others are refused
    4, 5, 6     the mark alone              has it                  it goes on by itself

Each step is durable before the next begins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from kiosk.app.identity.mounted_folder import MountedFolder
from kiosk.base.refused import Refused
from kiosk.domain.lockout import LockoutRule
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.certificate import BadCertificate, BadPrivateKey, check_certificate, check_key
from kiosk.first_start.identity.format import (
    CLEAR,
    SEALED,
    BadClaim,
    BadIdentity,
    ClaimMark,
    RenamedIdentity,
    StationIdentity,
    UnsupportedVersion,
    WrongCode,
    claim_name,
    read_claim,
    read_clear,
    read_sealed,
    unseal,
    write_claim,
)
from kiosk.first_start.identity.vault import FileVault, PendingIdentity

logger = logging.getLogger(__name__)

# Two wrong codes cost nothing, each from the third on costs 30 s, twenty within an hour ten minutes: below 2,900 a day
# against 10**15 codes. The clock that counts is that of the kernel, which is never set.
LOCKOUT_RULE: Final = LockoutRule(tries=20, window_ms=3_600_000, lockout_ms=600_000, delay_ms=(0, 0, 30_000))


@dataclass(frozen=True, slots=True)
class MachineTime:
    """``wall`` is the time written in a mark, for people; ``monotonic_ms`` counts within the boot ``boot_id``."""

    wall: str
    boot_id: str
    monotonic_ms: int


class IdentityClaimer:
    """One process at a time: its unit is started once.

    The code of a refusal is one of ``IdentityRefusal``, or "failed"; "why" is one of ``IdentityWhy``, and "seconds" how
    long until the next try.
    """

    def __init__(self, vault: FileVault, places: Sequence[MountedFolder], clock: Callable[[], MachineTime]) -> None:
        self._vault, self._places, self._clock = vault, places, clock

    def resume(self) -> None:
        """Finish what a power cut has left, or drop what was never claimed. Raises OSError."""
        pending = self._vault.pending()
        if pending is None:
            self._remove_leftovers()
            return
        holder = next((place for place in self._places if self._is_own_mark(place, pending)), None)
        if pending.claimed or holder is not None:
            self._finish(pending, holder)
        else:  # unclaimed, or claimed and still on a medium that is not here: the code takes it again
            self._vault.drop_pending()

    def claim(self, station: str, code: PaperCode | None) -> None:
        """Make this machine the station. Raises Refused, OSError. ``code`` is None for an unencrypted identity."""
        present = self._vault.in_use()
        if present is not None:
            if present.station != station:
                raise Refused("other", f"this machine is {present.station} already")
            return
        place, name, content = self._find(station)
        owner = self._owner(place, station)
        if owner not in (None, self._vault.machine):
            raise Refused("claimed", f"another machine has taken {station}: its mark lies beside the file")
        self._finish(PendingIdentity(self._open(station, name, content, code), name), place)

    def _open(self, station: str, name: str, content: bytes, code: PaperCode | None) -> StationIdentity:
        """Open the identity; count a wrong code. Raises Refused, OSError."""
        if code is None:
            return _open_identity(station, name, content, None)
        with counting_wrong_codes(self._vault, self._clock(), WrongCode):
            return _open_identity(station, name, content, code)

    def _remove_leftovers(self) -> None:
        """Remove the file from a stick that was missing at the end; it still has the mark of this machine."""
        present = self._vault.in_use()
        if present is None:
            return
        for place, name in tuple(self._candidates(present.station)):
            content = place.read(name)
            is_own = content is not None and (name != CLEAR or _is_of(content, present.station))
            if is_own and self._owner(place, present.station) == self._vault.machine:
                self._remove_file(place, name)

    def _is_own_mark(self, place: MountedFolder, pending: PendingIdentity) -> bool:
        """Return whether the mark is this machine's, or torn while being written: then the identity is beside it."""
        owner = self._owner(place, pending.identity.station)
        return owner == self._vault.machine or (owner == "" and place.read(pending.name) is not None)

    def _finish(self, pending: PendingIdentity, place: MountedFolder | None) -> None:
        """Finish from whatever step was reached; ``place`` may be None once it is claimed."""
        identity = pending.identity
        if not pending.claimed:
            assert place is not None
            self._vault.save_pending(pending)
            self._write_mark(place, identity.station)
            pending = replace(pending, claimed=True)
            self._vault.save_pending(pending)
        if place is not None:
            self._remove_file(place, pending.name)
        self._vault.install(identity)
        self._vault.drop_pending()
        logger.info("this machine is %s of %s now", identity.station, identity.region)

    def _write_mark(self, place: MountedFolder, station: str) -> None:
        """Write the mark and read it back: a stick may report success and keep nothing."""
        if self._owner(place, station) != self._vault.machine:
            mark = write_claim(ClaimMark(station, self._vault.machine, self._clock().wall))
            try:
                place.mark(claim_name(station), mark)
            except OSError as error:
                raise Refused("failed", f"the mark of {station}: {error}", {"why": "stick"}) from error
        if self._owner(place, station) != self._vault.machine:
            message = f"the mark of {station} cannot be read back from the medium: nothing was taken"
            raise Refused("failed", message, {"why": "stick"})

    def _remove_file(self, place: MountedFolder, name: str) -> None:
        """Remove the file; a stick that is pulled now keeps it, protected by its mark."""
        try:
            place.remove(name)
        except OSError as error:
            logger.warning("%s stays on the medium, claimed by this machine: %s", name, error)

    def _owner(self, place: MountedFolder, station: str) -> str | None:
        """Return the machine whose mark is there; None without a mark, "" when it cannot be read."""
        try:
            content = place.read(claim_name(station))
            return None if content is None else read_claim(content).machine
        except BadClaim as error:
            logger.warning("the mark of %s is damaged: %s", station, error)
            return ""

    def _find(self, station: str) -> tuple[MountedFolder, str, bytes]:
        for place, name in self._candidates(station):
            content = place.read(name)
            if content is not None and (name != CLEAR or _is_of(content, station)):
                return place, name, content
        raise Refused("gone", f"there is no identity of {station} on any medium")

    def _candidates(self, station: str) -> Iterator[tuple[MountedFolder, str]]:
        for place in self._places:
            for name in place.names():
                match = SEALED.fullmatch(name)
                if name == CLEAR or (match and match[1] == station):
                    yield place, name


@contextmanager
def counting_wrong_codes(vault: FileVault, at: MachineTime, wrong: type[Exception]) -> Iterator[None]:
    """Allow one try at a code. A ``wrong`` one is counted on the disk before it is reported. Raises Refused: ``wait``
    before the next may be tried, ``wrong``; and OSError.
    """
    known = vault.wrong_codes()
    wait_s = -(-known.wait(LOCKOUT_RULE, at.boot_id, at.monotonic_ms) // 1000)
    if wait_s:
        raise Refused("wait", f"too many wrong codes: the next one in {wait_s} s", {"seconds": str(wait_s)})
    try:
        yield
    except wrong as error:
        vault.count(known.after_failure(LOCKOUT_RULE, at.boot_id, at.monotonic_ms))
        raise Refused("wrong", str(error)) from error


def _is_of(content: bytes, station: str) -> bool:
    try:
        return read_clear(content).station == station
    except BadIdentity:
        return False


def _open_identity(station: str, name: str, content: bytes, code: PaperCode | None) -> StationIdentity:
    try:
        if name == CLEAR:
            identity = read_clear(content)
        elif code is None:
            raise Refused("wrong", f"{name} is sealed, and no code was given")
        else:
            identity = unseal(read_sealed(content, name), code)
        check_certificate(station, identity.certificate)
        check_key(identity.certificate, identity.key)
    except (BadIdentity, BadCertificate) as error:
        why = next((why for kind, why in _WHY.items() if isinstance(error, kind)), "file")
        raise Refused("damaged", f"{name}: {error}", {"why": why}) from error
    return identity


# The narrower one first.
_WHY: Final[Mapping[type[Exception], str]] = {
    RenamedIdentity: "renamed",
    UnsupportedVersion: "software",
    BadPrivateKey: "key",
    BadCertificate: "certificate",
}
