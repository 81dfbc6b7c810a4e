"""What a part of a value must be beside its length and its characters, by the names that the rows use.

A rule sees text of the right length and characters only; dates and times are digits. Sources are the sections of the
GS1 General Specifications.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit, has_valid_check_pair, is_digits


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and day <= monthrange(year, month)[1]


def is_date_or_month(text: str) -> bool:
    """YYMMDD, where the day 00 means the whole month.

    The century slides with the year that is now (General Specifications 7.12), which is not known here: from 1901 to
    2099 every fourth year is a leap year, so any year with the same last two digits serves.
    """
    return _exists(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def is_date(text: str) -> bool:
    return text[4:] != "00" and is_date_or_month(text)


def is_long_date(text: str) -> bool:
    """YYYYMMDD with a day; the year 0000 has the days of 2000, the calendar of the library begins behind it."""
    return text[6:] != "00" and _exists(int(text[:4]) or 2000, int(text[4:6]), int(text[6:]))


def is_hour(text: str) -> bool:
    """HH, 00 to 23."""
    return int(text) < 24


def is_sixtieth(text: str) -> bool:
    """Minutes or seconds, 00 to 59."""
    return int(text) < 60


def is_time(text: str) -> bool:
    return is_hour(text[:2]) and is_sixtieth(text[2:])


_COUNTRIES_NUMERIC_WORDS = """
    004 008 010 012 016 020 024 028 031 032 036 040 044 048 050 051 052 056 060 064 068 070 072 074 076 084 086 090 092
    096 100 104 108 112 116 120 124 132 136 140 144 148 152 156 158 162 166 170 174 175 178 180 184 188 191 192 196 203
    204 208 212 214 218 222 226 231 232 233 234 238 239 242 246 248 250 254 258 260 262 266 268 270 275 276 288 292 296
    300 304 308 312 316 320 324 328 332 334 336 340 344 348 352 356 360 364 368 372 376 380 384 388 392 398 400 404 408
    410 414 417 418 422 426 428 430 434 438 440 442 446 450 454 458 462 466 470 474 478 480 484 492 496 498 499 500 504
    508 512 516 520 524 528 531 533 534 535 540 548 554 558 562 566 570 574 578 580 581 583 584 585 586 591 598 600 604
    608 612 616 620 624 626 630 634 638 642 643 646 652 654 659 660 662 663 666 670 674 678 682 686 688 690 694 702 703
    704 705 706 710 716 724 728 729 732 740 744 748 752 756 760 762 764 768 772 776 780 784 788 792 795 796 798 800 804
    807 818 826 831 832 833 834 840 850 854 858 860 862 876 882 887 894
"""
COUNTRIES_NUMERIC = frozenset(_COUNTRIES_NUMERIC_WORDS.split())  # ISO 3166-1 numeric

_COUNTRIES_ALPHA_2_WORDS = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
    CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
    GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
    KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
    MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
    SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
    UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES_ALPHA_2 = frozenset(_COUNTRIES_ALPHA_2_WORDS.split())  # ISO 3166-1 alpha-2

_CURRENCIES_NUMERIC_WORDS = """
    008 012 032 036 044 048 050 051 052 060 064 068 072 084 090 096 104 108 116 124 132 136 144 152 156 170 174 188 192
    203 208 214 222 230 232 238 242 262 270 292 320 324 328 332 340 344 348 352 356 360 364 368 376 388 392 396 398 400
    404 408 410 414 417 418 422 426 430 434 446 454 458 462 480 484 496 498 504 512 516 524 532 533 548 554 558 566 578
    586 590 598 600 604 608 634 643 646 654 682 690 702 704 706 710 728 748 752 756 760 764 776 780 784 788 800 807 818
    826 834 840 858 860 882 886 901 924 925 926 927 928 929 930 933 934 936 938 940 941 943 944 946 947 948 949 950 951
    952 953 955 956 957 958 959 960 961 962 963 964 965 967 968 969 970 971 972 973 975 976 977 978 979 980 981 984 985
    986 990 994 997 999
"""
CURRENCIES_NUMERIC = frozenset(_CURRENCIES_NUMERIC_WORDS.split())  # ISO 4217 numeric

_PACKAGES_WORDS = """
    1A 1B 1D 1F 1G 1W 200 201 202 203 204 205 206 210 211 212 2C 3A 3H 43 44 4A 4B 4C 4D 4F 4G 4H 5H 5L 5M 6H 6P 7A 7B
    8 8A 8B 8C 9 AA AB AC AD AF AG AH AI AJ AL AM AP APE AT AV B4 BB BC BD BE BF BG BGE BH BI BJ BK BL BM BME BN BO BP
    BQ BR BRI BS BT BU BV BW BX BY BZ CA CB CBL CC CCE CD CE CF CG CH CI CJ CK CL CM CN CO CP CQ CR CS CT CU CV CW CX CY
    CZ DA DB DC DG DH DI DJ DK DL DM DN DP DPE DR DS DT DU DV DW DX DY E1 E2 E3 EC ED EE EF EG EH EI EN FB FC FD FE FI
    FL FO FOB FP FPE FR FT FW FX GB GI GL GR GU GY GZ HA HB HC HG HN HR IA IB IC ID IE IF IG IH IK IL IN IZ JB JC JG JR
    JT JY KG KI LAB LE LG LT LU LV LZ MA MB MC ME MPE MR MS MT MW MX NA NE NF NG NS NT NU NV OA OB OC OD OE OF OK OPE OT
    OU P2 PA PAE PB PC PD PE PF PG PH PI PJ PK PL PLP PN PO POP PP PPE PR PT PU PUE PV PX PY PZ QA QB QC QD QF QG QH QJ
    QK QL QM QN QP QQ QR QS RB1 RB2 RB3 RCB RD RG RJ RK RL RO RT RZ S1 SA SB SC SD SE SEC SH SI SK SL SM SO SP SS ST STL
    SU SV SW SX SY SZ T1 TB TC TD TE TEV TG THE TI TK TL TN TO TR TRE TS TT TTE TU TV TW TWE TY TZ UC UN UUE VA VG VI VK
    VL VN VO VP VQ VR VS VY WA WB WC WD WF WG WH WJ WK WL WM WN WP WQ WR WRP WS WT WU WV WW WX WY WZ X11 X12 X15 X16 X17
    X18 X19 X20 X3 XA XB XC XD XF XG XH XJ XK YA YB YC YD YF YG YH YJ YK YL YM YN YP YQ YR YS YT YV YW YX YY YZ ZA ZB ZC
    ZD ZF ZG ZH ZJ ZK ZL ZM ZN ZP ZQ ZR ZS ZT ZU ZV ZW ZX ZY ZZ
"""
# UN/ECE Recommendation 21 as GS1's list of package types takes it over, with the types it adds.
PACKAGES = frozenset(_PACKAGES_WORDS.split())
# ICCBBA media types: 01 to 10 assigned, 80 to 99 for local use.
MEDIA_TYPES = frozenset(f"{number:02d}" for number in (*range(1, 11), *range(80, 100)))


@dataclass(frozen=True, slots=True)
class Rule:
    """``code`` is what ``BadElementString`` says when ``holds`` is false."""

    code: str
    holds: Callable[[str], bool]


_PREFIX_LENGTH = 4  # The shortest GS1 company prefix
# Ten-millionths of a degree, counted from the south pole and from 180 degrees west.
_MAX_LATITUDE, _MAX_LONGITUDE = 1_800_000_000, 3_600_000_000
_IBAN = re.compile(r"[A-Z]{2}[0-9A-Z]{9,}")  # More than ten characters; the character set of the part ends it at 34
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEQUENCE = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")
_PADDED = re.compile(r"[^=]*(={0,2})")


def _begins_with_prefix(text: str) -> bool:
    return len(text) >= _PREFIX_LENGTH and is_digits(text[:_PREFIX_LENGTH])


def _is_iban(text: str) -> bool:
    """ISO 13616: the number with its first four characters moved to the end, letters as 10 to 35, leaves 1 by 97."""
    if _IBAN.fullmatch(text) is None or text[:2] not in COUNTRIES_ALPHA_2:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _is_piece_of_total(text: str) -> bool:
    half = len(text) // 2
    return 1 <= int(text[:half]) <= int(text[half:])


def _is_place_in_sequence(text: str) -> bool:
    """Birth sequence, "2/3"."""
    match = _SEQUENCE.fullmatch(text)
    return match is not None and int(match[1]) <= int(match[2])


def _is_padded(text: str) -> bool:
    """At most two "=", at the end; then the length is a multiple of three (GS1 Barcode Syntax Dictionary)."""
    match = _PADDED.fullmatch(text)
    return match is not None and (not match[1] or len(text) % 3 == 0)


# The name in a row to the rule.
RULES: Mapping[str, Rule] = {
    "check": Rule("check_digit", has_valid_check_digit),
    "check_pair": Rule("check_pair", has_valid_check_pair),
    "prefix": Rule("prefix", _begins_with_prefix),
    "prefix2": Rule("prefix", lambda text: _begins_with_prefix(text[1:])),
    "date": Rule("date", is_date),
    "day0": Rule("date", is_date_or_month),
    "date4": Rule("date", is_long_date),
    "hh": Rule("time", is_hour),
    "mm": Rule("time", is_sixtieth),
    "ss": Rule("time", is_sixtieth),
    "hhmm": Rule("time", is_time),
    "country": Rule("country", COUNTRIES_NUMERIC.__contains__),
    "country999": Rule("country", lambda text: text == "999" or text in COUNTRIES_NUMERIC),
    "country2": Rule("country", COUNTRIES_ALPHA_2.__contains__),
    "currency": Rule("currency", CURRENCIES_NUMERIC.__contains__),
    "iban": Rule("iban", _is_iban),
    "percent": Rule("percent", lambda text: _STRAY_PERCENT.search(text) is None),
    "latitude": Rule("position", lambda text: int(text) <= _MAX_LATITUDE),
    "longitude": Rule("position", lambda text: int(text) <= _MAX_LONGITUDE),
    "piece": Rule("sequence", _is_piece_of_total),
    "sequence": Rule("sequence", _is_place_in_sequence),
    "media": Rule("code", MEDIA_TYPES.__contains__),
    "package": Rule("code", PACKAGES.__contains__),
    "sex": Rule("code", ["0", "1", "2", "9"].__contains__),
    "winding": Rule("code", ["0", "1", "9"].__contains__),
    "bit": Rule("code", ["0", "1"].__contains__),
    "importer": Rule("charset", lambda text: text.isascii() and text.replace("-", "A").replace("_", "A").isalnum()),
    "hyphen": Rule("charset", lambda text: text == "-" * len(text)),
    "letter": Rule("charset", lambda text: not is_digits(text)),
    "padding": Rule("charset", _is_padded),
    "zero": Rule("zero", lambda text: not text.strip("0")),
    "nonzero": Rule("zero", lambda text: bool(text.strip("0"))),
    "no_leading_zero": Rule("zero", lambda text: not text.startswith("0")),
}
