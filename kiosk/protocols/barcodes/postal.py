"""Postal items of the world: UPU standard S10-12, "Identification of postal items - 13-character identifier"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kiosk.protocols.barcodes.shared.digits import s10_check_digit

_FORM = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")

# First letter of the service indicator; the others are for use within a country or between two.
_SERVICES = {
    "E": "ems",
    "C": "parcel",
    "R": "registered",
    "L": "tracked_letter",
    "V": "insured",
    "U": "untracked_letter",
    "H": "ecommerce_parcel",
    "J": "reserved",
    "K": "reserved",
}

# Countries and territories with a post of their own (ISO 3166-1; XK is Kosovo's user-assigned code).
_COUNTRY_CODES = (
    "AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BM BN BO BQ BR BS BT BW BY BZ CA CD CF CG "
    "CH CI CK CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH "
    "GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW "
    "KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE "
    "NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
    "SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN "
    "VU WF WS XK YE YT ZA ZM ZW"
)
_COUNTRIES = frozenset(_COUNTRY_CODES.split())


@dataclass(frozen=True, slots=True)
class S10:
    """``service`` is the indicator as printed, like "EE"; ``valid`` when check digit, country and service are right."""

    valid: bool
    service: str
    country: str

    @property
    def service_name(self) -> str:
        """What the indicator's first letter stands for."""
        return _SERVICES.get(self.service[0], "domestic")


def parse_s10(text: str) -> S10 | None:
    """Read an identifier without spaces; None for anything of another form."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    service, serial, digit, country = match.groups()
    reserved = _SERVICES.get(service[0]) == "reserved"
    return S10(s10_check_digit(serial) == digit and country in _COUNTRIES and not reserved, service, country)
