"""The scale as it is set up, as one content with one hash: whoever changes any of it raises the event counter."""

from __future__ import annotations

import hashlib
import json

from kiosk.devices.scale.settings import ScaleSettings
from kiosk.protocols.scales import registry
from kiosk.store.shared.records import ScaleContent

_SECRET = "password"  # noqa: S105 - part of a parameter's name


def scale_content(settings: ScaleSettings) -> ScaleContent:
    """Protocol, every parameter, line, unit, e, Max and trade. The port is no part of it: a cable may be moved.

    A parameter that is a password is left out: its hash in an event would be guessed. Raises UnknownProtocol.
    """
    row = registry.get(settings.protocol)
    params = {**registry.defaults(settings.protocol), **settings.params}
    profile = settings.profile
    content = {
        "protocol": settings.protocol,
        "params": {name: value for name, value in params.items() if _SECRET not in name},
        "line": str(settings.line),
        "unit": profile.unit,
        "e_g": profile.e_g,
        "max_g": profile.max_g,
        "trade": row.trade,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return ScaleContent(sha256, settings.protocol, profile.e_g, profile.max_g, profile.unit, row.trade)
