"""Sample data of every label that may have a layout of one's own. No code of a sample is one of the station's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.labels.documents import SAMPLE_CODE, SAMPLE_ORIGIN
from kiosk.labels.label_page import LabelContent
from kiosk.labels.papers.bag_label import BAG_SAMPLE, CRATE_SAMPLE, bag_content, crate_content
from kiosk.labels.papers.parcel import ParcelLabel, parcel_content
from kiosk.labels.papers.tags import MemberCard, SealTag, ToteTag, member_content, seal_content, tote_content

_PARCEL: Final = ParcelLabel(
    "A-8-88", "P-0000-A-000000", "CHINAPOST", "0000", SAMPLE_CODE, station="S0000", **SAMPLE_ORIGIN
)
_MEMBER: Final = MemberCard("M-00000", SAMPLE_CODE, station="S0000", **SAMPLE_ORIGIN)
_TOTE: Final = ToteTag("T-0000-A-000000", SAMPLE_CODE, station="S0000", destination="喀什", **SAMPLE_ORIGIN)
_SEAL: Final = SealTag("Z-0000-000000", SAMPLE_CODE, station="S0000", tote="T-0000-A-000000", **SAMPLE_ORIGIN)

SAMPLES: Final[Mapping[str, LabelContent]] = {
    "bag": bag_content(BAG_SAMPLE),
    "crate": crate_content(CRATE_SAMPLE),
    "parcel": parcel_content(_PARCEL),
    "member": member_content(_MEMBER),
    "tote": tote_content(_TOTE),
    "seal": seal_content(_SEAL),
}
