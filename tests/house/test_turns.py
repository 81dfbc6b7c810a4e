"""The order of a run names files that are there, and nobody starts a second RabbitMQ without need."""

from __future__ import annotations

import re
from pathlib import Path

from tests.turns import LONG_ONES_FIRST, ONE_RABBITMQ, turn_of, unit_of

ROOT = Path(__file__).resolve().parents[2]
FILES = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_name_in_the_order_is_there() -> None:
    assert [start for start in LONG_ONES_FIRST if not any(file.startswith(start) for file in FILES)] == []
    assert turn_of(LONG_ONES_FIRST[0] + "::test_one") == 0
    assert turn_of("tests/domain/test_mass.py") == len(LONG_ONES_FIRST)


def test_whoever_takes_the_shared_node_of_rabbitmq_is_in_its_unit() -> None:
    takes = re.compile(r'usefixtures\("rabbitmq"\)|\brabbitmq: RabbitMQ|\bvhost: Vhost')
    users = {file for file, path in FILES.items() if "/sorting_center/" in file and takes.search(path.read_text())}
    assert users == ONE_RABBITMQ


def test_a_file_is_handed_out_as_a_whole() -> None:
    assert unit_of("tests/store/test_a.py::test_one[x::y]") == "tests/store/test_a.py"
    assert {unit_of(f"{file}::test_one") for file in ONE_RABBITMQ} == {"RabbitMQ"}
