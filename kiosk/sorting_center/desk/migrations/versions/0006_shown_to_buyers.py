"""Which listings buyers see, and which pictures of them."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True, precision=3), "postgresql")
_KEY = ("region", "station", "lot")


def upgrade() -> None:
    shown = op.create_table(
        "listing_shown",
        *(sa.Column(name, _CODE, primary_key=True) for name in _KEY),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("words", _CODE, nullable=False),
    )
    op.create_index("listing_shown_at", "listing_shown", ["at", *_KEY])
    picture = op.create_table(
        "listing_picture", *(sa.Column(name, _CODE, primary_key=True) for name in ("sha256", *_KEY))
    )
    op.create_index("listing_picture_listing", "listing_picture", list(_KEY))
    found = _published()
    op.bulk_insert(shown, [{**key, "at": one["at"], "words": _words(key["lot"], one)} for key, one in found])
    op.bulk_insert(picture, [{"sha256": sha256, **key} for key, one in found for sha256 in one["photos"]])


def _published() -> list[tuple[dict[str, str], dict[str, Any]]]:
    listing = sa.table("listing", *(sa.column(name) for name in (*_KEY, "state", "published")))
    wanted = sa.select(listing).where(listing.c.state == "published", listing.c.published.is_not(None))
    rows = op.get_bind().execute(wanted).mappings()
    return [({name: row[name] for name in _KEY}, json.loads(row["published"])) for row in rows]


def _words(lot: str, published: dict[str, Any]) -> str:
    title = published["texts"]["title"]
    told = "\n".join((title["ug"], title["zh"], title["en"], published["product"], lot))
    return unicodedata.normalize("NFKC", told).casefold()
