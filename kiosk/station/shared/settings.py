"""What a technician sets for the station itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from kiosk.domain.identifiers import check_region, check_station
from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason
from kiosk.messaging.contract.catalog.name_rules import chinese_name, english_name, uyghur_text
from kiosk.messaging.contract.slip import check_host

MIN_PHOTO_BUDGET_MB: Final = 100
MAX_PHOTO_BUDGET_MB: Final = 1_000_000  # A few days of pictures; the other is beyond any card
MAX_PAYMENT: Final = 120  # Characters: four lines of the narrow paper


@dataclass(frozen=True, slots=True)
class StationSettings:
    """``data`` is the folder of the database, the photos and the logs; it belongs to this station alone."""

    station: str
    region: str
    data: Path
    village: str = ""
    zone: str = "Asia/Shanghai"
    # Printed and sent when a batch came without a certificate.
    certificate_reason: NoCertificateReason = NoCertificateReason.NOT_PRESENTED
    county: str = ""  # The county's name on papers; the region's id is used when it is empty
    # After an intake the label on each bag is held under the scanner: it proves that the right label is there.
    scan_after_sticking: bool = False
    # On every receipt, in the county's words: when and how one is paid, and whom to call. "" prints nothing.
    payment_ug: str = ""
    payment_zh: str = ""
    payment_en: str = ""
    phone: str = ""
    slip_host: str = ""  # The name of the county's page of signed slips; without it receipts have no signed code
    # Million bytes for all photographs of goods: some two months of a busy station, an eighth of a 32 GB card.
    photo_budget_mb: int = 4_000

    def __post_init__(self) -> None:
        check_station(self.station)
        check_region(self.region)
        if not MIN_PHOTO_BUDGET_MB <= self.photo_budget_mb <= MAX_PHOTO_BUDGET_MB:
            raise ValueError(
                f"photo_budget_mb {self.photo_budget_mb} must be {MIN_PHOTO_BUDGET_MB} to {MAX_PHOTO_BUDGET_MB}"
            )

    @property
    def county_name(self) -> str:
        """What papers print beside the village."""
        return self.county or self.region

    @property
    def database(self) -> Path:
        return self.data / "station.db"

    @property
    def certificate(self) -> Certificate:
        """What is booked when nobody presents a certificate at the screen."""
        return Certificate(CertificateKind.NONE, reason=self.certificate_reason)


def receipt_text_checks(station: StationSettings) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each setting of a receipt's texts with its check, which raises ValueError: the payment, in all three
    languages or in none, and the phone to call.
    """
    if station.payment_ug or station.payment_zh or station.payment_en:
        yield "payment_ug", partial(uyghur_text, station.payment_ug, MAX_PAYMENT)
        yield "payment_zh", partial(chinese_name, station.payment_zh, MAX_PAYMENT)
        yield "payment_en", partial(english_name, station.payment_en, MAX_PAYMENT)
    yield "phone", partial(_check_phone, station.phone)
    if station.slip_host:
        yield "slip_host", partial(check_host, station.slip_host)


def _check_phone(phone: str) -> None:
    if phone and not re.fullmatch(r"\+?[0-9](?:[ -]?[0-9]){2,18}", phone):
        raise ValueError(f"{phone!r} must be 3 to 19 digits 0-9, spaces and hyphens between them, like 0998-8512345")


@dataclass(frozen=True, slots=True)
class CountyKeys:
    """Which county a station believes. ``authority``: the county's certificate, PEM. ``pin_secret``: 64 hex digits that
    the county has as well, by which a PIN is set over the telephone; None: that way is not open.
    """

    authority: Path
    pin_secret: Path | None = None
