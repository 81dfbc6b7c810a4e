"""The device id of a USB printer, and the language that it proposes.

Source: IEEE 1284-2000, 7.6 (device id: KEY:value; pairs); the words are those of TSC, Xprinter, Gprinter, Zebra, Epson.
"""

from __future__ import annotations

from kiosk.protocols.printers.page_setup import StreamLanguage

_COMMAND_KEYS, _MAKER_KEYS = ("CMD", "COMMAND SET"), ("MFG", "MANUFACTURER")
_BEGINNINGS: tuple[tuple[str, StreamLanguage], ...] = (
    ("TSPL", "tspl"),
    ("FBPL", "tspl"),
    ("ZPL", "zpl"),
    ("CPCL", "cpcl"),
    ("ESC/POS", "escpos"),
    ("ESCPOS", "escpos"),
    ("ESC-POS", "escpos"),
)
# Of makers with one language, for printers that name no commands.
_MAKERS: dict[str, StreamLanguage] = {"TSC": "tspl", "ZEBRA": "zpl"}


def proposed_language(device_id: str) -> StreamLanguage | None:
    """Return the first language it names that is supported here; None when it names none."""
    fields: dict[str, str] = {}
    for pair in device_id[:1024].split(";"):
        key, _, value = pair.partition(":")
        fields[key.strip().upper()] = value.strip().upper()
    commands = next((fields[key] for key in _COMMAND_KEYS if key in fields), "")
    for word in commands.split(","):
        for beginning, language in _BEGINNINGS:
            if word.strip().startswith(beginning):
                return language
    maker = next((fields[key] for key in _MAKER_KEYS if key in fields), "")
    return next((language for name, language in _MAKERS.items() if maker.startswith(name)), None)
