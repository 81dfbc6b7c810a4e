"""The session as the unit starts it, on a screen that is only in memory."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.lock.wayland_seat import Capability, capabilities
from tests.system.breakout import closed_url, end

WAIT_S = 90.0
START = Path(__file__).parents[2] / "firmware_config" / "session" / "start"


class Page(BaseHTTPRequestHandler):
    """Any page; ``asked`` is set when a browser, not the script, wants one."""

    asked = threading.Event()

    def do_GET(self) -> None:
        if "Chrome" in self.headers.get("User-Agent", ""):
            self.asked.set()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def splash() -> Iterator[tuple[str, threading.Event]]:
    asked = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Page,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()
    thread.join(10)


@contextmanager
def session(folder: Path, url: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """``more`` goes into its environment."""
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= more
    environment |= {
        "RUNTIME_DIRECTORY": str(folder),
        "KIOSK_SPLASH": url,
        "KIOSK_BROWSER_FLAGS": "--no-sandbox --disable-dev-shm-usage --disable-gpu",
        "WLR_BACKENDS": "headless",
        "WLR_RENDERER": "pixman",
    }
    process = subprocess.Popen(
        [str(START)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        end(process)
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def test_the_session_shows_the_splash_without_a_keyboard_ends_with_the_browser_and_the_next_is_clean(
    folder: Path, splash: tuple[str, threading.Event]
) -> None:
    url, asked = splash
    begun = time.monotonic()
    with session(folder, url) as process:
        assert asked.wait(WAIT_S)
        first_took = time.monotonic() - begun
        assert process.poll() is None
        assert capabilities(folder / "wayland-0") & Capability.KEYBOARD == 0
        left_behind = folder / "browser" / "profile" / "left behind"
        left_behind.touch()
        os.kill(browser_of(process.pid), signal.SIGTERM)
        process.wait(WAIT_S)
    asked.clear()
    begun = time.monotonic()
    with session(folder, url):
        assert asked.wait(WAIT_S)
        assert time.monotonic() - begun < 4 * first_took + 20, "it waited for something that is not there"
        assert not left_behind.exists()


def browser_of(compositor: int) -> int:
    """The one child of the compositor."""
    children = Path(f"/proc/{compositor}/task/{compositor}/children").read_text().split()
    return int(children[0])


def test_a_dead_splash_is_said_and_no_browser_is_started(folder: Path) -> None:
    """Between two tries no time passes: its ``sleep`` is over at once."""
    (folder / "sleep").symlink_to("/bin/true")
    path = f"{folder}:{os.environ['PATH']}"
    with closed_url() as url, session(folder, url, PATH=path) as process:
        assert process.wait(WAIT_S) == 1
        assert process.stderr is not None
        assert f"does not answer at {url}" in process.stderr.read().decode()
    assert not (folder / "wayland-0").exists()


def test_without_a_runtime_folder_the_session_says_so() -> None:
    done = subprocess.run([str(START)], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "XDG_RUNTIME_DIR" in done.stderr
