"""The desk: one intake at a time, from the empty pan to the paper in the hand.

Two locks. ``_acts`` lets one touch after the other through, from its check to its end, disk included. ``_lock``
guards the pan and the draft for microseconds only, so the scale is never made to wait for the disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import TypeVar

from kiosk.devices.ports import LinkState
from kiosk.domain.catalog import Catalog
from kiosk.domain.identifiers import BadIdentifier, parse_internal_code
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake, IntakeRefused, TareSource
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.pan import Lock, NotBookable, PanView
from kiosk.domain.metrology.pan_journal import Before
from kiosk.domain.trade import Mode, Party
from kiosk.protocols.scales.reading import Reading
from kiosk.station.desk import draft as drafts
from kiosk.station.desk.draft import Draft
from kiosk.station.desk.errors import refusing
from kiosk.station.desk.screen import view_of
from kiosk.station.desk.tools import DeskTools
from kiosk.station.desk.unfinished import AGAIN_S, KEPT_S, Kept, Unfinished
from kiosk.station.desk.view import DeskRefused, DeskView, Phase, PhotoView, PrintView, Step
from kiosk.station.desk.watched_pan import WatchedPan
from kiosk.store.records import ChosenGoods, ConfirmedRow

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Desk:
    """Thread-safe. Every act returns the new view or raises DeskRefused and leaves everything as it was."""

    def __init__(self, profile: ScaleProfile, tools: DeskTools) -> None:
        self._tools = tools
        self._acts = threading.RLock()
        self._lock = threading.RLock()
        self._read_turns, self._read_at = count(1), 0
        self._pan = WatchedPan(profile, tools.on_note)
        self._draft = Draft()
        self._revision = 1
        self._token = tools.new_token()
        self._shown: tuple[object, ...] = ()
        self._started_load = 0
        self._kept: Kept | None = None

    def resume(self, before: Before) -> None:
        """Before the first reading: what the last run knew of the pan."""
        with self._lock:
            self._pan.begin(before)

    def close_pan(self) -> None:
        """After the last reading: the journal of the pan tells what is left to tell."""
        with self._lock:
            self._pan.stop()

    # --- the scale speaks (its own thread) -------------------------------------------------------------------------

    def on_reading(self, reading: Reading, at: float) -> None:
        """Take one decoded frame; ``at`` in monotonic seconds."""
        with self._lock:
            before = self._pan.view().lock
            self._pan.feed(reading, at)
            self._pan.look(self._tools.clock())  # it may have come in before the process was stopped
            after = self._pan.view()
            self._after_pan(before, after)
            self._start_by_load(after)
            self._tell(self._pan.view())

    def on_expired(self, at: float) -> None:
        """Nothing usable has come for the stale time."""
        self._lose()

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        """The way to the scale changed."""
        self._tools.on_scale(state)
        if state is not LinkState.CONNECTED:
            self._lose()

    def _lose(self) -> None:
        with self._lock:
            before = self._pan.view().lock
            after = self._pan.lose()
            self._after_pan(before, after)
            self._tell(after)

    def _look(self) -> bool:
        """Nobody tells a process that it was stopped: what is too old by now is lost before anything trusts it."""
        before = self._pan.view().lock
        lost = self._pan.look(self._tools.clock())
        if lost:
            self._after_pan(before, self._pan.view())
            self._tell(self._pan.view())
        return lost

    def _after_pan(self, before: Lock | None, after: PanView) -> None:
        """A page that shows another locked weight than the one that holds now is a stale page."""
        if self._draft.step is Step.AGREE and before != after.lock:
            self._turn_page()

    def _start_by_load(self, after: PanView) -> None:
        """Goods put on the empty pan start by themselves, once per load."""
        if self._draft.step not in (Step.HOME, Step.TAKE) or after.load_no == self._started_load:
            return
        heavy = after.grams is not None and after.grams >= self._pan.profile.min_g
        if heavy and after.why_not in (None, NotBookable.UNSTABLE, NotBookable.ABOVE_MAX):
            self._started_load = after.load_no
            self._set(Draft(step=Step.WHO))

    # --- people act (web threads) ----------------------------------------------------------------------------------

    def view(self) -> DeskView:
        """What to show now."""
        with self._now():
            return self._make_view()

    def begin(self) -> DeskView:
        """Home to who; anywhere else nothing happens, because a second tap is not an error."""
        with self._acts, self._now():
            if self._draft.step is Step.HOME:
                self._set(Draft(step=Step.WHO))
            return self._publish()

    def scan(self, text: str) -> DeskView:
        """A member card starts an intake by itself; everything else is named and refused."""
        try:
            code = parse_internal_code(text.strip())
        except BadIdentifier as error:
            raise DeskRefused("not_a_member_card", str(error)) from None
        if code.kind != "P":
            raise DeskRefused("not_a_member_card", f"this is a {code.name} code, not a member card")
        with self._acts:
            _, catalog = self._catalog()
            member = catalog.member_by_card(text.strip())
            if member is None:
                raise DeskRefused("unknown_member")
            self.begin()
            return self._take_party(Party(member.number), by_card=True)

    def show_certificate(self, text: str) -> DeskView:
        """The reference of a batch's certificate, held under the scanner while somebody is at the screen."""
        with self._acts, self._now():
            if self._draft.step not in (Step.WHO, Step.WHAT, Step.AGREE):
                raise DeskRefused("wrong_step")
            self._set(drafts.with_certificate_shown(self._draft, text))
            return self._publish()

    def choose_certificate(self, kind: str) -> DeskView:
        """Who issued the certificate that was shown: ``producer``, ``cooperative``; ``none`` takes it back."""
        with self._acts, self._at(Step.AGREE):
            self._set(drafts.with_certificate_kind(self._draft, kind))
            return self._publish()

    def choose_party(self, text: str) -> DeskView:
        """``non_member``, or the five digits of a member number with or without ``M-``."""
        try:
            party = Party.parse(text if text.startswith(("M-", "non_")) else f"M-{text}")
        except ValueError as error:
            raise DeskRefused("unknown_member", str(error)) from None
        with self._acts:
            return self._take_party(party, by_card=False)

    def _take_party(self, party: Party, *, by_card: bool) -> DeskView:
        version, catalog = self._catalog()
        if not catalog.knows(party):
            raise DeskRefused("unknown_member")
        with self._at(Step.WHO):
            told = replace(self._draft, party=party, by_card=by_card, version=version, catalog=catalog)
            self._set(replace(told, step=Step.WHAT))
            return self._publish()

    def choose_product(self, code: str, catalog_version: int) -> DeskView:
        """What to agree. Takes the receipt number (once per intake) and asks for the weight to be locked."""
        with self._acts:
            with self._at(Step.WHAT):
                draft = self._draft
            product = draft.catalog.product(code)
            if catalog_version != draft.version:
                raise DeskRefused("stale_page")
            if product is None:
                raise DeskRefused("unknown_product")
            modes = draft.catalog.modes(code)
            container = drafts.first_container(draft.catalog)
            if not modes or container is None:
                raise DeskRefused("no_price")
            intake = self._open(draft, code, modes[0])
            with self._now():
                chosen = replace(draft, step=Step.AGREE, phase=Phase.LOAD, product=product, intake=intake)
                self._set(drafts.with_container(chosen, container.code))
                self._pan.want_lock()
                return self._publish()

    def _open(self, draft: Draft, product: str, mode: Mode) -> Intake:
        price = draft.catalog.price(product, mode)
        if price is None or draft.party is None:
            raise DeskRefused("no_price")
        if draft.intake is not None:
            return replace(
                draft.intake,
                party=draft.party,
                product=product,
                mode=mode,
                catalog_version=draft.version,
                price_fen_per_kg=price,
                lines=(),
            )
        with refusing():
            goods = ChosenGoods(draft.party, product, mode, draft.version, price)
            return self._tools.store.intakes.open(goods, self._tools.stamps())

    def choose_mode(self, mode: str) -> DeskView:
        """Sold now or on consignment, where the price list has both; not once a bag is fixed."""
        with self._acts, self._at(Step.AGREE):
            draft, intake = self._draft, self._need_intake()
            if mode not in draft.catalog.modes(intake.product) or intake.lines:
                raise DeskRefused("no_price")
            chosen = Mode(mode)
            price = draft.catalog.price(intake.product, chosen) or 0
            self._set(replace(draft, intake=replace(intake, mode=chosen, price_fen_per_kg=price)))
            return self._publish()

    def choose_container(self, code: str) -> DeskView:
        """What the goods stand in; one that has to be weighed is weighed empty, before the goods."""
        with self._acts, self._at(Step.AGREE):
            self._set(drafts.with_container(self._draft, code))
            return self._publish()

    def take_container(self, reading_no: int, token: str) -> DeskView:
        """The weight on the screen is the empty container."""
        with self._acts, self._at(Step.AGREE):
            if self._draft.phase is not Phase.CONTAINER:
                raise DeskRefused("wrong_step")
            lock = self._need_lock(reading_no, token)
            self._pan.hold(lock, str(self._need_intake().receipt))
            self._set(replace(self._draft, phase=Phase.LOAD, tare_g=lock.grams, tare_source=TareSource.WEIGHED))
            return self._publish()

    def another_bag(self, reading_no: int, token: str) -> DeskView:
        """Fix the bag on the screen as a line; the next one goes on after the pan has rested at zero."""
        with self._acts, self._at(Step.AGREE):
            if self._draft.phase is not Phase.LOAD:
                raise DeskRefused("wrong_step")
            lock = self._need_lock(reading_no, token)
            intake = self._with_load(lock)
            self._pan.hold(lock, str(intake.receipt))
            draft = replace(self._draft, intake=intake)
            self._set(drafts.with_container(draft, draft.container.code if draft.container else ""))
            return self._publish()

    def agree(self, reading_no: int, token: str) -> DeskView:
        """Book what the screen shows. A token that has booked already gives its first result again."""
        with self._acts:
            with self._now():
                shown = self._draft.step is Step.AGREE and token == self._token
            if not shown:
                return self._repeat(token)
            with self._at(Step.AGREE):
                confirmed, lock = self._agreed(reading_no, token)
                catalog = self._draft.catalog
                losses = self._pan.losses
                if lock is not None:
                    self._pan.claim(lock)
            with self._giving_back():
                row = self._book(confirmed, catalog, token, losses)
            prints = self._prints_or_none(row.receipt)
            with self._lock:
                # An earlier tap whose answer was lost may have booked fewer bags: then this load is still to be booked.
                if _is_whole(row, confirmed.intake):
                    self._draft = replace(self._draft, intake=confirmed.intake)
                    if lock is not None:
                        self._pan.count(lock)
                else:
                    self._pan.give_back()
                self._show_result(row, prints)
                view = self._publish()
            self._tools.on_event()
            return view

    def _agreed(self, reading_no: int, token: str) -> tuple[ConfirmedIntake, Lock | None]:
        lock = self._pan.view().lock
        if self._draft.phase is not Phase.LOAD or self._draft.shown_ref:
            raise DeskRefused("wrong_step")
        if lock is None and not (self._pan.empty and self._need_intake().lines):
            raise DeskRefused((self._pan.view().why_not or NotBookable.UNSTABLE).value)
        if reading_no != (lock.reading_no if lock else 0):
            raise DeskRefused("stale_page")
        intake = self._with_load(lock) if lock else self._need_intake()
        return intake.confirm(self._draft.certificate or self._tools.certificate), lock

    def _book(self, confirmed: ConfirmedIntake, catalog: Catalog, token: str, losses: int) -> ConfirmedRow:
        stamp = self._tools.stamps()
        with refusing():
            confirmed = replace(confirmed, scale=self._tools.standing())
        jobs = self._tools.documents(confirmed, catalog, stamp)
        with self._now():
            if self._pan.losses != losses:
                raise DeskRefused(NotBookable.LOST.value, "the scale was not heard between the tap and the booking")
        try:
            with refusing():
                return self._tools.store.intakes.confirm(confirmed, token, jobs, self._tools.metrology, stamp)
        except DeskRefused:
            # The answer may have been lost after the commit: then the receipt is there and is the result.
            with refusing():
                row = self._tools.store.intakes.confirmed(str(confirmed.intake.receipt))
            if row is None:
                raise
            return row

    def _repeat(self, token: str) -> DeskView:
        with refusing():
            row = self._tools.store.intakes.by_token(token)
        if row is None:
            raise DeskRefused("stale_page")
        prints = self._prints_or_none(row.receipt)
        with self._lock:
            if self._draft.step is Step.HOME:
                self._show_result(row, prints)
            return self._publish()

    def _show_result(self, row: ConfirmedRow, prints: tuple[PrintView, ...]) -> None:
        self._pan.release()
        self._set(replace(self._draft, step=Step.TAKE, result=row, photo=PhotoView("offered"), prints=prints))

    def _prints_or_none(self, receipt: str) -> tuple[PrintView, ...]:
        """What is booked is booked: a paper list that cannot be read now is read again at the next change."""
        try:
            return self._prints(receipt)
        except DeskRefused:
            logger.exception("the papers of %s cannot be read now", receipt)
            return ()

    def back(self) -> DeskView:
        """One screen back. Fixed bags are not thrown away by a wrong tap: then only leaving helps."""
        with self._acts:
            with self._now():
                draft = self._draft
                if draft.step is Step.AGREE:
                    if draft.intake and draft.intake.lines:
                        raise DeskRefused("bags_counted")
                    self._pan.release()
                    self._set(replace(draft, step=Step.WHAT, phase=Phase.LOAD))
                    return self._publish()
                if draft.step is Step.WHAT:
                    self._set(replace(draft, step=Step.WHO))
                    return self._publish()
            return self.leave()

    def leave(self, idle: bool = False) -> DeskView:
        """Back to the start. A receipt number that was taken is abandoned; bags nobody touched any more are kept."""
        with self._acts:
            with self._lock:
                lost, draft = self._look(), self._draft
                if idle and (lost or self._pan.loaded):
                    raise DeskRefused("goods_on_pan")
                if idle and any(row.state in ("queued", "sending") for row in draft.prints):
                    raise DeskRefused("printing")
            if idle and draft.step is Step.AGREE and draft.intake is not None and draft.intake.lines:
                self._keep(draft, draft.intake)
            elif draft.intake is not None and draft.step is not Step.TAKE:
                self._abandon(draft.intake, AbandonReason.IDLE if idle else AbandonReason.LEFT)
                with self._lock:
                    self._pan.intake_ended(AbandonReason.IDLE if idle else AbandonReason.LEFT)
            with self._now():
                self._pan.release()
                if self._pan.loaded:
                    self._started_load = self._pan.view().load_no
                if self._draft.step is not Step.HOME:
                    self._set(Draft())
                return self._publish()

    def _abandon(self, intake: Intake, why: AbandonReason) -> None:
        stage = "weighed" if intake.lines else "opened"
        with refusing():
            self._tools.store.intakes.abandon(intake.receipt, stage, why, self._tools.stamps())
        self._tools.on_event()

    def _keep(self, draft: Draft, intake: Intake) -> None:
        """One is kept; an older one is given up."""
        if self._kept is not None:
            self._abandon(self._kept.intake, AbandonReason.IDLE)
        with self._lock:
            self._kept = Kept(draft, intake, self._tools.clock() + KEPT_S)

    def unfinished(self) -> Unfinished | None:
        """The intake that was left with bags on it and is kept for the clerk."""
        with self._lock:
            return self._kept.shown() if self._kept else None

    def take_up(self, receipt: str) -> DeskView:
        """The clerk goes on with what was left: the same receipt, the same bags, the next one to come."""
        with self._acts, self._now():
            kept = self._kept
            if kept is None or str(kept.intake.receipt) != receipt:
                raise DeskRefused("stale_page")
            if self._open_intake():
                raise DeskRefused("intake_open")
            self._set(drafts.with_container(kept.draft, kept.draft.container.code if kept.draft.container else ""))
            self._kept = None
            self._pan.want_lock()
            return self._publish()

    def let_go(self) -> None:
        """Time passes: what was kept long enough is given up. Raises DeskRefused when that cannot be written now."""
        with self._acts:
            kept = self._kept
            if kept is None or self._tools.clock() < kept.until:
                return
            try:
                self._abandon(kept.intake, AbandonReason.IDLE)
            except DeskRefused:
                self._kept = replace(kept, until=self._tools.clock() + AGAIN_S)
                raise
            self._kept = None

    def check_view(self) -> tuple[PanView, Lock | None, str]:
        """The pan, the load as a check would read it now, and why it cannot ("" when it can)."""
        with self._now():
            pan, lock = self._pan.view(), self._pan.read()
            why_not = "" if lock else (pan.why_not or NotBookable.UNSTABLE).value
            return pan, lock, "intake_open" if self._open_intake() else why_not

    def check_load(self, record: Callable[[Lock], T]) -> T:
        """Let ``record`` keep the load on the pan as the check weight; it is used up then, and the screen goes home."""
        with self._acts:
            with self._lock:
                _, lock, why_not = self.check_view()
                if lock is None or why_not:
                    raise DeskRefused(why_not)
                self._pan.claim(lock)
            with self._giving_back():
                kept = record(lock)
            with self._lock:
                self._pan.count(lock)
                self._started_load = lock.load_no
                if self._draft.step in (Step.WHO, Step.WHAT):
                    self._set(Draft())
                self._publish()
            return kept

    def finish(self) -> DeskView:
        """The papers are in the hand: back to the start."""
        with self._acts, self._at(Step.TAKE):
            self._set(Draft())
            return self._publish()

    def take_photo(self) -> DeskView:
        """Ask for a shot of the goods; the answer comes later."""
        with self._acts, self._at(Step.TAKE):
            result = self._draft.result
            if result is None or self._draft.photo.state == "taking":
                raise DeskRefused("busy")
            if self._draft.photo.state == "done":
                raise DeskRefused("photo_kept")  # each further shot would stay on the card
            self._set(replace(self._draft, photo=PhotoView("taking")))
            view = self._publish()
            self._tools.on_photo(result.lot, result.product)
            return view

    def skip_photo(self) -> DeskView:
        """No shot is wanted."""
        with self._acts, self._at(Step.TAKE):
            self._set(replace(self._draft, photo=PhotoView("none")))
            return self._publish()

    # --- workers answer (their own threads) ------------------------------------------------------------------------

    def photo_done(self, lot: str, sha256: str) -> None:
        """The shot of this lot is kept."""
        self._photo(lot, PhotoView("done", sha256))

    def photo_failed(self, lot: str, problem: str) -> None:
        """There is no shot of this lot; ``problem`` is a word the screens have a sentence for."""
        self._photo(lot, PhotoView("failed", problem=problem))

    def _photo(self, lot: str, photo: PhotoView) -> None:
        with self._lock:
            if self._draft.step is Step.TAKE and self._draft.result and self._draft.result.lot == lot:
                self._set(replace(self._draft, photo=photo))
                self._publish()

    def refresh_result(self) -> None:
        """Look again at what happened to the papers and whether the sorting center has the event.

        Several workers call this; what one read earlier does not cover what another read later.
        """
        turn = next(self._read_turns)
        with self._lock:
            result = self._draft.result
        if result is None:
            return
        try:
            with refusing():
                row, prints = self._tools.store.intakes.confirmed(result.receipt), self._prints(result.receipt)
        except DeskRefused:
            logger.exception("the result of %s cannot be read now", result.receipt)
            return
        with self._lock:
            current = self._draft.result
            if turn < self._read_at or current is None or row is None or current.receipt != row.receipt:
                return
            self._read_at = turn
            if (row, prints) != (current, self._draft.prints):
                self._set(replace(self._draft, result=row, prints=prints))
                self._publish()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _catalog(self) -> tuple[int, Catalog]:
        with refusing():
            return self._tools.store.catalogs.get()

    def _prints(self, receipt: str) -> tuple[PrintView, ...]:
        with refusing():
            jobs = self._tools.store.papers.of_receipt(receipt)
            return tuple(PrintView(job.document, job.bag, job.state) for job in jobs)

    @contextmanager
    def _now(self) -> Iterator[None]:
        """Hold the pan and the draft, as they are at this moment."""
        with self._lock:
            self._look()
            yield

    @contextmanager
    def _at(self, step: Step) -> Iterator[None]:
        """The same at this step; raises DeskRefused at another."""
        with self._now():
            if self._draft.step is not step:
                raise DeskRefused("wrong_step")
            yield

    @contextmanager
    def _giving_back(self) -> Iterator[None]:
        """What fails inside has not used the claimed load."""
        try:
            yield
        except BaseException:
            with self._lock:
                self._pan.give_back()
            raise

    def _open_intake(self) -> bool:
        return self._draft.intake is not None and self._draft.step is not Step.TAKE

    def _need_intake(self) -> Intake:
        if self._draft.intake is None:
            raise DeskRefused("wrong_step")
        return self._draft.intake

    def _need_lock(self, reading_no: int, token: str) -> Lock:
        view = self._pan.view()
        if token != self._token or (view.lock and reading_no != view.lock.reading_no):
            raise DeskRefused("stale_page")
        if view.lock is None:
            raise DeskRefused((view.why_not or NotBookable.UNSTABLE).value)
        return view.lock

    def _with_load(self, lock: Lock) -> Intake:
        try:
            return self._draft.with_load(lock)
        except IntakeRefused as error:
            raise DeskRefused(error.code, str(error)) from None

    def _set(self, draft: Draft) -> None:
        self._draft = draft
        self._turn_page()

    def _turn_page(self) -> None:
        self._revision += 1
        self._token = self._tools.new_token()

    def _publish(self) -> DeskView:
        self._tell(self._pan.view())
        return self._make_view()

    def _tell(self, pan: PanView) -> None:
        """Tell the watchers when what they see has changed, and only then: readings come ten times a second."""
        shown = (self._revision, pan.state, pan.grams, pan.why_not)
        if shown != self._shown:
            self._shown = shown
            self._tools.on_view(self._make_view())

    def _make_view(self) -> DeskView:
        return view_of(self._draft, self._pan, self._revision, self._token)


def _is_whole(row: ConfirmedRow, intake: Intake) -> bool:
    """Whether the booked row holds everything of the intake."""
    return (row.gross_g, row.net_g, row.amount_fen) == (intake.gross_g, intake.net_g, intake.amount_fen)
