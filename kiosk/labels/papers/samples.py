"""Sample data of every label that may have a layout of one's own. No code of a sample is one of the station's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.labels.documents import BagLabel, CrateLabel, MemberCard, ParcelLabel, SealTag, ToteTag
from kiosk.labels.label_page import LabelContent
from kiosk.labels.papers.bag_label import bag_content, crate_content
from kiosk.labels.papers.parcel import parcel_fields
from kiosk.labels.papers.tags import member_content, seal_content, tote_content

_CODE: Final = "TEST"
_VILLAGE, _COUNTY = "ئۈستۈن ئاتۇش", "阿图什市"
_DATE, _ZONE = "2026-11-25", "Asia/Urumqi"

_BAG: Final = BagLabel(
    "بادام 1-دەرىجە",
    "巴旦木",
    "Badam almonds",
    12_480,
    lot_code=_CODE,
    receipt="0000-A-000000",
    station="S0000",
    bag=2,
    bags=12,
    mode="consignment",
    not_for_trade=True,
    bag_code=_CODE,
    in_store="2099999000007",
    producer="M-00000",
    grade_ug="1-دەرىجە",
    grade_zh="一级",
    grade_en="first grade",
    harvest="2026-09",
    village=_VILLAGE,
    county=_COUNTY,
    date=_DATE,
    zone=_ZONE,
)
_PARCEL: Final = ParcelLabel(
    "A-8-88", "P-0000-A-000000", "CHINAPOST", "0000", _CODE, _DATE, _ZONE, "S0000", village=_VILLAGE, county=_COUNTY
)
_CRATE: Final = CrateLabel(
    "قۇرۇق ئۈزۈم",
    "葡萄干",
    "Raisins",
    412_480,
    code=_CODE,
    lot_code=_CODE,
    station="S0000",
    gross_g=420_000,
    bags=12,
    crate=2,
    not_for_trade=True,
    producer="M-00000",
    grade_ug="1-دەرىجە",
    grade_zh="一级",
    grade_en="first grade",
    harvest="2026-09",
    village=_VILLAGE,
    county=_COUNTY,
    date=_DATE,
    zone=_ZONE,
)
_MEMBER: Final = MemberCard("M-00000", _CODE, "S0000", _DATE, _ZONE, _VILLAGE, _COUNTY)
_TOTE: Final = ToteTag("T-0000-A-000000", _CODE, "S0000", _DATE, _ZONE, "喀什", _VILLAGE, _COUNTY)
_SEAL: Final = SealTag("Z-0000-000000", _CODE, "S0000", _DATE, _ZONE, "T-0000-A-000000", _VILLAGE, _COUNTY)

SAMPLES: Final[Mapping[str, LabelContent]] = {
    "bag": bag_content(_BAG),
    "crate": crate_content(_CRATE),
    "parcel": LabelContent(parcel_fields(_PARCEL), _CODE),
    "member": member_content(_MEMBER),
    "tote": tote_content(_TOTE),
    "seal": seal_content(_SEAL),
}
