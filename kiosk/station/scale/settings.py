"""What a technician sets about the verification of the scale and its daily check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_SERIAL = re.compile(r"[0-9A-Za-z./ -]{0,32}")


@dataclass(frozen=True, slots=True)
class MetrologySettings:
    """``verified_until`` is the last day on the verification mark, as ``2027-03-31``; "" when it is not known.
    ``check_required`` None means: when a check weight is set. Raises ValueError with the field and what is allowed.
    """

    verified_until: str = ""
    serial_no: str = ""
    check_weight_g: int | None = None
    check_required: bool | None = None

    def __post_init__(self) -> None:
        self.until  # noqa: B018 - checks the date
        if not _SERIAL.fullmatch(self.serial_no):
            raise ValueError(
                f"serial_no {self.serial_no!r} must be at most 32 of 0-9, A-Z, a-z, '.', '/', '-' and space"
            )
        if self.check_weight_g is not None and self.check_weight_g <= 0:
            raise ValueError(f"check_weight_g {self.check_weight_g} must be grams above 0")

    @property
    def until(self) -> date | None:
        if not self.verified_until:
            return None
        try:
            return date.fromisoformat(self.verified_until)
        except ValueError:
            raise ValueError(f"verified_until {self.verified_until!r} must be a date like 2027-03-31") from None

    @property
    def required(self) -> bool:
        """Whether a receipt says so when today's check is missing."""
        return self.check_weight_g is not None if self.check_required is None else self.check_required
