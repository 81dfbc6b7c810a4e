"""The last scan as the home of the counter shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kiosk.domain.parcel import TERMINAL_STATES
from kiosk.station.counter.state import CHOICES, ScanResult
from kiosk.texts import Texts
from kiosk.web.counter.parcel_acts import picture_of
from kiosk.web.counter.refusals import OTHER, REFUSAL_PICTURES, refusal_id
from kiosk.web.counter.rows import tail

_SCAN_PICTURES = {
    "parcel_damaged": "damaged",
    "member": "card",
    "intake": "receipt",
    "lot": "label",
    "shelf": "shelf",
    "tote": "lock",
    "manifest": "truck",
}
_TONES = {"parcel_in": "good", "parcel_known": "known", "parcel_damaged": "known", "refused": "bad"}

# Results of a scan that waits for the touch which takes its parcel in.
_OFFERED = frozenset({"unknown_parcel", "expected"})


@dataclass(frozen=True, slots=True)
class LastScan:
    """Everything the template needs, in texts ids and drawings."""

    tone: str
    picture: str
    text_id: str
    values: Mapping[str, object]
    shelf: str | None
    of: str
    phone: str | None
    number: str
    surplus: bool  # It came with the truck and is not on the list of the delivery
    carriers: tuple[str, ...]
    to_arrive: str  # A number that only becomes a parcel once a carrier is touched; "" for every other scan
    offer: str  # Names the scan whose parcel one touch takes in; "" when there is nothing to take in, or it was taken
    wait_s: int

    @property
    def wait_ms(self) -> int:
        """Until the next try; 0 when there is nothing to wait for."""
        return self.wait_s * 1000

    def with_values(self, values: Mapping[str, object]) -> LastScan:
        """The same with what its sentence needs."""
        return replace(self, values=values)


def last_scan(result: ScanResult, texts: Texts, *, may_change: bool) -> LastScan:
    """``may_change``: the scan can still be taken back, so another carrier may be chosen too."""
    parcel, chooses = result.parcel, result.word in CHOICES
    offer = result.offer.id if result.offer and result.word in _OFFERED else ""
    text_id = refusal_id(result.word, texts) if result.kind == "refused" else f"scan.{result.word}"
    left = parcel is not None and parcel.state in TERMINAL_STATES and result.kind != "parcel_known"
    if parcel is not None and left:
        text_id = f"counter.state.{parcel.state.value}"
    picture = _SCAN_PICTURES.get(result.kind) or REFUSAL_PICTURES.get(result.word, "")
    if not picture:
        picture = picture_of(parcel) if parcel else ("attention" if result.kind == "refused" else "scan")
    return LastScan(
        tone="known" if offer else _TONES.get(result.kind, "plain"),
        picture=picture,
        text_id=text_id if text_id in texts else OTHER,
        values=result.values,
        shelf=parcel.shelf if parcel else None,
        of=f"{parcel.carrier} {tail(parcel.waybill)}" if parcel else (result.receipt or result.shown),
        phone=parcel.phone_last4 if parcel else None,
        number=str(parcel.number) if parcel else "",
        surplus=parcel is not None and parcel.surplus,
        carriers=result.carriers[:4] if chooses else (result.carriers[1:3] if may_change else ()),
        to_arrive=result.shown if chooses else "",
        offer=offer,
        wait_s=result.wait_s,
    )
