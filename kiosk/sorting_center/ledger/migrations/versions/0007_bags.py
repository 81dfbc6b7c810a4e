"""The bags of every receipt that counts, made of the events that are here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CHUNK: Final = 500
_CONFIRMED: Final = sa.text(
    "SELECT i.station, i.receipt, i.region, e.body FROM intake i JOIN event e "
    "ON e.station = i.station AND e.epoch = i.epoch AND e.seq = i.seq AND e.region = i.region"
)


def upgrade() -> None:
    """A ledger from before the regions has the table already; of an event that is in an archive no bags are known."""
    connection = op.get_bind()
    if "bag" not in sa.inspect(connection).get_table_names():
        code = sa.Text(collation="C") if connection.dialect.name == "postgresql" else sa.Text()
        op.create_table(
            "bag",
            sa.Column("station", code, primary_key=True),
            sa.Column("receipt", code, primary_key=True),
            sa.Column("bag", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("region", code, primary_key=True),
            sa.Column("code", code),
            sa.Column("net_g", sa.BigInteger, nullable=False),
        )
    connection.execute(sa.text("DELETE FROM bag"))
    names = ("station", "receipt", "bag", "region", "code", "net_g")
    bag = sa.table("bag", *(sa.column(name) for name in names))
    told = connection.execute(_CONFIRMED, execution_options={"yield_per": _CHUNK})
    for page in told.partitions():
        connection.execute(sa.insert(bag), list(_bags(page)))


def _bags(page: Any) -> Iterator[dict[str, object]]:
    for row in page:
        for one in json.loads(bytes(row.body))["data"]["bags"]:
            key = {"station": row.station, "receipt": row.receipt, "region": row.region}
            yield {**key, "bag": one["bag"], "code": one.get("code"), "net_g": one["net_g"]}
