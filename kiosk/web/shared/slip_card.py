"""What a page shows of a receipt that was checked: the same for villagers and at the counter."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from kiosk.domain.catalog import Names
from kiosk.domain.slip import CheckedSlip, SlipVerdict
from kiosk.station.service import StationService
from kiosk.station.slips import NOTICE, SOUNDS
from kiosk.store.shared.errors import StoreError
from kiosk.web.shared.signs import local_times

# Figures to be compared with the paper are shown where a key that is believed has signed them, and no others.
_COMPARED: Final = frozenset({SlipVerdict.RIGHT, SlipVerdict.COPY, SlipVerdict.VOIDED})


def slip_card(station: StationService, checked: CheckedSlip, left_ms: int) -> dict[str, Any]:
    """Build the values for ``_slip.html``. ``slip`` is None if none is trusted; times are the zone's, "" for none."""
    slip, local = checked.slip, local_times(station.settings.zone)
    minute = slip.minute if slip is not None else None
    printed = datetime.fromtimestamp(minute * 60, UTC).isoformat() if minute is not None else None
    times = {"printed_at": local(printed), "voided_at": local(checked.voided_at)}
    return {
        "verdict": checked.verdict,
        "sound": SOUNDS[f"{NOTICE}{checked.verdict}"],
        "receipt": str(slip.receipt) if slip is not None else "",
        "slip": slip if checked.verdict in _COMPARED else None,
        "goods": _goods(station, slip.product) if slip is not None else None,
        "phone": station.phone,
        "left_ms": left_ms,
        **{name: time.strftime("%Y-%m-%d %H:%M") if time else "" for name, time in times.items()},
    }


def _goods(station: StationService, code: str) -> Names | None:
    """Return the names; None for goods that are in no list here: they are named by their code."""
    with suppress(StoreError):
        product = station.store.catalogs.get()[1].product(code)
        return product.names if product is not None else None
    return None
