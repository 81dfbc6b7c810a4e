"""What the child needs of the picture pipeline, which it loads late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kiosk.domain.verdict import Verdict
from kiosk.photo.arrays import BgrImage


class JudgedShot(Protocol):
    """What is needed of an inspection of the pipeline."""

    @property
    def verdict(self) -> Verdict: ...

    @property
    def master(self) -> BgrImage | None: ...

    @property
    def natural(self) -> BgrImage | None: ...

    @property
    def metrics(self) -> Mapping[str, float]: ...
