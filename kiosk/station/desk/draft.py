"""The intake in front of the desk: a frozen draft, replaced at every step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kiosk.domain.catalog import EMPTY_CATALOG, Catalog, Container, Product
from kiosk.domain.intake import Intake, IntakeRefused, TareSource, Weighing
from kiosk.domain.metrology.pan import Hold
from kiosk.domain.trade import Certificate, CertificateKind, Mode, Party
from kiosk.station.desk.view import BAG_LABEL, DeskRefused, DeskStep, PanPhase, PhotoView, PrintView
from kiosk.store.shared.records import ConfirmedRow

NO_PHOTO = PhotoView()


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been chosen so far. The catalog is the one whose version was on the screen."""

    step: DeskStep = DeskStep.HOME
    phase: PanPhase = PanPhase.LOAD
    version: int = 0
    catalog: Catalog = EMPTY_CATALOG
    party: Party | None = None
    by_card: bool = False  # The party was told by a member card; a number anybody can type opens no name
    product: Product | None = None
    container: Container | None = None
    tare_g: int = 0
    tare_source: TareSource = TareSource.PRESET
    intake: Intake | None = None
    result: ConfirmedRow | None = None
    prints: tuple[PrintView, ...] = ()
    scans_bags: bool = False  # The last screen asks for the label of each bag under the scanner
    photo: PhotoView = NO_PHOTO
    shown_ref: str = ""  # A certificate was held under the scanner; whose it is has not been said yet
    certificate: Certificate | None = None

    @property
    def mode(self) -> Mode | None:
        """Purchase or consignment, once goods are chosen."""
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


def with_load(draft: Draft, hold: Hold) -> Intake:
    """The intake with the held load as its next bag. Raises DeskRefused with the word of the rule that forbids it."""
    if draft.intake is None or draft.container is None:
        raise DeskRefused("nothing_weighed", "no goods have been chosen")
    weighing = Weighing(hold.grams, hold.reading_no, hold.load_no, hold.stable_ms, hold.readings, hold.frames)
    try:
        return draft.intake.with_bag(weighing, draft.container.code, draft.tare_source, draft.tare_g)
    except IntakeRefused as error:
        raise DeskRefused(error.code, str(error)) from None


def first_container(catalog: Catalog) -> Container | None:
    """The container offered first: the first one in the list that needs no weighing."""
    return next((row for row in catalog.containers if not row.weighed), None)


def with_container(draft: Draft, code: str) -> Draft:
    """What the next goods stand in; one that has to be weighed is weighed empty first. Raises DeskRefused."""
    container = draft.catalog.container(code)
    if container is None:
        raise DeskRefused("unknown_container")
    phase = PanPhase.CONTAINER if container.weighed else PanPhase.LOAD
    return replace(draft, container=container, phase=phase, tare_g=container.tare_g, tare_source=TareSource.PRESET)


_REFERENCE = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9.-]{5,39}")  # Longer than a shelf or a price, and never a word


def with_certificate_shown(draft: Draft, text: str) -> Draft:
    """The reference on a certificate of the batch. Raises DeskRefused: not_a_certificate."""
    reference = text.strip().upper()
    if not _REFERENCE.fullmatch(reference):
        raise DeskRefused("not_a_certificate")
    return replace(draft, shown_ref=reference)


def with_certificate_kind(draft: Draft, kind: str) -> Draft:
    """Whose it is, or ``none``: it is not this batch's. Raises DeskRefused: stale_page."""
    if not draft.shown_ref or kind not in set(CertificateKind):
        raise DeskRefused("stale_page")
    if kind == CertificateKind.NONE:
        return replace(draft, shown_ref="", certificate=None)
    return replace(draft, shown_ref="", certificate=Certificate(CertificateKind(kind), draft.shown_ref))
