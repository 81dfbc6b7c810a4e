"""A release on trial in the real process of a station, and the helper as its unit calls it."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from errno import EIO
from io import BytesIO
from pathlib import Path

import pytest

from kiosk.app import station as runtime
from kiosk.app.update.board import ThisBoard, UpdatePaths
from kiosk.app.update.database import as_owner
from kiosk.app.update.helper import make_updater, run_helper, station_files
from kiosk.app.update.station import receives_frame
from kiosk.base.files import atomic_writer, exclusive_folder, open_regular
from kiosk.base.root_requests import CannotRemove, Message, serve, working
from kiosk.cli import update as command
from kiosk.cli.kiosk import main
from kiosk.messaging.relay.updates.ports import Fetching
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.station.doctor.status_files import UpdatesStatusFile
from kiosk.station.shared.open_store import stamps
from kiosk.station.update.journal import JournalFile, UpdateEntry, UpdateOutcome, UpdatePhase
from kiosk.station.update.messages import Request, UpdateFiles, Verdict
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.persistence import NotPersistent
from tests.app.test_station import Technician, config_of
from tests.messaging.ports import claimed_port
from tests.station.update.machine import KEY, NEW, OLD, lay_bundle, lay_tree, public
from tests.store.village import CATALOG


@pytest.fixture
def port() -> Iterator[int]:
    with claimed_port() as port:
        yield port


@pytest.fixture
def places(tmp_path: Path) -> UpdatePaths:
    places = UpdatePaths(tmp_path / "releases", tmp_path / "package", tmp_path / "run")
    lay_tree(places.package, OLD)
    lay_tree(places.releases / NEW, NEW)
    (places.releases / "current").symlink_to(NEW)
    places.runtime.mkdir()
    return places


def verdict_of(data: Path) -> Message[Verdict] | None:
    return UpdateFiles(data).verdict.read()


def test_a_release_on_trial_shows_that_it_works_and_opens_when_it_is_kept(
    tmp_path: Path, places: UpdatePaths, port: int
) -> None:
    with ScaleSimulator("mt_sics", tmp_path / "scale", settle_s=0, settings=IndicatorSettings(step_g=5)) as simulator:
        section = f'[scale]\nport="{simulator.path}"\nprotocol="mt_sics"\ne_g=5\nmax_g=60000\n'
        config = config_of(tmp_path, section, port)
        config = replace(config, web=replace(config.web, language="en"))
        data, stamp = config.station.data, stamps(config.station)
        migrate(tmp_path / "empty.db")
        with closing(
            Store.open(config.station.database, "S0147", stamp(), OpenOptions(template=tmp_path / "empty.db"))
        ) as store:
            store.catalogs.add(CATALOG, stamp())
            before = store.outbox.counts().last_seq
        journal, seen = JournalFile(places.releases), list[tuple[int, str]]()
        entry = UpdateEntry("1" * 16, UpdatePhase.TRIAL, NEW, scale=True)
        journal.write(entry)
        (data / "requests").mkdir()

        class Stop(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                person = Technician(port)
                status, _, text = person.ask("/")
                seen.append((status, text))
                seen.append((person.ask("/health")[0], ""))
                if timeout is None:
                    return True
                assert verdict_of(data) == Message("1" * 16, Verdict(None))
                journal.write(replace(entry, phase=UpdatePhase.KEEP))
                return False

        runtime.run_station(config, Stop(), places=places)
    assert [status for status, _ in seen] == [503, 200, 200, 200]
    assert "The station is being updated" in seen[0][1]
    assert "The station is being updated" not in seen[2][1]
    with closing(Store.open(config.station.database, "S0147", stamp())) as store:
        written = store.outbox.counts().last_seq - before
        assert written == 2, "the key, the first profile of the scale; the intake that was tried has left nothing"
        assert store.intakes.recent() == []


def test_a_journal_of_updates_that_the_card_has_damaged_closes_no_station(
    tmp_path: Path, places: UpdatePaths, port: int
) -> None:
    config, seen = config_of(tmp_path, "", port), list[int]()
    (places.releases / "journal.json").write_bytes(b'{"number": "1')

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            seen.append(Technician(port).ask("/")[0])
            return True

    runtime.run_station(config, Stop(), places=places)
    assert seen == [200]


def test_a_release_that_is_told_to_end_on_trial_has_started_nothing(
    tmp_path: Path, places: UpdatePaths, port: int
) -> None:
    """Its scale is not there, and was not before: that blocks nothing."""
    section = f'[scale]\nport="{tmp_path}/none"\nprotocol="mt_sics"\ne_g=5\nmax_g=60000\n'
    config = config_of(tmp_path, section, port)
    data = config.station.data
    (data / "requests").mkdir(parents=True)
    migrate(tmp_path / "empty.db")
    Store.open(
        config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=tmp_path / "empty.db")
    ).close()
    JournalFile(places.releases).write(UpdateEntry("2" * 16, UpdatePhase.TRIAL, NEW, scale=False))
    told: list[Message[Verdict] | None] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            told.append(verdict_of(data))
            return True

    runtime.run_station(config, Stop(), places=places)
    assert told == [Message("2" * 16, Verdict(None))]
    assert not receives_frame(config.scale, 0.05)
    assert not receives_frame(None, 1.0)


def test_the_helper_settles_says_so_and_serves(tmp_path: Path, places: UpdatePaths) -> None:
    config = config_of(tmp_path)
    config.station.data.mkdir()
    settled: list[UpdateEntry | None] = []
    journal = JournalFile(places.releases)
    journal.write(UpdateEntry("3" * 16, UpdatePhase.OVER, NEW, former="", why=None))
    UpdateFiles(config.station.data).request.write(Request("none.kioskupdate"))
    outcome = run_helper(config, places, lambda: settled.append(journal.read()))
    assert settled == [None], "the station may start as soon as nothing is half done"
    assert outcome is not None
    assert (outcome.why, journal.outcome()) == (UpdateRefusalReason.NOT_FOUND, outcome)
    make_updater(config, places).recover()


def test_a_second_helper_waits_for_the_first(tmp_path: Path, places: UpdatePaths) -> None:
    config = config_of(tmp_path)
    config.station.data.mkdir()
    seen = list[str]()
    second = threading.Thread(target=run_helper, args=(config, places, lambda: seen.append("second")))
    with working(places.releases):
        second.start()
        UpdateFiles(config.station.data).request.write(Request("none.kioskupdate"))
        seen.append("first")
    second.join()
    assert seen == ["first", "second"]
    assert JournalFile(places.releases).outcome() is not None, "a request of that time is served by the second"


def test_whatever_ends_the_helper_its_request_is_gone(
    tmp_path: Path, places: UpdatePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path unit starts it again and again while one is there."""
    from kiosk.app.update import helper
    from kiosk.cli import update as command

    config, elsewhere, journal = config_of(tmp_path), tmp_path / "elsewhere", JournalFile(places.releases)
    places, request = replace(places, data=config.station.data), Path("requests/update.json")
    monkeypatch.setattr(command, "UPDATE_PATHS", places)

    def asked(data: Path) -> Path:
        UpdateFiles(data).request.write(Request("none.kioskupdate"))
        return data / request

    def why() -> UpdateRefusalReason | None:
        outcome = journal.outcome()
        return None if outcome is None else outcome.why

    def refuses(folder: Path) -> None:
        raise NotPersistent(folder, "tmpfs")

    def ended(settings: Path) -> int:
        with pytest.raises(SystemExit) as end:
            main(["update", "--helper", "--config", str(settings)])
        return int(end.value.code or 0)

    (tmp_path / "wrong.toml").write_text("[station")
    assert (ended(tmp_path / "wrong.toml"), why()) == (2, None), "a folder that is not there holds no request"
    for folder in (config.station.data, elsewhere):
        folder.mkdir()
    journal.close(UpdateOutcome("5" * 16, "0.9.2", UpdateRefusalReason.LATE, stepped_back=True, failed="0.9.2"))
    place = asked(places.data)
    assert (ended(tmp_path / "wrong.toml"), place.exists(), why()) == (2, False, UpdateRefusalReason.NOT_SET_UP)
    outcome = journal.outcome()
    assert outcome is not None
    assert outcome.failed == "0.9.2", "what stepped back before is not forgotten"
    for hostile in (b"", b"{", b"x" * 10_000, b'{"bundle":"../../etc/shadow.kioskupdate"}'):
        place.write_bytes(hostile)
        assert (run_helper(config, places, lambda: None), place.exists()) == (None, False), hostile
    (place / "full/of").mkdir(parents=True)
    assert (run_helper(config, places, lambda: None), place.exists()) == (None, False)
    place = asked(elsewhere)
    run_helper(config, replace(places, data=elsewhere), lambda: None)
    assert (place.exists(), why()) == (False, UpdateRefusalReason.NOT_FOUND), (
        "where the path unit looks, and the settings do not"
    )
    monkeypatch.setattr(helper, "require_persistent", refuses)
    half_done = UpdateEntry("4" * 16, UpdatePhase.COPYING, NEW)
    for entry, told in ((None, UpdateRefusalReason.NOT_PERSISTENT), (half_done, UpdateRefusalReason.NOT_FOUND)):
        journal.close(UpdateOutcome("5" * 16, "", UpdateRefusalReason.NOT_FOUND))
        if entry is not None:
            journal.write(entry)
        place = asked(places.data)
        with pytest.raises(UpdateRefused):
            run_helper(config, places, lambda: None)
        assert (place.exists(), why(), journal.read()) == (False, told, entry), "what is half done is not forgotten"


def test_the_machine_is_asked_and_its_clock_only_goes_forward(tmp_path: Path) -> None:
    board = ThisBoard(tmp_path)
    assert board.architecture in ("amd64", "arm64")
    assert board.python.startswith("3.")
    assert board.free_bytes() > 0
    first = board.monotonic()
    board.wait(0)
    assert board.monotonic() >= first
    assert board.new_number() != board.new_number()


def test_a_pipe_is_not_waited_for_and_a_folder_of_our_own_is_ours(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no plain file"):
        open_regular(tmp_path / "pipe")
    with as_owner(tmp_path):
        assert (tmp_path / "pipe").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the rights of another user")
def test_a_request_is_removed_with_the_rights_of_the_station_alone() -> None:
    """A folder of requests that the station's user may not write, as one of root's is."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        data, user = Path(made) / "data", 12345
        data.mkdir()
        file = UpdateFiles(data).request
        file.write(Request("none.kioskupdate"))
        for path, mode in ((data.parent, 0o755), (file.path.parent, 0o755), (file.path, 0o644)):
            path.chmod(mode)
        os.chown(data, user, user)
        with pytest.raises(CannotRemove, match="denied"):
            serve(station_files(data).request, lambda message: message)
        assert file.read() is not None
        os.chown(file.path.parent, user, user)
        assert serve(station_files(data).request, lambda message: message.body) == Request("none.kioskupdate")
        assert not file.exists()
        assert os.geteuid() == 0


def test_the_command_keeps_a_new_release_only_where_the_old_one_cannot_come_back(
    tmp_path: Path, places: UpdatePaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "UPDATE_PATHS", places)
    config = config_of(tmp_path).station
    config.data.mkdir()
    migrate(config.database)

    def keep() -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["update", "--keep", "--config", str(tmp_path / "station.toml")])
        said = capsys.readouterr()
        return int(ended.value.code or 0), (said.out + said.err).strip()

    assert keep()[0] == 1
    JournalFile(places.releases).write(
        UpdateEntry("1", UpdatePhase.BACK, NEW, copy="0" * 64, schema=1, why=UpdateRefusalReason.LATE)
    )
    monkeypatch.setattr("kiosk.app.update.helper.Units.release", lambda _units: None)
    with monkeypatch.context() as hurried, working(places.releases):
        hurried.setattr(command, "_KEEP_S", 0.0)
        assert keep() == (1, "Another update is running.")
    database = config.database.read_bytes()
    config.database.write_bytes(b"no database")
    assert keep()[1].startswith("nothing was changed: The database")
    config.database.write_bytes(database)
    assert keep() == (0, f"{NEW} is kept")
    assert (JournalFile(places.releases).read(), (places.releases / "current").readlink().name) == (None, NEW)


def test_a_bundle_that_is_not_copied_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    class Pulled(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(EIO, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input"):
        command._copy_bundle(Pulled(b"KIOSKUPD"), tmp_path / "updates/one.kioskupdate")
    assert list((tmp_path / "updates").iterdir()) == []


def test_nothing_is_written_through_a_link_that_lies_where_a_bundle_is_begun(tmp_path: Path) -> None:
    folder, precious = tmp_path / "updates", tmp_path / "precious"
    folder.mkdir()
    precious.write_bytes(b"as it was")
    with exclusive_folder(folder):
        (folder / ".one.kioskupdate.new").symlink_to(precious)
        with atomic_writer(folder / "one.kioskupdate", 0o640) as file:
            file.write(b"whole")
    assert (precious.read_bytes(), (folder / "one.kioskupdate").read_bytes()) == (b"as it was", b"whole")
    assert (folder / "one.kioskupdate").stat().st_mode & 0o777 == 0o640
    (folder / "two.kioskupdate").mkdir()
    with pytest.raises(IsADirectoryError), atomic_writer(folder / "two.kioskupdate") as file:
        file.write(b"whole")
    assert sorted(path.name for path in folder.iterdir()) == ["one.kioskupdate", "two.kioskupdate"]


def test_the_command_tells_what_runs_and_what_came_of_it(
    tmp_path: Path, places: UpdatePaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "UPDATE_PATHS", places)

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["update", *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), (said.out + said.err).strip()

    runs = (0, f"runs {NEW} (all, Python 3.13, schema 8)")
    assert run("--status") == runs
    settings, data = tmp_path / "station.toml", tmp_path / "kept"
    named = ("--status", "--config", str(settings))
    assert run(*named) == runs, "before the first start, too"
    relay = '[relay]\nbroker_url = "mqtt://127.0.0.1:1"\n'
    for more in ("", relay, "[nonsense\n"):
        settings.write_text(f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{data}"\n{more}')
        assert run(*named) == runs, more
    settings.write_text(settings.read_text().replace("[nonsense\n", relay + 'updates = "http://127.0.0.1:1"\n'))
    data.mkdir()
    assert "over the line: The relay has not reported on updates" in run(*named)[1]
    UpdatesStatusFile(data).report(Fetching(here="99.0.1", offers_age_s=7200))
    line = "over the line: Version 99.0.1 is here: install it under Updates."
    assert run(*named)[1].splitlines()[-1] == f"{line} (the sorting center was asked 2 h ago)"
    journal = JournalFile(places.releases)
    journal.close(UpdateOutcome("1", NEW, UpdateRefusalReason.LATE))
    assert "was not kept: The new version did not become healthy in time" in run("--status")[1]
    journal.close(UpdateOutcome("1", NEW, None))
    journal.write(UpdateEntry("2", UpdatePhase.COPYING, "0.9.2"))
    assert run("--status")[1].splitlines()[1:] == [
        "an update to 0.9.2 is under way: copying",
        f"the newest update, to {NEW}, was kept",
    ]
    assert run() == (2, "name the bundle, or ask with --status")
    config = config_of(tmp_path).station
    config.data.mkdir()
    nothing = ("--config", str(tmp_path / "station.toml"), str(tmp_path / "none.kioskupdate"))
    assert run(*nothing) == (1, "There is no such bundle: name the file of an update.")
    (tmp_path / "none.kioskupdate").write_bytes(b"no bundle")
    assert run(*nothing) == (1, "This file is not an update bundle.")
    assert not (config.data / "updates").exists(), "what is no bundle is not copied"
    (places.package / "vendor.pub").write_text(public(KEY))
    bundle = lay_bundle(tmp_path)
    (config.data / "updates").mkdir()
    with exclusive_folder(config.data / "updates"):
        handed_in = run("--config", str(tmp_path / "station.toml"), str(bundle))
    assert handed_in == (1, "Another update is running. (another one is being copied)")
    (places.package / "release.json").write_text(json.dumps({}))
    assert run("--status")[0] == 1
