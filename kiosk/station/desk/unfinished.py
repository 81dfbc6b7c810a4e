"""An intake that was left idle: kept for the clerk for ten minutes, then given up (R21).

Only one with bags that are already fixed: they would have to be weighed again. It is no longer on the public screen;
the only personal data shown of it is the member number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.domain.intake import Intake
from kiosk.station.desk.view import Draft

KEEP_UNFINISHED_S: Final = 600.0
# When a card that is full or broken cannot write that an intake is given up, it is tried again after this.
RETRY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class UnfinishedIntake:
    receipt: str
    product: str
    bags: int
    net_g: int
    until: float  # Monotonic seconds


@dataclass(frozen=True, slots=True)
class UnfinishedDraft:
    """As it was left; ``until`` is monotonic seconds."""

    draft: Draft
    intake: Intake
    until: float

    def summary(self) -> UnfinishedIntake:
        return UnfinishedIntake(
            str(self.intake.receipt), self.intake.product, len(self.intake.lines), self.intake.net_g, self.until
        )
