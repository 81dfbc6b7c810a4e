"""Writes down which tests of a run failed, for the program that decides whether they are run again.

``KIOSK_TEST_RECORD`` names the file: JSON ``{"exit": pytest's exit status, "passed": N, "failed": [node ids]}``. It is
written when the run has ended, so a run that was cut off leaves none.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

VARIABLE = "KIOSK_TEST_RECORD"


class FailuresRecord:
    """A plugin of the process that reports, never of a worker."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passed = 0
        self._failed: dict[str, None] = {}
        self._died = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test fails in its set-up, its body or its tear-down."""
        if report.failed:
            self._failed[report.nodeid] = None
        elif report.when == "call" and report.passed and not isinstance(report, pytest.SubtestReport):
            self._passed += 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        """A process that died took tests with it that were never run."""
        self._died |= bool(error)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """``exit`` 1 means that tests failed and nothing else went wrong."""
        exitstatus = pytest.ExitCode.INTERNAL_ERROR if self._died else exitstatus
        found = {"exit": int(exitstatus), "passed": self._passed, "failed": list(self._failed)}
        self._path.write_text(json.dumps(found), encoding="utf-8")


def register(config: pytest.Config) -> None:
    """Record this run when it is asked for."""
    path = os.environ.get(VARIABLE)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FailuresRecord(Path(path)), "failures-record")
