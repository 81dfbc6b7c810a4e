"""What the GS1 symbols of a bag and of a crate say, and the bag that such a symbol is on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from kiosk.domain.identifiers import SERIES_LETTERS, SerialNumber
from kiosk.protocols.barcodes.gs1.elements import Elements
from kiosk.protocols.barcodes.gs1.keys import VARIABLE_MEASURE, BadGs1Key, CompanyPrefix

_MAX_NET_G: Final = 999_999  # Six digits of (3103)
_SSCC_DIGITS: Final = 17  # Extension digit, prefix and serial reference; without the check digit


@dataclass(frozen=True, slots=True)
class Gs1Bag:
    """``lot`` and ``serial`` are the bodies of the codes of lot and bag; ``packed`` is None while no clock is set."""

    net_g: int
    packed: date | None
    lot: str
    serial: str


def bag_elements(company: CompanyPrefix, item: int, bag: Gs1Bag) -> Elements:
    """GTIN of variable measure, net weight, packing date, lot and serial, for a symbol or a link. Raises BadKey."""
    if not 0 < bag.net_g <= _MAX_NET_G:
        raise BadGs1Key(f"{bag.net_g} g is no net weight that (3103) can say")
    packed = (("13", bag.packed.strftime("%y%m%d")),) if bag.packed else ()
    weighed = (("01", company.gtin(item, VARIABLE_MEASURE)), ("3103", f"{bag.net_g:06d}"))
    return (*weighed, *packed, ("10", bag.lot), ("21", bag.serial))


@dataclass(frozen=True, slots=True)
class Crate:
    """Bags of one lot in one crate or on one pallet; ``lot`` and ``packed`` as of a bag."""

    number: SerialNumber
    net_g: int
    packed: date | None
    lot: str
    bags: int


def crate_sscc(company: CompanyPrefix, number: SerialNumber) -> str:
    """The SSCC of a crate. Raises BadKey where the prefix leaves no room for it.

    All stations of a company share its prefix. The digits behind it, extension digit included, are those of the
    station, then of its series and counter, so that no two crates have one number: every letter has its own part.
    """
    room = _SSCC_DIGITS - len(company.digits) - len(number.station[1:])
    each = 10**room // len(SERIES_LETTERS) if room > 0 else 0
    if number.counter > each:
        raise BadGs1Key(f"a station has {each} SSCC in a series behind the prefix {company.digits}: they are used up")
    place = SERIES_LETTERS.index(number.series) * each + number.counter - 1
    digits = f"{number.station[1:]}{place:0{room}d}"
    return company.sscc(int(digits[1:]), int(digits[0]))


def crate_elements(company: CompanyPrefix, item: int | None, crate: Crate) -> Elements:
    """SSCC; for goods with an item reference also their GTIN, net weight, packing date, lot and how many bags.

    Raises BadKey. A weight that GS1 has no room for, or a lot of too many bags, is left to the words on the label.
    """
    sscc = (("00", crate_sscc(company, crate.number)),)
    if item is None or not 0 < crate.net_g <= _MAX_NET_G or crate.bags < 1:
        return sscc
    packed = (("13", crate.packed.strftime("%y%m%d")),) if crate.packed else ()
    held = (("02", company.gtin(item, VARIABLE_MEASURE)), ("3103", f"{crate.net_g:06d}"))
    return (*sscc, *held, *packed, ("10", crate.lot), ("37", str(crate.bags)))


def own_serial(company: CompanyPrefix, elements: Elements) -> str | None:
    """The serial of a bag whose GTIN is this company's; None for all others."""
    values = dict(elements)
    is_own = values.get("01", "")[1:].startswith(company.digits)
    return values.get("21") if is_own else None
