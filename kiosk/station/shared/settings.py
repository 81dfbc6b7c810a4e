"""What a technician sets for the station itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.domain.identifiers import check_region, check_station
from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason

MIN_PHOTO_BUDGET_MB: Final = 100
MAX_PHOTO_BUDGET_MB: Final = 1_000_000  # A few days of pictures; the other is beyond any card


@dataclass(frozen=True, slots=True)
class StationSettings:
    """``data`` is the folder of the database, the photos and the logs; it belongs to this station alone."""

    station: str
    region: str
    data: Path
    village: str = ""
    zone: str = "Asia/Shanghai"
    # Printed and told when a batch came without a certificate.
    certificate_reason: NoCertificateReason = NoCertificateReason.NOT_PRESENTED
    county: str = ""  # The county's name on papers; the region's id stands for it when it is empty
    # After an intake the label on each bag is held under the scanner: it proves that the right label is there.
    scan_after_sticking: bool = False
    # On every receipt, in the county's words: when and how one is paid, and whom to call. "" prints nothing.
    payment_ug: str = ""
    payment_zh: str = ""
    payment_en: str = ""
    phone: str = ""
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
