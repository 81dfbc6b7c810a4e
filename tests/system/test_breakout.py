"""Three layers against a keyboard: the policy, the page handler, and no keyboard at the compositor.

The whole table is measured by ``python -m tests.system.breakout``; here are the two columns that matter, a control
that the harness sees what a keyboard does, and the third layer, which is all there is on the browser's error page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.depth import TORTURE, many
from tests.lock.wayland_seat import Capability, capabilities
from tests.system.breakout import BOTH, CHORDS, COLUMNS, DOWN, DOWN_CHORDS, end, measure, screen

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "lock-table.md"


def documented(column: str) -> dict[str, str]:
    """Cells of one column of the table in the guide by chord, those that were measured."""
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in TABLE.read_text("utf-8").splitlines()]
    place = rows[0].index(column)
    return {row[0]: row[place] for row in rows[2:] if row[place] != "–"}


def test_with_policy_and_page_handler_no_chord_does_anything() -> None:
    """`make torture` looks after each chord."""
    assert measure(BOTH, together=many(5, torture=1)) == {chord.name: "" for chord in CHORDS}


def test_what_acts_on_the_error_page_is_what_the_guide_says() -> None:
    """Each that acts wants a browser of its own: `make torture` presses all, and looks long after each."""
    told = {name for name, cell in documented(DOWN.name).items() if cell.startswith("**")}
    assert told == {"Ctrl+H", "Ctrl+N", "Ctrl+W", "F1", "Shift+Esc"}
    pressed = [chord for chord in DOWN_CHORDS if TORTURE or chord.name in {"Ctrl+O", "Ctrl+W", "F1"}]
    found = measure(DOWN, pressed, acting={chord.name for chord in DOWN_CHORDS} if TORTURE else told)
    assert {name for name, result in found.items() if result} == told & {chord.name for chord in pressed}


LEAVES = {"Ctrl+J": "page: ", "Ctrl+O": "new window: "} if TORTURE else {"Ctrl+O": "new window: "}


def test_without_a_layer_the_same_keys_leave_the_screen() -> None:
    """A page that comes instead is seen on the error page as well: `make torture` asks for one here, too."""
    results = measure(COLUMNS[0], [chord for chord in CHORDS if chord.name in LEAVES], acting=LEAVES)
    for name, seen in LEAVES.items():
        assert results[name].startswith(seen), results


def test_the_guide_has_every_chord_in_every_column() -> None:
    for column in COLUMNS:
        chords = DOWN_CHORDS if column.down else CHORDS
        assert list(documented(column.name)) == [chord.name for chord in chords]
    assert set(documented(BOTH.name).values()) <= {"stopped", "nothing"}


def seat_of_cage(folder: Path, backend: str, display: str = "") -> Capability:
    """What the seat of a cage on ``backend`` has to offer, asked over its socket."""
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder),
        "WLR_BACKENDS": backend,
        "WLR_RENDERER": "pixman",
        "WLR_LIBINPUT_NO_DEVICES": "1",
        "DISPLAY": display,
    }
    sleep = shutil.which("sleep") or ""
    compositor = subprocess.Popen(
        ["cage", "-d", "--", sleep, "60"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # cage waits for its program, and sleep does not notice that its screen is gone
    )
    try:
        wire = folder / "wayland-0"
        deadline = time.monotonic() + 90
        while not wire.exists():
            assert time.monotonic() < deadline, "cage opened no socket"
            time.sleep(0.05)
        return capabilities(wire)
    finally:
        end(compositor)


def test_a_compositor_without_input_devices_has_no_keyboard(tmp_path: Path) -> None:
    assert Capability.KEYBOARD not in seat_of_cage(tmp_path, "headless")


def test_the_same_compositor_says_so_when_there_is_a_keyboard(tmp_path: Path) -> None:
    with screen() as display:
        assert Capability.KEYBOARD in seat_of_cage(tmp_path, "x11", display)


@pytest.mark.parametrize("words", ['ENV{ID_INPUT_KEYBOARD}=="1"', 'ENV{LIBINPUT_IGNORE_DEVICE}="1"'])
def test_a_rule_keeps_every_keyboard_from_the_compositor(words: str) -> None:
    files = sorted((ROOT / "firmware_config" / "udev").glob("*.rules"))
    lines = [line for path in files for line in re.sub(r"\\\n\s*", " ", path.read_text("utf-8")).splitlines()]
    rules = [line for line in lines if "LIBINPUT_IGNORE_DEVICE" in line and not line.startswith("#")]
    assert any(words in rule and "ATTRS{idVendor}" not in rule for rule in rules), rules
