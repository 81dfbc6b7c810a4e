"""What the doctor of a station says, in words: it sends codes, and those of newer software are shown as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from kiosk.sorting_center.ledger.shared.records import DatedDoctorRow
from kiosk.sorting_center.web.shared.texts import CenterTexts
from kiosk.texts import html, load
from kiosk.texts.catalog import PLACEHOLDER

_OK_CODE: Final = "fine"  # The code of a row that is well and says no more (kiosk.messaging.contract.control)


@dataclass(frozen=True, slots=True)
class DoctorEntry:
    """One row: what it is about, ``ok``, ``warn`` or ``fail``, what is to be done, and since when it is seen so. Of one
    that is well ``to_do`` is what it says beside that, "" mostly.
    """

    state: str
    name: Markup
    to_do: Markup
    since: str


@dataclass(frozen=True, slots=True)
class DoctorSummary:
    """``bad`` is in the order of the station, the worst first; both are empty of one that says nothing."""

    bad: tuple[DoctorEntry, ...]
    well: tuple[DoctorEntry, ...]


def doctor_summary(rows: Sequence[DatedDoctorRow], texts: CenterTexts) -> DoctorSummary:
    """In the language of ``texts``."""
    entries = [DoctorEntry(row.state, device_name(row.row, texts), _to_do(row, texts), row.since) for row in rows]
    return DoctorSummary(
        tuple(row for row in entries if row.state != "ok"), tuple(row for row in entries if row.state == "ok")
    )


def device_name(device: str, texts: CenterTexts) -> Markup:
    """What a row is about; the code itself of newer software."""
    return _station_text(f"doctor.device.{device}", texts) or html.bdi_code(device)


def _to_do(row: DatedDoctorRow, texts: CenterTexts) -> Markup:
    code = row.code
    if row.state == "ok" and code == _OK_CODE:
        return Markup("")
    own = f"doctor_do_{code}"
    return texts(own) if own in texts else _station_text(f"doctor.do.{code}", texts) or html.bdi_code(code)


def _station_text(text_id: str, texts: CenterTexts) -> Markup:
    """As its own pages say it; empty where it has no text, or one with a place or a count that is not known here."""
    words = load(texts.language.code)
    text = words.template(text_id, {}) if text_id in words else ""
    return Markup("") if PLACEHOLDER.search(text) else escape(text)
