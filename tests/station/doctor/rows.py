"""The rows of the doctor of a running station, in the order in which they are read."""

from __future__ import annotations

DEVICES = [
    "settings",
    "station",
    "scale",
    "printer_label",
    "printer_receipt",
    "camera",
    "scanner",
    "panel",
    "page",
    "database",
    "records",
    "disk",
    "clock",
    "fonts",
    "catalog",
    "people",
    "pickup_key",
    "signing_key",
    "link",
    "center",
    "backup",
]
