"""Who sells, and on what terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_MEMBER = re.compile(r"M-[0-9]{5}")
_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,39}")
NON_MEMBER = "non_member"


class Mode(StrEnum):
    """Purchase: sold now. Consignment: the farmer stays owner and is paid after the sale."""

    PURCHASE = "purchase"
    CONSIGNMENT = "consignment"


@dataclass(frozen=True, slots=True)
class Party:
    """A member number or a non-member: the cooperative books them apart and owes members a dividend by volume."""

    member: str | None

    def __post_init__(self) -> None:
        if self.member is not None and not _MEMBER.fullmatch(self.member):
            raise ValueError(f"member number {self.member!r} must look like M-04412")

    def __str__(self) -> str:
        return self.member or NON_MEMBER

    @classmethod
    def parse(cls, text: str) -> Party:
        """Parse what ``str`` gives; raises ValueError."""
        return cls(None) if text == NON_MEMBER else cls(text)


class CertificateKind(StrEnum):
    """The commitment-to-compliance certificate of a batch (MARA Order 4 of 2025, in force 2026-02-01)."""

    PRODUCER = "producer"
    COOPERATIVE = "cooperative"
    NONE = "none"


class NoCertificateReason(StrEnum):
    """Why a batch came without one; farmers are encouraged, not compelled."""

    NOT_PRESENTED = "not_presented"
    NOT_LISTED = "not_listed"
    SMALL_GROWER = "small_grower"


@dataclass(frozen=True, slots=True)
class Certificate:
    """``kind`` and ``ref``, or none and a reason; never neither."""

    kind: CertificateKind
    ref: str | None = None
    reason: NoCertificateReason | None = None

    def __post_init__(self) -> None:
        if self.kind is CertificateKind.NONE:
            if self.reason is None or self.ref is not None:
                raise ValueError("no certificate needs a reason and has no reference")
        elif self.ref is None or self.reason is not None or not _CODE.fullmatch(self.ref):
            raise ValueError("a certificate needs a reference of A-Z, 0-9, dot and dash, and no reason")
