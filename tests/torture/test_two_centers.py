"""Two sorting centers on one ledger, killed at the two moments that no chance hits."""

from __future__ import annotations

from pathlib import Path
from random import Random

from kiosk.store.database.migrate import migrate
from tests.depth import TORTURE
from tests.torture.real.run import RealRun
from tests.torture.real.stands import rabbitmq


def test_two_that_share_rabbitmq_and_postgresql_miss_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    template = tmp_path / "template.sqlite"
    migrate(template)
    random = Random(0)
    with rabbitmq(1) as stand, stand(tmp_path, random) as servers:
        run = RealRun(tmp_path, template, servers, random)
        also = ["RabbitMQ"] if TORTURE else []  # in `make test` it is killed in tests/sorting_center/ingest
        seen = run.run(["in its transaction", "before it acknowledges", *also], acts=8)
    assert seen.again, "nothing was committed and not acknowledged"
