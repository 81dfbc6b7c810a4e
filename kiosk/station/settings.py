"""What a technician sets for the station itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.domain.identifiers import check_region, check_station
from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason

MIN_PHOTO_BYTES: Final = 100_000
MAX_PHOTO_BYTES: Final = 50_000_000
"""Below the one no picture of goods is any use; the other is more than any camera of a station sends."""


@dataclass(frozen=True, slots=True)
class StationSettings:
    """``data`` is the folder of the database, the photos and the logs; it belongs to this station alone."""

    station: str
    region: str
    data: Path
    village: str = ""
    zone: str = "Asia/Shanghai"
    certificate_reason: NoCertificateReason = NoCertificateReason.NOT_PRESENTED
    """Printed and told when a batch came without a certificate."""
    max_photo_bytes: int = 8_000_000
    county: str = ""
    """The county's name on papers; the region's id stands for it when it is empty."""

    def __post_init__(self) -> None:
        check_station(self.station)
        check_region(self.region)
        if not MIN_PHOTO_BYTES <= self.max_photo_bytes <= MAX_PHOTO_BYTES:
            raise ValueError(f"max_photo_bytes {self.max_photo_bytes} must be {MIN_PHOTO_BYTES} to {MAX_PHOTO_BYTES}")

    @property
    def county_name(self) -> str:
        """What papers print beside the village."""
        return self.county or self.region

    @property
    def database(self) -> Path:
        """The station's SQLite file."""
        return self.data / "station.db"

    @property
    def certificate(self) -> Certificate:
        """What is booked when nobody presents a certificate at the screen."""
        return Certificate(CertificateKind.NONE, reason=self.certificate_reason)
