"""The check of the rooms finds each kind of breach in a made-up house; the picture of the real one is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.rooms import MODULES_STOP, PAIRS_STOP, ROOT, imports, modules, problems


def path_of(name: str) -> str:
    """``web__pages`` is a module of a room, ``web____init__`` the room itself."""
    folder = name.removesuffix("____init__")
    return folder.replace("__", "/") + name[len(folder) :].replace("____", "/__")


def house(root: Path, **files: str) -> Path:
    """A house of two rooms, and modules by their path with double underscores for slashes."""
    made = {"__init__": "", "domain/__init__": "", "domain/mass": "", "web/__init__": "", "web/pages": ""}
    for name, text in {**made, **{path_of(name): text for name, text in files.items()}}.items():
        path = root / "kiosk" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_house_as_it_should_be_has_none(tmp_path: Path) -> None:
    assert problems(house(tmp_path, web__live="from kiosk.domain import mass\n")) == []


def test_too_many_modules_in_a_folder(tmp_path: Path) -> None:
    many = {f"store__m{number}": "" for number in range(MODULES_STOP + 1)}
    assert problems(house(tmp_path, **many)) == [f"kiosk/store: {MODULES_STOP + 1} modules, the stop is {MODULES_STOP}"]


def test_as_many_as_may_be_are_no_breach(tmp_path: Path) -> None:
    many = {f"store__m{number}": "" for number in range(MODULES_STOP)}
    assert problems(house(tmp_path, **many, store____init__="")) == []


@pytest.mark.parametrize(
    ("files", "way"),
    [
        (
            {"web__a": "import kiosk.web.b\n", "web__b": "from kiosk.web import a\n"},
            "kiosk.web.a -> kiosk.web.b -> kiosk.web.a",
        ),
        (
            {
                "web__a": "from kiosk.web.b import x\n",
                "web__b": "from kiosk.domain.c import y\n",
                "domain__c": "def y():\n    from kiosk.web.a import z\n",
            },
            "kiosk.domain.c -> kiosk.web.a -> kiosk.web.b -> kiosk.domain.c",
        ),
    ],
    ids=["of two", "of three, one inside a function"],
)
def test_a_circle(tmp_path: Path, files: dict[str, str], way: str) -> None:
    assert problems(house(tmp_path, **files)) == [f"a circle of imports: {way}"]


def test_a_way_into_a_circle_is_not_part_of_it(tmp_path: Path) -> None:
    round_trip = {
        "web__x": "import kiosk.web.y\n",
        "web__y": "import kiosk.web.x\n",
        "domain__a": "import kiosk.web.x\n",
    }
    assert problems(house(tmp_path, **round_trip)) == ["a circle of imports: kiosk.web.x -> kiosk.web.y -> kiosk.web.x"]


def test_a_module_at_the_top(tmp_path: Path) -> None:
    assert problems(house(tmp_path, helpers="")) == ["kiosk/helpers.py: the top holds folders, and nothing else"]


def test_too_many_pairs_of_folders_that_import_each_other(tmp_path: Path) -> None:
    """No cycle of modules: one module of each folder imports a second one of the other."""

    def pair(number: int) -> dict[str, str]:
        one, other = f"room{number}a", f"room{number}b"
        return {
            **{f"{room}__{module}": "" for room in (one, other) for module in ("__init__", "low")},
            f"{one}__high": f"import kiosk.{other}.low\n",
            f"{other}__high": f"def late():\n    from kiosk.{one} import low\n",
        }

    for number in range(PAIRS_STOP):
        assert problems(house(tmp_path, **pair(number))) == []
    (found,) = problems(house(tmp_path, **pair(PAIRS_STOP)))
    begin = f"{PAIRS_STOP + 1} pairs of folders import each other, the stop is {PAIRS_STOP}: "
    assert found.startswith(f"{begin}kiosk.room0a and kiosk.room0b, kiosk.room1a and kiosk.room1b, ")


# --- the picture of the house -----------------------------------------------------------------------------------------

PICTURE = ROOT / "docs" / "pictures" / "rooms.svg"
UNDER_ALL = "base"
"""The box at the bottom: its words say that every room above may use it, and no arrow leads there."""


def room_of(module: str) -> str:
    """The box of a module: its room, of the messages one of two; "" for what has no box of its own."""
    parts = module.split(".")[1:]
    room = "/".join(parts[:2]) if parts[:1] == ["messaging"] else "".join(parts[:1])
    return "" if room == UNDER_ALL else room


def drawn_arrows() -> set[tuple[str, str]]:
    """From a room to those it imports, without what a longer way implies."""
    known = modules(ROOT)
    ways: dict[str, set[str]] = {}
    for module, path in known.items():
        for needed in imports(path, known):
            ways.setdefault(room_of(module), set()).add(room_of(needed))
    reached = {room: reach(ways, ways[room] - {"", room}) for room in ways}
    pairs = {(room, other) for room in ways for other in ways[room] if room != other and room and other}
    return {(room, end) for room, end in pairs if not any(end in reached[via] for via in ways[room] - {"", room, end})}


def reach(ways: dict[str, set[str]], begin: set[str]) -> set[str]:
    """Every room at the end of a way that begins at one of these."""
    found, waiting = set(begin), list(begin)
    while waiting:
        new = ways.get(waiting.pop(), set()) - found - {""}
        found |= new
        waiting += new
    return found


def test_the_picture_has_the_arrows_of_the_house() -> None:
    drawn = re.findall(r'data-arrow="(\S+) (\S+)"', PICTURE.read_text(encoding="utf-8"))
    assert set(drawn) == drawn_arrows()
    assert len(drawn) == len(set(drawn))
