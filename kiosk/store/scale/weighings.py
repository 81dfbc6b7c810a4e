"""Weighing data of a confirmed intake: the scale's legal status, and the raw frames of bags."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import Connection, insert, select

from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.frames import BadFrames, frames_sha256, pack, unpack
from kiosk.domain.metrology.legal_status import CheckState, CounterValues, ScaleLegalStatus, Verification
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_scale as scale_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import scale_check as check_table
from kiosk.store.database.schema import weighing_frames as frames_table
from kiosk.store.database.tables import Tables, reading
from kiosk.store.journal.numbering import is_intake, parse_receipt
from kiosk.store.shared.records import FramesCheck

_MAX_REPORTED = 20
_SCALE = insert(scale_table)


def add(connection: Connection, number: int, confirmed: ConfirmedIntake) -> None:
    """Write scale and frames of an intake that is being confirmed; what is not known has no row."""
    if confirmed.scale is not None:
        connection.execute(_SCALE, {"intake": number, **_legal_status_values(confirmed.scale)})
    frames = [(line.number, line.weighing.frames) for line in confirmed.intake.lines if line.weighing.frames]
    if frames:
        values = [
            {"intake": number, "bag": bag, "sha256": frames_sha256(raw_frames), "frames": pack(raw_frames)}
            for bag, raw_frames in frames
        ]
        connection.execute(insert(frames_table), values)


class Weighings(Tables):
    @reading
    def legal_status(self, connection: Connection, receipt: str) -> ScaleLegalStatus | None:
        """Return the scale's status for this receipt; None when it was unknown, or there is no such receipt."""
        row = connection.execute(
            select(scale_table).join(intake_table).where(is_intake(parse_receipt(receipt)))
        ).one_or_none()
        if row is None:
            return None
        return ScaleLegalStatus(
            trade=None if row.trade is None else bool(row.trade),
            check=CheckState(row.check_state),
            verification=Verification(row.verification),
            counters=CounterValues(row.scale_profile, row.tare_library, row.clock),
            serial_no=row.serial_no,
        )

    @reading
    def frames(self, connection: Connection, receipt: str, bag: int) -> tuple[bytes, ...]:
        """Read the raw frames of a bag, oldest first; empty when none were kept. Raises BadFrames for a changed row."""
        query = (
            select(frames_table.c.frames)
            .join(intake_table, intake_table.c.number == frames_table.c.intake)
            .where(is_intake(parse_receipt(receipt)), frames_table.c.bag == bag)
        )
        packed = connection.execute(query).scalar_one_or_none()
        return unpack(packed) if packed is not None else ()

    @reading
    def verify(self, connection: Connection) -> FramesCheck:
        """Read every kept frame again, against its own hash and the one in the sealed event, both ways."""
        sealed_hashes = _sealed_hashes(connection)
        query = (
            select(intake_table.c.receipt, frames_table.c.bag, frames_table.c.sha256, frames_table.c.frames)
            .join(intake_table, intake_table.c.number == frames_table.c.intake)
            .order_by(frames_table.c.intake, frames_table.c.bag)
        )
        bags, broken = 0, []
        for receipt, bag, sha256, packed in connection.execution_options(yield_per=100).execute(query):
            bags += 1
            sealed = sealed_hashes.pop((receipt, bag), None)
            if sealed != sha256 or not _is_whole(packed, sha256):
                broken.append(f"{receipt}/{bag}")
        broken += [
            f"{receipt}/{bag}" for receipt, bag in sealed_hashes
        ]  # the event says they were kept, and they are missing
        checks = connection.execute(
            select(check_table.c.number, check_table.c.frames_sha256, check_table.c.frames).where(
                check_table.c.frames.is_not(None)
            )
        )
        broken += [f"check {number}" for number, sha256, packed in checks if not _is_whole(packed, sha256)]
        return FramesCheck(bags, tuple(broken[:_MAX_REPORTED]))


def _sealed_hashes(connection: Connection) -> dict[tuple[str, int], str]:
    query = (
        select(journal_table.c.body)
        .join(intake_table, intake_table.c.position == journal_table.c.position)
        .where(intake_table.c.state == "confirmed")
        .order_by(intake_table.c.number)
    )
    found: dict[tuple[str, int], str] = {}
    for body in connection.execution_options(yield_per=100).execute(query).scalars():
        data = json.loads(body)["data"]
        for bag in data["bags"]:
            if bag.get("frames_sha256"):
                found[data["receipt"], bag["bag"]] = bag["frames_sha256"]
    return found


def _is_whole(packed: bytes, sha256: str) -> bool:
    try:
        unpack(packed)
    except BadFrames:
        return False
    return hashlib.sha256(packed).hexdigest() == sha256


def _legal_status_values(scale: ScaleLegalStatus) -> dict[str, object]:
    return {
        "trade": None if scale.trade is None else int(scale.trade),
        "check_state": scale.check,
        "verification": scale.verification,
        "scale_profile": scale.counters.scale_profile,
        "tare_library": scale.counters.tare_library,
        "clock": scale.counters.clock,
        "serial_no": scale.serial_no,
    }
