"""Findings about devices, from what is known of each: by the station that holds them, or by a probe without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from kiosk.devices.camera.settings import BY_NUMBER, CameraSettings
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import LinkState, Printer, PrinterFault, PrinterStatus
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.protocols.scales import registry
from kiosk.station.doctor.finding import Finding, Verdict, not_fitted
from kiosk.station.doctor.liveness import ScaleLiveness
from kiosk.station.doctor.scale import missing_parameter
from kiosk.station.papers.network_printer import Network, host_of, is_reachable, reachable_networks

STATUS_S: Final = 2.0
"""A printer is asked for no longer: somebody waits before the screen, and perhaps a job behind the question."""
PAGE_QUIET_S: Final = 60.0
"""The unit that watches the browser restarts it then."""
FIRST_PAGE_S: Final = 35.0
"""So the sorting center knows within the first minute. A browser that needs longer than that is restarted by the unit
that watches it, and never comes.
"""

_PRINTER_WORDS: Final = (
    (PrinterFault.HEAD_OPEN, "printer_open"),
    (PrinterFault.COVER_OPEN, "printer_open"),
    (PrinterFault.PAPER_JAM, "printer_jam"),
    (PrinterFault.PAPER_OUT, "printer_paper_out"),
    (PrinterFault.RIBBON_OUT, "printer_ribbon_out"),
    (PrinterFault.PAUSED, "printer_paused"),
)
"""In the order of what is done first; any other fault is told as one."""
_PRINTS_ON: Final = {PrinterFault.PAPER_NEAR_END: "printer_near_end", PrinterFault.BATTERY_LOW: "printer_battery"}
_BUSY: Final = frozenset({PrinterFault.PRINTING})


def scale(settings: ScaleSettings | None, live: ScaleLiveness) -> Finding:
    """Port, frames, age of the newest."""
    if settings is None:
        return Finding("scale", False, None, Verdict.FAIL, "scale_none", needed=True)
    missing = missing_parameter(settings, live)
    if missing is not None:
        return missing
    values = {"place": settings.port}
    if live.link is LinkState.CONNECTED and live.age_s is not None:
        if registry.get(settings.protocol).no_booking:
            told = {"protocol": settings.protocol}
            return Finding("scale", True, True, Verdict.WARN, "scale_never_books", True, live.age_s, told)
        return Finding("scale", True, True, needed=True, last_seen_s=live.age_s)
    found = live.link in (LinkState.CONNECTED, LinkState.SILENT, LinkState.REFUSES)
    refuses = "scale_refuses" if live.link is LinkState.REFUSES else "scale_silent"
    word = refuses if found else "scale_missing"
    return Finding("scale", found, False, Verdict.FAIL, word, True, live.age_s, values)


Reachable = Callable[[], Sequence[Network] | None]


def printer(
    name: str,
    settings: PrinterSettings | None,
    adapter: Printer | None,
    reachable: Reachable = reachable_networks,
) -> Finding:
    """One printer, asked now; while it prints for the station the answer is that it does.

    ``reachable`` is what the unit of the station lets it reach: a command of an administrator reaches more.
    """
    device = f"printer_{name}"
    if settings is None or adapter is None:
        return Finding(device, False, None, Verdict.WARN, "printer_none", needed=True)
    values = {"place": settings.address}
    host = host_of(settings)
    if host and not is_reachable(host, reachable()):
        return Finding(device, False, False, Verdict.FAIL, "printer_not_allowed", True, values=values)
    if adapter.proof == "write":  # a plain file or pipe: it has no way to answer
        found = _is_there(Path(settings.address))
        word = "printer_mute" if found else "printer_silent"
        return Finding(device, found, None, Verdict.OK if found else Verdict.FAIL, word, True, values=values)
    word, verdict = _printer_word(adapter.status(STATUS_S))
    answers = word != "printer_silent"
    return Finding(device, answers, answers, verdict, word, True, 0.0 if answers else None, values)


def printer_fault_word(flags: Iterable[PrinterFault]) -> str:
    """Of a printer that answers and does not print: what is done first."""
    seen = frozenset(flags)
    return next((word for flag, word in _PRINTER_WORDS if flag in seen), "printer_fault")


def _printer_word(status: PrinterStatus) -> tuple[str, Verdict]:
    flags = frozenset(status.flags)
    if status.ready is None:
        return "printer_silent", Verdict.FAIL
    word = printer_fault_word(flags)
    if word != "printer_fault":
        return word, Verdict.FAIL
    if status.fault:
        for flag, near in _PRINTS_ON.items():
            if flag in flags and flags <= {*_PRINTS_ON, *_BUSY}:
                return near, Verdict.WARN
        return word, Verdict.FAIL
    return "fine", Verdict.OK


def camera(settings: CameraSettings | None, last_word: str = "ok") -> Finding:
    """Whether it is plugged in, and how the last shot went; nothing is shot. ``last_word`` is the board's mark.

    Only a shot finds a camera that has a number in place of a device.
    """
    if settings is None or settings.kind == "none":
        return not_fitted("camera")
    values = {"place": str(settings.path)}
    by_number = settings.kind in BY_NUMBER
    if last_word == "camera_missing" if by_number else not _is_there(Path(settings.path)):
        return Finding("camera", False, False, Verdict.WARN, "camera_missing", values=values)
    if last_word not in ("ok", "camera_missing"):
        return Finding("camera", True, False, Verdict.WARN, "camera_failed", values=values)
    return Finding("camera", None if by_number else True, None)


def scanner(settings: ScannerSettings | None, word: str, age_s: float | None = None, *, asked: bool = False) -> Finding:
    """``word`` is what the adapter said last, "" for nothing yet. ``asked``: the villager's screen asks for the label
    of each bag. A camera reads none there: it looks for a code when a clerk wants it.
    """
    if asked and (settings is None or settings.kind == "camera"):
        return Finding("scanner", False, None, Verdict.WARN, "scanner_none", needed=True)
    if settings is None:
        return not_fitted("scanner")
    if word in ("scanner_missing", "scanner_second_keyboard"):
        found = word != "scanner_missing"
        return Finding("scanner", found, False, Verdict.WARN, word, False, age_s, {"place": settings.port})
    return Finding("scanner", True if word else None, True if word else None, last_seen_s=age_s)


def panel(settings: PanelSettings | None, fitted: bool | None) -> Finding:
    """``fitted`` is what the adapter says of its pins, None when it was not asked."""
    if settings is None:
        return not_fitted("panel")
    if fitted is False:
        return Finding("panel", False, False, Verdict.WARN, "panel_missing")
    return Finding("panel", fitted, fitted)


def _is_there(path: Path) -> bool:
    """A place that the caller may not look at is none."""
    try:
        return path.exists()
    except OSError:
        return False


def page(age_s: float | None, waited_s: float | None = None) -> Finding:
    """The page on the screen, by its own heartbeat; ``waited_s`` is for how long the first one has been waited for."""
    if age_s is None and waited_s is not None and waited_s > FIRST_PAGE_S:
        return Finding("page", False, False, Verdict.WARN, "page_never")
    if age_s is None:
        return Finding("page", None, None)
    if age_s > PAGE_QUIET_S:
        return Finding("page", True, False, Verdict.WARN, "page_silent", last_seen_s=age_s)
    return Finding("page", True, True, last_seen_s=age_s)
