"""A broker and a sorting center of this checkout in the network of a booted box: the box reaches nothing else.

Their files are this machine's: they outlive the box, and go on beside the next one.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from tests.systemd.box import AS_ROOT, ROOT, STOP_S, Booted, wait_for

PORT = 1883


class CenterBeside:
    """``folder`` holds the ledger."""

    def __init__(self, booted: Booted, folder: Path) -> None:
        self._ledger, self._folder = folder / "ledger.db", folder
        self._enter = [*AS_ROOT, "nsenter", f"--target={booted.leader}", "--net", "--"]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = folder / "center.log"

    def __enter__(self) -> Self:
        config = self._folder / "mosquitto.conf"
        config.write_text(f"listener {PORT} 127.0.0.1\nallow_anonymous true\nuser root\nmax_queued_messages 100000\n")
        center = [sys.executable, "-m", "kiosk.cli.sorting_center", "run", "--broker", f"mqtt://127.0.0.1:{PORT}"]
        try:
            for command in (["/usr/sbin/mosquitto", "-c", str(config)], [*center, "--ledger", self.url]):
                with self._log.open("ab") as log:
                    child = subprocess.Popen(
                        [*self._enter, *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
                self._processes.append(child)
            wait_for(lambda: "ready" in self._log.read_text(), self._log.read_text)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(STOP_S)

    @property
    def url(self) -> str:
        return f"sqlite:///{self._ledger}"

    def count(self) -> dict[str, int]:
        """What the center's own command says of its ledger."""
        command = [sys.executable, "-m", "kiosk.cli.sorting_center", "ledger", "count", "--ledger", self.url]
        found: dict[str, int] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return found

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for (body,) in self._rows("SELECT body FROM event")]

    def counted(self) -> list[str]:
        """The receipts that totals are made of."""
        return sorted(receipt for (receipt,) in self._rows("SELECT receipt FROM intake"))

    def doctor(self, station: str) -> dict[str, str]:
        """Device and word of each row that is not well, of the station's newest status."""
        ((told,),) = self._rows("SELECT doctor FROM station_status WHERE station = ?", station) or ((None,),)
        return {row["row"]: row["code"] for row in json.loads(told or "[]") if row.get("state", "ok") != "ok"}

    def _rows(self, sql: str, *given: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True)) as db:
            return db.execute(sql, given).fetchall()
