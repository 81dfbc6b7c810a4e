"""A card dies: a new one, the backup and its recovery kit are the same station, whenever the power goes meanwhile."""

from __future__ import annotations

import json
import random
import re
import shlex
import threading
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from kiosk.cli.sorting_center import main as center_program
from kiosk.domain.paper_code import PaperCode
from tests.appliance.cards import Card, Cards
from tests.appliance.center_beside import PORT, CenterBeside
from tests.appliance.sticks import MEDIUM, MOUNTS, Stick, format_as_documented
from tests.appliance.visitor import Visitor
from tests.station.counter.rig import PIN
from tests.systemd.box import RELAY, ROOT, SCREENLESS, STATION, Booted, wait_for

KEY_TEXT = bytes(range(32)).hex()
"""Of the tests' counter: what it hands out, it hands out under this key."""
PHRASE = "a phrase of the county"
BACKUP, KIT, TESTS = "/mnt/kiosk-backup", "/run/S0147.kit", f"--bind-ro={ROOT}/tests:/opt/tests"
SETTINGS = """\
[station]
station = "S0147"
region = "yarkant"
data = "/var/lib/kiosk"

[parcels]
shelves = ["A-1:3", "B-2:2"]

[relay]
broker_url = "mqtt://127.0.0.1:{port}"

[backup]
folder = "{backup}"
{county}
"""
CUTS, CUTS_AT_THE_SCREEN = 5, 3
WRONG = PaperCode.generate(lambda below: 7)
HELPER = "kiosk-recovery.service"
RESTORE_S = 600.0
"""Promised for the whole way of a card; a machine that has much to do included."""


def do(booted: Booted, *words: str) -> dict[str, Any]:
    """As people at the station do."""
    program = ["/usr/lib/station-kiosk/bin/python3", "-IB", "/opt/tests/appliance/at_the_station.py", *words]
    done = booted.call(*program)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def at(booted: Booted) -> Visitor:
    visitor = Visitor(booted)
    visitor.comes("/")
    return visitor


def acknowledged(booted: Booted, center: CenterBeside, receipts: set[str]) -> None:
    """Each of them counts once, and nothing is out of order."""

    def confirmed() -> list[str]:
        return [one["data"]["receipt"] for one in center.events() if one["type"] == "station.intake.confirmed.v1"]

    wait_for(lambda: set(confirmed()) >= receipts, lambda: f"{confirmed()}\n{booted.journal(RELAY)}")
    # What the relay had no answer to yet when the backup was made is told again in the new epoch: it counts once.
    assert center.counted() == sorted(receipts)
    count = center.count()
    assert (count["stations"], count["gaps"], count["quarantined"], count["forks"]) == (1, 0, 0, 0), count


class Station:
    """What its people remember of it."""

    def __init__(self) -> None:
        self.code = ""
        self.receipts: set[str] = set()


def test_a_new_card_a_kit_and_a_backup_are_the_same_station(cards: Cards, tmp_path: Path) -> None:
    county_key = tmp_path / "county.key"
    made = CliRunner().invoke(center_program, ["kit", "new-key", str(county_key)], input=f"{PHRASE}\n")
    assert made.exit_code == 0, made.output
    stick = Stick(tmp_path / "backup.img", "ext4")
    station = Station()
    old = cards.new(MOUNTS)
    old.run(SCREENLESS)
    settings = SETTINGS.format(port=PORT, backup=BACKUP, county=f'county_key = "{made.stdout.strip()}"')
    old.lay({"etc/kiosk/station.toml": settings, "var/lib/kiosk-keys/pickup-key": f"{KEY_TEXT}\n"})
    the_old_card_works_and_dies(old, stick, station, tmp_path)
    kit, code = opened_by_the_county(stick, county_key, tmp_path)
    new = cards.new(MOUNTS)
    new.run(SCREENLESS)
    cut_while_it_is_restored(new, stick, (kit, code))
    the_new_card_is_the_same_station(new, stick, (kit, code), station, tmp_path)
    new.wipe()
    the_first_start_brings_it_back(new, stick, (kit, code), station)


def the_old_card_works_and_dies(card: Card, stick: Stick, station: Station, folder: Path) -> None:
    with card.boot([TESTS]) as booted, CenterBeside(booted, folder) as center:
        at(booted)
        format_as_documented(stick, booted.call("sh", "-c", "echo $(id -u kiosk):$(id -g kiosk)").stdout.strip())
        the_backup_is_made(booted, center, stick, station)
        booted.cut()


def the_backup_is_made(booted: Booted, center: CenterBeside, stick: Stick, station: Station) -> None:
    with stick.plugged_into(booted):
        done = do(booted, "works")
        station.code, station.receipts = done["code"], set(done["receipts"])
        assert booted.call("systemctl", "start", MEDIUM).returncode == 0, booted.journal(MEDIUM)
        backed_up = booted.call("systemctl", "start", "kiosk-backup.service")
        assert backed_up.returncode == 0, booted.journal("kiosk-backup.service")
        lost = do(booted, "brings", "2")  # after the backup: the county has them, the card that comes does not
        station.receipts |= set(lost["receipts"])
        acknowledged(booted, center, station.receipts)


def opened_by_the_county(stick: Stick, county_key: Path, folder: Path) -> tuple[bytes, str]:
    """The kit for the technician, and the digits on the paper."""
    with stick.mounted() as top:
        (sealed,) = top.glob("*.kit")
        beside = [sealed.with_suffix(ending) for ending in (".kit", ".age", ".json")]
        assert [path.stat().st_mode & 0o777 for path in beside] == [0o600] * 3, "for the station alone"
        paper = folder / "S0147.kit"
        words = ["kit", "open", str(sealed), "--key", str(county_key), "--paper", str(paper)]
        opened = CliRunner().invoke(center_program, words, input=f"{PHRASE}\n")
    assert opened.exit_code == 0, opened.output
    return paper.read_bytes(), opened.stdout.splitlines()[-1]


def ready(booted: Booted, kit: bytes) -> str:
    """Everything before the restore itself, as docs/recovery.md has it; returns the backup's file."""
    assert booted.call("systemctl", "start", MEDIUM).returncode == 0, booted.journal(MEDIUM)
    booted.call("sh", "-euc", f"umask 077; printf %s {kit.hex()} | {UNHEX} >{KIT}")
    booted.call("systemctl", "stop", STATION, RELAY)
    return sorted(booted.call("sh", "-c", f"ls {BACKUP}/*.age").stdout.split())[-1]


UNHEX = "/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))'"


def restore(booted: Booted, backup: str, code: str) -> tuple[int, str]:
    command = f"kiosk restore {backup} --kit {KIT} --config /etc/kiosk/station.toml --letter A"
    done = booted.call("sh", "-c", f"echo {shlex.quote(code)} | {command}", timeout_s=RESTORE_S)
    return done.returncode, done.stdout + done.stderr


def uncut(card: Card, stick: Stick, given: tuple[bytes, str]) -> float:
    """Seconds that a restore takes here when nobody cuts it off."""
    with card.boot() as booted, stick.plugged_into(booted):
        Visitor(booted).comes("/setup")
        backup = ready(booted, given[0])
        begun = time.monotonic()
        returned, said = restore(booted, backup, given[1])
        assert returned == 0, said
        whole_s = time.monotonic() - begun
    card.wipe()
    return whole_s


def cut_while_it_is_restored(card: Card, stick: Stick, given: tuple[bytes, str]) -> None:
    """A new card that waits for its first start, or the old station, and never neither."""
    kit, code = given
    moments, whole_s = random.Random(20261128), uncut(card, stick, given)
    for delay_s in sorted(moments.uniform(0.1, 1.0) * whole_s for _ in range(CUTS)):
        with card.boot() as booted, stick.plugged_into(booted):
            Visitor(booted).comes("/setup")
            backup = ready(booted, kit)
            typed = threading.Thread(target=restore, args=(booted, backup, code), name="typed")
            typed.start()
            time.sleep(delay_s)  # the plug is pulled by the clock: no event says when
            booted.cut()
            typed.join()
        with card.boot() as booted:
            there = booted.call("test", "-e", "/etc/kiosk/station.toml").returncode == 0
            print(f"cut {delay_s:.2f} s after it was typed: {'the old station' if there else 'a new card'}")
            Visitor(booted).comes("/" if there else "/setup")
            if there:
                kept = booted.call("cat", "/var/lib/kiosk-keys/pickup-key", "/etc/kiosk/station.toml").stdout
                assert kept.startswith(f'{KEY_TEXT}\n[station]\nstation = "S0147"\n'), kept
                assert people_of(booted) == ["1", "2", "3"]
        card.wipe()


def people_of(booted: Booted) -> list[str]:
    """Of the database that is in place."""
    program = "import sqlite3; print(*(n for n, in sqlite3.connect(sys.argv[1]).execute('SELECT number FROM clerk')))"
    command = ["/usr/bin/python3", "-Ic", f"import sys; {program}", "/var/lib/kiosk/station.db"]
    return sorted(booted.call(*command).stdout.split())


def the_new_card_is_the_same_station(
    card: Card, stick: Stick, given: tuple[bytes, str], station: Station, folder: Path
) -> None:
    kit, code = given
    with card.boot([TESTS]) as booted, CenterBeside(booted, folder) as center, stick.plugged_into(booted):
        Visitor(booted).comes("/setup")
        begun = time.monotonic()
        backup = ready(booted, kit)
        assert booted.call("cat", "/var/lib/kiosk-keys/pickup-key").stdout.strip() != KEY_TEXT, "a key of its own"
        returned, said = restore(booted, backup, code)
        assert returned == 0, said
        print(f"everything at hand and restored in {time.monotonic() - begun:.1f} s")
        assert re.search(r"receipts go on with B-000001", said), said
        visitor = at(booted)
        unlocked = visitor.post("/counter/unlock", number="01", pin=PIN)
        assert unlocked.status == 303, unlocked.page
        print(f"a PIN of before unlocks after {time.monotonic() - begun:.1f} s")
        assert visitor.post("/counter/unlock", number="01", pin="000000").status == 409
        assert do(booted, "collects", station.code)["state"] == "collected"
        anew = do(booted, "brings", "2")["receipts"]
        assert anew == ["0147-B-000001", "0147-B-000002"]
        acknowledged(booted, center, station.receipts | set(anew))
        print(f"everything is at the county after {time.monotonic() - begun:.1f} s")
        assert f"{KEY_TEXT}\n" == booted.call("cat", "/var/lib/kiosk-keys/pickup-key").stdout
        assert booted.call("stat", "-c", "%U %a", "/etc/kiosk/station.toml").stdout == "kiosk 600\n"


def the_first_start_brings_it_back(card: Card, stick: Stick, given: tuple[bytes, str], station: Station) -> None:
    """At the screen alone; the newest paper receipt is the other new card's, with B."""
    kit, digits = given[0], PaperCode.parse(given[1]).digits
    with stick.mounted() as top:
        (top / "S0147.kit").write_bytes(kit)
    with card.boot([TESTS]) as booted, stick.plugged_into(booted):
        visitor = at_the_digits(booted)
        refused = visitor.post("/setup/recovery_code", value=WRONG.digits)
        assert (refused.status, "do not open this kit" in refused.page) == (409, True), refused.page
        begun = time.monotonic()
        taken = visitor.post("/setup/recovery_code", value=digits)
        assert taken.status == 303, f"{taken.page}\n{booted.journal(HELPER)}"
        judged_s = time.monotonic() - begun
        is_the_station(booted)
        whole_s = time.monotonic() - begun
        print(f"at the screen: the digits are judged after {judged_s:.1f} s, the station works after {whole_s:.1f} s")
        said = booted.journal(HELPER) + booted.journal(STATION)
        assert not [secret for secret in (digits, KEY_TEXT) if secret in said]
        left = "/etc/kiosk/station.toml.draft.json", "/var/lib/kiosk/requests/recovery.json"
        assert [path for path in left if booted.call("test", "-e", path).returncode == 0] == []
        kept = booted.call("stat", "-c", "%U %a", "/etc/kiosk/station.toml", "/var/lib/kiosk/station.db").stdout
        assert kept == "kiosk 600\nkiosk 600\n", kept
        unlocked = at(booted).post("/counter/unlock", number="01", pin=PIN)
        assert unlocked.status == 303, unlocked.page
        assert do(booted, "collects", station.code)["state"] == "collected"
        assert do(booted, "brings", "1")["receipts"] == ["0147-C-000001"]
    moments = random.Random(20261128)
    for delay_s in sorted(moments.uniform(0.1, 1.0) * whole_s for _ in range(CUTS_AT_THE_SCREEN)):
        card.wipe()
        cut_at_the_screen(card, stick, digits, delay_s)


def at_the_digits(booted: Booted) -> Visitor:
    """The sticks are in, station and letter are chosen."""
    visitor = Visitor(booted)
    visitor.comes("/setup")
    assert booted.call("systemctl", "start", MEDIUM).returncode == 0, booted.journal(MEDIUM)
    visitor.post("/setup/language", value="en")
    visitor.post("/setup/panel", value="7")
    page = visitor.get().page
    assert 'data-question="recovery"' in page, page
    assert re.search(r"S0147.*20[0-9]{2}-[0-9]{2}-[0-9]{2}", page, re.DOTALL), page
    assert visitor.post("/setup/recovery", value="S0147").status == 303
    assert visitor.post("/setup/recovery_letter", value="B").status == 303
    assert 'data-question="recovery_code"' in visitor.get().page
    return visitor


def is_the_station(booted: Booted) -> None:
    """It has started by itself, with the key that it always had."""
    booted.until(STATION, "StatusText", lambda text: text == "all parts are alive")
    assert booted.call("cat", "/run/credentials/kiosk-station.service/pickup-key").stdout.strip() == KEY_TEXT
    assert people_of(booted) == ["1", "2", "3"]


def cut_at_the_screen(card: Card, stick: Stick, digits: str, delay_s: float) -> None:
    with card.boot() as booted, stick.plugged_into(booted):
        visitor = at_the_digits(booted)
        tap = threading.Thread(target=_tapped, args=(visitor, digits), name="tap")
        tap.start()
        time.sleep(delay_s)  # the plug is pulled by the clock: no event says when
        booted.cut()
        tap.join()
    with card.boot() as booted, stick.plugged_into(booted):
        there = booted.call("test", "-e", "/etc/kiosk/station.toml").returncode == 0
        print(f"cut {delay_s:.2f} s after the tap: {'the old station' if there else 'a new card'}")
        if not there:
            visitor = Visitor(booted)
            visitor.comes("/setup")
            assert booted.call("systemctl", "start", MEDIUM).returncode == 0, booted.journal(MEDIUM)
            assert visitor.post("/setup/recovery_code", value=digits).status == 303, booted.journal(HELPER)
        is_the_station(booted)


def _tapped(visitor: Visitor, digits: str) -> None:
    try:
        visitor.post("/setup/recovery_code", value=digits)
    except AssertionError:
        return  # nobody is there any more to answer
