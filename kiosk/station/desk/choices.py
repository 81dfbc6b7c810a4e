"""What is chosen before the weight is agreed on: who, what, sold how, in which container, certified by whom."""

from __future__ import annotations

from dataclasses import replace

from kiosk.domain.catalog import Catalog
from kiosk.domain.identifiers import BadIdentifier, parse_internal_code
from kiosk.domain.intake import Intake
from kiosk.domain.trade import Mode, Party
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.result_screen import ResultScreen
from kiosk.station.desk.state import DeskState, as_desk_refusals
from kiosk.station.desk.view import (
    DeskRefused,
    DeskStep,
    DeskView,
    Draft,
    PanPhase,
    first_container,
    with_certificate_kind,
    with_certificate_shown,
    with_container,
)


class Choices:
    def __init__(self, state: DeskState, tools: DeskTools, result_screen: ResultScreen) -> None:
        self._state, self._tools, self._result_screen = state, tools, result_screen

    def begin(self) -> DeskView:
        """Go from home to who; do nothing on other screens, because a second tap is not an error."""
        with self._state.locks.acts, self._state.now():
            if self._state.draft.step is DeskStep.HOME:
                self._state.replace_draft(Draft(step=DeskStep.WHO))
            return self._state.publish()

    def scan(self, text: str) -> DeskView:
        """Start an intake by a member card; pass a bag's label on to the last screen; refuse all else by name."""
        try:
            code = parse_internal_code(text.strip())
        except BadIdentifier as error:
            raise DeskRefused("not_a_member_card", str(error)) from None
        if code.kind == "B":
            return self._result_screen.scan_bag(text.strip())
        if code.kind != "P":
            raise DeskRefused("not_a_member_card", f"this is a {code.name} code, not a member card")
        with self._state.locks.acts:
            _, catalog = self._catalog()
            member = catalog.member_by_card(text.strip())
            if member is None:
                raise DeskRefused("unknown_member")
            self.begin()
            return self._take_party(Party(member.number), by_card=True)

    def choose_party(self, text: str) -> DeskView:
        """Take ``non_member``, or the five digits of a member number with or without ``M-``."""
        try:
            party = Party.parse(text if text.startswith(("M-", "non_")) else f"M-{text}")
        except ValueError as error:
            raise DeskRefused("unknown_member", str(error)) from None
        with self._state.locks.acts:
            return self._take_party(party, by_card=False)

    def prove_member(self, member: str) -> DeskView:
        """Treat the typed number as proven by a code: from now on as with the card."""
        with self._state.locks.acts, self._state.at_step(DeskStep.WHAT):
            if self._state.draft.party != Party(member):
                raise DeskRefused("stale_page")
            self._state.replace_draft(replace(self._state.draft, by_card=True))
            return self._state.publish()

    def _take_party(self, party: Party, *, by_card: bool) -> DeskView:
        version, catalog = self._catalog()
        if not catalog.accepts_party(party):
            raise DeskRefused("unknown_member")
        with self._state.at_step(DeskStep.WHO):
            updated = replace(self._state.draft, party=party, by_card=by_card, catalog_version=version, catalog=catalog)
            self._state.replace_draft(replace(updated, step=DeskStep.WHAT))
            return self._state.publish()

    def choose_product(self, code: str, catalog_version: int) -> DeskView:
        """Start to agree on a product: take the receipt number (once per intake) and ask for the weight to be held."""
        with self._state.locks.acts:
            with self._state.at_step(DeskStep.WHAT):
                draft = self._state.draft
            product = draft.catalog.product(code)
            if catalog_version != draft.catalog_version:
                raise DeskRefused("stale_page")
            if product is None:
                raise DeskRefused("unknown_product")
            modes = draft.catalog.modes(code)
            container = first_container(draft.catalog)
            if not modes or container is None:
                raise DeskRefused("no_price")
            intake = self._open(draft, code, modes[0])
            with self._state.now():
                chosen = replace(draft, step=DeskStep.AGREE, phase=PanPhase.LOAD, product=product, intake=intake)
                self._state.replace_draft(with_container(chosen, container.code))
                self._state.pan.request_hold()
                return self._state.publish()

    def _open(self, draft: Draft, product: str, mode: Mode) -> Intake:
        price = draft.catalog.price(product, mode)
        if price is None or draft.party is None:
            raise DeskRefused("no_price")
        chosen = (draft.party, product, mode, draft.catalog_version, price)
        if draft.intake is not None:
            return Intake(draft.intake.receipt, *chosen)
        with as_desk_refusals():
            return self._tools.store.intakes.open(lambda receipt: Intake(receipt, *chosen), self._tools.stamps())

    def choose_mode(self, word: str) -> DeskView:
        """Choose sale or consignment, where the price list has both; not once a bag is fixed."""
        with self._state.locks.acts, self._state.at_step(DeskStep.AGREE):
            draft, intake = self._state.draft, self._state.need_intake()
            if word not in draft.catalog.modes(intake.product) or intake.lines:
                raise DeskRefused("no_price")
            mode = Mode(word)
            price = draft.catalog.price(intake.product, mode) or 0
            self._state.replace_draft(replace(draft, intake=replace(intake, mode=mode, price_fen_per_kg=price)))
            return self._state.publish()

    def choose_container(self, code: str) -> DeskView:
        """Choose the container of the goods; one that has to be weighed is weighed empty, before the goods."""
        with self._state.locks.acts, self._state.at_step(DeskStep.AGREE):
            self._state.replace_draft(with_container(self._state.draft, code))
            return self._state.publish()

    def show_certificate(self, text: str) -> DeskView:
        """Take the reference of a batch's certificate from the scanner while a villager is at the screen."""
        with self._state.locks.acts, self._state.now():
            if self._state.draft.step not in (DeskStep.WHO, DeskStep.WHAT, DeskStep.AGREE):
                raise DeskRefused("wrong_step")
            self._state.replace_draft(with_certificate_shown(self._state.draft, text))
            return self._state.publish()

    def choose_certificate(self, kind: str) -> DeskView:
        """Set who issued the certificate that was shown: ``producer``, ``cooperative``; ``none`` drops it."""
        with self._state.locks.acts, self._state.at_step(DeskStep.AGREE):
            self._state.replace_draft(with_certificate_kind(self._state.draft, kind))
            return self._state.publish()

    def _catalog(self) -> tuple[int, Catalog]:
        with as_desk_refusals():
            return self._tools.store.catalogs.get()
