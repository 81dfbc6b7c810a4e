"""The county's authority as OpenSSL sees it: which certificate passes for what."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from kiosk.messaging.contract.checkpoint import Checkpoint, parse_checkpoint, parse_verifier
from kiosk.messaging.contract.public_keys import KeyRing, PublicKeys
from kiosk.sorting_center.stations.authority import (
    BadAuthority,
    BadPassPhrase,
    ConfigurationKey,
    CountyAuthority,
    IssuedCertificate,
    ServerAuthority,
    log_lines,
)
from kiosk.sorting_center.stations.shared.subject import BadSubject, MachineKind, MachineSubject

NOW = datetime.now(UTC)
PHRASE = "walnut and apricot"
STATION = MachineSubject("yarkant", MachineKind.STATION, "S0147", 2)
READER = MachineSubject("yarkant", MachineKind.READER, "bookkeeping")


@pytest.fixture(scope="module")
def authority() -> CountyAuthority:
    return CountyAuthority.create("yarkant", NOW)


def passes(folder: Path, root: str, chain: str, purpose: str) -> bool:
    """Whether OpenSSL accepts the first certificate of ``chain`` for ``purpose``, the others being offered with it."""
    (folder / "root.pem").write_text(root)
    (folder / "chain.pem").write_text(chain)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder / "root.pem"]
    command += ["-untrusted", folder / "chain.pem", folder / "chain.pem"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def servers(authority: CountyAuthority) -> ServerAuthority:
    return ServerAuthority(authority.issue_server_authority("yarkant", NOW))


def test_a_certificate_passes_for_its_own_kind_alone(
    authority: CountyAuthority, servers: ServerAuthority, tmp_path: Path
) -> None:
    client = authority.issue_machine(STATION, NOW).certificate
    server = servers.issue("yarkant", ["center.county.example", "127.0.0.1"], NOW).certificate
    root = authority.certificate
    assert passes(tmp_path, root, client, "sslclient") and not passes(tmp_path, root, client, "sslserver")
    assert passes(tmp_path, root, server, "sslserver") and not passes(tmp_path, root, server, "sslclient")
    signer = authority.issue_configuration_key("yarkant", 1, NOW).certificate
    assert not passes(tmp_path, root, signer, "sslclient") and not passes(tmp_path, root, signer, "sslserver")
    other = CountyAuthority.create("yarkant", NOW).certificate
    assert not passes(tmp_path, other, client, "sslclient") and not passes(tmp_path, other, server, "sslserver")


def test_who_has_the_key_of_the_servers_makes_no_station(authority: CountyAuthority, tmp_path: Path) -> None:
    issued = authority.issue_server_authority("yarkant", NOW)
    forged = _as_root(issued).issue_machine(STATION, NOW).certificate + issued.certificate
    assert not passes(tmp_path, authority.certificate, forged, "sslclient")


def _as_root(issued: IssuedCertificate) -> CountyAuthority:
    key = load_pem_private_key(issued.key.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return CountyAuthority(x509.load_pem_x509_certificate(issued.certificate.encode()), key)


def test_the_key_opens_with_its_pass_phrase_alone(authority: CountyAuthority) -> None:
    sealed = authority.sealed_key(PHRASE)
    assert "BEGIN ENCRYPTED PRIVATE KEY" in sealed
    opened = CountyAuthority.open(authority.certificate, sealed, PHRASE)
    assert opened.certificate == authority.certificate
    for wrong in ("walnut and apricots", ""):
        with pytest.raises(BadPassPhrase):
            CountyAuthority.open(authority.certificate, sealed, wrong)
    with pytest.raises(BadAuthority):
        CountyAuthority.open(CountyAuthority.create("yarkant", NOW).certificate, sealed, PHRASE)


def test_a_fresh_certificate_is_valid_on_a_clock_that_is_behind_and_for_decades(authority: CountyAuthority) -> None:
    found = x509.load_pem_x509_certificate(authority.issue_machine(STATION, NOW).certificate.encode())
    assert found.not_valid_before_utc <= NOW - timedelta(hours=1)
    assert found.not_valid_after_utc >= NOW + timedelta(days=30 * 365)
    assert found.subject.rfc4514_string({x509.oid.NameOID.SERIAL_NUMBER: "serialNumber"}) == str(STATION)


@pytest.mark.parametrize("subject", [STATION, READER])
def test_a_subject_is_read_as_it_is_written(subject: MachineSubject) -> None:
    assert MachineSubject.parse(str(subject)) == subject


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CN=S0147",
        "serialNumber=0,CN=S0147,OU=station,O=yarkant",
        "serialNumber=1,CN=S0147,OU=admin,O=yarkant",
        "serialNumber=1,CN=S0147,OU=station,O=yarkant,C=CN",
        "serialNumber=1,CN=S0147,OU=station,O=feed",
        "serialNumber=1,CN=books,OU=station,O=yarkant",
        "serialNumber=1,CN=S0147,OU=reader,O=yarkant",
        "serialNumber=1,CN=S0147+OU=x,OU=station,O=yarkant",
        " serialNumber=1,CN=S0147,OU=station,O=yarkant",
        "serialNumber=1,CN=S0147,OU=station,O=yarkant\n",
    ],
)
def test_what_no_authority_of_a_county_writes_is_refused(text: str) -> None:
    with pytest.raises(BadSubject):
        MachineSubject.parse(text)


def test_the_lines_of_a_log_check_what_each_key_of_the_county_signed(authority: CountyAuthority) -> None:
    """Of each log a line for each key, from certificates as files and as documents have them."""
    made = [authority.issue_configuration_key("yarkant", generation, NOW) for generation in (1, 2)]
    pem = [one.certificate.encode() for one in made]
    der = [x509.load_pem_x509_certificate(one).public_bytes(Encoding.DER) for one in pem]
    lines = log_lines(("yarkant/2026", "yarkant/2027"), (pem[0], der[1]))
    assert [line.partition("+")[0] for line in lines] == [f"yarkant/{year}" for year in (2026, 2026, 2027, 2027)]
    assert lines == log_lines(("yarkant/2026", "yarkant/2027"), (der[0], pem[1]))
    note = parse_checkpoint(ConfigurationKey(made[1]).note_of(Checkpoint("yarkant/2027", 5, bytes(32))))
    ring = KeyRing(PublicKeys("yarkant", log=lines))
    assert [note.is_signed_by(public) for _, public in ring.log] == [False, True, False, True]
    assert ring.log == list(map(parse_verifier, lines))
    assert log_lines((), pem) == log_lines(("yarkant/2026",), ()) == ()
    assert log_lines(("yarkant/2026",), [authority.certificate.encode()]) == (), "no key that signs a log"
    for damaged in (b"", b"-----", pem[0][:99], der[0][:-1]):
        with pytest.raises(ValueError, match=r".+"):
            log_lines(("yarkant/2026",), (damaged,))
