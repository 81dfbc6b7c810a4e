"""A schema as one word: it changes with every table, column, rule and index of it."""

from __future__ import annotations

import hashlib

from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

CHANGED = (
    "The schema of the baseline was edited: raise its number with it (in the schema module, and in the name and the "
    "revision of the file in migrations/versions), then write the new pair here. Else a database of the schema before "
    "is opened as if it had the new one."
)


def schema_digest(metadata: MetaData) -> str:
    """Sixteen digits over the statements that make the tables and indexes."""
    made = [
        str(statement.compile(dialect=sqlite.dialect()))
        for table in metadata.sorted_tables
        for statement in (CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=lambda row: str(row.name))))
    ]
    return hashlib.sha256("\n".join(made).encode()).hexdigest()[:16]
