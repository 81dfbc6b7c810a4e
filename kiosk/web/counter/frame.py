"""What every page of the counter has around it: tabs, title, the clerk, the languages, the sentence of a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import g, render_template, request

from kiosk.domain.clerk import Role
from kiosk.domain.trade import NON_MEMBER
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.state import CounterSnapshot
from kiosk.station.service import StationService
from kiosk.texts.html import bdi_code
from kiosk.web.counter.live import badges, scan_id
from kiosk.web.counter.rows import carrier_name, clock, picture_of, refusal_view, short, tail
from kiosk.web.shared.paging import page_of
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import drawing, local_times, shot_drawing
from kiosk.web.shared.speech import Speech, speech_of

HOME = "/counter"
TABS = (
    ("scan", HOME, "scan"),
    ("parcels", "/counter/parcels", "shelf"),
    ("intakes", "/counter/intakes", "receipt"),
    ("queue", "/counter/queue", "queue"),
    ("day", "/counter/day", "day"),
)
PEOPLE_ON_A_PAGE = 9
_TECHNICIAN = "/technician"
_STREAM, _STAFF_STREAM = "/counter/live", "/counter/check/live"


@dataclass(frozen=True, slots=True)
class Where:
    """A page: the tab it belongs to and the address a refusal leads back to."""

    tab: str
    here: str


class CounterFrame:
    """Draws pages of the counter. Reads; decides nothing."""

    def __init__(self, station: StationService, settings: WebSettings) -> None:
        self._station, self._settings = station, settings
        self._local = local_times(station.settings.zone)

    def page(self, template: str, person: Person, where: Where, **extra: Any) -> str:
        """Draw any page behind the PIN. Its content was read after the view it names. A technician has the check weight
        and the journal of the pan here, and no tabs: those pages are the clerk's.
        """
        snapshot: CounterSnapshot = g.counter
        figures = badges(snapshot.view)
        clerk = person.role is Role.CLERK
        if clerk:
            self._station.counter_board.page_served()
        extra.setdefault("stream", _STREAM if clerk else _STAFF_STREAM)
        return self._draw(
            template,
            view=snapshot.view,
            n=snapshot.number,
            drawn=str(snapshot.view.revision),
            scan=scan_id(snapshot.view),
            tabs=[(name, path, picture, figures.get(name, "")) for name, path, picture in TABS if clerk],
            tab=where.tab,
            here=where.here,
            who=person,
            **extra,
        )

    def refused(self, error: CounterRefused, person: Person, where: Where) -> str:
        return self.page("refused", person, where, refused=refusal_view(error, self.speech.main))

    def unlock(self, error: CounterRefused | None = None) -> str:
        """Draw the people at the counter and the pad for the PIN; nothing that was typed comes back."""
        staff = self._station.access.staff()
        return self.before_door(
            "unlock",
            error,
            page=page_of(tuple(staff), PEOPLE_ON_A_PAGE, request.args.get("page")),
            without_pin=[person.number for person, has_pin in staff.items() if not has_pin],
            chosen=request.form.get("number", ""),
            waiting=self._station.counter.state.view().waiting_handovers,
            done=request.args.get("done") == "pin",
        )

    def before_door(self, template: str, error: CounterRefused | None, **extra: Any) -> str:
        """Draw a page with a pad before the sign-in; while guessing is locked it only says for how long."""
        wait_s = self._station.access.guess_limit.wait_s()
        error = error or (CounterRefused("locked", values={"wait_s": str(wait_s)}) if wait_s else None)
        refused = refusal_view(error, self.speech.main) if error else None
        return self._draw(template, refused=refused, here=extra.pop("here", HOME), **extra)

    def technician(self, person: Person) -> str:
        return self._draw("technician", who=person, here=HOME, technician_path=_TECHNICIAN)

    def denied(self, text_id: str) -> str:
        return self._draw("denied", text_id=text_id, here=HOME)

    @property
    def speech(self) -> Speech:
        """The clerk's language; the second one is not shown here."""
        return speech_of(request, self._settings.language)

    def _draw(self, template: str, **extra: Any) -> str:
        speech = self.speech
        return render_template(
            f"counter/{template}.html",
            speech=speech,
            both=speech.both,
            one=speech.one,
            drawing=drawing,
            shot_drawing=shot_drawing,
            decimals=self._settings.weight_decimals,
            settings=self._settings,
            typed_scans=self._station.counter.scans.ways.typed,
            tail=tail,
            carrier_name=lambda carrier: carrier_name(carrier, speech.main),
            short=short,
            clock=clock,
            picture_of=picture_of,
            day=self.day,
            moment=self.moment,
            hour=self.hour,
            whose=lambda party: speech.one("party.non_member") if party == NON_MEMBER else bdi_code(party),
            own_name=lambda names: str(getattr(names, speech.language.code)),
            **extra,
        )

    def day(self, stored: str | None) -> str:
        """Format as ``11-25`` in the station's zone; "" for an implausible time."""
        return self._clock(stored, "%m-%d")

    def moment(self, stored: str | None) -> str:
        """Format as ``11-25 14:05`` in the station's zone; "" for an implausible time."""
        return self._clock(stored, "%m-%d %H:%M")

    def hour(self, stored: str | None) -> str:
        """Format as ``14:05`` in the station's zone; "" for an implausible time."""
        return self._clock(stored, "%H:%M")

    def _clock(self, stored: str | None, shape: str) -> str:
        found: datetime | None = self._local(stored)
        return found.strftime(shape) if found else ""
