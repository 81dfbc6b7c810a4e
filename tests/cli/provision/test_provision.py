"""``kiosk provision``: every fault by line and column, nothing written unless all is good, and codes that open."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.cli.kiosk import main
from kiosk.cli.provision import folder
from kiosk.cli.provision.command import provision
from kiosk.cli.provision.paper import lines_of, paper_pdf
from kiosk.cli.provision.stations import MAX_BYTES, MAX_STATIONS, BadStations, files_beside, read_stations
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity, read_sealed, unseal
from tests.first_start.identity.identities import CODE, OFFERED, cost_nothing
from tests.messaging.authority import Authority

HEAD = "station,region,village,broker_url,cert_file,key_file,ca_file\n"
BAD_OFFERS = {
    "photos": "http://center.example:8843",
    "updates": "center",
    "county_key": OFFERED["county_key"][:-1] + "x",
}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("county")
    authority = Authority(folder)
    for station in ("S0147", "S0148"):
        authority.issue(station)
    authority.issue("S0149", days=-1)
    return folder


def row(station: str = "S0147", **instead: str) -> str:
    cells = {
        "station": station,
        "region": "yarkant",
        "village": "تاغارچى",
        "broker_url": "mqtts://center.example:8883",
        "cert_file": f"county-{station}.crt",
        "key_file": f"county-{station}.key",
        "ca_file": "county-ca.crt",
    }
    return ",".join({**cells, **instead}.values()) + "\n"


def called(county: Path, text: str, out: Path) -> Result:
    table = county / "stations.csv"
    table.write_text(text, encoding="utf-8-sig")
    return CliRunner().invoke(main, ["provision", str(table), "--out", str(out)])


def test_two_stations_two_files_two_pages(county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cost_nothing(monkeypatch)
    codes: list[tuple[str, PaperCode]] = []

    def noted(identity: StationIdentity, code: PaperCode) -> bytes:
        codes.append((identity.station, code))
        return paper_pdf(identity, code)

    monkeypatch.setattr(folder, "paper_pdf", noted)
    out = tmp_path / "identities"
    done = called(county, HEAD + row() + "\n" + row("S0148", village="", ca_file=""), out)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"stations": 2, "out": str(out)}
    files = {str(path.relative_to(out)): path for path in out.rglob("*")}
    assert set(files) == {
        "station-identities",
        "station-identities/identity-S0147.toml",
        "station-identities/identity-S0148.toml",
        "papers",
        "papers/S0147.pdf",
        "papers/S0148.pdf",
    }
    for path in (out, *files.values()):
        sealed = FOLDER in path.parts  # a stick with ext4 keeps the modes, and the station's user looks at it
        wanted = (0o755 if path.is_dir() else 0o644) if sealed else (0o700 if path.is_dir() else 0o600)
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert [station for station, _ in codes] == ["S0147", "S0148"]
    assert codes[0][1] != codes[1][1]
    for station, code in codes:
        name = f"identity-{station}.toml"
        identity = unseal(read_sealed(files[f"station-identities/{name}"].read_bytes(), name), code)
        assert identity.station == station
        assert identity.key == (county / f"county-{station}.key").read_text()
        assert files[f"papers/{station}.pdf"].read_bytes()[:5] == b"%PDF-"
    again = called(county, HEAD + row(), out)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert [path for path in tmp_path.iterdir() if path != out] == []


def test_every_fault_names_line_and_column(county: Path, tmp_path: Path) -> None:
    (county / "huge.crt").write_bytes(b"-----BEGIN CERTIFICATE-----" + b"A" * 40_000)
    good = HEAD + row()
    faults = {
        "": "there is no station in the file",
        HEAD: "there is no station in the file",
        "station,region\n": "line 1, broker_url: the column is missing",
        "town," + HEAD: "line 1: there is no column 'town'",
        HEAD.replace("region", "station"): "line 1, station: the column is there twice",
        HEAD + "S0147,yarkant\n": "line 2: 2 cells where the first line names 7 columns",
        good + row("S0147"): "line 3, station: the same as in line 2",
        good + row("S0148", key_file="county-S0147.key"): "line 3, key_file: the key is not that of the certificate",
        good + row("S0148", cert_file="county-S0147.crt"): "line 3, cert_file: the certificate has the common name",
        HEAD + row("147"): "line 2, station: station id '147'",
        HEAD + row(region="feed"): "line 2, region: region id 'feed'",
        HEAD + row(village="x" * 41): "line 2, village: a village has at most 40",
        HEAD + row(village="a\u202eb"): "line 2, village: a hidden character, U+202E",
        HEAD + row(broker_url="mqtt://center.example"): "line 2, broker_url: 'mqtt://center.example' must begin with",
        HEAD + row(broker_url="mqtts://u:p@center.example"): "line 2, broker_url: broker_url carries no user",
        HEAD + row(broker_url=""): "line 2, broker_url: it is empty",
        HEAD + row(cert_file="no.crt"): "line 2, cert_file: no.crt: No such file",
        HEAD + row(cert_file="."): "line 2, cert_file: .: Is a directory",
        HEAD + row(cert_file="stations.csv"): "line 2, cert_file: the file is no PEM",
        HEAD + row(cert_file="huge.crt"): "line 2, cert_file: the file has more than 32000 bytes",
        HEAD + row("S0149"): "line 2, cert_file: the certificate has ended on",
        HEAD + row(cert_file="y" * 201): "line 2, cert_file: 201 characters",
        good + '"S0148': "line 3: it is no CSV",
    }
    out = tmp_path / "out"
    for text, said in faults.items():
        done = called(county, text, out)
        assert done.exit_code == 2, said
        assert said in done.stderr, (said, done.stderr)
        assert not any(tmp_path.iterdir()), said


def test_what_the_county_offers_goes_into_each_identity(county: Path, tmp_path: Path) -> None:
    head = HEAD.replace("\n", ",photos,updates,county_key\n")
    ends = {name: ",".join({**OFFERED, name: bad}.values()) + "\n" for name, bad in BAD_OFFERS.items()}
    rows = {name: row().replace("\n", f",{end}") for name, end in ends.items()}
    for name, text in rows.items():
        done = called(county, head + text, tmp_path / "out")
        assert (done.exit_code, f"line 2, {name}: " in done.stderr) == (2, True), done.stderr
    good = (head + row().replace("\n", "," + ",".join(OFFERED.values()) + "\n")).encode()
    (identity,) = read_stations(good, files_beside(county / "x"), datetime.now(UTC))
    assert {name: getattr(identity, name) for name in OFFERED} == OFFERED


def test_a_file_without_end_is_bounded(county: Path) -> None:
    read, now = files_beside(county / "x"), datetime.now(UTC)
    with pytest.raises(BadStations, match="more than"):
        read_stations(b"a" * (MAX_BYTES + 1), read, now)
    with pytest.raises(BadStations, match="line 3: it is not UTF-8"):
        read_stations(HEAD.encode() + row().encode() + b"\xff\xfe\n", read, now)
    with pytest.raises(BadStations) as bad:
        read_stations((HEAD + "x,,,,,,\n" * 2 * MAX_STATIONS).encode(), read, now)
    assert len(bad.value.faults) == 50


def test_what_fails_in_the_middle_leaves_nothing(county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cost_nothing(monkeypatch)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_synced", full)
    done = called(county, HEAD + row(), tmp_path / "out")
    assert done.exit_code == 1
    assert "No space left" in done.stderr
    assert not any(tmp_path.iterdir())


class PowerCut(BaseException):
    """The county's computer is off: nobody tidies up."""


def test_the_power_goes_at_any_step_and_the_folder_is_there_whole_or_not_at_all(
    county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost_nothing(monkeypatch)
    monkeypatch.setattr(folder, "paper_pdf", lambda identity, code: b"%PDF")
    steps = {name: getattr(folder, name) for name in ("write_synced", "sync_folder")}
    left = 0

    def cut_at(step: Callable[..., None]) -> Callable[..., None]:
        def taken(*given: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise PowerCut
            step(*given)

        return taken

    def nobody_tidies_up(*_: object, **__: object) -> None:
        assert left < 0

    for name, step in steps.items():
        monkeypatch.setattr(folder, name, cut_at(step))
    monkeypatch.setattr(folder.shutil, "rmtree", nobody_tidies_up)
    table = county / "stations.csv"
    table.write_text(HEAD + row() + row("S0148"), encoding="utf-8-sig")
    for step_number in range(100):
        left, out = step_number, tmp_path / f"out-{step_number}"
        try:
            provision.main(["--out", str(out), str(table)], standalone_mode=False)
        except PowerCut:
            if out.exists():  # it had its name before its name was durable
                assert len([*out.rglob("*.toml"), *out.rglob("*.pdf")]) == 4
            continue
        assert step_number == 8, "two files for each of two stations, three folders, and the one around"
        assert len([*out.rglob("*.toml"), *out.rglob("*.pdf")]) == 4
        return
    raise AssertionError("it never ended")


def test_the_help_says_what_it_changes() -> None:
    done = CliRunner().invoke(main, ["provision", "--help"])
    assert "What it changes" in done.output


def test_the_page_of_a_station_is_readable(county: Path) -> None:
    """The same page each time, and another for another code: what the letters look like is for eyes."""
    identity = read_stations((HEAD + row()).encode(), files_beside(county / "x"), datetime.now(UTC))[0]
    page = paper_pdf(identity, CODE)
    assert page == paper_pdf(identity, CODE)
    assert page != paper_pdf(identity, PaperCode.generate(lambda below: 7))


def test_the_page_names_village_and_county_and_leaves_room_for_a_village_that_the_list_has_not(county: Path) -> None:
    for village, told in (("تاغارچى", "تاغارچى"), ("", "…")):
        identity = read_stations((HEAD + row(village=village)).encode(), files_beside(county / "x"), datetime.now(UTC))[
            0
        ]
        texts = [text for text, _, _ in lines_of(identity, CODE)]
        assert texts[0] == "S0147"
        (line,) = (text for text in texts if "Village" in text)
        assert told in line.partition(": ")[2]
        (line,) = (text for text in texts if "County" in text)
        assert line.endswith(": yarkant")
