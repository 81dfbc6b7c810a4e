"""Pickup codes as villagers show them: six digits typed, or a whole slip. Wrong ones are counted as guesses."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.domain.identifiers import CODE_PREFIX, BadIdentifier, parse_internal_code
from kiosk.domain.parcel import TERMINAL_STATES, BadPickupCode, ParcelNumber, ParcelState, check_pickup_code, read_slip
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.clerk.throttle import PICKUP_CODE, Throttle
from kiosk.station.counter.parcels.handover_queue import HANDOVER_S, Handover
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store.clerks import Lockouts
from kiosk.store.shared.records import ParcelRow, Stamp


class PickupProofs:
    """Finds the waiting parcel of a code. Thread-safe: ``throttle`` takes one guess after the other."""

    def __init__(self, book: ParcelLookup, key: PickupKey, lockouts: Lockouts, stamps: Callable[[], Stamp]) -> None:
        self._book = book
        self._key = key
        self._stamps = stamps
        self.throttle = Throttle(PICKUP_CODE, lockouts, stamps)

    def prove(self, text: str) -> Handover:
        """Six digits, or the text of a slip. Raises CounterRefused: wrong_code, code_locked, no_key; of a slip also
        unknown_code, foreign_code, collected, parcel_gone.
        """
        return self._slip(text) if text.startswith(CODE_PREFIX) else self.code(text)

    def code(self, code: str, number: ParcelNumber | None = None) -> Handover:
        """The waiting parcel of a code, and of this number when a slip names one; a wrong code counts as a guess.

        A whole slip of a parcel that has left is no guess: nobody tries codes with it, because that parcel has none.
        """
        try:
            mac = self._key.mac(check_pickup_code(code))
        except BadPickupCode:
            raise CounterRefused("wrong_code") from None

        def holder() -> ParcelRow | None:
            parcels = self._book.parcels
            with as_counter_refusals():
                row = parcels.by_mac(mac)
                named = parcels.by_number(number) if number is not None else None
            if named is not None and named.state in TERMINAL_STATES:
                raise CounterRefused("collected" if named.state is ParcelState.COLLECTED else "parcel_gone")
            return row if row is not None and number in (None, row.number) else None

        parcel = self.throttle.guess(holder)
        return Handover(parcel, mac, self._stamps().moment.monotonic_ms / 1000 + HANDOVER_S)

    def _slip(self, text: str) -> Handover:
        try:
            number, code = read_slip(parse_internal_code(text))
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if not self._book.is_ours(number):
            raise CounterRefused("foreign_code")
        return self.code(code, number)
