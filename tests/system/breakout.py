"""What a keyboard can do to the kiosk's browser: ``python -m tests.system.breakout docs/lock-table.md``.

Chromium runs in kiosk mode under Xvfb on the station's real home page and gets real key events. A private mount
namespace holds its policies, every browser has a fresh profile. What a chord did is judged from outside, by windows,
titles, the picture on the screen, the requests for a page and whether the browser lives: a target list of the
debugger shows the same address whether a page is blocked or open.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from flask import Response, request
from PIL import Image, ImageChops, ImageGrab

from kiosk.web.factory import create_app
from kiosk.web.server import serve
from kiosk.web.shared.settings import WebSettings
from tests.messaging.ports import claimed_port
from tests.web.shop import Shop

POLICY = Path(__file__).parents[2] / "firmware_config" / "chromium" / "station-kiosk.json"
SIZE = (1024, 600)
_NOWHERE = (560, 40)
"""A place on the home page where no tile is: the pointer must not press one."""

_START_S, _END_S = 90.0, 5.0
_LOOK, _LONG_LOOK = (0.6, 0.7), (15.0, 3.0)
"""How long something is looked for, and how long what was seen has to settle."""
_BETWEEN_LOOKS_S = 0.3
"""What a chord opens stays; a look costs a picture and a question about every window."""
_SAME_PART = 0.004
"""Pixels that may differ between two looks at the same page: a caret, a mark that changes its shape."""

_PRIVATE = """
mount --make-rprivate / 2>/dev/null
mount -t tmpfs -o mode=755 none /etc/chromium || exit 97
if [ -n "$1" ]; then mkdir -p /etc/chromium/policies/managed; cp "$1" /etc/chromium/policies/managed/; fi
shift
trap : TERM
"$@"
umount /etc/chromium
"""


@dataclass(frozen=True)
class Chord:
    """What is pressed, in the words of people and of xdotool."""

    name: str
    act: tuple[str, ...]


def _key(name: str, keys: str) -> Chord:
    return Chord(name, ("key", "--clearmodifiers", keys))


CHORDS: tuple[Chord, ...] = (
    _key("Ctrl+O", "ctrl+o"),
    _key("Ctrl+S", "ctrl+s"),
    _key("Ctrl+P", "ctrl+p"),
    _key("Ctrl+U", "ctrl+u"),
    _key("Ctrl+Shift+I", "ctrl+shift+i"),
    _key("F12", "F12"),
    _key("Ctrl+R", "ctrl+r"),
    _key("F5", "F5"),
    _key("Ctrl+J", "ctrl+j"),
    _key("Ctrl+H", "ctrl+h"),
    _key("Ctrl+Shift+O", "ctrl+shift+o"),
    _key("Ctrl+Shift+Del", "ctrl+shift+Delete"),
    _key("Ctrl+N", "ctrl+n"),
    _key("Ctrl+T", "ctrl+t"),
    _key("Ctrl+Shift+N", "ctrl+shift+n"),
    _key("Ctrl+W", "ctrl+w"),
    _key("Ctrl+F4", "ctrl+F4"),
    _key("Ctrl+Shift+W", "ctrl+shift+w"),
    _key("Alt+F4", "alt+F4"),
    Chord(
        "Ctrl+L, an address, Enter",
        ("key", "--clearmodifiers", "ctrl+l", "sleep", "0.3", "type", "--args", "1", "file:///etc", "key", "Return"),
    ),
    _key("Ctrl+F", "ctrl+f"),
    _key("Ctrl+D", "ctrl+d"),
    _key("Ctrl+Plus", "ctrl+plus"),
    _key("Alt+F", "alt+f"),
    _key("Alt+Home", "alt+Home"),
    _key("F1", "F1"),
    _key("F3", "F3"),
    _key("F7", "F7"),
    _key("F10", "F10"),
    _key("F11", "F11"),
    _key("Shift+Esc", "shift+Escape"),
    Chord("Ctrl+wheel", ("keydown", "ctrl", "click", "4", "click", "4", "keyup", "ctrl")),
    Chord("right click", ("click", "3")),
    Chord("middle click", ("click", "2")),
    Chord(
        "double click and drag",
        ("click", "--repeat", "2", "1", "mousedown", "1", "mousemove_relative", "--", "-300", "10", "mouseup", "1"),
    ),
)
FADING = frozenset({"Alt+F", "F10", "right click"})
"""The menu that such a chord may open is gone with the next one: it is looked at before that."""
DOWN_CHORDS = tuple(
    chord for chord in CHORDS if chord.name in {"Ctrl+O", "Ctrl+H", "Ctrl+N", "Ctrl+W", "F1", "Shift+Esc"}
)
"""What is pressed on the error page: one of each kind."""


@dataclass(frozen=True)
class Column:
    """Which layers are there."""

    name: str
    policy: bool
    guard: bool
    down: bool = False


BOTH = Column("both", policy=True, guard=True)
DOWN = Column("policy, server down", policy=True, guard=False, down=True)
COLUMNS = (
    Column("no layer", policy=False, guard=False),
    Column("policy", policy=True, guard=False),
    Column("page handler", policy=False, guard=True),
    BOTH,
    Column("no layer, server down", policy=False, guard=False, down=True),
    DOWN,
)


@dataclass
class Site:
    """The station's pages on a free port; ``pages`` counts what a browser navigated to."""

    port: int
    pages: int = 0
    streams: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def station(folder: Path, guard: bool) -> Iterator[Site]:
    """The real home page of a station; without ``guard`` its page handler is left out."""
    shop = Shop(folder)
    shop.rest(0)
    app = create_app(shop, WebSettings(language="en"))
    site = Site(0)

    @app.before_request
    def count() -> Response | None:
        site.pages += request.headers.get("Sec-Fetch-Mode") == "navigate"
        site.streams += request.path == "/live"
        if not guard and request.path.endswith("/key-guard.js"):
            return Response("export function guardKeys() {}", mimetype="text/javascript")
        return None

    server = serve(app, "127.0.0.1", 0)
    server.start()
    site.port = int(server.url.rsplit(":", 1)[1].strip("/"))
    try:
        yield site
    finally:
        server.stop()


@contextmanager
def screen() -> Iterator[str]:
    """An X server of its own without a window manager; yields its display."""
    read, write = os.pipe()
    size = f"{SIZE[0]}x{SIZE[1]}x24"
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            yield f":{int(answer.readline())}"
    finally:
        server.terminate()
        server.wait(_START_S)


@dataclass(frozen=True)
class Look:
    """What somebody in front of the screen sees, and whether there is still a browser."""

    alive: bool
    windows: frozenset[str]
    pages: int
    picture: Image.Image = field(repr=False)


@dataclass
class Kiosk:
    """One browser on one screen."""

    display: str
    process: subprocess.Popen[bytes]
    site: Site

    def look(self) -> Look:
        return Look(self.process.poll() is None, self._windows(), self.site.pages, self._picture())

    def steady(self) -> Look:
        """Wait until the page stands still."""
        deadline = time.monotonic() + _START_S
        last = self.look()
        while time.monotonic() < deadline:
            time.sleep(0.3)
            now = self.look()
            if now.windows and now.windows == last.windows and _shows(now.picture) and _same(now.picture, last.picture):
                return now
            last = now
        raise TimeoutError(f"the browser never stood still: {sorted(last.windows)}")

    def press(self, chord: Chord) -> None:
        self._tool("mousemove", *map(str, _NOWHERE))
        self._tool(*chord.act)

    def _windows(self) -> frozenset[str]:
        found = self._tool("search", "--onlyvisible", "--name", "").split()
        return frozenset(f"{each} {self._tool('getwindowname', each).strip()}" for each in found)

    def focus(self) -> None:
        for window in self._tool("search", "--onlyvisible", "--class", "chromium").split():
            self._tool("windowfocus", "--sync", window)

    def _picture(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.display).convert("L").resize((SIZE[0] // 2, SIZE[1] // 2))

    def _tool(self, *words: str) -> str:
        environment = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(
            ["xdotool", *words], env=environment, capture_output=True, text=True, timeout=_START_S, check=False
        )
        return done.stdout


@contextmanager
def browser(display: str, site: Site, column: Column, folder: Path) -> Iterator[Kiosk]:
    """Chromium in kiosk mode with a fresh profile, on the page that ``column`` asks for."""
    with ExitStack() as stack:
        url = stack.enter_context(closed_url()) if column.down else site.url
        yield stack.enter_context(_browser_on(url, display, site, column, folder))


@contextmanager
def _browser_on(url: str, display: str, site: Site, column: Column, folder: Path) -> Iterator[Kiosk]:
    home = Path(tempfile.mkdtemp(dir=folder))
    policy = str(policy_for(home, site.port)) if column.policy else ""
    streams = site.streams
    environment = {**os.environ, "DISPLAY": display, "HOME": str(home), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
    process = subprocess.Popen(
        [*private(policy), *command(home, url)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        kiosk = Kiosk(display, process, site)
        if not column.down:
            _wait(lambda: site.streams > streams, "the page to open its stream")
        kiosk.steady()
        kiosk.focus()
        yield kiosk
    finally:
        end(process)
        shutil.rmtree(home, ignore_errors=True)


def policy_for(folder: Path, port: int) -> Path:
    """The policy file as it is shipped, but for a station on ``port``."""
    path = folder / "policy.json"
    path.write_text(POLICY.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{port}"), encoding="utf-8")
    return path


def private(policy: str) -> list[str]:
    """The start of a command that sees ``policy``, or none at all, as the machine's policy. Needs root."""
    return ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", _PRIVATE, "sh", policy]


def command(home: Path, url: str) -> list[str]:
    """Chromium as the session starts it, but on X; the sandbox refuses root."""
    return [
        "/usr/bin/chromium",
        "--kiosk",
        "--no-sandbox",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-pinch",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-breakpad",
        "--password-store=basic",
        "--ozone-platform=x11",
        "--window-position=0,0",
        f"--window-size={SIZE[0]},{SIZE[1]}",
        f"--user-data-dir={home / 'profile'}",
        url,
    ]


@contextmanager
def closed_url() -> Iterator[str]:
    """An address where nothing listens: its port is held, so that nobody else can take it meanwhile."""
    with claimed_port() as port:
        yield f"http://127.0.0.1:{port}/"


def end(process: subprocess.Popen[bytes]) -> None:
    """End a browser and all it started; they are one process group, and none of it is left when this returns."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    deadline = time.monotonic() + _END_S
    while _lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    if _lives(process.pid):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait(_START_S)
    _wait(lambda: not _lives(process.pid), "the last process of a browser to end")


def _lives(group: int) -> bool:
    """Whether a process of this group still runs; one that has ended and that nobody has asked after does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            if its_group == str(group) and state != "Z":
                return True
    return False


def judge(before: Look, after: Look) -> str:
    """What a chord did, in a few words; "" when nothing."""
    if not after.alive or (before.windows and not after.windows):
        return "browser closes"
    new = sorted(after.windows - before.windows)
    if len(after.windows) > len(before.windows):
        return f"new window: {_title(new)}"
    if new:
        return f"page: {_title(new)}"
    if after.pages > before.pages:
        return "page loads again"
    return "" if _same(before.picture, after.picture) else "the picture changes"


def watch(kiosk: Kiosk, before: Look, seconds: float, settle_s: float = _LOOK[1]) -> str:
    """Look until something changed, then once more when it has settled."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if judge(before, kiosk.look()):
            time.sleep(settle_s)
            return judge(before, kiosk.look())
        time.sleep(_BETWEEN_LOOKS_S)
    return ""


def measure(
    column: Column, chords: Sequence[Chord] = CHORDS, *, acting: Container[str] = (), together: int = 1
) -> dict[str, str]:
    """Press every chord; after one that did something go on with a fresh browser. Returns what each did.

    ``acting`` names those that are known to act: a machine that has much to do shows it late. After so many that are
    pressed ``together`` somebody looks: what is seen then is said of each of them.
    """
    results: dict[str, str] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = stack.enter_context(station(folder, column.guard))
        display = stack.enter_context(screen())
        waiting = list(groups(chords, together))
        while waiting:
            with browser(display, site, column, folder) as kiosk:
                _press_until_something_happens(kiosk, waiting, results, acting)
    return results


def groups(chords: Sequence[Chord], together: int) -> Iterator[list[Chord]]:
    """The chords in their order; what fades is the last of its group."""
    group: list[Chord] = []
    for chord in chords:
        group.append(chord)
        if len(group) == together or chord.name in FADING:
            yield group
            group = []
    if group:
        yield group


def _press_until_something_happens(
    kiosk: Kiosk, waiting: list[list[Chord]], results: dict[str, str], acting: Container[str]
) -> None:
    before = kiosk.steady()
    while waiting:
        group = waiting.pop(0)
        for chord in group:
            kiosk.press(chord)
        seen = watch(kiosk, before, *(_LONG_LOOK if any(chord.name in acting for chord in group) else _LOOK))
        results |= {chord.name: seen for chord in group}
        if seen:
            return
    late = watch(kiosk, before, 2.0)
    if late:
        results[chord.name] = f"{late} (late)"


def _title(windows: Sequence[str]) -> str:
    """The titles without the numbers of their windows and the browser's own name."""
    titles = {re.sub(r"^\d+ | - Chromium$", "", each) or "no title" for each in windows}
    return ", ".join(sorted(titles))


def _shows(picture: Image.Image) -> bool:
    """Whether there is more than one gray on the screen."""
    low, high = picture.getextrema()
    return low != high


def _same(one: Image.Image, other: Image.Image) -> bool:
    differing = sum(ImageChops.difference(one, other).histogram()[24:])
    return differing <= _SAME_PART * one.width * one.height


def _wait(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _START_S
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_START_S:g} s for {what}")
        time.sleep(0.05)


def table(results: Mapping[str, Mapping[str, str]]) -> str:
    """The measured table as Markdown; "stopped" is said only of a chord that does something without any layer."""
    names = list(results)
    lines = [f"| Chord | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for chord in CHORDS:
        acts = any(results[name].get(chord.name) for name in names)
        shown = [_cell(results[name].get(chord.name), acts) for name in names]
        lines.append(f"| {chord.name} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _cell(result: str | None, acts: bool) -> str:
    if result is None:
        return "–"
    return f"**{result.replace('|', '/')}**" if result else "stopped" if acts else "nothing"


def main() -> None:
    """Measure every column and write the table."""
    options = argparse.ArgumentParser(description="Press every chord in every column and write the table.")
    options.add_argument("out", type=Path)
    out: Path = options.parse_args().out
    results = {column.name: measure(column, DOWN_CHORDS if column.down else CHORDS) for column in COLUMNS}
    out.write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    main()
