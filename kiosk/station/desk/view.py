"""What the screens show of the desk: frozen values, replaced whenever something changed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import partial
from typing import Final

from kiosk.base.refused import Refused
from kiosk.domain.catalog import EMPTY_CATALOG, Catalog, Container, Product
from kiosk.domain.intake import Intake, IntakeLine, IntakeRefused, TareSource, Weighing
from kiosk.domain.metrology.pan import Hold, Pan, PanView
from kiosk.domain.trade import Certificate, CertificateKind, Mode, Party
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
    """One shot of a lot or parcel. ``token`` identifies this very shot: by it the requester recognizes its own answer,
    and does not accept that of another request for the same lot.
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
    ``token`` is that of the ``PhotoRequest``.
    """

    state: str = "none"
    sha256: str | None = None  # Of the master, or of a parcel's plain shot
    problem: str | None = None
    findings: tuple[Finding, ...] = ()
    tries: int = 0
    may_be_overruled: bool = False
    token: str = field(default="", repr=False)


NO_PHOTO = PhotoView()


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been chosen so far. The catalog is the one whose version was on the screen."""

    step: DeskStep = DeskStep.HOME
    phase: PanPhase = PanPhase.LOAD
    catalog_version: int = 0
    catalog: Catalog = field(default=EMPTY_CATALOG, repr=False)
    party: Party | None = None
    by_card: bool = False  # The party has the card, or proved its number by a code: a number alone opens no name
    product: Product | None = None
    container: Container | None = None
    tare_g: int = 0
    tare_source: TareSource = TareSource.PRESET
    intake: Intake | None = None
    result: ConfirmedRow | None = None
    prints: tuple[PrintView, ...] = ()
    scans_bags: bool = False  # The last screen asks for the label of each bag under the scanner
    photo: PhotoView = NO_PHOTO
    shown_ref: str = ""  # A certificate was held under the scanner; whose it is has not been stated yet
    certificate: Certificate | None = None

    @property
    def mode(self) -> Mode | None:
        return self.intake.mode if self.intake else None

    @property
    def scanned_bags(self) -> Mapping[int, bool]:
        """By bag, whether its label was scanned; empty where nobody asks for it."""
        is_required = self.scans_bags and self.result is not None and not self.result.voided
        labels = [row for row in self.prints if row.document == BAG_LABEL] if is_required else []
        return {row.bag: row.scanned for row in sorted(labels, key=lambda row: row.bag)}

    @property
    def member_name(self) -> str | None:
        """The short name for the screen of whoever has the card; never leaves the station."""
        member_number = self.party.member if self.party and self.by_card else None
        member = self.catalog.member(member_number) if member_number else None
        return member.short_name if member else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskView(Draft):
    """The draft as a page shows it; a page that posts sends back ``reading_no`` and ``token`` as shown here."""

    revision: int
    token: str = field(repr=False)
    pan: PanView
    modes: tuple[Mode, ...]
    price_fen_per_kg: int | None
    bags: tuple[IntakeLine, ...]  # Those that are fixed
    current: IntakeLine | None  # The held load as the next bag; it is fixed by nothing but a tap
    can_agree: bool
    tare_problem: str | None
    receipt: str | None

    @property
    def reading_no(self) -> int:
        return self.pan.hold.reading_no if self.pan.hold else 0

    @property
    def can_add_bag(self) -> bool:
        return self.current is not None

    @property
    def total_net_g(self) -> int:
        return sum(bag.net_g for bag in self._counted)

    @property
    def total_amount_fen(self) -> int:
        return sum(bag.amount_fen for bag in self._counted)

    @property
    def _counted(self) -> tuple[IntakeLine, ...]:
        return (*self.bags, self.current) if self.current else self.bags


def view_of(draft: Draft, pan: Pan, revision: int, token: str) -> DeskView:
    hold = pan.view().hold
    intake = draft.intake if draft.step in (DeskStep.AGREE, DeskStep.TAKE) else None
    current, problem = _current(draft, hold) if draft.step is DeskStep.AGREE else (None, None)
    bags = intake.lines if intake else ()
    fixed_only = bool(bags) and hold is None and pan.empty and draft.phase is PanPhase.LOAD
    return DeskView(
        **{row.name: getattr(draft, row.name) for row in fields(Draft)},
        revision=revision,
        token=token,
        pan=pan.view(),
        modes=draft.catalog.modes(intake.product) if intake else (),
        price_fen_per_kg=intake.price_fen_per_kg if intake else None,
        bags=bags,
        current=current,
        can_agree=not draft.shown_ref and (current is not None or fixed_only),
        tare_problem=problem,
        receipt=str(intake.receipt) if intake else None,
    )


def _current(draft: Draft, hold: Hold | None) -> tuple[IntakeLine | None, str | None]:
    """Return the held load as the next bag, or why it cannot be one."""
    if hold is None or draft.intake is None or draft.phase is not PanPhase.LOAD:
        return None, None
    try:
        return with_load(draft, hold).lines[-1], None
    except DeskRefused as refused:
        return None, refused.code


def with_load(draft: Draft, hold: Hold) -> Intake:
    """Add the held load as the next bag. Raises DeskRefused with the word of the rule that forbids it."""
    if draft.intake is None or draft.container is None:
        raise DeskRefused("nothing_weighed", "no goods have been chosen")
    weighing = Weighing(hold.grams, hold.reading_no, hold.load_no, hold.stable_ms, hold.readings, hold.frames)
    try:
        return draft.intake.with_bag(weighing, draft.container.code, draft.tare_source, draft.tare_g)
    except IntakeRefused as error:
        raise DeskRefused(error.code, str(error)) from None


def first_container(catalog: Catalog) -> Container | None:
    """Return the container offered first: the first one in the list that needs no weighing."""
    return next((row for row in catalog.containers if not row.weighed), None)


def with_container(draft: Draft, code: str) -> Draft:
    """Set the container of the next goods; one that has to be weighed is weighed empty first. Raises DeskRefused."""
    container = draft.catalog.container(code)
    if container is None:
        raise DeskRefused("unknown_container")
    phase = PanPhase.CONTAINER if container.weighed else PanPhase.LOAD
    return replace(draft, container=container, phase=phase, tare_g=container.tare_g, tare_source=TareSource.PRESET)


_REFERENCE = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9.-]{5,39}")  # Longer than a shelf or a price, and never a word


def with_certificate_shown(draft: Draft, text: str) -> Draft:
    """Set the reference on a certificate of the batch. Raises DeskRefused: not_a_certificate."""
    reference = text.strip().upper()
    if not _REFERENCE.fullmatch(reference):
        raise DeskRefused("not_a_certificate")
    return replace(draft, shown_ref=reference)


def with_certificate_kind(draft: Draft, kind: str) -> Draft:
    """Set who issued it; ``none``: it is not this batch's. Raises DeskRefused: stale_page."""
    if not draft.shown_ref or kind not in set(CertificateKind):
        raise DeskRefused("stale_page")
    if kind == CertificateKind.NONE:
        return replace(draft, shown_ref="", certificate=None)
    return replace(draft, shown_ref="", certificate=Certificate(CertificateKind(kind), draft.shown_ref))
