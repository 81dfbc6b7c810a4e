"""Which files a run begins first, and which of them one of its processes takes together."""

from __future__ import annotations

from functools import cache
from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

LONG_ONES_FIRST: Final = (
    "tests/appliance/test_update_kills.py",
    "tests/appliance/test_browser.py",
    "tests/appliance/test_update_in_image.py",
    "tests/appliance/test_image.py",
    "tests/appliance/test_identities.py",
    "tests/systemd/test_new_box.py",
    "tests/systemd/test_boot.py",
    "tests/web/first_start/test_layout.py",
    "tests/system/test_bad_input.py",
    "tests/photo/test_scenes.py",
    "tests/web/test_browser_layout.py",
    "tests/system/test_breakout.py",
    "tests/web/counter/test_browser_layout.py",
    "tests/system/test_counter_flow.py",
    "tests/web/first_start/test_walk.py",
    "tests/protocols/scales/test_damage.py",
    "tests/system/test_survival.py",
    "tests/web/technician/test_browser_teach.py",
    "tests/devices/scale/test_probe.py",
    "tests/store/test_failures.py",
    "tests/torture",
    "tests/sorting_center/ingest/amqp",
    "tests/sorting_center/ingest/test_transports.py",
    "tests/system",
    "tests/web/test_browser",
    "tests/web/counter/test_browser",
    "tests/web/technician/test_browser",
    "tests/photo",
    "tests/cli/photo",
    "tests/station/counter",
    "tests/station/desk",
    "tests/systemd",
    "tests/lock",
    "tests/store",
    "tests/simulators",
    "tests/devices",
    "tests/messaging",
    "tests/sorting_center",
)
"""Files that wait for a browser or for a whole machine, and those that draw or judge photographs. Begun last, one of
them would be waited for alone. Those that paint and those that wait for a device by turns: side by side they leave each
other room. What the appliance promises within a minute is measured while no machine is emulated.
"""

ONE_RABBITMQ: Final = frozenset(
    {
        "tests/sorting_center/ingest/amqp/test_two_centers.py",
        "tests/sorting_center/ingest/amqp/test_workers.py",
        "tests/sorting_center/ingest/test_transports.py",
        "tests/sorting_center/test_broker_check.py",
    }
)
"""Files whose tests share a node of RabbitMQ, which costs more to start than most of them."""


@cache
def turn_of(file: str) -> int:
    """Lower is earlier."""
    return next((turn for turn, start in enumerate(LONG_ONES_FIRST) if file.startswith(start)), len(LONG_ONES_FIRST))


def unit_of(node: str) -> str:
    """What one process takes as a whole: a file, because its tests share fixtures, or the files that share a server."""
    file = node.partition("::")[0]
    return "RabbitMQ" if file in ONE_RABBITMQ else file


class Units(LoadScopeScheduling):
    """Hands out unit after unit, in the order in which they were collected.

    A process that died is replaced, and what it had not done is handed out again. xdist would hand out what it had done
    as well: units with nothing left to run, and whoever gets one of those is never heard of again.
    """

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def remove_node(self, node: WorkerController) -> str | None:
        work = self.assigned_work[node]
        for unit in [unit for unit, tests in work.items() if all(tests.values())]:
            del work[unit]
        return super().remove_node(node)

    def _reschedule(self, node: WorkerController) -> None:
        """A process begins a test when it knows the next one, so a single one is never enough while there are more."""
        if node not in self.registered_collections:  # a new one, which does not know its tests yet
            return
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            self._assign_work_unit(node)
