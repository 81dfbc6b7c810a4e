"""What a verification officer and a technician ask: which software, which scale, how often anything was changed."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from kiosk.devices.scale.settings import ScaleSettings
from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, Verification
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.shared.ports import Configuration
from kiosk.texts.html import bdi, bdi_code, bdi_kg
from kiosk.web.shared.ports import Station
from kiosk.web.shared.speech import Speech

# Text id of the name, the value as HTML, and the class of the value's state ("" for a plain one).
Row = tuple[str, Markup, str]

_TRADE: Final = {True: "trade_yes", False: "trade_no", None: "trade_unsaid"}
_BAD, _WARNING, _GOOD, _PLAIN = "lost", "overdue", "known", ""
_CHECK_LOOKS: Final = {
    CheckState.FAILED: _BAD,
    CheckState.LATE: _WARNING,
    CheckState.PASSED: _GOOD,
    CheckState.NONE: _PLAIN,
}
_VERIFICATION_LOOKS: Final = {
    Verification.EXPIRED: _BAD,
    Verification.UNJUDGED: _WARNING,
    Verification.VALID: _GOOD,
    Verification.NONE: _PLAIN,
}


def about_rows(station: Station, config: Configuration, speech: Speech, decimals: int) -> list[Row]:
    """All rows, worth a printed page of their own at a verification. Raises StoreError."""
    standing = station.standing()
    return [
        ("software", bdi_code(station.software), _PLAIN),
        ("metrology", bdi_code(station.metrology), _PLAIN),
        *_scale(config.scale, speech, decimals),
        ("scale_no", bdi_code(standing.serial_no) if standing.serial_no else _text(speech, "unset"), _PLAIN),
        ("verified", _verification(config.metrology, standing, speech), _VERIFICATION_LOOKS[standing.verification]),
        ("check", _text(speech, f"check_state.{standing.check.value}"), _CHECK_LOOKS[standing.check]),
        ("counters", bdi_code(standing.counters.text), _PLAIN),
        ("trade", _text(speech, _TRADE[standing.trade]), _BAD if standing.trade is False else _PLAIN),
    ]


def _scale(scale: ScaleSettings | None, speech: Speech, decimals: int) -> list[Row]:
    if scale is None:
        return [("protocol", _text(speech, "unset"), _PLAIN)]
    profile = scale.profile
    ranged = (bdi_kg(profile.max_g, decimals), bdi_kg(profile.min_g, decimals), bdi_kg(profile.e_g, decimals))
    return [("protocol", bdi_code(scale.protocol), _PLAIN), ("range", Markup(" · ").join(ranged), _PLAIN)]


def _verification(settings: MetrologySettings, standing: ScaleLegalStatus, speech: Speech) -> Markup:
    word = _text(speech, f"verification.{standing.verification.value}")
    return Markup("{} {}").format(bdi(settings.verified_until), word) if settings.verified_until else word


def _text(speech: Speech, word: str) -> Markup:
    return speech.one(f"technician.about.{word}")
