"""What a county gives away by its own commands, and papers of its stations: two checkers find the same of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.slip import slip_text
from kiosk.sorting_center.desk.desk import CenterDesk
from tests.cli.test_verify import Answers, by_kiosk, by_node, faults, verdicts
from tests.sorting_center.log.county_log_rig import REGION, LogRig, issued, key
from tests.sorting_center.signing_station import SigningStation, key_of

HOST: Final = "slip.shache.example.cn"
DAYS: Final = ("2026-12-01", "2026-12-02", "2026-12-03")


def slip_of(station: SigningStation, counter: int) -> str:
    """The code on the receipt of this intake, whose event is that of the same place in the journal."""
    assert station.key is not None
    number, head = ReceiptNumber(station.station, "A", counter), station.sealed[counter + 1].sha256[:16]
    goods = ("BADAM", 1, 12_450, 2_400, 29_880, Mode.CONSIGNMENT)
    slip = Slip(REGION, number, 29_900_000, ClockQuality.SYNCED, *goods, None, 0, bytes.fromhex(head))
    return slip_text(HOST, station.key, slip)


@pytest.fixture
def county(ledger_url: str, tmp_path: Path) -> Path:
    """A folder with files of three days, two stations and two keys of the county, of which the second signs since the
    last day; one receipt is void. All of them are valid but ``void.txt``.
    """
    rig, folder = LogRig(ledger_url, tmp_path), tmp_path / "files"
    folder.mkdir()
    stations = [SigningStation(), SigningStation("S0201", "00112233445566bb")]
    with rig.opened() as ledger, CenterDesk.open(ledger_url) as desk:
        for station in stations:
            rig.accept(ledger, station.start(), station.make_key(f"of {station.station}"))
        for number, day in enumerate(DAYS):
            for station in stations:
                rig.accept(ledger, *(station.intake(number * 5 + counter) for counter in range(1, 6)))
            rig.accept(ledger, *([stations[0].void(3)] if day == DAYS[-1] else []))
            rig.follow(ledger)
            rig.log(ledger).make_checkpoints(key(1 + (day == DAYS[-1])), rig.now.date().replace(day=number + 1))
        for generation in (1, 2):
            desk.documents.add_generation(REGION, generation, issued(generation).certificate, rig.now)

    def write(name: str, *words: str) -> None:
        done = CliRunner().invoke(main, [*words, "--ledger", ledger_url])
        assert done.exit_code == 0, done.stderr
        (folder / name).write_bytes(done.stdout_bytes)

    write("keys.json", "keys", "export", "--region", REGION)
    write("export", "ledger", "export", "--format", "jsonl")
    write("consistency", "consistency", *DAYS[:2])
    write("consistency-of-two-keys", "consistency", DAYS[0], DAYS[2])
    write("proof-0147", "proof", "0147-A-000004")
    write("proof-0201", "proof", "0201-A-000014")
    checkpoint = (folder / "proof-0201").read_text(encoding="utf-8").partition("\n\n")[2]
    (folder / "checkpoint").write_text(checkpoint, encoding="utf-8")
    for name, station, counter in (("slip-0147", 0, 4), ("slip-0201", 1, 14), ("void", 0, 3)):
        (folder / name).write_text(slip_of(stations[station], counter))
    return folder


def both(county: Path, files: Sequence[Path]) -> Answers:
    """What both find: verdict and each check."""
    found, other = (check(files, county / "keys.json") for check in (by_kiosk, by_node))
    for ours, theirs in zip(found, other, strict=True):
        assert (ours["file"], ours["verdict"], faults(ours)) == (theirs["file"], theirs["verdict"], faults(theirs))
        assert {one["name"] for one in ours["checks"]} == {one["name"] for one in theirs["checks"]}
    return found


def test_all_that_a_county_gives_away_is_valid_to_both_checkers(county: Path) -> None:
    good = sorted(path for path in county.iterdir() if path.name not in ("keys.json", "void"))
    found = both(county, good)
    assert [(one["kind"], one["verdict"]) for one in found] == [
        *(("proof", "valid"), ("proof", "valid"), ("proof", "valid"), ("export", "valid")),
        *[("proof", "valid")] * 2,
        *[("slip", "valid")] * 2,
    ]
    assert [one["checks"][-1]["name"] for one in found if "index" in one.get("says", {})] == ["slip", "slip"]
    (void,) = both(county, [county / "void"])
    assert (void["verdict"], faults(void)) == ("incomplete", ["void"])
    proof, paper = both(county, [county / "proof-0147", county / "slip-0201"])
    assert (proof["verdict"], faults(proof), paper["verdict"]) == ("changed", ["slip"], "valid")


def test_no_byte_of_what_it_gives_away_can_be_changed(county: Path, subtests: pytest.Subtests) -> None:
    for name in ("slip-0147", "proof-0147", "consistency", "checkpoint", "export"):
        content = (county / name).read_bytes()
        begins = content.index(b"/s#") if name == "slip-0147" else 0  # The host is not signed
        step = 97 if name == "export" else 1
        changed = []
        for place in range(begins, len(content), step):
            changed.append(county / f"{name}-{place}")
            other = content[place] ^ 1 << place % 7
            changed[-1].write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
        with subtests.test(name):
            ours, theirs = (verdicts(check(changed, county / "keys.json")) for check in (by_kiosk, by_node))
            assert ours == theirs
            assert "valid" not in ours


def test_keys_that_the_county_took_back_count_no_more(county: Path, ledger_url: str) -> None:
    station = key_of("of S0201").key_id.hex()
    call = ["keys", "revoke", "S0201", station, "--region", REGION, "--ledger", ledger_url]
    assert CliRunner().invoke(main, call).exit_code == 0
    call = ["keys", "export", "--region", REGION, "--ledger", ledger_url]
    (county / "keys.json").write_bytes(CliRunner().invoke(main, call).stdout_bytes)
    found = both(county, [county / name for name in ("slip-0147", "slip-0201", "proof-0201")])
    assert [one["verdict"] for one in found] == ["valid", "unknown_key", "valid"], "the log has what it had"
    assert faults(found[1]) == ["key_state"]
