"""Alembic's entry: run the steps on the connection, and in the transaction, of the opening of a ledger."""

from __future__ import annotations

from alembic import context

from kiosk.sorting_center.ledger.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
