"""In PostgreSQL the places of the feed by range; and no event with a problem in a range that waits for its places."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """In SQLite both tables are empty, and stay so."""
    is_postgresql = op.get_context().dialect.name == "postgresql"
    code = sa.Text(collation="C") if is_postgresql else sa.Text()
    instant = postgresql.TIMESTAMP(timezone=True, precision=3) if is_postgresql else sa.Text()
    op.create_table(
        "numbered",
        sa.Column("last_feedseq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("station", code, nullable=False),
        sa.Column("epoch", code, nullable=False),
        sa.Column("region", code, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("since", instant, nullable=False),
    )
    op.create_index("numbered_stream", "numbered", ["station", "epoch", "region", "last"], unique=True)
    if is_postgresql:
        for statement in _ON_POSTGRESQL:
            op.execute(statement)
    else:
        op.add_column("unnumbered", sa.Column("since", sa.Text, nullable=False, server_default=""))


_ON_POSTGRESQL: Final = (
    "ALTER TABLE unnumbered ADD COLUMN since TIMESTAMPTZ(3)",
    """
    WITH waiting AS (DELETE FROM unnumbered RETURNING *), released AS (
        SELECT w.id, e.station, e.epoch, e.region, e.seq, e.received_at,
            e.seq - row_number() OVER (PARTITION BY w.id ORDER BY e.seq) AS run
        FROM waiting w JOIN event e ON e.station = w.station AND e.epoch = w.epoch AND e.region = w.region
            AND e.seq BETWEEN w.first AND w.last
        WHERE e.problem IS NULL
    )
    INSERT INTO unnumbered (station, epoch, region, first, last, since)
    SELECT station, epoch, region, min(seq), max(seq), min(received_at)
    FROM released GROUP BY id, station, epoch, region, run ORDER BY id, min(seq)
    """,
    "ALTER TABLE unnumbered ALTER COLUMN since SET NOT NULL",
    """
    INSERT INTO numbered (last_feedseq, station, epoch, region, first, last, since)
    SELECT max(feedseq), station, epoch, region, min(seq), max(seq), min(received_at)
    FROM (
        SELECT *, feedseq - seq AS distance,
            seq - row_number() OVER (PARTITION BY station, epoch, region, month ORDER BY seq) AS run
        FROM (
            SELECT station, epoch, region, seq, feedseq, received_at,
                to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month
            FROM event WHERE feedseq IS NOT NULL
        ) placed
    ) counted
    GROUP BY station, epoch, region, month, run, distance
    """,
    "ALTER TABLE event DROP COLUMN feedseq",
    "ALTER TABLE event RENAME CONSTRAINT event_pkey TO event_by_month_pkey",
    "ALTER TABLE event RENAME TO event_by_month",
    """
    CREATE VIEW event AS
    SELECT e.station, e.epoch, e.seq, e.region, e.sha256, e.prevhash, e.type, e.problem, e.body, e.received_at, (
        SELECT CASE WHEN r.first <= e.seq THEN r.last_feedseq - r.last + e.seq END
        FROM numbered r
        WHERE r.station = e.station AND r.epoch = e.epoch AND r.region = e.region AND r.last >= e.seq
        ORDER BY r.last LIMIT 1
    ) AS feedseq
    FROM event_by_month e
    """,
)
