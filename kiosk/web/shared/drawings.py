"""The drawings the pages may show: the files that are there, and nothing a catalog may have named."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from flask import url_for

UNKNOWN = "other"


@cache
def known_drawings() -> frozenset[str]:
    """The names of all drawings that come with the station."""
    folder = files("kiosk.web").joinpath("static", "drawings")
    return frozenset(file.name.removesuffix(".svg") for file in folder.iterdir() if file.name.endswith(".svg"))


def drawing(name: str) -> str:
    """The address of a drawing; goods and containers whose picture nobody has drawn get the mixed basket."""
    known = name if name in known_drawings() else UNKNOWN
    return url_for("static", filename=f"drawings/{known}.svg")


def shot_drawing(reason: str) -> str:
    """The name of the drawing that shows what to change before the next shot."""
    name = f"shot-{reason}"
    return name if name in known_drawings() else "shot-again"
