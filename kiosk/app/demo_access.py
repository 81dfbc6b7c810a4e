"""Who signs in at the sorting center of a demo, and what its bench shows there instead of a password."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from kiosk.simulators.center_access import CenterAccess
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.desk.tokens import MAX_PER_MINUTE, Scope

_NAME = "demo"


def demo_access(ledger_url: str) -> CenterAccess:
    """An admin with a new password, and a token for the bench; both of this run. Raises DeskError."""
    now, password = datetime.now(UTC), secrets.token_urlsafe(12)
    with Desk.open(ledger_url) as desk:
        if _NAME in [person.name for person in desk.people.all()]:
            desk.people.set_password(_NAME, password, now)
        else:
            desk.people.add(_NAME, Role.ADMIN, password, now)
        desk.audit.record("demo", Act.PERSON_ADDED, _NAME, Role.ADMIN.word, now)
        for token in desk.tokens.all():
            if token.revoked_at is None and token.name.startswith("bench-"):
                desk.tokens.revoke(token.name, now)
        name = f"bench-{secrets.token_hex(4)}"
        return CenterAccess(_NAME, password, desk.tokens.add(name, [Scope.READ], now, MAX_PER_MINUTE))
