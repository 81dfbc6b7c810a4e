"""The update itself, as the root helper runs it: begin, keep, step back, and what a power cut leaves to be done.

Whatever the moment it is killed at, ``recover`` ends it: the former release with the database of before, or the new
one with the migrated database, and never the copy once the new one was kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, TypeVar

from kiosk.base.root_requests import Message, MessageFile, serve
from kiosk.station.update.bundle import HEAD_BYTES, Head, UpdateManifest, parse_head, verify_manifest
from kiosk.station.update.journal import BEFORE_SWITCH, UNDECIDED, JournalFile, UpdateEntry, UpdateOutcome, UpdatePhase
from kiosk.station.update.messages import Request, UpdateFiles
from kiosk.station.update.ports import OfflineDatabase, Releases, Services, UpdateHost
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import ALL, keys_after_keep
from kiosk.store.shared.errors import StoreError

logger = logging.getLogger(__name__)

TRIAL_S: Final = 120.0  # From the start of the new release to its verdict; on the monotonic clock
# Trials to start: a power cut proves nothing of a release, but a release may make the machine restart.
TRIALS: Final = 3
ANSWER_S: Final = 20.0  # A station checks every second for the question
POLL_INTERVAL_S: Final = 0.5
# Stays free on the partition: a station that has kept its data still has to write them.
RESERVE_BYTES: Final = 64 * 1024 * 1024
FORGOTTEN: Final = "the card had forgotten it: replace it soon"
_CHUNK: Final = 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UpdatePorts:
    journal: JournalFile
    releases: Releases
    database: OfflineDatabase
    services: Services
    files: UpdateFiles
    machine: UpdateHost


class Updater:
    """One at a time; ``recover`` before anything else."""

    def __init__(self, ports: UpdatePorts) -> None:
        self._ports = ports
        self._journal, self._releases = ports.journal, ports.releases
        self._database, self._services = ports.database, ports.services

    def recover(self) -> None:
        """End the update that a power cut or a kill interrupted, or leave only a trial that ``serve`` has to begin
        again. Raises OSError, StoreError: then call it again later.
        """
        entry = self._journal.read()
        if entry is None:
            return
        logger.warning("an update to %s was left in phase %s", entry.version, entry.phase)
        if self._had_succeeded(entry):
            logger.error("the update to %s was kept, and the card has forgotten it: replace the card", entry.version)
            self._keep(replace(entry, detail=FORGOTTEN))
        elif entry.phase in BEFORE_SWITCH:
            self._over(replace(entry, why=UpdateRefusalReason.INTERRUPTED))
        elif self._may_retry(entry):
            self._restart_trial(entry)
        elif entry.phase in UNDECIDED:
            self._step_back(entry, entry.why or UpdateRefusalReason.POWER_CUT, entry.detail)
        elif entry.phase is UpdatePhase.KEEP:
            self._keep(entry)
        else:
            self._end(entry)

    def serve(self) -> UpdateOutcome | None:
        """Carry out the interrupted trial, or the waiting request; None when there is neither. Raises OSError,
        StoreError.
        """
        interrupted = self._journal.read()
        if interrupted is not None:
            return self._try(interrupted)
        return serve(self._ports.files.request, self._carry_out)

    def _carry_out(self, message: Message[Request]) -> UpdateOutcome:
        request = message.body
        number = self._ports.machine.new_number()
        try:
            with self._ports.files.bundle(request.bundle) as file:
                outcome = self._install(number, request.bundle, file)
        except UpdateRefused as error:
            logger.warning("%s is refused: %s", request.bundle, error)
            outcome = UpdateOutcome(number, "", error.why, error.detail, failed=self._last_failed_version())
            self._journal.close(outcome)
        return outcome

    def _install(self, number: str, bundle: str, file: BinaryIO) -> UpdateOutcome:
        with _as_refusals():
            head, manifest = self._read(file)
            self._judge(manifest)
            now = self._releases.keys()
            keys = keys_after_keep(now, head.key, manifest.next_key)
            former = self._former()
        entry = UpdateEntry(
            number,
            UpdatePhase.UNPACKING,
            manifest.release.version,
            bundle=bundle,
            former=former,
            accepted=tuple(key.hex() for key in keys) if keys != now else (),
        )
        # Before the payload is checked, which takes a card a while: a second request meanwhile is refused as running.
        self._journal.write(entry)
        try:
            with _as_refusals():
                check_payload(file, manifest)
                file.seek(HEAD_BYTES + head.manifest_bytes)
                self._releases.unpack(manifest, file)
            entry = self._ask(entry)
            with _as_refusals():
                entry = self._copy(entry)
        except UpdateRefused as error:
            return self._over(replace(entry, why=error.why, detail=error.detail))
        return self._try(entry)

    def _former(self) -> str:
        """Return what runs: `current` may name a release that is not whole, or is older than the package."""
        current = self._releases.current()
        return current if current == self._releases.running().version else ""

    def _last_failed_version(self) -> str:
        """Return the release that last failed its trial, to keep it when a later bundle is refused."""
        outcome = self._journal.outcome()
        return "" if outcome is None else outcome.failed

    def _read(self, file: BinaryIO) -> tuple[Head, UpdateManifest]:
        """Read and verify the signed part; read nothing after it before."""
        head = parse_head(file.read(HEAD_BYTES))
        return head, verify_manifest(head, file.read(head.manifest_bytes), self._releases.keys())

    def _judge(self, manifest: UpdateManifest) -> None:
        release, machine = manifest.release, self._ports.machine
        if release.order <= max(self._releases.running().order, self._releases.packaged().order):
            raise UpdateRefused(
                UpdateRefusalReason.NOT_NEWER, f"here {self._releases.running().version}, brought {release.version}"
            )
        if release.architecture not in (ALL, machine.architecture):
            raise UpdateRefused(
                UpdateRefusalReason.ARCHITECTURE, f"for {release.architecture}, here {machine.architecture}"
            )
        if release.python != machine.python:
            raise UpdateRefused(UpdateRefusalReason.PYTHON, f"for {release.python}, here {machine.python}")
        if release.schema < self._database.schema():
            raise UpdateRefused(UpdateRefusalReason.SCHEMA, f"it knows {release.schema}")
        if not manifest.brings_libraries and not self._releases.has_libraries(release.libraries):
            raise UpdateRefused(UpdateRefusalReason.LIBRARIES)
        need = manifest.unpacked_bytes + 2 * self._database.size() + RESERVE_BYTES
        if (free := machine.free_bytes()) < need:
            raise UpdateRefused(UpdateRefusalReason.FULL, f"{free // 1_000_000} MB free, {need // 1_000_000} MB needed")

    def _ask(self, entry: UpdateEntry) -> UpdateEntry:
        """Ask the station to stay quiet from now on, if it runs. Raises UpdateRefused."""
        self._ports.files.clear()
        entry = replace(entry, phase=UpdatePhase.ASKING)
        self._journal.write(entry)
        if not self._services.station_runs():
            return entry
        answer = self._wait_for(self._ports.files.answer, entry.number, ANSWER_S)
        if answer is None:
            raise UpdateRefused(UpdateRefusalReason.NO_ANSWER)
        if answer.busy is not None:
            raise UpdateRefused(answer.busy)
        return replace(entry, scale=answer.scale)

    def _copy(self, entry: UpdateEntry) -> UpdateEntry:
        entry = replace(entry, phase=UpdatePhase.COPYING)
        self._journal.write(entry)
        self._services.stop()
        schema, newest = self._database.schema(), self._database.newest_event()
        return replace(
            entry, phase=UpdatePhase.SWITCHING, copy=self._database.copy(), schema=schema, newest_event=newest
        )

    def _try(self, entry: UpdateEntry) -> UpdateOutcome:
        self._journal.write(entry)
        try:
            self._releases.switch(entry.version)
            entry = replace(entry, phase=UpdatePhase.TRIAL)
            self._journal.write(entry)
            self._services.start_station()
        except OSError as error:
            return self._step_back(entry, UpdateRefusalReason.DISK, str(error))
        verdict = self._wait_for(self._ports.files.verdict, entry.number, TRIAL_S)
        if verdict is None:
            return self._step_back(entry, UpdateRefusalReason.LATE, "")
        if verdict.why is not None:
            return self._step_back(entry, verdict.why, verdict.detail)
        return self._keep(entry)

    def _may_retry(self, entry: UpdateEntry) -> bool:
        """Allow a retry only if the database from before can come back, and while the new release is whole."""
        on_trial = entry.phase in (UpdatePhase.SWITCHING, UpdatePhase.TRIAL) and entry.interrupted + 1 < TRIALS
        return on_trial and self._database.copy_may_come_back(entry.copy) and self._switch_if_whole(entry.version)

    def _restart_trial(self, entry: UpdateEntry) -> None:
        """Restart under a new number: a verdict of the former trial does not count once its station has stopped."""
        self._services.stop()
        number, interrupted = self._ports.machine.new_number(), entry.interrupted + 1
        self._journal.write(replace(entry, number=number, phase=UpdatePhase.SWITCHING, interrupted=interrupted))
        self._database.put_back(entry.copy, entry.schema)

    def _keep(self, entry: UpdateEntry) -> UpdateOutcome:
        keeping = replace(entry, phase=UpdatePhase.KEEP)
        self._journal.write(keeping)
        if keeping.accepted:
            self._releases.rotate(keeping.version, keeping.accepted)
        return self._over(keeping)

    def keep_new(self) -> UpdateOutcome | None:
        """Keep the new release on a person's order, where no way back is left: the copied database is spoiled, or lacks
        what the present one holds, and that is whole. None where this is not so. Raises OSError, and StoreError when
        the present one is not whole either.
        """
        entry = self._journal.read()
        stuck = (
            entry is not None
            and entry.phase is UpdatePhase.BACK
            and self._releases.current() == entry.version
            and not self._database.copy_may_come_back(entry.copy)
        )
        if entry is None or not stuck:
            return None
        self._database.check()
        return self._keep(replace(entry, why=None, detail=""))

    def _had_succeeded(self, entry: UpdateEntry) -> bool:
        """Return whether the update was kept and the card has forgotten it: on trial the station serves no one. Raises
        OSError, StoreError. True only where the new release alone reads the database. Otherwise the former one takes
        over and uses it: it may be the one that served, after a step back that is forgotten.
        """
        if entry.phase is UpdatePhase.COPYING:
            succeeded = self._is_migrated()
        elif entry.phase in (UpdatePhase.SWITCHING, UpdatePhase.TRIAL) and entry.newest_event:
            self._services.stop()
            # The copy is checked as well: a flipped bit in the journal's number is no proof of a release.
            succeeded = self._database.served_since(entry.newest_event, entry.schema)
            succeeded = succeeded and not self._database.copy_may_come_back(entry.copy)
        else:
            succeeded = False
        return succeeded and self._switch_if_whole(entry.version)

    def _is_migrated(self) -> bool:
        try:
            return self._database.schema() > self._releases.running().schema
        except (StoreError, UpdateRefused):
            return False

    def _switch_if_whole(self, version: str) -> bool:
        before = self._releases.current()
        self._releases.switch(version)
        if self._releases.running().version == version:
            return True
        self._releases.switch(before)
        return False

    def _step_back(self, entry: UpdateEntry, why: UpdateRefusalReason, detail: str) -> UpdateOutcome:
        back = replace(entry, phase=UpdatePhase.BACK, why=why, detail=detail)
        self._journal.write(back)
        self._services.stop()
        stays = self._database.put_back(back.copy, back.schema)
        self._releases.switch(back.former)
        return self._over(replace(back, detail=" ".join(filter(None, (detail, stays)))))

    def _over(self, entry: UpdateEntry) -> UpdateOutcome:
        """Record the end: from now on nothing is decided about the two databases."""
        over = replace(entry, phase=UpdatePhase.OVER)
        self._journal.write(over)
        return self._end(over)

    def _end(self, entry: UpdateEntry) -> UpdateOutcome:
        succeeded = entry.why is None
        self._database.forget()
        self._services.release()
        self._ports.files.clear()
        if succeeded and entry.bundle:
            self._ports.files.drop_bundle(entry.bundle)
        self._releases.sweep({entry.former, entry.version} if succeeded else {entry.former})
        back = bool(entry.copy) and not succeeded
        unhealthy = back and entry.why is not UpdateRefusalReason.POWER_CUT
        failed = entry.version if unhealthy else "" if succeeded else self._last_failed_version()
        outcome = UpdateOutcome(entry.number, entry.version, entry.why, entry.detail, stepped_back=back, failed=failed)
        self._journal.close(outcome)
        logger.info("the update to %s is over: %s", entry.version, "kept" if succeeded else entry.why)
        return outcome

    def _wait_for(self, file: MessageFile[T], number: str, seconds: float) -> T | None:
        machine = self._ports.machine
        end = machine.monotonic() + seconds
        while (answer := file.answer_to(number)) is None:
            left = end - machine.monotonic()
            if left <= 0:
                return None
            machine.wait(min(left, POLL_INTERVAL_S))
        return answer


def check_payload(file: BinaryIO, manifest: UpdateManifest) -> None:
    digest, left = hashlib.sha256(), manifest.payload_bytes
    while left:
        piece = file.read(min(left, _CHUNK))
        if not piece:
            raise UpdateRefused(UpdateRefusalReason.DAMAGED, "the file ends inside its payload")
        digest.update(piece)
        left -= len(piece)
    if file.read(1):
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "something follows its payload")
    if digest.hexdigest() != manifest.sha256:
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "its payload is not what was signed")


@contextmanager
def _as_refusals() -> Iterator[None]:
    """Turn failures into refusals while nothing has begun: each is a reason not to begin."""
    try:
        yield
    except StoreError as error:
        raise UpdateRefused(UpdateRefusalReason.DATABASE, str(error)) from error
    except OSError as error:
        raise UpdateRefused(UpdateRefusalReason.DISK, str(error)) from error
