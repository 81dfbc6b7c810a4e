"""How each question of the wizard looks: rows, not branches."""

from __future__ import annotations

from dataclasses import dataclass

ROWS = 3


@dataclass(frozen=True, slots=True)
class Screen:
    """``body`` names the template ``setup/_BODY.html``. ``pad`` is the pad of a typed answer; on a ``choose`` screen it
    is reached by a tile of its own that says ``other`` (a text id). ``before`` and ``after`` stand around what is
    typed, ``sends`` is put before it to tell it from the tiles. ``hint`` is the text id of what stands beside a pad,
    ``foot`` of what stands below the tiles, where a device is tried with the word of its trial behind a "_".
    ``may_skip``: the question may be left without an answer. ``live``: the page looks again by itself. ``columns`` of
    tiles stand side by side, in three rows a page.
    """

    body: str
    picture: str
    pad: str = ""
    other: str = ""
    before: str = ""
    after: str = ""
    sends: str = ""
    hint: str = ""
    foot: str = ""
    may_skip: bool = False
    live: bool = False
    columns: int = 2

    @property
    def tiles(self) -> int:
        """Tiles on one page; a row more would make them smaller than a finger."""
        return ROWS * self.columns - (1 if self.other else 0)


_PLUG = "setup.hint.plug_in"
_FILES = "setup.hint.files"
_GOODS = "setup.hint.goods"
_MEDIUM = "setup.hint.backup"
_PRINTER = "setup.choice.network_printer"

SCREENS = {
    "language": Screen("language", "language"),
    "panel": Screen("panel", "number-pad"),
    "recovery": Screen("choose", "bring", foot="setup.hint.recovery", live=True),
    "recovery_letter": Screen("choose", "receipt", foot="setup.hint.recovery_letter", columns=3),
    "recovery_code": Screen("pad", "card", "identity", hint="setup.hint.identity_code"),
    "recovery_wait": Screen("put_back", "bring", live=True),
    "identity": Screen(
        "choose",
        "bring",
        "station",
        "setup.choice.identity_number",
        sends="S",
        hint="setup.hint.station",
        foot="setup.hint.identity",
        live=True,
        columns=3,
    ),
    "identity_code": Screen("pad", "card", "identity", hint="setup.hint.identity_code"),
    "station": Screen("pad", "bring", "station", before="S", hint="setup.hint.station"),
    "region": Screen("choose", "bring", "region", "setup.choice.other_region", columns=3),
    "village": Screen("pad", "bring", "names", may_skip=True),
    "scale": Screen("choose", "scale", foot=_PLUG, live=True),
    "protocol": Screen("choose", "scale", foot="setup.hint.listen", columns=3, live=True),
    "line": Screen("choose", "scale", columns=3),
    "reads": Screen("reads", "scale", live=True),
    "e": Screen("pad", "scale", "grams", before="e =", after="g", hint="setup.hint.e"),
    "max": Screen("pad", "scale", "kilograms", before="Max", after="kg", hint="setup.hint.max"),
    "label": Screen(
        "choose", "label", "address", _PRINTER, sends="tcp:", hint="setup.hint.address", foot=_PLUG, live=True
    ),
    "label_profile": Screen("choose", "label"),
    "label_test": Screen("printed", "label", live=True),
    "receipt": Screen(
        "choose", "receipt", "address", _PRINTER, sends="tcp:", hint="setup.hint.address", foot=_PLUG, live=True
    ),
    "receipt_profile": Screen("choose", "receipt"),
    "receipt_test": Screen("printed", "receipt", live=True),
    "scanner": Screen("choose", "scan", foot=_PLUG, live=True),
    "scanner_test": Screen("scanned", "scan", live=True),
    "camera": Screen("choose", "camera", foot=_PLUG, live=True),
    "camera_test": Screen("shot", "camera", live=True),
    "broker": Screen("choose", "link"),
    "broker_address": Screen("pad", "link", "host"),
    "broker_ca": Screen("choose", "link", foot=_FILES, live=True),
    "broker_account": Screen("choose", "link", foot=_FILES, live=True),
    "broker_test": Screen("reached", "link", live=True),
    "goods": Screen("choose", "bring", foot=_GOODS, live=True),
    "goods_shown": Screen("goods", "bring"),
    "backup": Screen("choose", "shelf", foot=_MEDIUM, live=True),
    "technician": Screen("pad", "wrench", "names"),
    "technician_pin": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "technician_again": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "clerk": Screen("pad", "clerk", "names"),
    "clerk_pin": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "clerk_again": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "check": Screen("check", "state-locked"),
    "done": Screen("done", "state-locked"),
}
