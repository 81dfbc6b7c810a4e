"""What the doctor of a station says, beside the rest of its newest status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A ledger from before the regions has the column already: its tables were written anew, as those of today."""
    connection = op.get_bind()
    if "doctor" in {column["name"] for column in sa.inspect(connection).get_columns("station_status")}:
        return
    code = sa.Text(collation="C") if connection.dialect.name == "postgresql" else sa.Text()
    op.add_column("station_status", sa.Column("doctor", code))
