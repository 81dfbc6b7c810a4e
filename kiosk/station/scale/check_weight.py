"""The daily check with the check weight, at the unlocked counter, by the same rules as a weighing that is booked."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.metrology.check_weight import BadCheckWeight, allowed_error_g, check_expected
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import CheckState
from kiosk.domain.metrology.pan import Hold, PanView
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.desk.agreement import Loads
from kiosk.station.desk.view import DeskRefused
from kiosk.station.scale.audit import ScaleAudit
from kiosk.store.shared.records import CheckRow, NewCheck


@dataclass(frozen=True, slots=True)
class CheckView:
    """What the page of the check shows. ``expected_g`` is the weight that is set, None when it has to be typed;
    ``why_not`` is "" when the check can be taken now, else ``intake_open`` or a word of ``NotBookableReason``.
    """

    expected_g: int | None
    state: CheckState
    last: CheckRow | None
    pan: PanView
    why_not: str

    @property
    def can_take(self) -> bool:
        return not self.why_not


class CheckWeight:
    """Thread-safe: the desk lets one act through at a time."""

    def __init__(self, profile: ScaleProfile, loads: Loads, audit: ScaleAudit, access: Access) -> None:
        self._profile, self._loads, self._audit, self._access = profile, loads, audit, access

    def view(self) -> CheckView:
        pan, _, why_not = self._loads.check_view()
        with as_counter_refusals():
            state, last = self._audit.standing().check, self._audit.last_check()
        return CheckView(self._audit.settings.check_weight_g, state, last, pan, why_not)

    def allowed_g(self, expected_g: int) -> int:
        """Return the allowed error with this weight, in grams. Raises CounterRefused: bad_weight, other_weight_set."""
        return allowed_error_g(self._profile, self._expected(expected_g))

    def take(
        self, session: CounterSession | None, expected_g: int | None = None, reading_no: int | None = None
    ) -> CheckRow:
        """Read the load on the pan as the check weight and record it, passed or failed, with an event.

        ``expected_g`` is for a station where none is set; None takes the set one. ``reading_no`` is the reading a page
        showed: the load must have been still since then. Raises CounterRefused: not_unlocked, bad_weight,
        other_weight_set, intake_open, stale_page (another load), the words of ``NotBookableReason``, disk_full,
        store_failed; then nothing was recorded.
        """
        found = self._access.session(session.token) if session else None
        if found is None:
            raise CounterRefused("not_unlocked")
        expected = self._expected(expected_g)
        actor = found.person.actor

        def record(hold: Hold) -> CheckRow:
            # Checked here: while the caller waits for its turn at the desk, another load may be put on the pan.
            if reading_no is not None and not hold.reading_no - hold.readings < reading_no <= hold.reading_no:
                raise CounterRefused("stale_page", "this is not the load the page showed")
            check = NewCheck(expected, allowed_error_g(self._profile, expected), hold, actor)
            return self._audit.record_check(check)

        try:
            with as_counter_refusals():
                row = self._loads.check(record)
        except DeskRefused as error:
            raise CounterRefused(error.code, str(error)) from error
        self._audit.notify_committed()
        return row

    def _expected(self, expected_g: int | None) -> int:
        fixed = self._audit.settings.check_weight_g
        if None not in (fixed, expected_g) and expected_g != fixed:
            # A free choice of the weight would allow the one that fits what a wrong scale shows.
            raise CounterRefused("other_weight_set", f"the check weight of this station has {fixed} g")
        expected = expected_g if fixed is None else fixed
        if expected is None:
            raise CounterRefused("bad_weight", "no check weight is set, and none was named")
        try:
            return check_expected(self._profile, expected)
        except BadCheckWeight as error:
            raise CounterRefused("bad_weight", str(error)) from error
