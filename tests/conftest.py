"""What holds for every test: no thread, no file, no pseudo-terminal is left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from playwright.sync_api import Playwright, sync_playwright

from kiosk.station.shared.clock import SYNCED_MARK
from tests import bytecode, depth, memory, quick, statements, tables, templates
from tests.house import failures_record
from tests.web.browsing import Browsers

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Also where the environment says otherwise: else every worker compiles the house and its tests anew (11 s of processor
# each), and so does every program under test that is started.
gc.disable()
# Until all is collected: nothing of it is garbage.

_OWN = ("asyncio_",)
_OPEN = "/proc/self/fd"
_THE_INTERPRETERS = ("/dev/null", "/dev/urandom", "/proc/", "anon_inode", "pipe:[")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    with bytecode.compiled_by_one():
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if depth.QUICK:
        chosen = quick.one_of_each(items)
        kept = set(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = chosen
    quick.longest_first(items)


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the garbage collector does not look through it again and again."""
    gc.enable()
    gc.freeze()


_SEARCHING = "KIOSK_LONG_TESTS" in os.environ

settings.register_profile(
    "station",
    derandomize=not _SEARCHING,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("station")
if not _SEARCHING:
    # Else the values depend on the constants of whatever modules this process has happened to load before.
    providers._get_local_constants = lambda: providers._local_constants
# `make test` is the same run on every machine, however slow; `make fuzz` looks for new values each time.

_made_mark = pytest.StashKey[bool]()
_run_folder = pytest.StashKey[memory.RunFolder]()


@pytest.hookimpl(tryfirst=True)  # before pytest looks where its own folders go
def pytest_configure(config: pytest.Config) -> None:
    """Who runs the tests may ask which failed."""
    if not hasattr(config, "workerinput") and config.option.basetemp is None and memory.has_room():
        folder = config.stash[_run_folder] = memory.RunFolder()
        config.option.basetemp = str(folder.tests)
    memory.keep_freed()
    failures_record.register(config)
    templates.translate_once()
    statements.compile_once()
    tables.create_once()


def pytest_sessionstart(session: pytest.Session) -> None:
    """For the whole run this machine's clock counts as set by the network, as on a station that has seen it.

    Programs under test look at the system's own mark: one that came and went with a single test would be a change of
    the clock, and an event, in every other program that runs beside it.
    """
    if not hasattr(session.config, "workerinput") and os.access("/run", os.W_OK) and not SYNCED_MARK.exists():
        SYNCED_MARK.parent.mkdir(parents=True, exist_ok=True)
        SYNCED_MARK.touch()
        session.config.stash[_made_mark] = True


@pytest.hookimpl(trylast=True)  # nothing of the tests' own is in use any more
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.stash.get(_made_mark, False):
        SYNCED_MARK.unlink(missing_ok=True)
    folder = session.config.stash.get(_run_folder, None)
    if folder is not None:
        folder.close(keep=exitstatus == pytest.ExitCode.TESTS_FAILED)


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """Of all browsers of this process: there can be no second one in the same thread."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browsers(driver: Playwright) -> Iterator[Browsers]:
    with closing(Browsers(driver)) as browsers:
        yield browsers


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_OWN)}


def _files() -> Counter[str]:
    """Open files, sockets and pseudo-terminals; what the interpreter keeps for itself does not count.

    A terminal has no name of its own: a simulated cable that was pulled and put back is another number of another
    process's choosing, and still one terminal.
    """
    found: Counter[str] = Counter()
    for number in os.listdir(_OPEN):  # noqa: PTH208 - twice a test: a path for each would cost four times as much
        try:
            target = os.readlink(f"{_OPEN}/{number}")  # noqa: PTH115
        except OSError:
            continue
        if not target.startswith(_THE_INTERPRETERS):
            found["/dev/pts" if target.startswith("/dev/pts/") else target] += 1
    return found


_with_a_row: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if isinstance(report, pytest.SubtestReport):
        _with_a_row.add(report.nodeid)


@pytest.fixture
def subtests(subtests: pytest.Subtests, request: pytest.FixtureRequest) -> Iterator[pytest.Subtests]:
    """pytest's own; a test whose table turns out to be empty fails."""
    yield subtests
    assert request.node.nodeid in _with_a_row, "no row was tried"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread running or a file open."""
    threads, files = _threads(), _files()
    yield
    deadline = time.monotonic() + 30  # a thread that is ending on a busy machine is not left behind
    while True:
        left = {thread for thread in _threads() - threads if thread.is_alive()}
        opened = _files() - files
        if not left and not opened:
            return
        if time.monotonic() > deadline:
            break
        for thread in left:
            thread.join(0.05)
        if not left:
            gc.collect()  # a file may be held by a circle that nobody holds
            time.sleep(0.01)
    pytest.fail(f"left behind: threads {sorted(t.name for t in left)}, files {sorted(opened.elements())}")
