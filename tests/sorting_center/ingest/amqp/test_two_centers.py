"""Two sorting centers on one ledger, killed at the two moments that no chance hits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from kiosk.store.database.migrate import migrate
from tests.depth import TORTURE
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQ
from tests.torture.real.run import RealRun
from tests.torture.real.stands import beside

pytestmark = pytest.mark.usefixtures("rabbitmq", "postgres")  # begun before anything of a test is counted


def test_two_that_share_rabbitmq_and_postgresql_miss_nothing_and_count_nothing_twice(
    tmp_path: Path, rabbitmq: RabbitMQ, postgres: PostgresServer
) -> None:
    template = tmp_path / "template.sqlite"
    migrate(template)
    random = Random(0)
    with beside(rabbitmq, postgres)(tmp_path, random) as servers:
        also: list[str] = []
        if TORTURE:  # in `make test` it is killed in tests/sorting_center/ingest
            also.append("RabbitMQ")
        else:  # and who does not kill it need not wait until its queues could be killed
            servers = replace(servers, settles_s=0.0)
        run = RealRun(tmp_path, template, servers, random)
        seen = run.run(["in its transaction", "before it acknowledges", *also], acts=8)
    assert seen.again, "nothing was committed and not acknowledged"
