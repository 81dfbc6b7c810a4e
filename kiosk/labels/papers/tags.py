"""Cards and tags: who a member is, which tote this is, which seal is on it."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.labels.documents import check_copy
from kiosk.labels.label_page import LabelContent, draw_label
from kiosk.labels.layout import SHIPPED, Layouts
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import copy_text, day_and_place, place
from kiosk.labels.typesetting.shaping import clean, isolate, isolate_name
from kiosk.protocols.printers.page_setup import PrintHead


@dataclass(frozen=True, slots=True)
class MemberCard:
    """What a member shows instead of saying a number. No name and no telephone: a lost card tells nobody whose it is.

    ``member`` is the number people say, ``code`` its internal code (type P); ``date`` the day of issue.
    """

    member: str
    code: str
    station: str
    date: str | None
    zone: str
    village: str = ""
    county: str = ""
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        check_copy(self.copy_no)


@dataclass(frozen=True, slots=True)
class ToteTag:
    """A tote on its way to the sorting center. ``code`` is its internal code (type T), ``tote`` what people read."""

    tote: str
    code: str
    station: str
    date: str | None
    zone: str
    destination: str = ""
    village: str = ""
    county: str = ""
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        check_copy(self.copy_no)


@dataclass(frozen=True, slots=True)
class SealTag:
    """The seal of a tote. ``code`` is its internal code (type Z), ``seal`` what people read; no seal has a copy."""

    seal: str
    code: str
    station: str
    date: str | None
    zone: str
    tote: str = ""
    village: str = ""
    county: str = ""


def render_member_label(data: MemberCard, head: PrintHead, layouts: Layouts = SHIPPED) -> Raster:
    """The card on 60 x 40 mm label stock. Raises SymbolTooWide, NotEncodable, FontProblem."""
    return draw_label(layouts.of("member"), member_content(data), head)


def render_member_card(data: MemberCard, head: PrintHead) -> Raster:
    return draw_label(SHIPPED.of("member_card"), member_content(data), head)


def render_tote_tag(data: ToteTag, head: PrintHead, layouts: Layouts = SHIPPED) -> Raster:
    return draw_label(layouts.of("tote"), tote_content(data), head)


def render_seal_tag(data: SealTag, head: PrintHead, layouts: Layouts = SHIPPED) -> Raster:
    return draw_label(layouts.of("seal"), seal_content(data), head)


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
