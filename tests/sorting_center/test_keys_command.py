"""``sorting-center keys`` as a technician calls it, beside a center that runs."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.sorting_center import main
from kiosk.messaging.contract.public_keys import parse_public_keys
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from tests.sorting_center.signing_station import SigningStation, key_of
from tests.sorting_center.station_journal import NOW

KEY = key_of("first").key_id.hex()


def call(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments, "--ledger", url, "--region", "shache"])


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_stolen_key_is_revoked_while_the_center_runs(
    request: pytest.FixtureRequest, ledger_url: str, database: str
) -> None:
    url = ledger_url if database == "sqlite" else str(request.getfixturevalue("postgres_ledger_url"))
    station = SigningStation()
    with Ledger.open(url) as ledger:
        ledger.accept([station.start(), station.make_key(), station.intake(1)], "shache", NOW)
        (line,) = call(url, "list").stdout.splitlines()
        row = {"station": "S0147", "key": KEY, "since": NOW, "state": "", "public": key_of("first").public.hex()}
        assert json.loads(line) == row
        for arguments, code in ((("S0147", "00000000"), 2), (("S0148", KEY), 2), (("S0147", KEY.upper()), 0)):
            result = call(url, "revoke", *arguments)
            assert (result.exit_code, len(result.stderr.splitlines())) == (code, 1 if code else 0), result.output
        assert json.loads(call(url, "list").stdout) == row | {"state": "revoked"}
        (exported,) = parse_public_keys(call(url, "export").stdout_bytes).keys
        assert (exported.station, exported.state) == ("S0147", "revoked")
        ledger.accept([station.intake(2)], "shache", NOW)
    with CenterDesk.open(url) as desk:
        assert [(one.subject, one.detail) for one in desk.audit.page(act="key_revoked")] == [("shache/S0147", KEY)]
