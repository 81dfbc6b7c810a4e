"""The signed statement of a member: ledger, page and file say the same of a year, to gram and fen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import select

from kiosk.messaging.contract.checkpoint import verifier_line
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.messaging.contract.statement import check_statement
from kiosk.sorting_center.configuration.keys import issue_key, load_key
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger.database.schema import event
from kiosk.sorting_center.reports import members
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.stations.authority import CountyAuthority
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, sign_in
from tests.sorting_center.web.county_month import MEMBER, REGION, fill, read

PATH = f"/members/{REGION}/{MEMBER}/statement"


@pytest.fixture
def key(stores: Stores, tmp_path: Path) -> Path:
    """The county has made its key."""
    fill(stores.ledger)
    read(stores)
    file = tmp_path / "configuration.key"
    issue_key(CountyAuthority.create(REGION, datetime.now(UTC)), stores.desk.documents, file, datetime.now(UTC))
    return file


def post(stores: Stores, key: Path | None, role: StaffRole = StaffRole.OPERATOR, **form: str) -> Any:
    with app_of(stores, configuration_key=key).test_client() as client:
        form = {"csrf": sign_in(client, stores.desk, role), "year": "2026", **form}
        return client.post(PATH, data=form)


def keys_of(key: Path) -> PublicKeys:
    private = load_pem_private_key(key.read_bytes(), None)
    public = private.public_key().public_bytes_raw()  # type: ignore[union-attr]
    return PublicKeys(REGION, log=(verifier_line(f"{REGION}/2026", public),))


def test_an_operator_gets_what_the_page_says_signed(stores: Stores, key: Path) -> None:
    answer = post(stores, key)
    assert answer.status_code == 200 and answer.headers["Content-Disposition"].endswith(f'-{MEMBER}-2026.json"')
    assert all(ok for _, ok in check_statement(answer.data, keys_of(key)))
    told = stores.reports.members.year(MEMBER, REGION, 2026)
    file = json.loads(answer.data)
    sums = {
        "receipts": told.figures.intakes,
        "voids": told.figures.voided,
        "purchase_g": told.figures.bought_g,
        "purchase_fen": told.figures.bought_fen,
        "consignment_g": told.figures.consigned_g,
        "consignment_fen": told.figures.consigned_fen,
    }
    assert file["sums"] == sums and len(file["lines"]) == len(told.receipts) > 0
    assert total(told.stations.values()) == told.figures
    with stores.ledger.reading() as connection:
        hashes = set(connection.execute(select(event.c.sha256)).scalars())
    assert {line["event"] for line in file["lines"]} <= hashes
    assert stores.desk.audit.page(act=AuditAction.EXPORTED)[0].subject == f"statement-{MEMBER}-2026.json"
    changed = answer.data.replace(b'"void":false', b'"void":true', 1)
    assert dict(check_statement(changed, keys_of(key)))["signature"] is False


def test_the_button_is_there_for_who_may_and_where_a_key_is(stores: Stores, key: Path) -> None:
    for role, file, there in (
        (StaffRole.OPERATOR, key, True), (StaffRole.VIEWER, key, False), (StaffRole.OPERATOR, None, False),
    ):  # fmt: skip
        with app_of(stores, configuration_key=file).test_client() as client:
            sign_in(client, stores.desk, role)
            page = client.get(f"/members/{REGION}/{MEMBER}?lang=en").text
        assert (PATH in page) is there, (role, file)
        assert "Station by station" in page


def test_what_cannot_be_signed_is_refused(
    stores: Stores, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(stores, key, StaffRole.VIEWER).status_code == 403
    assert post(stores, key, csrf="wrong").status_code == 403
    assert post(stores, None).status_code == 409
    assert post(stores, tmp_path / "nowhere.key").status_code == 409
    other = tmp_path / "other.key"
    issue_key(CountyAuthority.create("yarkant", datetime.now(UTC)), stores.desk.documents, other, datetime.now(UTC))
    assert load_key(other).subject.region == "yarkant"
    assert post(stores, other).status_code == 409
    key.write_text("no key")
    assert post(stores, key).status_code == 409
    monkeypatch.setattr(members, "MAX_RECEIPTS", 1)
    assert post(stores, key).status_code == 409
