"""Findings about devices, from what is known of each: by the station that holds them, or by a probe without it.

And about the legal standing of the scale, and what has to be set before it can be read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from kiosk.devices.camera.settings import BY_NUMBER, CameraSettings
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import LinkState, Printer, PrinterFault, PrinterStatus
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, Verification
from kiosk.domain.moment import Moment
from kiosk.protocols.scales import registry
from kiosk.station.configuration.county import StationCounty
from kiosk.station.doctor.finding import DoctorFinding, Severity, not_fitted
from kiosk.station.doctor.liveness import ScaleLiveness
from kiosk.station.papers.network_printer import Network, host_of, is_reachable, reachable_networks
from kiosk.station.scale.settings import MetrologySettings

# The limit of a printer query: a person waits before the screen, and perhaps a job behind the query.
STATUS_S: Final = 2.0
PAGE_QUIET_S: Final = 60.0  # The unit that watches the browser restarts it then
# So the sorting center knows within the first minute. A browser that needs longer than that is restarted by the unit
# that watches it, and never comes.
FIRST_PAGE_S: Final = 35.0

# In the order in which they are repaired; any other fault is reported as printer_fault.
_PRINTER_WORDS: Final = (
    (PrinterFault.HEAD_OPEN, "printer_open"),
    (PrinterFault.COVER_OPEN, "printer_open"),
    (PrinterFault.PAPER_JAM, "printer_jam"),
    (PrinterFault.PAPER_OUT, "printer_paper_out"),
    (PrinterFault.RIBBON_OUT, "printer_ribbon_out"),
    (PrinterFault.PAUSED, "printer_paused"),
)
_PRINTS_ON: Final = {PrinterFault.PAPER_NEAR_END: "printer_near_end", PrinterFault.BATTERY_LOW: "printer_battery"}
_BUSY: Final = frozenset({PrinterFault.PRINTING})


def scale(settings: ScaleSettings | None, live: ScaleLiveness) -> DoctorFinding:
    if settings is None:
        return DoctorFinding("scale", False, None, Severity.FAIL, "scale_none", needed=True)
    missing = missing_parameter(settings, live)
    if missing is not None:
        return missing
    values = {"place": settings.port}
    if live.link is LinkState.CONNECTED and live.age_s is not None:
        if registry.get(settings.protocol).no_booking:
            protocol_values = {"protocol": settings.protocol}
            return DoctorFinding(
                "scale", True, True, Severity.WARN, "scale_never_books", True, live.age_s, protocol_values
            )
        return DoctorFinding("scale", True, True, needed=True, last_seen_s=live.age_s)
    found = live.link in (LinkState.CONNECTED, LinkState.SILENT, LinkState.REFUSES)
    refuses = "scale_refuses" if live.link is LinkState.REFUSES else "scale_silent"
    word = refuses if found else "scale_missing"
    return DoctorFinding("scale", found, False, Severity.FAIL, word, True, live.age_s, values)


Reachable = Callable[[], Sequence[Network] | None]


def printer(
    name: str, settings: PrinterSettings | None, adapter: Printer | None, reachable: Reachable = reachable_networks
) -> DoctorFinding:
    """Query one printer now; while it prints for the station, that is the answer. ``reachable``: the networks that the
    unit of the station lets it reach; an administrator's command reaches more.
    """
    device = f"printer_{name}"
    if settings is None or adapter is None:
        return DoctorFinding(device, False, None, Severity.WARN, "printer_none", needed=True)
    values = {"place": settings.address}
    host = host_of(settings)
    if host and not is_reachable(host, reachable()):
        return DoctorFinding(device, False, False, Severity.FAIL, "printer_not_allowed", True, values=values)
    if adapter.proof == "write":  # a plain file or pipe: it has no way to answer
        found = _exists(Path(settings.address))
        word = "printer_mute" if found else "printer_silent"
        return DoctorFinding(device, found, None, Severity.OK if found else Severity.FAIL, word, True, values=values)
    word, verdict = _printer_word(adapter.status(STATUS_S))
    answers = word != "printer_silent"
    return DoctorFinding(device, answers, answers, verdict, word, True, 0.0 if answers else None, values)


def printer_fault_word(flags: Iterable[PrinterFault]) -> str:
    seen = frozenset(flags)
    return next((word for flag, word in _PRINTER_WORDS if flag in seen), "printer_fault")


def _printer_word(status: PrinterStatus) -> tuple[str, Severity]:
    flags = frozenset(status.flags)
    if status.ready is None:
        return "printer_silent", Severity.FAIL
    word = printer_fault_word(flags)
    if word != "printer_fault":
        return word, Severity.FAIL
    if status.fault:
        for flag, near in _PRINTS_ON.items():
            if flag in flags and flags <= {*_PRINTS_ON, *_BUSY}:
                return near, Severity.WARN
        return word, Severity.FAIL
    return "fine", Severity.OK


def camera(settings: CameraSettings | None, last_word: str = "ok") -> DoctorFinding:
    """Check that the camera is plugged in and how the last shot went; take no shot. ``last_word`` is the board's mark.
    A camera with a number in place of a device is found only by a shot.
    """
    if settings is None or settings.kind == "none":
        return not_fitted("camera")
    values = {"place": str(settings.path)}
    by_number = settings.kind in BY_NUMBER
    if last_word == "camera_missing" if by_number else not _exists(Path(settings.path)):
        return DoctorFinding("camera", False, False, Severity.WARN, "camera_missing", values=values)
    if last_word not in ("ok", "camera_missing"):
        return DoctorFinding("camera", True, False, Severity.WARN, "camera_failed", values=values)
    return DoctorFinding("camera", None if by_number else True, None)


def scanner(
    settings: ScannerSettings | None, word: str, age_s: float | None = None, *, scan_required: bool = False
) -> DoctorFinding:
    """Check the scanner. ``word``: the adapter's last report, "" for none yet. ``scan_required``: the villager's screen
    asks for each bag's label, which a camera does not read: it looks for a code when a clerk wants it.
    """
    if scan_required and (settings is None or settings.kind == "camera"):
        return DoctorFinding("scanner", False, None, Severity.WARN, "scanner_none", needed=True)
    if settings is None:
        return not_fitted("scanner")
    if word in ("scanner_missing", "scanner_second_keyboard"):
        found = word != "scanner_missing"
        return DoctorFinding("scanner", found, False, Severity.WARN, word, False, age_s, {"place": settings.port})
    return DoctorFinding("scanner", True if word else None, True if word else None, last_seen_s=age_s)


def panel(settings: PanelSettings | None, fitted: bool | None) -> DoctorFinding:
    if settings is None:
        return not_fitted("panel")
    if fitted is False:
        return DoctorFinding("panel", False, False, Severity.WARN, "panel_missing")
    return DoctorFinding("panel", fitted, fitted)


def _exists(path: Path) -> bool:
    """Return False also for a place that the caller may not look at."""
    try:
        return path.exists()
    except OSError:
        return False


def page(age_s: float | None, waited_s: float | None = None) -> DoctorFinding:
    """Check the page on the screen by its heartbeat; ``waited_s``: how long the first one has been waited for."""
    if age_s is None and waited_s is not None and waited_s > FIRST_PAGE_S:
        return DoctorFinding("page", False, False, Severity.WARN, "page_never")
    if age_s is None:
        return DoctorFinding("page", None, None)
    if age_s > PAGE_QUIET_S:
        return DoctorFinding("page", True, False, Severity.WARN, "page_silent", last_seen_s=age_s)
    return DoctorFinding("page", True, True, last_seen_s=age_s)


SOON: Final = timedelta(days=30)  # The authority wants to be called in time


def missing_parameter(settings: ScaleSettings, live: ScaleLiveness) -> DoctorFinding | None:
    """Report a parameter that is never guessed: a warning at zero, which is zero with any value, a failure with a load.
    None when nothing is missing, or nothing is known of the indicator yet.
    """
    refuses = live.link is LinkState.REFUSES
    if not refuses and (live.link is not LinkState.CONNECTED or live.reading is None):
        return None
    frame = live.reading.raw if live.reading is not None else None
    unset = registry.undecided(settings.protocol, settings.params, frame)
    if not unset:
        return None
    values = {"place": settings.port, "name": ", ".join(one.name for one in unset)}
    verdict = Severity.FAIL if refuses else Severity.WARN
    return DoctorFinding("scale", True, not refuses, verdict, "scale_parameter", True, live.age_s, values)


def metrology_findings(
    settings: MetrologySettings, standing: ScaleLegalStatus, now: Moment, profile: ScaleProfile | None = None
) -> Iterator[DoctorFinding]:
    """Yield one row for each thing set up, a warning and never a stop; none for a station that sets nothing.
    ``profile`` is the plate of the scale as set up, None without a scale. It needs no setting of verification.
    """
    if standing.trade is False:
        yield _warn("trade", "not_for_trade")
    if profile is not None and not profile.is_class_iii:
        yield _scale_class(profile)
    if settings.until is not None:
        yield _verification(settings, standing, now)
    if settings.required or standing.check is CheckState.FAILED:
        yield _check(standing.check)


def county_log_finding(county: StationCounty) -> DoctorFinding:
    """Check that the county's log continues what is stored here of it. Raises StoreError."""
    is_refused = county.log_refusal() is not None
    return _warn("county_log", "county_log_refused") if is_refused else DoctorFinding("county_log", True, True)


def county_finding(county: StationCounty) -> DoctorFinding:
    """Check whether the county's prices can be relied on. Raises StoreError."""
    found, refused = county.in_force(), county.inbox.floor.last_refusal
    if not county.prices_confirmed():
        return _warn("county_prices", "county_unconfirmed")
    if refused is not None and (found is None or refused.at > found.applied_at):
        values: dict[str, str | int] = {"version": str(refused.version or "?"), "reason": refused.reason}
        return DoctorFinding("county_prices", True, False, Severity.WARN, "county_refused", values=values)
    return DoctorFinding("county_prices", found is not None, found is not None)


def _scale_class(profile: ScaleProfile) -> DoctorFinding:
    """Warn by OIML R 76-1:2006, Table 3, without a mark: most likely a number was copied wrongly from the plate."""
    values: dict[str, str | int] = {"e": profile.e_g, "max": profile.max_g}
    return DoctorFinding("scale_class", True, False, Severity.WARN, "scale_class", values=values)


def _verification(settings: MetrologySettings, standing: ScaleLegalStatus, now: Moment) -> DoctorFinding:
    values: dict[str, str | int] = {"date": settings.verified_until}
    if standing.verification is Verification.EXPIRED:
        return DoctorFinding("verification", True, False, Severity.WARN, "verification_expired", values=values)
    if standing.verification is Verification.UNJUDGED:
        return DoctorFinding("verification", True, None)  # the row of the clock says what to do
    if settings.until is not None and now.local.date() > settings.until - SOON:
        return DoctorFinding("verification", True, True, Severity.WARN, "verification_soon", values=values)
    return DoctorFinding("verification", True, True)


def _check(state: CheckState) -> DoctorFinding:
    words = {CheckState.FAILED: "check_failed", CheckState.LATE: "check_late"}
    return _warn("check_weight", words[state]) if state in words else DoctorFinding("check_weight", True, True)


def _warn(device: str, word: str) -> DoctorFinding:
    return DoctorFinding(device, True, False, Severity.WARN, word)
