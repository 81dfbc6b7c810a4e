"""A server's backup that is encrypted to the county: the drill, and what does not open."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.base.refused import Refused
from kiosk.cli.center import county_key
from kiosk.cli.center.county_key import county_seal
from kiosk.cli.center.kit import sealed_pair
from kiosk.cli.center.restore import ServerRestore, opener
from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.schema import REVISION
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import SCHEMA_VERSION
from kiosk.sorting_center.server.backup import LEDGER, PHOTOGRAPH_LIST, Convert, ServerFiles, back_up_server, backups
from kiosk.sorting_center.server.layout import ServerLayout
from kiosk.sorting_center.server.restore import checked_backup, put_ledger
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.shared.age_file import NotOpened, seal_stream, unseal_stream
from tests.sorting_center.server.county import PowerCut, Server, night, power_cut
from tests.sorting_center.server.stand_in import StandInMachine
from tests.sorting_center.server.test_restore import bare, flip
from tests.sorting_center.server.test_setup import PHRASE, answers, setting_up

PRIVATE = bytes(range(32))
SEALED = ["ledger.db.age", "ledger.desk.db.age"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The county's private key under a phrase, and its public one."""
    private, public = tmp_path / "kit.key", tmp_path / "kit.pub"
    pem, text = sealed_pair(PHRASE)
    private.touch(mode=0o600)
    private.write_bytes(pem)
    public.write_text(f"{text}\n")
    return private, public


@pytest.fixture
def seal(pair: tuple[Path, Path]) -> Convert:
    made = county_seal(pair[1])
    assert made is not None
    return made


def typed(*words: str | Path, phrase: str = PHRASE) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words], input=f"{phrase}\n")
    return done.exit_code, done.stdout, done.stderr


def test_the_drill(server: Server, disk: Path, pair: tuple[Path, Path], seal: Convert, tmp_path: Path) -> None:
    """Backup, encrypted, opened with the county's key, counted: nothing is missing, and the trial is noted."""
    backup, manifest = back_up_server(server.files, disk, night(0), keep=2, seal=seal)
    assert [name for name in manifest.files if "ledger" in name] == SEALED
    assert (manifest.events, manifest.ledger_schema, manifest.desk_revision) == (5, SCHEMA_VERSION, int(REVISION))
    assert not [path for path in disk.rglob("*") if path.is_file() and path.read_bytes()[:6] == b"SQLite"]
    assert checked_backup(disk) == (backup, manifest)
    for name in SEALED:
        out = tmp_path / "drill" / name.removesuffix(".age")
        out.parent.mkdir(exist_ok=True)
        words = ("kit", "decrypt", backup / name, "--key", pair[0], "--out", out, "--ledger", server.files.ledger_url)
        assert typed(*words)[0] == 0
    code, counted, _ = typed("ledger", "count", "--ledger", f"sqlite:///{tmp_path}/drill/ledger.db")
    with Ledger.open_readonly(server.files.ledger_url) as ledger:
        assert (code, json.loads(counted)["events"]) == (0, ledger.counts().events)
    with closing(CenterDesk.open(f"sqlite:///{tmp_path}/drill/ledger.db")) as desk:
        assert [person.name for person in desk.people.all()] == ["gulnar"]
    with closing(CenterDesk.open(server.files.ledger_url)) as desk:
        assert [row.subject for row in desk.audit.page(act="key_tried")] == SEALED[::-1]


def test_killed_at_any_moment_the_older_one_stays_and_nothing_lies_open(
    server: Server, disk: Path, seal: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = back_up_server(server.files, disk, night(0), keep=5, seal=seal)
    cut, ended = 0, False
    while not ended:
        with power_cut(monkeypatch, cut), suppress(PowerCut):
            back_up_server(server.files, disk, night(1 + cut), keep=500, seal=seal)
            ended = True
        assert first in backups(disk, finished=True)
        checked_backup(disk)
        assert not [path for path in disk.rglob("*") if path.is_file() and path.read_bytes()[:6] == b"SQLite"]
        cut += 1
    assert cut > 15


@pytest.fixture
def county(server: Server, disk: Path, tmp_path: Path) -> StandInMachine:
    """A server that was set up, with its key of kits, and is in an encrypted backup."""
    machine = StandInMachine(tmp_path / "lost")
    list(setting_up(machine, answers("sqlite")).steps())
    layout = machine.layout
    shutil.copytree(server.root / "var", layout.data, dirs_exist_ok=True)
    settings = layout.settings.read_text().replace("/var/lib/sorting-center", str(tmp_path / "data"))
    layout.settings.write_text(settings)
    pem, text = sealed_pair(PHRASE)
    layout.kit_key.write_bytes(pem)
    layout.kit_public.write_text(f"{text}\n")
    source = ServerFiles(f"sqlite:///{layout.data}/ledger.db", layout.settings.parent, layout.data / "photos")
    back_up_server(source, disk, night(0), keep=1, seal=county_seal(layout.kit_public))
    return machine


def test_a_whole_server_comes_back_by_the_pass_phrase_of_the_authority(
    county: StandInMachine, disk: Path, tmp_path: Path
) -> None:
    """The key lies in the backup, under that phrase."""
    backup, _ = checked_backup(disk)
    machine = StandInMachine(tmp_path / "new")
    machine.people = {"gulnar": "as in the backup"}
    unseal = opener(backup, PHRASE, None)
    list(ServerRestore(machine.layout, machine, backup, PHRASE, unseal).steps(accept_host=False))
    url = f"sqlite:///{tmp_path}/data/ledger.db"
    with Ledger.open_readonly(url) as ledger:
        assert ledger.counts().events == 5
    with closing(CenterDesk.open(url)) as desk:
        assert [row.subject for row in desk.audit.page(act="key_tried")] == [backup.name]


def test_what_does_not_open_is_refused_before_anything_is_written(
    county: StandInMachine, disk: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    backup, _ = checked_backup(disk)
    with pytest.raises(KitRefused, match="another pass phrase"):
        opener(backup, "another pass phrase", None)
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(sealed_pair(None)[0])
    with pytest.raises(NotOpened):
        opener(backup, PHRASE, other)
    whole = (backup / SEALED[1]).read_bytes()
    harms: dict[str, Callable[[], object]] = {
        "flipped": lambda: flip(backup / SEALED[1]),
        "cut": lambda: (backup / SEALED[1]).write_bytes(whole[:-1]),
        "gone": (backup / SEALED[1]).unlink,
    }
    for harm, act in harms.items():
        with subtests.test(harm):
            act()
            with pytest.raises(Refused, match="missing or damaged"):
                checked_backup(disk)
            if harm != "gone":
                with pytest.raises(NotOpened):
                    opener(backup, PHRASE, None)
            (backup / SEALED[1]).write_bytes(whole)
    target = bare(tmp_path / "target")
    with pytest.raises(NotOpened):
        put_ledger(backup, target, partial(unseal_stream, private=PRIVATE))
    assert not Path(target.ledger_url.removeprefix("sqlite:///")).exists()


def test_an_encrypted_and_an_open_backup_lie_side_by_side(server: Server, disk: Path, seal: Convert) -> None:
    back_up_server(server.files, disk, night(0), keep=2)
    backup, _ = back_up_server(server.files, disk, night(1), keep=2, seal=seal)
    assert checked_backup(disk)[0] == backup
    assert [(path / LEDGER).exists() for path in backups(disk, finished=True)] == [True, False]
    assert (backup / PHOTOGRAPH_LIST).exists()


def test_a_disk_that_does_not_give_back_what_was_written(server: Server, disk: Path) -> None:
    def lie(source: object, target: object) -> tuple[str, str]:
        seal_stream(source, target, bytes(range(1, 33)))  # type: ignore[arg-type]
        return "0" * 64, "0" * 64

    with pytest.raises(OSError, match="does not give back"):
        back_up_server(server.files, disk, night(0), keep=2, seal=lie)
    assert backups(disk, finished=True) == []


def test_the_command_uses_the_key_of_the_server_and_none_that_it_cannot_read(
    server: Server, disk: Path, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ledger backup`, all or nothing."""
    layout = ServerLayout(tmp_path / "root")
    monkeypatch.setattr(county_key, "ServerLayout", lambda: layout)
    file, url = disk / "ledger.db", ("--ledger", server.files.ledger_url)
    assert typed("ledger", "backup", *url, disk / "open.db")[0] == 0
    layout.kit_public.parent.mkdir(parents=True)
    shutil.copy(pair[1], layout.kit_public)
    code, told, _ = typed("ledger", "backup", *url, file)
    found = json.loads(told)
    assert (code, found["file"], found["desk"]["file"]) == (0, f"{file}.age", f"{disk}/ledger.desk.db.age")
    assert sorted(path.name for path in disk.iterdir()) == [*SEALED, "open.db", "open.desk.db"]
    (disk / SEALED[0]).unlink()
    code, _, said = typed("ledger", "backup", *url, file)
    assert (code, "is there already" in said, (disk / SEALED[0]).exists()) == (2, True, False)
    layout.kit_public.write_text("kit1-half")
    for words in (("ledger", "backup", *url, disk / "more.db"), ("backup", *url, "--same-disk", disk)):
        code, _, said = typed(*words)
        assert (code, "unencrypted" in said) == (1, True)
    assert not list(disk.glob("more*"))
    assert not list(disk.glob("20*"))
    code, _, _ = typed("ledger", "backup", *url, "--county-key", pair[1], disk / "named.db")
    assert (code, (disk / "named.db.age").exists()) == (0, True)
