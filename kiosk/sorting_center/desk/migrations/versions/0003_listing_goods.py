"""What is published is found by its goods: their code, grade, price and pack stand beside each lot that buyers see."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS = {"product": "TEXT", "grade": "TEXT", "price_fen": "BIGINT", "pack_g": "BIGINT"}


def upgrade() -> None:
    connection = op.get_bind()
    collation = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    for name, kind in _COLUMNS.items():
        more = f"{collation} NOT NULL DEFAULT ''" if kind == "TEXT" else " NOT NULL DEFAULT 0"
        op.execute(f"ALTER TABLE listing_shown ADD COLUMN {name} {kind}{more}")
    shown = sa.table("listing_shown", *map(sa.column, ("region", "station", "lot", *_COLUMNS)))
    published = sa.text("SELECT region, station, lot, published FROM listing WHERE published IS NOT NULL")
    for region, station, lot, goods in connection.execute(published).all():
        values = {name: json.loads(goods)[name] for name in _COLUMNS}
        same = (shown.c.region == region) & (shown.c.station == station) & (shown.c.lot == lot)
        connection.execute(sa.update(shown).where(same).values(values))
    op.drop_index("listing_shown_at", "listing_shown")
    op.create_index("listing_shown_goods", "listing_shown", ["region", "product", "grade", "at", "station", "lot"])
