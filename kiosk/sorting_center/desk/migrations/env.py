"""Alembic's entry: run the steps on the connection, and in the transaction, of the opening of a desk."""

from __future__ import annotations

from alembic import context

from kiosk.sorting_center.desk.schema import metadata

_attributes = context.config.attributes
context.configure(
    connection=_attributes["connection"], target_metadata=metadata, version_table=_attributes["version_table"]
)
context.run_migrations()
