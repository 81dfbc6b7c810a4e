"""What a technician sets for lamps, buttons and buzzer."""

from __future__ import annotations

from dataclasses import dataclass, fields

_PINS = ("ready", "busy", "fault", "buzzer", "ok", "help")
_LAST_PIN = 27


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """Pins by their BCM number, 0 to 27; left out, that part is not fitted.

    ``factory`` is gpiozero's pin factory: ``auto`` takes the first that works on this machine. Buttons connect their
    pin to ground. Raises ValueError with the field and what is allowed.
    """

    ready: int | None = None
    busy: int | None = None
    fault: int | None = None
    buzzer: int | None = None
    ok: int | None = None
    help: int | None = None
    factory: str = "auto"

    def __post_init__(self) -> None:
        pins = [getattr(self, row.name) for row in fields(self) if row.name in _PINS]
        used = [pin for pin in pins if pin is not None]
        if any(not 0 <= pin <= _LAST_PIN for pin in used) or len(used) != len(set(used)):
            raise ValueError(f"the pins {', '.join(_PINS)} must be different numbers from 0 to {_LAST_PIN}")
        if self.factory not in ("auto", "lgpio", "rpigpio", "native", "simulated"):
            raise ValueError(f"factory {self.factory!r} must be auto, lgpio, rpigpio, native or simulated")
