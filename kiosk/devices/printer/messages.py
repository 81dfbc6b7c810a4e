"""What a technician or clerk is told about a printer: the thing, the place, the act."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.devices.ports import PrinterFault

# In order of what to do first; paper near its end stops nothing and has no row.
_REMEDIES: dict[PrinterFault, str] = {
    PrinterFault.HEAD_OPEN: "has its head open: close it",
    PrinterFault.COVER_OPEN: "has its cover open: close it",
    PrinterFault.PAPER_JAM: "has a paper jam: open it and pull the paper out",
    PrinterFault.PAPER_OUT: "is out of paper: put a new roll in",
    PrinterFault.RIBBON_OUT: "is out of ribbon: put a new one in",
    PrinterFault.PAUSED: "is paused: press its feed or pause key",
    PrinterFault.BUFFER_FULL: "has a full buffer: switch it off and on",
    PrinterFault.TEMPERATURE: "is too hot or too cold: let it rest",
    PrinterFault.CUTTER_ERROR: "has a blocked cutter: clear it, then switch it off and on",
    PrinterFault.UNRECOVERABLE: "reports a failure: switch it off and on, then call a technician",
    PrinterFault.OFFLINE: "is offline: look at its lamp and its paper",
    PrinterFault.ERROR: "reports an error: switch it off and on",
    PrinterFault.PRINTING: "is still busy with another job: wait",
}


@dataclass(frozen=True, slots=True)
class PrinterName:
    """What the printer is called and where it is, for messages: "label printer", "127.0.0.1:9100"."""

    kind: str
    place: str

    def __str__(self) -> str:
        return f"The {self.kind} at {self.place}"

    @property
    def silent(self) -> str:
        return f"The {self.kind} does not answer at {self.place}: check its power and cable."

    @property
    def never_seen_printing(self) -> str:
        return f"The {self.kind} at {self.place} took the job and was never seen printing it."

    @property
    def finished_too_soon(self) -> str:
        return f"The {self.kind} at {self.place} said that it was done before the paper can have come out."

    def unreachable(self, reason: str) -> str:
        return f"The {self.kind} cannot be reached at {self.place} ({reason}): check its power and cable."

    def faulty(self, flags: tuple[PrinterFault, ...]) -> str:
        """The first act to take; "" when no flag stops a job."""
        return next((f"{self} {act}." for flag, act in _REMEDIES.items() if flag in flags), "")
