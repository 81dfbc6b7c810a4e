"""The HX711 converter on two pins: a self-made platform, never for trade (no approval, no temperature correction).

Three bytes a conversion (AVIA HX711 datasheet, serial interface). The ends of its range, 7FFFFFh and 800000h, mean an
overload or a broken wire. Values of -1 and 2^n - 1 come out when a clock pulse was stretched or the converter was read
before it was ready (known of every reader on Linux): such a value is suspect and never a weight. A bare value becomes
kilograms only with both parameters of the calibration.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile, fixed_length
from kiosk.protocols.scales.shared.params import Parameter
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.protocol import DisplayState, Params, ScaleProtocol, Transport
from kiosk.protocols.scales.shared.reading import Reading

COUNTS_PER_KG = Parameter(
    "counts_per_kg",
    "",
    (),
    "how much the value rises with 1 kg, negative for a turned cell; empty: no weight",
    r"(?:-?(?=[0-9.]*[1-9])[0-9]{1,8}(?:\.[0-9]{1,6})?)?",
)
ZERO_COUNTS = Parameter("zero_counts", "", (), "the value of the empty pan; empty: no weight", "(?:-?[0-9]{1,7})?")
_LOWEST, _HIGHEST = -0x80_0000, 0x7F_FFFF
_BYTES = 3
_GRAM = Decimal("0.001")
_NOMINAL_COUNTS_PER_KG = Decimal(10_000)  # Of a simulated platform without calibration


def suspect(counts: int) -> bool:
    """Return whether a disturbed reading gives this value: -1, or ones from the lowest bit up."""
    return counts == -1 or (counts > 0 and counts & (counts + 1) == 0)


def _parse(data: bytes, given: Params) -> Reading:
    counts = int.from_bytes(data, "big", signed=True)
    at_end, doubtful = counts in (_LOWEST, _HIGHEST), suspect(counts)
    weight = None if at_end or doubtful else _weight(counts, given)
    return Reading(
        weight, unit=None if weight is None else "kg", overload=at_end, raw=data, counts=counts, suspect=doubtful
    )


def _weight(counts: int, given: Params) -> Decimal | None:
    factor, zero = given[COUNTS_PER_KG.name], given[ZERO_COUNTS.name]
    if not factor or not zero:
        return None
    weight = ((counts - int(zero)) / Decimal(factor)).quantize(_GRAM, ROUND_HALF_EVEN)
    return weight if weight else abs(weight)


def _decoder(given: Params) -> Decoder:
    parse = partial(_parse, given=dict(given))
    return FrameLengthEngine(FrameLengthProfile(bytes(range(256)), _BYTES, fixed_length(_BYTES), parse))


def encode_frame(shown: DisplayState, params: Params) -> bytes:
    """Build the value of this load, clamped to the converter's range. Raises ValueError unless kg with 3 decimals."""
    if shown.unit != "kg" or shown.weight.as_tuple().exponent != -3:
        raise ValueError(f"hx711 is simulated in kg with 3 decimals, not {shown.weight} {shown.unit}")
    factor = Decimal(params[COUNTS_PER_KG.name] or _NOMINAL_COUNTS_PER_KG)
    counts = int(params[ZERO_COUNTS.name] or 0) + int((shown.weight * factor).to_integral_value())
    counts += suspect(counts)
    if shown.overload:
        counts = _HIGHEST
    elif shown.underload:
        counts = _LOWEST
    return min(max(counts, _LOWEST), _HIGHEST).to_bytes(_BYTES, "big", signed=True)


PROTOCOLS = (
    ScaleProtocol(
        id="hx711",
        reports=("weight", "overload"),
        make_decoder=_decoder,
        encode_frame=encode_frame,
        parameters=(COUNTS_PER_KG, ZERO_COUNTS),
        default_unit="kg",
        transport=Transport.GPIO,
    ),
)
