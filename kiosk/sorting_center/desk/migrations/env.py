"""Alembic's entry: run the steps on the connection, and in the transaction, of the opening of a desk."""

from __future__ import annotations

from alembic import context

from kiosk.sorting_center.desk.shared.schema import desk_version, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=desk_version.name
)
context.run_migrations()
