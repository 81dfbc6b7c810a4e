"""Sample data of every label that may have a separate layout."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from kiosk.labels.documents import SAMPLE_ORIGIN
from kiosk.labels.label_page import LabelContent
from kiosk.labels.papers.bag_label import BagLabel, CrateLabel, bag_content, crate_content
from kiosk.labels.papers.parcel import ParcelLabel, parcel_content
from kiosk.labels.papers.tags import MemberCard, SealTag, ToteTag, member_content, seal_content, tote_content

_ROWS: Final = {
    kind: {**SAMPLE_ORIGIN, **row}
    for kind, row in tomllib.loads(Path(__file__).with_name("samples.toml").read_text(encoding="utf-8")).items()
}
BAG_SAMPLE: Final = msgspec.convert(_ROWS["bag"], BagLabel)
SAMPLES: Final[Mapping[str, LabelContent]] = {
    "bag": bag_content(BAG_SAMPLE),
    "crate": crate_content(msgspec.convert(_ROWS["crate"], CrateLabel)),
    "parcel": parcel_content(msgspec.convert(_ROWS["parcel"], ParcelLabel)),
    "member": member_content(msgspec.convert(_ROWS["member"], MemberCard)),
    "tote": tote_content(msgspec.convert(_ROWS["tote"], ToteTag)),
    "seal": seal_content(msgspec.convert(_ROWS["seal"], SealTag)),
}
