"""The part of the store that the parcel counter uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import Connection

from kiosk.domain.parcel import CollectedBy, ParcelNumber, ParcelState, Proof
from kiosk.store.database.connection import Database
from kiosk.store.parcels import deliveries, parcels, pickup_codes
from kiosk.store.parcels import steps as parcel_steps
from kiosk.store.records import Arrival, CodeMaker, ExpectedParcel, PaperMaker, ParcelRow, Stamp


class ParcelSide:
    """Parcels. Each method is one transaction with its events and papers; refusals are StoreRefusal."""

    _database: Database

    # Deliveries

    def expect_parcels(self, rows: Sequence[ExpectedParcel], stamp: Stamp) -> int:
        """Take over the list of a delivery; returns how many were new. A waybill that is known changes nothing."""
        return self._database.write(lambda connection: deliveries.expect(connection, rows, stamp))

    def close_delivery(self, actor: str, stamp: Stamp) -> list[ParcelRow]:
        """All of the truck is scanned: what is still expected is missing. Returns those."""
        return self._database.write(lambda connection: deliveries.close(connection, actor, stamp))

    # In

    def arrive_parcel(
        self, arrival: Arrival, slots: Sequence[str], code_mac: CodeMaker, papers: PaperMaker, stamp: Stamp
    ) -> ParcelRow:
        """Book a scanned parcel: number, slot, code, events and papers. A damaged one waits as ARRIVED.

        A waybill that is here, or was collected, gives its row with ``repeated`` and writes nothing, unless a person
        said that this is ``another`` package of it. ``slots`` are filled in their order. Refused: shelves_full.
        """

        def work(connection: Connection) -> ParcelRow:
            return parcel_steps.arrive(connection, arrival, parcel_steps.Fitting(slots, code_mac, papers), stamp)

        return self._database.write(work)

    def accept_damaged(
        self,
        number: ParcelNumber,
        photo_sha256: str,
        slots: Sequence[str],
        code_mac: CodeMaker,
        papers: PaperMaker,
        actor: str,
        stamp: Stamp,
    ) -> ParcelRow:
        """Accept a damaged parcel with the photo of the damage: then slot, code and papers as for any other.

        Refused: damaged_needs_photo, shelves_full, unknown_parcel, not_waiting.
        """

        def work(connection: Connection) -> ParcelRow:
            fitting = parcel_steps.Fitting(slots, code_mac, papers)
            return parcel_steps.accept_damaged(connection, number, photo_sha256, fitting, actor, stamp)

        return self._database.write(work)

    def withdraw_parcel(self, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """Take a scan back: slot, code and queued papers are gone, and the row returned is WITHDRAWN for good.

        When the parcel was on a list, its waybill is EXPECTED again in a new row with a new number: the label that
        may be out there names a number that stands for nothing.
        """
        return self._finish(lambda connection: parcel_steps.withdraw(connection, number, actor, stamp))

    def refuse_parcel(self, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """Do not accept a damaged parcel: the driver keeps it."""
        return self._finish(lambda connection: parcel_steps.refuse(connection, number, actor, stamp))

    def misroute_parcel(self, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """Give back a parcel that is meant for another place."""
        return self._finish(lambda connection: parcel_steps.misroute(connection, number, actor, stamp))

    # On the shelf

    def lose_parcel(self, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """A parcel is not in its slot. The slot is free, the code is kept for the day it is found."""
        return self._finish(lambda connection: parcel_steps.lose(connection, number, actor, stamp))

    def find_parcel(self, number: ParcelNumber, actor: str, stamp: Stamp, slots: Sequence[str] = ()) -> ParcelRow:
        """A lost parcel is back: in its old slot when that is free, else in the first free one of ``slots``.

        It is NOTICED again, with the code it had. Refused: shelves_full, not_waiting, unknown_parcel.
        """
        return self._database.write(lambda connection: parcel_steps.find(connection, number, slots, actor, stamp))

    def due_back(self, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """A person wants it to go back with the next truck."""
        return self._finish(lambda connection: parcel_steps.due_back(connection, number, actor, stamp))

    def return_parcel(self, number: ParcelNumber, actor: str, stamp: Stamp) -> ParcelRow:
        """The driver took it back."""
        return self._finish(lambda connection: parcel_steps.give_back(connection, number, actor, stamp))

    def sweep_parcels(self, overdue_before: str, return_before: str, stamp: Stamp) -> list[ParcelRow]:
        """Move on what waits too long; returns the rows that changed. Times are RFC 3339 as in ``Moment.timestamp``.

        A parcel that arrived before a time server had set the clock counts from the first sweep after that. Nothing
        happens while the clock of ``stamp`` is not synced.
        """
        return self._database.write(
            lambda connection: parcel_steps.sweep(connection, overdue_before, return_before, stamp)
        )

    # Out

    def parcel_by_mac(self, mac: bytes) -> ParcelRow | None:
        """The waiting parcel this code belongs to; None for a code that was used, replaced or never issued."""
        return self._database.read(lambda connection: pickup_codes.holder(connection, mac))

    def collect_parcel(
        self,
        number: ParcelNumber,
        proof: Proof,
        by: CollectedBy,
        mac: bytes | None,
        proxy_name: str | None,
        actor: str,
        stamp: Stamp,
    ) -> ParcelRow:
        """Hand over: the code is used up, the slot is free, and there is no way back.

        Proof CODE wants the ``mac`` of the code that is valid now; PROXY wants ``proxy_name``, which stays here
        until it is erased. Refused: collected, not_waiting, code_used, proxy_needs_name, unknown_parcel.
        """
        handover = parcel_steps.Handover(proof, by, mac, proxy_name, actor)
        return self._finish(lambda connection: parcel_steps.collect(connection, number, handover, stamp))

    def reissue_code(
        self, number: ParcelNumber, code_mac: CodeMaker, papers: PaperMaker, actor: str, stamp: Stamp
    ) -> ParcelRow:
        """A new code for a waiting parcel. The old code and slips of it that are not out yet are cancelled."""
        return self._database.write(
            lambda connection: parcel_steps.reissue(connection, number, code_mac, papers, actor, stamp)
        )

    # Looking

    def parcel(self, number: ParcelNumber) -> ParcelRow | None:
        """The parcel with this number."""
        return self._database.read(lambda connection: parcels.by_number(connection, number))

    def parcel_by_waybill(self, text: str) -> ParcelRow | None:
        """The newest parcel with this normalized waybill, also one whose waybill was erased; of several packages one
        that is still here.
        """
        return self._database.read(lambda connection: parcels.by_waybill(connection, text))

    def parcel_on(self, slot: str) -> ParcelRow | None:
        """What lies in this slot."""
        return self._database.read(lambda connection: parcels.in_slot(connection, slot))

    def parcels(self, states: Collection[ParcelState], limit: int = 50, offset: int = 0) -> list[ParcelRow]:
        """Parcels in any of these states, the one that came first first."""
        return self._database.read(lambda connection: parcels.in_states(connection, states, limit, offset))

    def parcel_counts(self) -> Mapping[ParcelState, int]:
        """How many there are in each state, every state named."""
        return self._database.read(parcels.counts)

    def forget_parcels(self, before: str, stamp: Stamp) -> int:
        """Erase waybill, phone digits and proxy name of parcels closed before then; returns how many.

        The hash of the waybill stays, so that the same one again is still known. A parcel that was closed
        before the clock was set counts from the first call after that. Nothing happens while the clock of ``stamp``
        is not synced.
        """
        return self._database.write(lambda connection: parcels.forget(connection, before, stamp), finishing=True)

    def _finish(self, work: Callable[[Connection], ParcelRow]) -> ParcelRow:
        """What happens at the counter is recorded even when the disk is full."""
        return self._database.write(work, finishing=True)
