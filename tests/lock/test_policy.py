"""The policy file: what must stand in it, what the installed Chromium makes of it, and what the guide says of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright

from tests.system.breakout import POLICY, end, private

GUIDE = Path(__file__).parents[2] / "docs" / "lock.md"
ROWS = """() => {
    const rows = [];
    const walk = (root) => {
        for (const element of root.querySelectorAll("*")) {
            if (element.shadowRoot) walk(element.shadowRoot);
            if (element.localName === "policy-row") rows.push((element.shadowRoot || element).textContent);
        }
    };
    walk(document);
    return rows;
}"""
WAIT_S = 60.0
STATES = ("OK", "Deprecated")
"""Deprecated names still work, and they are the ones the older Chromium of a Raspberry Pi knows."""


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(POLICY.read_text(encoding="utf-8"))
    return loaded


def test_nothing_but_the_station_and_the_splash_is_allowed(policy: dict[str, Any]) -> None:
    assert policy["URLAllowlist"] == ["http://127.0.0.1:8080", "http://127.0.0.1:8079"]
    blocked = policy["URLBlocklist"]
    # "*" alone was seen to leave chrome:// pages open.
    for pattern in ("*", "chrome://*", "chrome-untrusted://*", "file://*", "view-source:*", "devtools://*"):
        assert pattern in blocked
    for scheme in ("javascript:*", "data:*", "blob:*", "about:*", "mailto:*", "tel:*", "intent:*"):
        assert scheme in blocked


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DeveloperToolsAvailability", 2),
        ("RemoteDebuggingAllowed", False),
        ("IncognitoModeAvailability", 1),
        ("DownloadRestrictions", 3),
        ("AllowFileSelectionDialogs", False),
        ("PrintingEnabled", False),
        ("TranslateEnabled", False),
        ("PasswordManagerEnabled", False),
        ("AutofillAddressEnabled", False),
        ("AutofillCreditCardEnabled", False),
        ("BrowserSignin", 0),
    ],
)
def test_what_a_kiosk_needs_is_set(policy: dict[str, Any], name: str, value: object) -> None:
    assert policy[name] == value


def test_the_guide_gives_a_reason_for_every_policy(policy: dict[str, Any]) -> None:
    table = GUIDE.read_text(encoding="utf-8").partition("## The policies and why")[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    reasons = {name.strip(" `"): row[1].strip() for row in rows for name in row[0].split(",")}
    assert reasons.keys() == policy.keys()
    assert all(reasons.values())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, policy: dict[str, Any], driver: Playwright) -> Iterator[Browser]:
    """Chromium under the shipped policy, opened as far as looking at it needs: debugger and ``chrome://policy``."""
    home = tmp_path_factory.mktemp("policy")
    debugger = {"RemoteDebuggingAllowed": True, "DeveloperToolsAvailability": 1}
    shown = {**policy, **debugger, "URLAllowlist": [*policy["URLAllowlist"], "chrome://policy"]}
    file = home / "policy.json"
    file.write_text(json.dumps(shown), encoding="utf-8")
    profile = home / "profile"
    flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [*private(str(file)), "/usr/bin/chromium", *flags, f"--user-data-dir={profile}", "about:blank"],
        env={**os.environ, "HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = _debugger_port(profile)
        with closing(driver.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")) as browser:
            yield browser
    finally:
        end(process)


@pytest.fixture
def page(browser: Browser) -> Page:
    """A tab for each look: the debugger loses one that was blocked."""
    return browser.contexts[0].new_page()


def _debugger_port(profile: Path) -> int:
    """Where the debugger listens, once the first window is there."""
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if told.exists() and (lines := told.read_text().splitlines()):
            with urlopen(f"http://127.0.0.1:{int(lines[0])}/json/list", timeout=WAIT_S) as targets:
                if any(target["url"] == "about:blank" for target in json.load(targets)):
                    return int(lines[0])
        time.sleep(0.1)
    raise TimeoutError("Chromium did not start")


def test_the_installed_chromium_knows_every_name_and_accepts_every_value(page: Page, policy: dict[str, Any]) -> None:
    page.goto("chrome://policy")
    deadline = time.monotonic() + WAIT_S
    states: dict[str, str] = {}
    while not policy.keys() <= states.keys() and time.monotonic() < deadline:
        page.wait_for_timeout(100)
        states = {name: state for name, _, state in map(_row, page.evaluate(ROWS)) if state}
    assert {name: states.get(name) for name in policy if states.get(name) not in STATES} == {}


def _row(text: str) -> tuple[str, str, str]:
    """Name, value and what Chromium thinks of it: the word after the level, "Not set." when nobody set it."""
    words = text.split()
    if "Mandatory" not in words:
        return words[0] if words else "", "", ""
    level = words.index("Mandatory")
    return words[0], " ".join(words[1:level]), words[level + 1]


@pytest.mark.parametrize(
    "address",
    [
        "chrome://version",
        "chrome://settings",
        "chrome://inspect",
        "chrome://downloads",
        "file:///etc/passwd",
        "view-source:http://127.0.0.1:8080/",
        "data:text/html,out",
        "https://example.com/",
        "http://127.0.0.1:8070/",
        "http://localhost:8080/",
    ],
)
def test_every_other_address_is_blocked(page: Page, address: str) -> None:
    with pytest.raises(Error, match="ERR_BLOCKED_BY_ADMINISTRATOR"):
        page.goto(address, timeout=WAIT_S * 1000)


def test_the_station_is_not_blocked(page: Page) -> None:
    """Whether somebody listens there or not, it is asked."""
    try:
        page.goto("http://127.0.0.1:8080/", timeout=WAIT_S * 1000)
    except Error as error:
        assert "ERR_CONNECTION_REFUSED" in str(error)
