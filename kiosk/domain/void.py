"""The void of a receipt: a new record that names it, by a clerk and always a second one (the witness)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kiosk.domain.identifiers import ReceiptNumber

_ACTOR = re.compile(r"(clerk|witness):[0-9]{2,4}")


class VoidReason(StrEnum):
    WRONG_PARTY = "wrong_party"
    WRONG_PRODUCT = "wrong_product"
    WRONG_CONTAINER = "wrong_container"
    GOODS_RETURNED = "goods_taken_back"


@dataclass(frozen=True, slots=True)
class Void:
    """Names exactly one receipt, one reason and two different people; the store takes at most one per receipt."""

    receipt: ReceiptNumber
    reason: VoidReason
    actor: str
    witness: str
    replacement: ReceiptNumber | None = None

    def __post_init__(self) -> None:
        for who in (self.actor, self.witness):
            if not _ACTOR.fullmatch(who):
                raise ValueError(f"{who!r} must look like clerk:07 or witness:02")
        if self.actor.partition(":")[2] == self.witness.partition(":")[2]:
            raise ValueError("a void needs two different people")
        if self.replacement == self.receipt:
            raise ValueError("a receipt cannot replace itself")
