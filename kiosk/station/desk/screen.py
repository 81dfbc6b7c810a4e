"""What the screen shows of a draft and the pan in front of it."""

from __future__ import annotations

from kiosk.domain.intake import IntakeRefused
from kiosk.domain.metrology.pan import Lock
from kiosk.station.desk.draft import Draft, bag_views
from kiosk.station.desk.view import BagView, DeskView, Phase, Step
from kiosk.station.desk.watched_pan import WatchedPan


def view_of(draft: Draft, watched: WatchedPan, revision: int, token: str) -> DeskView:
    """Everything a page needs. A weight that is locked stands as the next bag; it is fixed by nothing but a tap."""
    pan = watched.view()
    intake = draft.intake if draft.step in (Step.AGREE, Step.TAKE) else None
    current, problem = _current(draft, pan.lock) if draft.step is Step.AGREE else (None, None)
    bags = draft.bags() if intake else ()
    fixed_only = bool(bags) and pan.lock is None and watched.empty and draft.phase is Phase.LOAD
    return DeskView(
        step=draft.step,
        phase=draft.phase,
        revision=revision,
        token=token,
        reading_no=pan.lock.reading_no if pan.lock else 0,
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
        shown_ref=draft.shown_ref,
        certificate=draft.certificate,
    )


def _current(draft: Draft, lock: Lock | None) -> tuple[BagView | None, str | None]:
    """The locked load as the next bag, or why it cannot be one."""
    if lock is None or draft.intake is None or draft.phase is not Phase.LOAD:
        return None, None
    try:
        return bag_views(draft.with_load(lock))[-1], None
    except IntakeRefused as error:
        return None, error.code
