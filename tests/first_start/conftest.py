from __future__ import annotations

import pytest

from tests import pins


@pytest.fixture(autouse=True)
def cheap_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    pins.cost_nothing(monkeypatch)
