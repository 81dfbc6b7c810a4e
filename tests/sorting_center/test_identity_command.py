"""``sorting-center station identity``, ``replace``, ``revoke`` and ``reader``: whole or not at all, and listed."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from kiosk.cli.provision import folder
from kiosk.cli.sorting_center import main
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.certificate import check_certificate, check_key
from kiosk.first_start.identity.format import StationIdentity, read_sealed, sealed_name, unseal
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.schema import machine_certificate
from kiosk.sorting_center.stations.authority import CountyAuthority
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.store.backup.shared.county_key import CountyKey
from tests.first_start.identity.identities import cost_nothing

PHRASE: Final = "melon and almond"
KIT: Final = CountyKey(bytes(range(32))).text
URLS: Final = ("--broker-url", "mqtts://center.example:8883")


class Office:
    """A county's server with its authority, and a list of stations; ``codes`` are those on the papers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url, self.codes = folder, f"sqlite:///{folder / 'county.db'}", dict[str, PaperCode]()
        self.authority = CountyAuthority.create("yarkant", datetime.now(UTC))
        self.keys = folder / "authority"
        self.keys.mkdir()
        (self.keys / "authority.crt").write_text(self.authority.certificate)
        (self.keys / "authority.key").write_text(self.authority.sealed_key(PHRASE))
        (self.keys / "kit.pub").write_text(f"{KIT}\n")
        self.phrase = folder / "phrase"
        self.phrase.write_text(f"{PHRASE}\n")

    def expect(self, *numbers: int, region: str = "yarkant", village: str = "تاغارچى") -> None:
        with CenterDesk.open(self.url) as desk:
            present = tuple(desk.registry.current().stations.values())
            new = tuple(ExpectedStation(region, f"S{number:04}", village) for number in numbers)
            desk.registry.replace((*present, *new), ())

    def call(self, *arguments: str, phrase: str | None = None) -> Result:
        return CliRunner().invoke(main, [*arguments, "--ledger", self.url], input=phrase)

    def make(self, *arguments: str, out: str = "out", verb: tuple[str, str] = ("station", "identity")) -> Result:
        options = ("--authority", str(self.keys), "--pass-phrase-file", str(self.phrase), *URLS)
        return self.call(*verb, *arguments, *options, "--out", str(self.folder / out))

    def opened(self, station: str, out: str = "out") -> StationIdentity:
        content = (self.folder / out / folder.FOLDER / sealed_name(station)).read_bytes()
        return unseal(read_sealed(content, sealed_name(station)), self.codes[station])

    @property
    def states(self) -> dict[str, str]:
        with CenterDesk.open(self.url) as desk:
            return {name: one.state for (_, name), one in desk.certificates.newest(MachineKind.STATION).items()}

    @property
    def folders(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if path.is_dir()} - {"authority"}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    cost_nothing(monkeypatch)
    found, drawn = Office(tmp_path), folder.paper_pdf

    def noted(identity: StationIdentity, code: PaperCode) -> bytes:
        found.codes[identity.station] = code
        return drawn(identity, code)

    monkeypatch.setattr(folder, "paper_pdf", noted)
    return found


def test_a_county_makes_its_identities_in_one_step(office: Office) -> None:
    office.expect(*range(1, 201))
    wifi = office.folder / "wifi"
    wifi.write_text("apricot trees\n")
    net = ("--wifi-network", "post 莎车", "--wifi-password-file", str(wifi), "--photos", "https://center.example:8843")
    done = office.make("--all-without", *net)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"stations": 200, "out": str(office.folder / "out")}
    assert len([*office.folder.glob("out/papers/S*.pdf")]) == 200
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in office.folder.glob("out/*")}
    assert modes == {"station-identities": 0o755, "papers": 0o700}
    one = office.opened("S0147")
    assert (one.region, one.village, one.county_key, one.authority) == (
        "yarkant", "تاغارچى", KIT, office.authority.certificate,
    )  # fmt: skip
    assert (one.wifi_network, one.wifi_password, one.photos) == ("post 莎车", "apricot trees", net[-1])
    with CenterDesk.open(office.url) as desk, desk.database.reading() as connection:
        rows = connection.execute(select(machine_certificate.c.name, machine_certificate.c.pin_secret)).all()
    assert {name: bytes(secret).hex() for name, secret in rows}["S0147"] == one.pin_secret
    assert len({bytes(secret) for _, secret in rows}) == 200
    check_certificate("S0147", one.certificate)
    check_key(one.certificate, one.key)
    (office.folder / "S0147.crt").write_text(one.certificate)
    judged = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", str(office.keys / "authority.crt")]
    subprocess.run([*judged, str(office.folder / "S0147.crt")], check=True, capture_output=True)
    assert office.states == {f"S{number:04}": "made" for number in range(1, 201)}
    with CenterDesk.open(office.url) as desk:
        (subject,) = (one.subject for one in desk.certificates.all() if one.subject.name == "S0147")
        sealed = desk.certificates.sealed(subject)
        assert sealed == (office.folder / "out/station-identities/identity-S0147.toml").read_bytes()
        assert {row.act for row in desk.audit.page(limit=200)} == {"identity_made"}
    again = office.make("--all-without", out="again")
    assert (again.exit_code, "every station of yarkant" in again.stderr) == (2, True)


def test_an_identity_is_replaced_and_revoked(office: Office) -> None:
    office.expect(147, 148)
    assert office.make("S0147", "S0148", "S0147").exit_code == 0
    refused = office.make("S0148", "S0147", out="more")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        "sorting-center: S0148 has an identity: sorting-center station replace S0148 makes it another"
    ]
    assert office.make("S0147", out="new", verb=("station", "replace")).exit_code == 0
    subject = load_pem_x509_certificate(office.opened("S0147", "new").certificate.encode()).subject
    assert (
        subject.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"})
        == "serialNumber=2,CN=S0147,OU=station,O=yarkant"
    )
    revoked = office.call("station", "revoke", "S0147", "--reason", "stolen on the road")
    assert revoked.stdout == "S0147 of yarkant is let in no more\n"
    twice = office.call("station", "revoke", "S0147", "--reason", "stolen on the road")
    assert (twice.exit_code, "has no identity that is valid" in twice.stderr) == (2, True)
    assert office.call("station", "revoke", "S0148", "--reason", " ").exit_code == 2
    assert office.states == {"S0147": "revoked", "S0148": "made"}
    listed = [json.loads(line) for line in office.call("station", "list", "--json").stdout.splitlines()]
    assert [(row["station"], row["identity"], row["generation"]) for row in listed] == [
        ("S0147", "revoked", 2), ("S0148", "made", 1),
    ]  # fmt: skip
    assert listed[0]["reason"] == "stolen on the road"
    assert office.make("S0147", out="third").exit_code == 0, "who was revoked may get one again"
    with CenterDesk.open(office.url) as desk, desk.database.reading() as connection:
        revoked_rows = machine_certificate.c.revoked_at.is_not(None)
        secrets = connection.execute(select(machine_certificate.c.pin_secret).where(revoked_rows)).scalars().all()
    assert (len(secrets), set(secrets)) == (2, {None}), "no answer fits a machine that was replaced"
    with CenterDesk.open(office.url) as desk:
        acts = [(row.act, row.subject) for row in desk.audit.page()]
    assert acts.count(("identity_revoked", "yarkant/S0147")) == 1
    assert acts.count(("identity_made", "yarkant/S0147")) == 3


def test_what_cannot_be_made_is_one_line_and_leaves_nothing(office: Office) -> None:
    office.expect(147)
    other = CountyAuthority.create("yarkant", datetime.now(UTC))
    good = {path: path.read_text() for path in (*office.keys.iterdir(), office.phrase)}
    bad_files = (
        (office.phrase, "another phrase\n", "the pass phrase does not open the key"),
        (office.keys / "authority.crt", other.certificate, "the key is not that of the authority's certificate"),
        (office.keys / "authority.crt", "no certificate", "the certificate cannot be read"),
        (office.keys / "kit.pub", "kit1-nothing", "kit1-nothing"),
    )
    for path, content, said in bad_files:
        path.write_text(content)
        done = office.make("S0147")
        assert (done.exit_code, done.stderr.count("\n"), said in done.stderr) == (2, 1, True), done.stderr
        path.write_text(good[path])
    (office.keys / "kit.pub").unlink()
    assert office.make("S0147").exit_code == 1
    (office.keys / "kit.pub").write_text(f"{KIT}\n")
    short, garbled = office.folder / "short", office.folder / "garbled"
    short.write_text("1234567\n")
    garbled.write_bytes(b"\xff" * 10)
    calls: tuple[tuple[str, ...], ...] = (
        ("S0999",), ("../../x",), ("S0147", "--all-without"), (), ("S0147", "--region", "shache"),
        ("S0147", "--photos", "http://center.example:8843"), ("S0147", "--wifi-network", "x" * 33),
        ("S0147", "--wifi-network", "post", "--wifi-password-file", str(short)),
        ("S0147", "--wifi-network", "post", "--wifi-password-file", str(garbled)),
        ("S0147", "--wifi-password-file", str(office.phrase)),
    )  # fmt: skip
    for arguments in calls:
        done = office.make(*arguments)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), (arguments, done.stderr)
    office.expect(1, region="shache")
    assert "--region" in office.make("S0147").stderr
    assert (office.states, office.folders) == ({}, set())
    assert office.make("S0147", "--region", "yarkant").exit_code == 0
    assert office.make("S0001", "--region", "shache").exit_code == 1, "the folder is there already"
    assert office.states == {"S0147": "made"}


def test_the_pass_phrase_is_asked_for_without_a_file(office: Office) -> None:
    office.expect(147)
    options = ("--authority", str(office.keys), *URLS, "--out", str(office.folder / "out"))
    assert office.call("station", "identity", "S0147", *options, phrase="wrong\n").exit_code == 2
    assert office.call("station", "identity", "S0147", *options, phrase=f"{PHRASE}\n").exit_code == 0


def test_of_two_people_who_make_one_identity_at_once_one_gets_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.expect(147, 148)
    noted, others = folder.paper_pdf, list[Result]()

    def meanwhile(identity: StationIdentity, code: PaperCode) -> bytes:
        monkeypatch.setattr(folder, "paper_pdf", noted)
        others.append(office.make("S0147", out="theirs"))
        return noted(identity, code)

    monkeypatch.setattr(folder, "paper_pdf", meanwhile)
    done = office.make("S0148", "S0147", out="mine")
    assert (done.exit_code, "meanwhile" in done.stderr, others[0].exit_code) == (2, True, 0)
    assert (office.states, office.folders) == ({"S0147": "made"}, {"theirs"})


def test_what_fails_at_any_step_leaves_no_folder_and_no_certificate(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at each file and each folder of three stations."""
    office.expect(1, 2, 3)
    steps = {name: getattr(folder, name) for name in ("write_synced", "sync_folder")}
    left = 0

    def fails_at(step: Callable[..., None]) -> Callable[..., None]:
        def called(*given: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(28, "No space left on device")
            step(*given)

        return called

    for name, step in steps.items():
        monkeypatch.setattr(folder, name, fails_at(step))
    for number in range(9):
        left = number
        done = office.make("--all-without")
        assert (done.exit_code, "No space left" in done.stderr) == (1, True)
        assert (office.states, office.folders) == ({}, set()), number
    left = 9  # the folder is whole, and listed: it is not thrown away
    assert office.make("--all-without").exit_code == 1
    assert (len(office.states), office.folders) == (3, {"out"})


def test_a_folder_that_cannot_get_its_name_is_not_lost(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.expect(1)

    def renamed(path: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", renamed)
    done = office.make("S0001")
    assert (done.exit_code, "everything is in" in done.stderr) == (1, True)
    (left,) = office.folders
    assert left.startswith(".out.") and len([*(office.folder / left).rglob("*.pdf")]) == 1
    assert office.states == {"S0001": "made"}


def test_a_reader_gets_a_folder_and_is_let_in_no_more(office: Office) -> None:
    office.expect(1)
    done = office.make("platform", out="reader", verb=("reader", "add"))
    assert done.exit_code == 0, done.stderr
    made = office.folder / "reader"
    assert {path.name for path in made.iterdir()} == {"platform.crt", "platform.key", "authority.crt", "README"}
    assert stat.S_IMODE((made / "platform.key").stat().st_mode) == 0o600
    readme = (made / "README").read_text().splitlines()
    assert len(readme) == 3
    assert readme[1].startswith("mosquitto_sub ") and readme[1].endswith("-t 'kiosk/v1/yarkant/feed/#'")
    check_key((made / "platform.crt").read_text(), (made / "platform.key").read_text())
    for bad in ("Platform", "../x", "S0001"):
        assert office.make(bad, out="bad", verb=("reader", "add")).exit_code == 2
    assert office.make("platform", out="again", verb=("reader", "add")).exit_code == 2
    assert office.call("reader", "revoke", "platform", "--reason", "no longer used").exit_code == 0
    (listed,) = office.call("reader", "list").stdout.splitlines()
    assert json.loads(listed)["reason"] == "no longer used"
    assert (office.folders, office.states) == ({"reader"}, {})
