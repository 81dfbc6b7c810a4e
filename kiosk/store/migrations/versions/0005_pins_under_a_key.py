"""Schema 5: PINs may be kept under the station's key, which older software cannot check: it refuses the database."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The tables stay as they are.

    Every program of a station brings a database up, and only some have the key: what is kept of each PIN is put under
    it by the station itself, at its next start, before its first page (``Access.wrap_pins``).
    """
    op.execute("PRAGMA user_version = 5")
