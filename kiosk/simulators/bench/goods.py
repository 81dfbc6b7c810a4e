"""What can be put on the pan with one touch, and how what lies there is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class BenchProduct:
    """``picture`` names a drawing."""

    name: str
    picture: str
    grams: int
    meaning: str


GOODS = (
    BenchProduct("Sack", "sack", 12_480, "A sack of almonds"),
    BenchProduct("Crate", "crate", 18_650, "A crate of walnuts"),
    BenchProduct("Bucket", "bucket", 5_240, "A bucket of honey"),
    BenchProduct("Empty", "crate", 1_850, "An empty crate, to be weighed as the container"),
    BenchProduct("Pinch", "badam", 85, "Less than Min, which is 20 e = 100 g"),
    BenchProduct("Heavy", "own-container", 62_500, "More than Max, which is 50 kg"),
)

_BUCKET_G, _SACK_G = 8_000, 16_000

# Scenes whose drawing has another name.
SCENE_PICTURES = {
    "empty": "none",
    "black-raisin": "raisin",
    "prune": "other",
    "egg": "other",
    "orange": "apple",
    "potato": "other",
    "garlic": "other",
    "radish": "other",
    "aubergine": "other",
    "pepper": "chili",
    "greens": "other",
}


def lying(load_g: int) -> str:
    """The drawing of a load in grams: the very goods when the mass is theirs, else by size; "" for an empty pan."""
    if load_g <= 0:
        return ""
    known = next((row.picture for row in GOODS if row.grams == load_g), None)
    if known is not None:
        return known
    return "bucket" if load_g < _BUCKET_G else "sack" if load_g < _SACK_G else "crate"


@cache
def drawings() -> dict[str, Traversable]:
    """The station's drawings by name: read as files, its web code is not imported."""
    folder = files("kiosk").joinpath("web", "static", "drawings")
    return {row.name.removesuffix(".svg"): row for row in folder.iterdir() if row.name.endswith(".svg")}
