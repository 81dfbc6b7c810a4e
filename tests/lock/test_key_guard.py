"""The page handler: what it lets through, and what it stops before anything else on the page sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

GUARD = Path(__file__).parents[2] / "kiosk" / "web" / "static" / "js" / "key-guard.js"
SEEN = """
window.seen = [];
addEventListener("keydown", (event) => seen.push(event.code), { capture: true });
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One for all: the guard keeps nothing of an event."""
    page = browser.new_page()
    script = GUARD.read_text(encoding="utf-8").replace("export ", "") + "guardKeys();"
    page.set_content("<body><p>text</p><script></script></body>")
    page.evaluate(f"() => {{ {SEEN} {script} }}")
    yield page
    page.close()


def stopped(page: Page, kind: str, name: str, init: dict[str, object]) -> bool:
    return bool(
        page.evaluate(
            """([kind, name, init]) => {
                const event = new window[kind](name, { ...init, bubbles: true, cancelable: true });
                return !document.querySelector("p").dispatchEvent(event);
            }""",
            [kind, name, init],
        )
    )


@pytest.mark.parametrize("key", ["0", "9", "A", "z", "-", ";", " ", "ئ", "Enter", "Tab", "Backspace"])
def test_what_a_scanner_types_passes(page: Page, key: str) -> None:
    for name in ("keydown", "keyup"):
        assert not stopped(page, "KeyboardEvent", name, {"key": key})


@pytest.mark.parametrize("modifier", ["ctrlKey", "altKey", "metaKey"])
@pytest.mark.parametrize("key", ["o", "1", "Enter", "Tab"])
def test_a_chord_is_stopped(page: Page, key: str, modifier: str) -> None:
    assert stopped(page, "KeyboardEvent", "keydown", {"key": key, modifier: True})


@pytest.mark.parametrize(
    "key", ["F1", "F5", "F11", "F12", "Escape", "BrowserBack", "ContextMenu", "Alt", "Unidentified"]
)
def test_a_named_key_is_stopped(page: Page, key: str) -> None:
    assert stopped(page, "KeyboardEvent", "keydown", {"key": key})


def test_shift_makes_no_chord_but_of_a_named_key(page: Page) -> None:
    assert not stopped(page, "KeyboardEvent", "keydown", {"key": "A", "shiftKey": True})
    assert stopped(page, "KeyboardEvent", "keydown", {"key": "Escape", "shiftKey": True})


def test_a_scanner_listening_on_the_window_sees_every_key(page: Page) -> None:
    page.evaluate("() => { seen = []; }")
    page.keyboard.press("Control+o")
    page.keyboard.type("ab1")
    assert page.evaluate("seen") == ["ControlLeft", "KeyO", "KeyA", "KeyB", "Digit1"]


@pytest.mark.parametrize(
    ("kind", "name", "init"),
    [
        ("WheelEvent", "wheel", {"ctrlKey": True}),
        ("MouseEvent", "mousedown", {"button": 1}),
        ("MouseEvent", "mouseup", {"button": 3}),
        ("MouseEvent", "mouseup", {"button": 4}),
        ("MouseEvent", "auxclick", {"button": 1}),
        ("MouseEvent", "contextmenu", {}),
        ("DragEvent", "dragstart", {}),
        ("DragEvent", "dragover", {}),
        ("DragEvent", "drop", {}),
        ("Event", "selectstart", {}),
        ("ClipboardEvent", "copy", {}),
        ("ClipboardEvent", "cut", {}),
        ("ClipboardEvent", "paste", {}),
    ],
)
def test_gestures_are_stopped(page: Page, kind: str, name: str, init: dict[str, object]) -> None:
    assert stopped(page, kind, name, init)


def test_a_pinch_is_stopped_and_one_finger_is_not(page: Page) -> None:
    moves = page.evaluate(
        """() => [1, 2].map((fingers) => {
            const target = document.querySelector("p");
            const touches = Array.from({ length: fingers }, (_, identifier) => new Touch({ identifier, target }));
            const event = new TouchEvent("touchmove", { touches, bubbles: true, cancelable: true });
            return !target.dispatchEvent(event);
        })"""
    )
    assert moves == [False, True]


def test_a_tap_and_a_wheel_pass(page: Page) -> None:
    assert not stopped(page, "MouseEvent", "mousedown", {"button": 0})
    assert not stopped(page, "MouseEvent", "click", {"button": 0})
    assert not stopped(page, "WheelEvent", "wheel", {})
