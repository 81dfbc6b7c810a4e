"""``sorting-center prices``, ``member`` and ``configuration`` as the office and a technician call them."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zxingcpp
from click.testing import Result
from PIL import Image

from kiosk.cli.center import cards
from kiosk.domain.configuration import ConfigurationVersion, RefusalReason, refusal_of
from kiosk.domain.events import CatalogImported, ConfigApplied, ConfigRefused, EventData
from kiosk.domain.identifiers import internal_code
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.labels.raster import Raster
from kiosk.messaging.contract.configuration import ConfigurationDocument, Part, parse_document
from kiosk.sorting_center.configuration.files import read_file
from kiosk.sorting_center.configuration.keys import load_key
from kiosk.sorting_center.configuration.rendering import render
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation
from kiosk.sorting_center.desk.shared import schema
from kiosk.sorting_center.desk.station_configurations import record_event
from kiosk.sorting_center.shared.stored_events import EventEnvelope
from kiosk.sorting_center.stations.authority import ConfigurationKey
from kiosk.station.configuration.signature import check_signature
from tests.sorting_center.test_identity_command import Office

NOW = datetime(2026, 12, 2, tzinfo=UTC)
CLOCK = Moment(NOW, "Asia/Urumqi", 360, ClockQuality.SYNCED, "boot", 0)
GOODS = "code,ug,zh,en,picture\nBADAM,بادام,巴旦木,Almond,badam\n"
PRICES = "where,product,mode,since,cny_per_kg\n,BADAM,purchase,,24.00\nS0147,BADAM,purchase,2026/12/1,25.5\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.expect(147, 148)
    return made


def imported(office: Office, content: str | bytes, *options: str, verb: str = "prices") -> Result:
    path = office.folder / "table"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return office.call(verb, "import", str(path), *options)


def test_prices_are_imported_published_by_a_second_person_and_looked_up(office: Office) -> None:
    tried = imported(office, GOODS, "--sheet", "goods", "--dry-run")
    assert json.loads(tried.stdout) == {"kinds": ["product"], "rows": 1, "new": 1, "changed": 0, "removed": 0}
    with CenterDesk.open(office.url) as desk:
        assert desk.book.rows("yarkant") == []
    assert imported(office, GOODS, "--sheet", "goods").exit_code == 0
    assert imported(office, PRICES).exit_code == 0
    refused = office.call("prices", "publish")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "sorting-center: somebody else has to publish what you have changed\n",
    )
    published = office.call("prices", "publish", "--alone", "--note", "December")
    assert json.loads(published.stdout) == {"release": 1, "changed_by": "command", "alone": True}
    (release,) = map(json.loads, office.call("prices", "history").stdout.splitlines())
    assert (release["number"], release["note"], release["alone"]) == (1, "December", True)
    with CenterDesk.open(office.url) as desk:
        number, rows = desk.book.in_force("yarkant")
        assert (number, len(rows)) == (1, 3)
        acts = [row.act for row in desk.audit.page()]
    assert acts == ["configuration_published", "configuration_imported", "configuration_imported"]
    whole = office.call("prices", "export", "--format", "xlsx").stdout_bytes
    assert sorted(read_file(whole).rows, key=repr) == sorted(rows, key=repr)
    assert json.loads(imported(office, whole).stdout)["changed"] == 0


def test_a_file_with_faults_changes_nothing_and_each_has_its_cell(office: Office) -> None:
    refused = imported(office, "product,mode,since,cny_per_kg\nBADAM,purchase,,0\nBADAM,purchase,1.2.26,24\n")
    assert refused.stderr.splitlines() == [
        "sorting-center: prices!C3: 1.2.26 is no certain day: write it like 2026-12-01",
        "sorting-center: nothing was taken, faults: 1",
    ]
    refused = imported(office, "product,mode,since,cny_per_kg\n\nBADAM,purchase,,0\n")
    assert refused.stderr.startswith("sorting-center: prices!D3: price BADAM/purchase/, fen_per_kg: a price is from")
    assert refused.exit_code == 2
    with CenterDesk.open(office.url) as desk:
        assert desk.book.rows("yarkant") == []


def test_what_a_station_would_refuse_is_not_published(office: Office) -> None:
    imported(office, GOODS, "--sheet", "goods")
    imported(office, PRICES.replace(",BADAM,purchase,,24.00\n", ""))
    refused = office.call("prices", "publish", "--alone")
    assert refused.exit_code == 2
    assert "product BADAM: S0148 would have no price for it" in refused.stderr
    assert office.call("prices", "history").stdout == ""


def test_a_template_names_the_columns(office: Office) -> None:
    template = office.call("prices", "export", "--template").stdout
    assert template == "\ufeffwhere,product,mode,since,cny_per_kg,hidden\n"


def test_members_get_numbers_and_cards_here_and_nobody_gets_a_former_one(office: Office) -> None:
    assert office.call("member", "add", "Tursun").stdout == f"M-00001 {internal_code('P', '00001')}\n"
    assert office.call("member", "add", "139 9876 5432").exit_code == 2
    added = imported(office, "number,short_name\nM-00001,Tursun\n,Amina\n,گۈلباغ\n", verb="member")
    assert json.loads(added.stdout)["new"] == 2
    table = office.call("member", "list").stdout
    assert f"M-00003,گۈلباغ,{internal_code('P', '00003')}," in table
    left = table.replace(f",M-00003,گۈلباغ,{internal_code('P', '00003')},\n", "")
    assert json.loads(imported(office, left, verb="member").stdout) == {
        "kinds": ["member"], "rows": 2, "new": 0, "changed": 0, "removed": 1,
    }  # fmt: skip
    assert ",M-00003,,,yes\n" in office.call("member", "list").stdout
    assert office.call("member", "add", "Bahar").stdout.startswith("M-00004 ")
    refused = imported(office, "number,short_name\nM-1,Tursun\nM-00002,\n", verb="member")
    assert refused.stderr.splitlines() == [
        "sorting-center: members!A2: member M-1, number: a member number is M- and five digits",
        "sorting-center: members!B3: member M-00002, short_name: is empty or too long",
        "sorting-center: nothing was taken, faults: 2",
    ]


def test_what_holds_at_once_is_refused_when_a_station_would_refuse_it(office: Office) -> None:
    people = "station,number,name,role\nS0147,01,Amina,technician\nS0147,2,Bahar,clerk\nS0147,3,Dilnur,clerk\n"
    assert json.loads(imported(office, people, "--sheet", "people").stdout)["new"] == 3
    left = imported(office, people.replace("S0147,01,Amina,technician\n", ""), "--sheet", "people")
    assert "S0147 has no technician" in left.stderr
    done = imported(office, people.replace("S0147,2,Bahar,clerk\n", ""), "--sheet", "people")
    assert json.loads(done.stdout)["removed"] == 1
    assert "S0147 has fewer than two clerks" in done.stderr
    with CenterDesk.open(office.url) as desk:
        parts = render(desk.book.rows("yarkant"), "S0147", "")
    assert [row["number"] for row in json.loads(parts["clerks"])["clerks"]] == ["01", "03"]
    card = internal_code("P", "00001")
    members = f"number,short_name,card\nM-00001,Tursun,{card}\nM-00002,Amina,{card}\n"
    twice = imported(office, members, verb="member")
    assert twice.stderr.startswith("sorting-center: members!C3: member M-00002, card: member M-00001 has the same card")
    assert twice.exit_code == 2


def test_cards_are_ten_on_a_sheet_and_a_scanner_reads_them(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Image.Image] = []

    def noted(raster: Raster) -> Image.Image:
        drawn.append(image := Image.frombytes("1", (raster.width_dots, raster.height_dots), raster.rows, "raw", "1;I"))
        return image

    names = "".join(f",name{chr(ord('a') + n)}\n" for n in range(11))
    assert imported(office, f"number,short_name\n{names}", verb="member").exit_code == 0
    monkeypatch.setattr(Raster, "to_image", noted)
    out = office.folder / "cards.pdf"
    done = office.call("member", "cards", "--out", str(out))
    assert done.stdout == f"11 cards in {out}\n"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_bytes().count(b"/Type /Page\n") == 2
    read = [{found.text for found in zxingcpp.read_barcodes(image.convert("L"))} for image in drawn]
    assert read == [{internal_code("P", f"{n:05d}")} for n in range(1, 12)]
    assert cards.cards_pdf([], "yarkant", "2026-12-02")[:5] == b"%PDF-"
    assert "no member" in office.call("member", "cards", "M-00099", "--out", str(out)).stderr


def make_key(office: Office, *options: str) -> Result:
    file = ("--authority", str(office.keys), "--file", str(office.folder / "configuration.key"))
    return office.call("configuration", "key", *file, "--pass-phrase-file", str(office.phrase), *options)


def signed(key: ConfigurationKey, number: int, generation: int | None = None, **parts: Part) -> ConfigurationDocument:
    version = (generation or key.subject.generation, number)
    return key.sign(ConfigurationDocument("S0147", "yarkant", version, "2026-12-02T00:00:00Z", None, parts, ""))


def test_a_stolen_key_is_replaced_by_a_new_generation(office: Office) -> None:
    authority = office.authority.certificate.encode()
    assert json.loads(make_key(office).stdout)["generation"] == 1
    file = office.folder / "configuration.key"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.with_suffix(".crt"))] == [0o600, 0o644]
    stolen = load_key(file)
    hostile = signed(stolen, 2**31 - 1)
    assert check_signature(hostile, authority) is None, "the thief has the county's key"
    in_force = hostile.number
    assert refusal_of(signed(stolen, 18).number, NOW, in_force, CLOCK) is RefusalReason.OLDER, (
        "the county is locked out"
    )

    assert json.loads(make_key(office).stdout)["generation"] == 2
    mended = signed(load_key(file), 1)
    assert check_signature(mended, authority) is None
    assert refusal_of(mended.number, mended.issued_at, in_force, CLOCK) is None
    assert refusal_of(hostile.number, hostile.issued_at, mended.number, CLOCK) is RefusalReason.OLDER
    with pytest.raises(ValueError, match="not one of"):
        signed(stolen, 5, generation=2)
    forged = ConfigurationDocument(
        "S0147", "yarkant", (2, 5), "2026-12-02T00:00:00Z", None, {}, hostile.certificate, hostile.signature
    )
    assert check_signature(forged, authority) is RefusalReason.SIGNATURE
    with CenterDesk.open(office.url) as desk:
        assert desk.documents.last_generation("yarkant") == 2
        assert [row.detail for row in desk.audit.page(act="configuration_key_made")] == ["generation 2", "generation 1"]


def test_a_key_made_elsewhere_or_lost_in_a_backup_never_has_a_number_twice(office: Office) -> None:
    assert json.loads(make_key(office, "--generation", "7").stdout)["generation"] == 7
    assert "generation 7 is there already" in make_key(office, "--generation", "7").stderr
    with CenterDesk.open(office.url) as desk, desk.database.writing() as connection:
        connection.execute(schema.configuration_key.delete())  # An older backup came back
    assert json.loads(make_key(office).stdout)["generation"] == 8
    office.phrase.write_text("another one\n")
    refused = make_key(office)
    assert refused.exit_code == 2
    assert "does not open" in refused.stderr
    assert load_key(office.folder / "configuration.key").subject.generation == 8


def envelope(station: str, said: EventData) -> EventEnvelope:
    place = (station, "epoch", 1, said.TYPE, "2026-12-02T00:00:00.000Z", "synced", "boot", "0", "1")
    return EventEnvelope(*place, msgspec.Raw(msgspec.json.encode(said)))


def test_what_each_station_has_and_its_document_on_a_stick(office: Office) -> None:
    make_key(office)
    out = office.folder / "stick"
    assert "no document was made yet" in office.call("configuration", "stick", "--out", str(out)).stderr
    assert not out.exists()
    content = b'{"members":[]}'
    wanted = PartsOfStation("S0147", {"members": content}, above=ConfigurationVersion(1, 16))
    with CenterDesk.open(office.url) as desk:
        (made,) = desk.documents.issue(load_key(office.folder / "configuration.key"), 0, [wanted], NOW)
        with desk.database.writing() as connection:
            for feedseq, (station, said) in enumerate(
                (
                    ("S0147", ConfigApplied(1, 16, "a" * 64, 3)),
                    ("S0147", ConfigRefused(1, 17, made.sha256, "prices")),
                    ("S0148", CatalogImported(4, "b" * 64, 3, 3, 1, 20)),
                )
            ):
                record_event(connection, ("yarkant", feedseq), envelope(station, said), said, NOW)
    listed = [json.loads(line) for line in office.call("configuration", "list").stdout.splitlines()]
    assert listed == [
        {"station": "S0147", "document": "1.17", "applied": "1.16", "refused": "1.17", "reason": "prices"},
        {"station": "S0148", "document": "", "applied": "", "refused": "", "reason": ""},
    ]
    done = office.call("configuration", "stick", "--out", str(out))
    assert json.loads(done.stdout) == {"stations": 1, "out": str(out)}
    folder = out / "station-configuration" / "S0147"
    assert parse_document((folder / "document.json").read_bytes()).number == ConfigurationVersion(1, 17)
    assert (folder / f"{Part.of(content).sha256}.json").read_bytes() == content
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert (
        "no document was made for 'S0148'"
        in office.call("configuration", "stick", "S0148", "--out", str(office.folder / "other")).stderr
    )
