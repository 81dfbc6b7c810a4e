"""SBI lines: the rest of a tare line is never a weight where the length is set, and the words of a status."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.formats.balances.sartorius import encode_frame
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading

_TARE = b"T     +    0.640 kg \r\n"


def test_the_rest_of_a_tare_line_is_no_weight_where_the_length_is_set() -> None:
    for cut in range(1, len(_TARE)):
        decoded = registry.decoder("sartorius_sbi", {"length": "22"}).feed(_TARE[cut:])
        assert not any(isinstance(item, Reading) for item in decoded), cut


def test_a_line_has_22_characters(subtests: pytest.Subtests) -> None:
    for shown in [DisplayState(Decimal("7.385")), DisplayState(Decimal("-0.250"), net=True, stable=False)]:
        with subtests.test(shown=shown):
            line = encode_frame(shown, {})
            assert len(line) == 22
            (reading,) = registry.decoder("sartorius_sbi", {"length": "22"}).feed(line)
            assert isinstance(reading, Reading)
            assert (reading.unit, reading.stable, reading.net) == (
                "kg" if shown.stable else None,
                shown.stable,
                shown.net,
            )


def test_a_number_too_long_is_over(subtests: pytest.Subtests) -> None:
    for shown in [DisplayState(Decimal("1234.56789")), DisplayState(Decimal("7.385"), overload=True)]:
        with subtests.test(shown=shown):
            (reading,) = registry.decoder("sartorius_sbi", {}).feed(encode_frame(shown, {}))
            assert isinstance(reading, Reading)
            assert (reading.weight, reading.overload) == (None, True)
