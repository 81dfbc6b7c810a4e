"""Who signs in at the sorting center of a demo, and what its bench shows there instead of a password."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from kiosk.app.demo_registry import registry
from kiosk.simulators.shared.center_access import CenterAccess, SignIn
from kiosk.simulators.village import REGION, STATION, VILLAGE
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.tokens import MAX_PER_MINUTE, Scope

_NAMES: Final = {StaffRole.ADMIN: "demo", StaffRole.OPERATOR: "operator", StaffRole.VIEWER: "viewer"}


def demo_access(ledger_url: str, stations: Sequence[str] = ()) -> CenterAccess:
    """Three people with new passwords, and a token for the bench, all of this run; and what the county expects to hear.

    ``stations`` are those of the county behind the demo. Raises DeskError.
    """
    now = datetime.now(UTC)
    with CenterDesk.open(ledger_url) as desk:
        admin, *others = (_enroll(desk, name, role, now) for role, name in _NAMES.items())
        for token in desk.tokens.all():
            if token.revoked_at is None and token.name.startswith("bench-"):
                desk.tokens.revoke(token.name, now)
        desk.registry.replace(*registry(REGION, (STATION, VILLAGE), stations, now.date()))
        desk.audit.record("demo", AuditAction.REGISTRY_IMPORTED, REGION, "", now)
        name = f"bench-{secrets.token_hex(4)}"
        token_secret = desk.tokens.add(name, [Scope.READ], now, MAX_PER_MINUTE)
        return CenterAccess(admin.name, admin.password, token_secret, tuple(others))


def _enroll(desk: CenterDesk, name: str, role: StaffRole, now: datetime) -> SignIn:
    """Also one who was here in an earlier run, whatever was made of that person then."""
    password = secrets.token_urlsafe(12)
    if name in [person.name for person in desk.people.all()]:
        desk.people.set_password(name, password, now)
        desk.people.set_role(name, role, now)
        desk.people.set_disabled(name, False, now)
    else:
        desk.people.add(name, role, password, now)
    desk.audit.record("demo", AuditAction.PERSON_ADDED, name, role.word, now)
    return SignIn(name, password)
