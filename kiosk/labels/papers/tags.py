"""Cards and tags: who a member is, which tote this is, which seal is on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.labels.documents import Paper, check_copy
from kiosk.labels.label_page import LabelContent, LabelRenderer
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.strip_parts import copy_text, day_and_place, place
from kiosk.labels.typesetting.shaping import clean, isolate, isolate_name


@dataclass(frozen=True, slots=True)
class MemberCard(Paper):
    """A card that a member shows instead of stating a number. No name and no telephone: a lost card identifies no one.

    ``member`` is the number that members state, ``code`` its internal code (type P); ``date`` the day of issue.
    """

    member: str
    code: str
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        check_copy(self.copy_no)


@dataclass(frozen=True, slots=True)
class ToteTag(Paper):
    """A tote on its way to the sorting center. ``code`` is its internal code (type T), ``tote`` what people read."""

    tote: str
    code: str
    destination: str = ""
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        check_copy(self.copy_no)


@dataclass(frozen=True, slots=True)
class SealTag(Paper):
    """The seal of a tote. ``code`` is its internal code (type Z), ``seal`` what people read; no seal has a copy."""

    seal: str
    code: str
    tote: str = ""


def member_content(data: MemberCard) -> LabelContent:
    heading = paper_text("heading")
    texts = {
        "heading_ug": heading.ug,
        "heading_zh": heading.zh,
        "heading_en": heading.en,
        "member_caption": paper_text("member").caption(),
        "member": clean(data.member),
        "code": clean(data.code),
        "place": place(data.village, data.county),
        "station": clean(data.station),
        "date": clean(data.date or ""),
        "copy": copy_text(data.copy, data.copy_no),
    }
    return LabelContent(texts, data.code, {"code": data.code})


def tote_content(data: ToteTag) -> LabelContent:
    destination = clean(data.destination)
    line = f"{paper_text('destination').caption()} {isolate_name(destination)}" if destination else ""
    return _tag("tote", data, data.tote, {"line": line, "copy": copy_text(data.copy, data.copy_no)})


def seal_content(data: SealTag) -> LabelContent:
    tote = clean(data.tote)
    line = f"{paper_text('tote').caption()} {isolate(tote)}" if tote else ""
    return _tag("seal", data, data.seal, {"line": line})


def _tag(kind: str, data: ToteTag | SealTag, number: str, more: dict[str, str]) -> LabelContent:
    name = paper_text(kind)
    where = day_and_place(data.date, data.village, data.county)
    texts = {
        "caption_ug": name.ug,
        "caption": f"{name.zh} {name.en}",
        "number": clean(number),
        "place": " · ".join(filter(None, (isolate(clean(data.station)), where))),
        "code": clean(data.code),
        **more,
    }
    return LabelContent(texts, data.code, {"code": data.code})


render_member_label: Final = LabelRenderer("member", member_content)
render_member_card: Final = LabelRenderer("member_card", member_content)  # Of the size of a bank card
render_tote_tag: Final = LabelRenderer("tote", tote_content)
render_seal_tag: Final = LabelRenderer("seal", seal_content)
