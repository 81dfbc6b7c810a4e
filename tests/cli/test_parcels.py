"""``kiosk parcels``: the list of a delivery goes in whole or not at all."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.domain.parcel import ParcelState
from kiosk.station.shared.open_store import stamps
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions

NOW = stamps(StationSettings("S0147", "shache", Path()))
CSV = "waybill,carrier,phone_last4\nSF1000000000001,SF,0381\n123456789012,ZTO,\nYT1234567890123,,\n"
JSON = "\n".join(
    json.dumps(row)
    for row in (
        {"waybill": "SF1000000000001", "carrier": "SF", "phone_last4": "0381"},
        {"waybill": " 123456789012 ", "carrier": "ZTO"},
        {"waybill": "yt1234567890123"},
    )
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


@pytest.fixture
def config(tmp_path: Path, template: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{tmp_path}/data"\n')
    opened(path, template).close()
    return path


def opened(config: Path, template: Path | None = None) -> Store:
    return Store.open(
        config.parent / "data" / "station.db", "S0147", NOW(), OpenOptions(template=template, reserve_bytes=0)
    )


def run(config: Path, *arguments: str, stdin: bytes | str | None = None) -> Result:
    return CliRunner().invoke(main, ["parcels", *arguments, "--config", str(config)], input=stdin)


def listed(config: Path) -> list[tuple[str, str, str | None]]:
    with closing(opened(config)) as store:
        return [(row.waybill, row.carrier, row.phone_last4) for row in store.parcels.in_states([ParcelState.EXPECTED])]


@pytest.mark.parametrize("content", [CSV, JSON, "\ufeff" + CSV, CSV.replace("\n", "\r\n"), JSON + "\n\n"])
def test_a_list_in_either_form_is_the_same(config: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "list"
    path.write_text(content, encoding="utf-8", newline="")
    done = run(config, "expect", str(path))
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"listed": 3, "new": 3})
    assert listed(config) == [
        ("SF1000000000001", "SF", "0381"),
        ("123456789012", "ZTO", None),
        ("YT1234567890123", "YTO", None),
    ]
    again = run(config, "expect", "-", stdin=content)
    assert json.loads(again.stdout) == {"listed": 3, "new": 0}


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ("waybill\nSF1000000000001\n13800138000\n", 3, "telephone or ID number"),
        ("waybill\n653125199001011234\n", 2, "telephone or ID number"),
        ("waybill,carrier\nSF1000000000001,NOBODY\n", 2, "carrier must be one of SF, YTO"),
        ("waybill,phone_last4\nSF1000000000001,13800138000\n", 2, "four digits"),
        ("waybill,name\nSF1000000000001,Patigul\n", 2, "a column that is not known"),
        ("number\nSF1000000000001\n", 1, "must name the columns"),
        ("waybill\nSF1000000000001\nSF1 000000 000001\n", 3, "the waybill of line 2 again"),
        ("waybill\nhttps://example.test\n", 2, "no waybill number"),
        ("waybill\nx\n", 2, "no waybill number"),
        ("waybill\nSF1000000000001,SF,0381,more\n", 2, "a column that is not known"),
        ('waybill\n"SF1\n', 2, "is not CSV"),
        ('{"waybill": 123456789012}', 1, "must be text"),
        ('{"waybill": "SF1000000000001"}\n[1]', 2, "must be an object"),
        ('{"waybill": "SF1000000000001"}\n{', 2, "is not JSON"),
        ("{" * 3000, 1, "is not JSON"),
        ('{"waybill": "SF1000000000001", "phone": "13800138000"}', 1, "a column that is not known"),
        ("", 1, "must name the columns"),
    ],
)
def test_one_bad_line_refuses_all_and_repeats_nothing(config: Path, content: str, line: int, word: str) -> None:
    done = run(config, "expect", stdin=content)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"standard input: line {line}: ")
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not any(private in done.stderr for private in ("13800138000", "653125199001011234", "Patigul"))
    assert listed(config) == []


def test_what_is_no_text_or_too_large_is_refused(config: Path, tmp_path: Path) -> None:
    assert "is not UTF-8" in run(config, "expect", stdin=b"waybill\n\xff\xfe").stderr
    assert "at most 2000000" in run(config, "expect", stdin=b"x" * 2_000_001).stderr
    assert run(config, "expect", str(tmp_path / "nothing")).exit_code == 2
    many = "waybill\n" + "".join(f"SF1{number:012d}\n" for number in range(5001))
    assert "at most 5000 parcels" in run(config, "expect", stdin=many).stderr


def test_the_list_of_parcels_shows_no_whole_waybill(config: Path) -> None:
    assert run(config, "list").stdout == ""
    run(config, "expect", stdin=CSV)
    rows = [json.loads(line) for line in run(config, "list", "--state", "expected").stdout.splitlines()]
    assert [(row["waybill_last4"], row["state"], row["phone_last4"]) for row in rows] == [
        ("0001", "expected", "0381"),
        ("9012", "expected", None),
        ("0123", "expected", None),
    ]
    assert run(config, "list", "--state", "noticed").stdout == ""
    assert run(config, "list", "--state", "nowhere").exit_code == 2
