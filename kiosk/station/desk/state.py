"""What the parts of the desk share: the pan, the draft, and the page that shows both, behind one pair of locks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kiosk.domain.intake import Intake
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.pan import Hold, NotBookableReason
from kiosk.station.desk.journaled_pan import JournaledPan
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, Draft, view_of
from kiosk.store.shared.errors import DatabaseDamaged, DiskFull, StoreError, StoreRefusal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeskLocks:
    """``acts`` lets one touch after the other through, from its check to its end, disk included. ``state`` guards the
    pan and the draft for microseconds only, so the scale is never made to wait for the disk. ``acts`` is taken first.
    """

    acts: threading.RLock = field(default_factory=threading.RLock)
    state: threading.RLock = field(default_factory=threading.RLock)


class DeskState:
    """Callers of anything but ``now`` and ``at_step`` hold ``locks.state``."""

    def __init__(self, profile: ScaleProfile, tools: DeskTools) -> None:
        self.locks = DeskLocks()
        self.journaled_pan = JournaledPan(profile, tools.on_note)
        self.pan = self.journaled_pan.pan
        self.draft = Draft()
        self.started_load = 0  # The load that has started an intake, or was left lying: it starts none
        self._tools = tools
        self._revision, self._token = 1, tools.new_token()  # Of the page on the screen; each new page has its own
        self._published: tuple[object, ...] = ()

    # --- taking the lock -------------------------------------------------------------------------------------------

    @contextmanager
    def now(self) -> Iterator[None]:
        with self.locks.state:
            self.expire_stale()
            yield

    @contextmanager
    def at_step(self, step: DeskStep) -> Iterator[None]:
        """Do the same as `now` at this step; raise DeskRefused at another."""
        with self.now():
            if self.draft.step is not step:
                raise DeskRefused("wrong_step")
            yield

    @contextmanager
    def giving_back_on_error(self) -> Iterator[None]:
        """Give the claimed load back when the block fails. Takes the lock only then."""
        try:
            yield
        except BaseException:
            with self.locks.state:
                self.journaled_pan.give_back()
            raise

    # --- the pan ---------------------------------------------------------------------------------------------------

    def expire_stale(self) -> bool:
        """Drop what is too old before it is used: a process does not notice that it was stopped."""
        before = self.pan.view().hold
        lost = self.journaled_pan.expire_stale(self._tools.clock())
        if lost:
            self.pan_moved(before)
            self.publish_if_changed()
        return lost

    def pan_moved(self, before: Hold | None) -> None:
        """Make the page stale when it shows another held weight than the present one."""
        if self.draft.step is DeskStep.AGREE and before != self.pan.view().hold:
            self._turn_page()

    def need_hold(self, reading_no: int, token: str) -> Hold:
        """Return the held weight that the page shows. Raises DeskRefused: stale_page, or why nothing is held."""
        view = self.pan.view()
        if not self.shows(token) or (view.hold and reading_no != view.hold.reading_no):
            raise DeskRefused("stale_page")
        if view.hold is None:
            raise DeskRefused(self.why_not_held())
        return view.hold

    def why_not_held(self) -> str:
        """Return a word of ``NotBookableReason``, also when the next reading could hold the load."""
        return (self.pan.view().why_not or NotBookableReason.UNSTABLE).value

    # --- the draft -------------------------------------------------------------------------------------------------

    @property
    def intake_open(self) -> bool:
        """Whether a receipt number is taken and neither booked nor given up."""
        return self.draft.intake is not None and self.draft.step is not DeskStep.TAKE

    def need_intake(self) -> Intake:
        """Return the intake. Raises DeskRefused when no goods were chosen."""
        if self.draft.intake is None:
            raise DeskRefused("wrong_step")
        return self.draft.intake

    def replace_draft(self, draft: Draft) -> None:
        """Replace the draft; every page that was shown before is stale."""
        self.draft = draft
        self._turn_page()

    # --- the page --------------------------------------------------------------------------------------------------

    def shows(self, token: str) -> bool:
        return token == self._token

    def view(self) -> DeskView:
        return view_of(self.draft, self.pan, self._revision, self._token)

    def publish(self) -> DeskView:
        self.publish_if_changed()
        return self.view()

    def publish_if_changed(self) -> None:
        """Publish the view only when it has changed: readings come ten times a second."""
        pan = self.pan.view()
        shown = (self._revision, pan.state, pan.grams, pan.why_not)
        if shown != self._published:
            self._published = shown
            self._tools.on_view(self.view())

    def _turn_page(self) -> None:
        self._revision, self._token = self._revision + 1, self._tools.new_token()


@contextmanager
def as_desk_refusals() -> Iterator[None]:
    """Turn a failure of the store into a DeskRefused; what was committed before stays safe."""
    try:
        yield
    except DiskFull as error:
        logger.error("the disk is full: %s", error)
        raise DeskRefused("disk_full", str(error)) from error
    except DatabaseDamaged as error:
        logger.error("the database is damaged: %s", error)
        raise DeskRefused("damaged_store", str(error)) from error
    except StoreRefusal as refusal:
        raise DeskRefused(refusal.code, str(refusal)) from refusal
    except StoreError as error:
        logger.error("the store refused: %s", error)
        raise DeskRefused("store_failed", str(error)) from error
