"""What the screen shows of a draft and the pan in front of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.intake import IntakeLine
from kiosk.domain.metrology.pan import Hold
from kiosk.station.desk.draft import Draft, with_load
from kiosk.station.desk.ports import PanReader
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, PanPhase


@dataclass(frozen=True, slots=True)
class ScreenPage:
    """Which page stands on the screen: a new one has the next ``revision`` and a ``token`` of its own."""

    revision: int
    token: str = field(repr=False)


def view_of(draft: Draft, reader: PanReader, page: ScreenPage) -> DeskView:
    """Everything a page needs. A weight that is held stands as the next bag; it is fixed by nothing but a tap."""
    pan = reader.view()
    intake = draft.intake if draft.step in (DeskStep.AGREE, DeskStep.TAKE) else None
    current, problem = _current(draft, pan.hold) if draft.step is DeskStep.AGREE else (None, None)
    bags = intake.lines if intake else ()
    fixed_only = bool(bags) and pan.hold is None and reader.empty and draft.phase is PanPhase.LOAD
    return DeskView(
        step=draft.step,
        phase=draft.phase,
        revision=page.revision,
        token=page.token,
        reading_no=pan.hold.reading_no if pan.hold else 0,
        pan=pan,
        catalog_version=draft.version,
        catalog=draft.catalog,
        party=draft.party,
        member_name=draft.member_name,
        product=draft.product,
        mode=draft.mode,
        modes=draft.catalog.modes(intake.product) if intake else (),
        price_fen_per_kg=intake.price_fen_per_kg if intake else None,
        container=draft.container,
        tare_g=draft.tare_g,
        bags=bags,
        current=current,
        total_net_g=sum(bag.net_g for bag in bags) + (current.net_g if current else 0),
        total_amount_fen=sum(bag.amount_fen for bag in bags) + (current.amount_fen if current else 0),
        can_agree=not draft.shown_ref and (current is not None or fixed_only),
        can_add_bag=current is not None,
        tare_problem=problem,
        receipt=str(intake.receipt) if intake else None,
        result=draft.result,
        prints=draft.prints,
        photo=draft.photo,
        scanned_bags=draft.scanned_bags,
        shown_ref=draft.shown_ref,
        certificate=draft.certificate,
    )


def _current(draft: Draft, hold: Hold | None) -> tuple[IntakeLine | None, str | None]:
    """The held load as the next bag, or why it cannot be one."""
    if hold is None or draft.intake is None or draft.phase is not PanPhase.LOAD:
        return None, None
    try:
        return with_load(draft, hold).lines[-1], None
    except DeskRefused as refused:
        return None, refused.code
