"""What is published is found by its goods: their code, grade, price and pack stand beside each lot that buyers see."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_CODES = ("product", "grade")
_NUMBERS = ("price_fen", "pack_g")


def upgrade() -> None:
    for name in _CODES:
        kind = sa.Text(collation="C") if op.get_context().dialect.name == "postgresql" else sa.Text()
        op.add_column("listing_shown", sa.Column(name, kind, nullable=False, server_default=""))
    for name in _NUMBERS:
        op.add_column("listing_shown", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    connection = op.get_bind()
    found = "SELECT region, station, lot, published FROM listing WHERE state = 'published' AND published IS NOT NULL"
    fill = sa.text(
        "UPDATE listing_shown SET product = :product, grade = :grade, price_fen = :price_fen, pack_g = :pack_g "
        "WHERE region = :region AND station = :station AND lot = :lot"
    )
    for region, station, lot, published in connection.execute(sa.text(found)).all():
        goods = json.loads(published)
        values = {name: goods[name] for name in (*_CODES, *_NUMBERS)}
        connection.execute(fill, {"region": region, "station": station, "lot": lot, **values})
    op.drop_index("listing_shown_at", "listing_shown")
    op.create_index("listing_shown_goods", "listing_shown", ["region", "product", "grade", "at", "station", "lot"])
