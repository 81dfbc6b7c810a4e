from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.tokens import Scope, Token, TokenRateLimiter

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


def test_a_secret_opens_its_scopes_until_it_is_revoked(desk: CenterDesk) -> None:
    secret = desk.tokens.add("warehouse", [Scope.FEED, Scope.READ], NOW)
    found = desk.tokens.find(secret, NOW)
    assert found is not None
    assert (found.name, found.scopes) == ("warehouse", {Scope.FEED, Scope.READ})
    for wrong in ("", "sct_", secret[:-1], secret + "x", secret.removeprefix("sct_"), "sct_\ud800"):
        assert desk.tokens.find(wrong, NOW) is None
    desk.tokens.revoke("warehouse", NOW)
    assert desk.tokens.find(secret, NOW) is None
    with pytest.raises(Refused) as refused:
        desk.tokens.revoke("warehouse", NOW)
    assert refused.value.code == "no_such_token"
    with pytest.raises(Refused) as refused:
        desk.tokens.add("warehouse", [Scope.FEED], NOW)
    assert refused.value.code == "name_taken", "a name in an old log stays that of one secret"


def test_one_that_is_over_opens_nothing(desk: CenterDesk) -> None:
    secret = desk.tokens.add("audit2026", [Scope.READ], NOW, expires=NOW + timedelta(days=30))
    assert desk.tokens.find(secret, NOW + timedelta(days=29)) is not None
    assert desk.tokens.find(secret, NOW + timedelta(days=30)) is None


def test_what_is_refused(desk: CenterDesk) -> None:
    for code, name, scopes, rate in [
        ("bad_name", "Ware house", [Scope.FEED], 60),
        ("no_scope", "warehouse", [], 60),
        ("bad_rate", "warehouse", [Scope.FEED], 0),
        ("bad_rate", "warehouse", [Scope.FEED], 10**9),
    ]:
        with pytest.raises(Refused) as refused:
            desk.tokens.add(name, scopes, NOW, rate)
        assert refused.value.code == code
    assert desk.tokens.all() == []


def test_a_secret_is_told_once_and_never_stored(desk: CenterDesk) -> None:
    secret = desk.tokens.add("warehouse", [Scope.FEED], NOW)
    assert secret not in repr(desk.tokens.all())
    assert desk.database.path is None or secret.encode() not in desk.database.path.read_bytes()


def test_the_rate_of_each_token_is_its_own() -> None:
    now = [100.0]
    rates = TokenRateLimiter(lambda: now[0])
    slow, fast = (Token(name, frozenset({Scope.FEED}), rate, "") for name, rate in (("slow", 6), ("fast", 600)))
    assert [rates.wait_s(slow) for _ in range(6)] == [0.0] * 6
    assert rates.wait_s(slow) == pytest.approx(10.0)
    assert rates.wait_s(fast) == 0.0
    now[0] += 10.0
    assert rates.wait_s(slow) == 0.0
    assert rates.wait_s(slow) > 0
    now[0] += 3600
    assert [rates.wait_s(slow) for _ in range(7)].count(0.0) == 6, "what was not asked is not saved up for ever"
