"""What the screens show of the desk: frozen values, made anew whenever something changed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from kiosk.base.refused import Refused
from kiosk.domain.catalog import Catalog, Container, Product
from kiosk.domain.intake import IntakeLine
from kiosk.domain.metrology.pan import PanView
from kiosk.domain.trade import Certificate, Mode, Party
from kiosk.domain.verdict import Finding
from kiosk.store.shared.records import ConfirmedRow


class DeskStep(StrEnum):
    """One question per screen."""

    HOME = "home"
    WHO = "who"
    WHAT = "what"
    AGREE = "agree"
    TAKE = "take"


class PanPhase(StrEnum):
    """What belongs on the pan while people agree."""

    LOAD = "load"
    CONTAINER = "container"  # The empty container is weighed first


class DeskRefused(Refused):
    """A step at the desk cannot be taken now."""


BAG_LABEL: Final = "bag_label"  # The document that is the label of a bag


@dataclass(frozen=True, slots=True)
class PrintView:
    """One paper of the intake just booked; ``state`` is queued, sending, printed or unknown.

    ``scanned``: it is the label of a bag that was scanned after sticking.
    """

    document: str
    bag: int
    state: str
    scanned: bool = False


PHOTO_TRIES: Final = 3  # So many shots of one lot may be refused; then a clerk helps

# States of a PhotoView in which the screen asks for a shot.
PHOTO_REQUEST_STATES: Final = frozenset({"offered", "retake"})


@dataclass(frozen=True, slots=True)
class PhotoRequest:
    """One shot of a lot or parcel. ``token`` is of this very shot: who asked knows by it which answer is theirs, and
    takes none for it that somebody else's shot of the same lot has.
    """

    subject: str
    token: str = field(default_factory=partial(secrets.token_urlsafe, 12), repr=False)


@dataclass(frozen=True, slots=True)
class PhotoView:
    """The shot of the goods.

        none       nobody wants one
        offered    it may be taken
        taking     it is taken and judged; there is no verdict yet
        retake     it was not accepted, for every one of ``findings``; ``tries`` of PHOTO_TRIES are spent
        help       the same after the last try: a clerk helps
        done       it was accepted, or a clerk overruled it, and it is kept
        failed     there is none; ``problem`` says why

    A page shows ``gone`` for one that is done and has left the card since. ``may_be_overruled`` is for a clerk.
    """

    state: str = "none"
    sha256: str | None = None  # Of the master, or of a parcel's plain shot
    problem: str | None = None
    findings: tuple[Finding, ...] = ()
    tries: int = 0
    may_be_overruled: bool = False
    token: str = field(default="", repr=False)  # Of the AskedShot that this tells of; "" before the first


@dataclass(frozen=True, slots=True)
class DeskView:
    """Everything a page needs; a page that posts sends back ``reading_no`` and ``token`` as shown here."""

    step: DeskStep
    phase: PanPhase
    revision: int
    token: str = field(repr=False)
    reading_no: int
    pan: PanView
    catalog_version: int
    catalog: Catalog = field(repr=False)
    party: Party | None
    member_name: str | None  # Only when the member was told by a card
    product: Product | None
    mode: Mode | None
    modes: tuple[Mode, ...]
    price_fen_per_kg: int | None
    container: Container | None
    tare_g: int
    bags: tuple[IntakeLine, ...]  # Those that are fixed
    current: IntakeLine | None  # The held load as the next bag; it is fixed by nothing but a tap
    total_net_g: int
    total_amount_fen: int
    can_agree: bool
    can_add_bag: bool
    tare_problem: str | None
    receipt: str | None
    result: ConfirmedRow | None
    prints: tuple[PrintView, ...]
    photo: PhotoView
    # Where bags are scanned after sticking, those that have a label, and whether it was scanned; else empty.
    scanned_bags: Mapping[int, bool]
    shown_ref: str = ""  # A certificate was shown: whose it is has to be said before anything is agreed on
    certificate: Certificate | None = None
