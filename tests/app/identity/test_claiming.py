"""Two machines and one stick: whatever is cut off, one of them has the identity in the end, and never both."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kiosk.app.identity import mounted_folder as place_module
from kiosk.app.identity.claiming import IdentityClaimer, MachineTime
from kiosk.app.identity.mounted_folder import MountedFolder
from kiosk.base.refused import Refused
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity import vault as vault_module
from kiosk.first_start.identity.format import CLEAR, StationIdentity, claim_name, read_claim, sealed_name, write_clear
from kiosk.first_start.identity.vault import (
    CERTIFICATE,
    COUNTY_AUTHORITY,
    KEY,
    MACHINE,
    PENDING,
    PIN_SECRET,
    RECORD,
    WRONG_CODES,
    FileVault,
)
from tests.first_start.identity.identities import CODE, OTHER_CODE, cost_nothing, laid, made


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    cost_nothing(monkeypatch)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> StationIdentity:
    one = made(tmp_path_factory.mktemp("authority"))
    return replace(one, wifi_network="village post", wifi_password="apricot trees")


class PowerCut(BaseException):
    """The machine is off: nobody catches it."""


class Power:
    """Goes off at the n-th look at it; each durable step looks before it begins."""

    def __init__(self) -> None:
        self.left = -1
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        if self.left == 0:
            raise PowerCut
        self.left -= 1

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*given: Any) -> Any:
            self.look()
            return step(*given)

        return taken


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    power = Power()
    for module in (place_module, vault_module):
        for name in ("write_durably", "sync_folder"):
            monkeypatch.setattr(module, name, power.around(getattr(module, name)))
    return power


FIRST_BOOT = MachineTime("1970-01-01T00:00:12+00:00", "first boot", 12_000)


@dataclass
class Machine:
    """One card. It is started with what is plugged in."""

    folder: Path
    now: MachineTime = FIRST_BOOT

    def __post_init__(self) -> None:
        for name in ("keys", "credentials", "iwd"):
            (self.folder / name).mkdir(parents=True)
        self.vault = FileVault(self.folder / "keys", self.folder / "credentials", self.folder / "iwd")

    def start(self, *media: Path) -> IdentityClaimer:
        places = [MountedFolder(folder, folder, lambda medium: nullcontext()) for folder in media]
        taking = IdentityClaimer(self.vault, places, lambda: self.now)
        taking.resume()
        return taking

    @property
    def has_it(self) -> bool:
        """Ready to be the station: the record, both files the relay needs, and the network."""
        there = all((self.vault.credentials / name).is_file() for name in (CERTIFICATE, KEY))
        there = there and (self.vault.networks / "village post.psk").is_file()
        return self.vault.in_use() is not None and there


def test_the_way_of_an_identity(tmp_path: Path, identity: StationIdentity) -> None:
    stick = tmp_path / "stick"
    file = laid(stick, identity)
    first = Machine(tmp_path / "first")
    first.start(stick).claim("S0147", CODE)
    assert first.has_it
    assert (first.vault.credentials / KEY).read_text() == identity.key
    assert stat.S_IMODE((first.vault.credentials / KEY).stat().st_mode) == 0o600
    found = first.vault.in_use()
    assert found is not None
    assert (found.station, found.region, found.village) == ("S0147", "yarkant", "Tagharchi")
    assert not file.exists()
    assert not (first.vault.keys / PENDING).exists()
    mark = stick / claim_name("S0147")
    assert read_claim(mark.read_bytes()).machine == first.vault.machine
    assert stat.S_IMODE(mark.stat().st_mode) == 0o644, "the wizards of other machines read it, on ext4 too"
    # Again, and asked for another one.
    first.start(stick).claim("S0147", CODE)
    with pytest.raises(Refused) as refused:
        first.start(stick).claim("S0148", CODE)
    assert refused.value.code == "other"


def test_the_station_gets_the_countys_files(tmp_path: Path, identity: StationIdentity) -> None:
    bare = Machine(tmp_path / "bare")
    bare.vault.install(identity)
    names = (COUNTY_AUTHORITY, PIN_SECRET)
    assert not any((bare.vault.credentials / name).exists() for name in names), "it was made without a county"
    found = bare.vault.in_use()
    assert found is not None
    assert not found.pin_secret
    machine = Machine(tmp_path / "county")
    machine.vault.install(replace(identity, pin_secret="0a" * 32))
    for name, content in zip(names, (identity.authority, "0a" * 32), strict=True):
        file = machine.vault.credentials / name
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (content, 0o600)
    assert "0a0a" not in (machine.vault.keys / RECORD).read_text(), "the first start reads the record"


def test_the_network_is_laid_where_iwd_finds_it(tmp_path: Path, identity: StationIdentity) -> None:
    """iwd.network(5): how a file is named, and what is escaped in it."""
    names = {
        ("village post", "apricot trees"): ("village post.psk", "[Security]\nPassphrase=apricot\\strees\n"),
        ("Post-1_a", " \\=#abcd "): ("Post-1_a.psk", "[Security]\nPassphrase=\\s\\\\=#abcd\\s\n"),
        ("../x", "12345678"): ("=2e2e2f78.psk", "[Security]\nPassphrase=12345678\n"),
        ("莎车", ""): ("=e88e8ee8bda6.open", ""),
    }
    for number, ((network, password), (name, content)) in enumerate(names.items()):
        machine = Machine(tmp_path / str(number))
        machine.vault.install(replace(identity, wifi_network=network, wifi_password=password))
        (file,) = machine.vault.networks.iterdir()
        assert (file.name, file.read_text()) == (name, content)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    bare = Machine(tmp_path / "bare")
    bare.vault.networks.rmdir()
    bare.vault.install(identity)
    assert bare.vault.in_use() is not None, "a machine without Wi-Fi becomes the station, too"


def test_wrong_codes_are_throttled_and_a_restart_forgets_none(tmp_path: Path, identity: StationIdentity) -> None:
    stick = tmp_path / "stick"
    laid(stick, identity)
    machine = Machine(tmp_path / "first")

    def word(code: PaperCode, boot_id: str, second: int) -> tuple[str, int]:
        machine.now = MachineTime("1970-01-01T00:00:00+00:00", boot_id, second * 1000)
        try:
            machine.start(stick).claim("S0147", code)
        except Refused as refused:
            return refused.code, int(refused.values.get("seconds", 0))
        return "", 0

    assert [word(OTHER_CODE, "one", second) for second in range(3)] == [("wrong", 0)] * 3
    assert word(OTHER_CODE, "one", 20) == ("wait", 12)
    assert word(CODE, "one", 31) == ("wait", 1), "also for the right one"
    assert word(CODE, "two", 10) == ("wait", 20), "seconds without power count as none"
    assert word(OTHER_CODE, "two", 30) == ("wrong", 0)
    # Cut off before the count is on the disk, nobody hears "wrong"; a full disk says so in its place.
    assert stat.S_IMODE((machine.vault.keys / WRONG_CODES).stat().st_mode) == 0o600
    for tried in range(1, 17):
        assert word(OTHER_CODE, "two", 30 + 30 * tried) == ("wrong", 0)
    assert word(CODE, "two", 30 + 30 * 16 + 599) == ("wait", 1), "twenty within an hour"
    (machine.vault.keys / WRONG_CODES).write_bytes(b"{")
    assert word(CODE, "two", 600) == ("", 0), "a hand was at it, and whoever may write here is root"


def test_a_wrong_code_that_cannot_be_counted_is_not_told(
    tmp_path: Path, identity: StationIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid(tmp_path / "stick", identity)
    taking = Machine(tmp_path / "first").start(tmp_path / "stick")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(vault_module, "write_durably", full)
    with pytest.raises(OSError, match="No space"):
        taking.claim("S0147", OTHER_CODE)


def test_two_cards_from_one_image_are_two_machines(tmp_path: Path) -> None:
    one, two = (Machine(tmp_path / name) for name in ("one", "two"))
    assert one.vault.machine != two.vault.machine
    assert one.vault.machine == FileVault(one.vault.keys, one.vault.credentials).machine
    assert stat.S_IMODE((one.vault.keys / MACHINE).stat().st_mode) == 0o600


def test_a_cut_at_any_moment_leaves_it_to_one_machine(tmp_path: Path, identity: StationIdentity, power: Power) -> None:
    """Who starts next: the same machine, another one, the same without the stick, another that is cut off as well."""

    def same(stick: Path, first: Machine, second: Machine) -> None:
        _tries(first, stick)
        assert first.has_it
        _tries(second, stick)

    def other(stick: Path, first: Machine, second: Machine) -> None:
        _tries(second, stick)
        _tries(first, stick)

    def without(stick: Path, first: Machine, second: Machine) -> None:
        first.start()
        _tries(second, stick)
        _tries(first, stick)

    def twice(stick: Path, first: Machine, second: Machine) -> None:
        """The second machine loses its power at the same step."""
        _cut(power, cut, lambda: _tries(second, stick))
        _tries(first, stick)
        _tries(second, stick)

    cut, reached, whose = 0, True, set()
    while reached:
        for way in (same, other, without, twice):
            folder = tmp_path / f"{way.__name__}{cut}"
            first, second = Machine(folder / "first"), Machine(folder / "second")
            laid(folder / "stick", identity)
            reached = _cut(power, cut, partial(_takes, first, folder / "stick"))
            way(folder / "stick", first, second)
            has = [first.has_it, second.has_it]
            assert sum(has) == 1, f"cut {cut}, {way.__name__}: {has}"
            assert not (folder / "stick" / sealed_name("S0147")).exists(), f"cut {cut}, {way.__name__}"
            whose.add((way.__name__, has[0]))
        cut += 1
    assert cut > 8, "every step was cut off"
    assert ("other", False) in whose
    assert ("other", True) in whose


def _takes(machine: Machine, stick: Path) -> None:
    machine.start(stick).claim("S0147", CODE)


def _tries(machine: Machine, stick: Path) -> None:
    """Somebody with the paper plugs the stick in."""
    taking = machine.start(stick)
    with _perhaps():
        taking.claim("S0147", CODE)


@contextmanager
def _perhaps() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        assert refused.code in ("claimed", "gone")


def _cut(power: Power, after: int, act: Callable[[], object]) -> bool:
    """Whether the power went off in it."""
    power.left = after
    try:
        act()
    except PowerCut:
        return True
    finally:
        power.left = -1
    return False


def test_a_mark_that_was_torn_is_written_again_by_whom_it_was(
    tmp_path: Path, identity: StationIdentity, power: Power
) -> None:
    """On FAT nothing but the order of the writes protects it."""
    stick = tmp_path / "stick"
    laid(stick, identity)
    first, second = Machine(tmp_path / "first"), Machine(tmp_path / "second")
    first.vault.machine  # noqa: B018 - its number is there from an earlier start
    assert _cut(power, 2, lambda: first.start(stick).claim("S0147", CODE))
    assert (first.vault.keys / PENDING).exists()
    (stick / claim_name("S0147")).write_bytes(b"")
    with pytest.raises(Refused) as refused:
        second.start(stick).claim("S0147", CODE)
    assert refused.value.code == "claimed"
    first.start(stick)
    assert first.has_it


def test_what_is_refused_changes_nothing(subtests: pytest.Subtests, tmp_path: Path, identity: StationIdentity) -> None:
    stick = tmp_path / "stick"
    file = laid(stick, identity)
    machine = Machine(tmp_path / "machine")
    before = {path.name: path.read_bytes() for path in stick.iterdir()}

    def refused() -> None:
        for word, station, code, content in [
            ("wrong", "S0147", OTHER_CODE, None),
            ("wrong", "S0147", None, None),
            ("gone", "S0148", CODE, None),
            ("damaged", "S0147", CODE, b"station ="),
            ("damaged", "S0147", CODE, write_clear(identity)),
        ]:
            with subtests.test(word=word, station=station, code=code, content=content):
                file.write_bytes(content if content is not None else before[file.name])
                kept = {path.name: path.read_bytes() for path in stick.iterdir()}
                with pytest.raises(Refused) as refusal:
                    machine.start(stick).claim(station, code)
                assert refusal.value.code == word
                assert {path.name: path.read_bytes() for path in stick.iterdir()} == kept
                assert machine.vault.pending() is machine.vault.in_use() is None

    refused()


def test_one_in_the_clear_needs_no_code_and_is_removed(tmp_path: Path, identity: StationIdentity) -> None:
    boot = tmp_path / "boot"
    boot.mkdir()
    (boot / CLEAR).write_bytes(write_clear(identity))
    machine = Machine(tmp_path / "machine")
    machine.start(boot).claim("S0147", None)
    assert machine.has_it
    assert [path.name for path in boot.iterdir()] == [claim_name("S0147")]


def test_a_stick_that_says_yes_and_keeps_nothing_gives_nothing(
    tmp_path: Path, identity: StationIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    laid(stick, identity)
    machine = Machine(tmp_path / "machine")
    taking = machine.start(stick)
    monkeypatch.setattr(place_module, "write_durably", lambda path, content: None)
    with pytest.raises(Refused, match="read back"):
        taking.claim("S0147", CODE)
    assert machine.vault.in_use() is None


def test_a_mark_that_is_swapped_for_a_link_opens_no_secret_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a medium may be another user's, who is as quick as root."""
    secret, stick = tmp_path / "secret", tmp_path / "stick"
    secret.write_text("key")
    secret.chmod(0o600)
    stick.mkdir()
    monkeypatch.setattr(place_module, "write_durably", lambda path, content: path.symlink_to(secret))
    MountedFolder(stick, stick, lambda medium: nullcontext()).mark(claim_name("S0147"), b"{}")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_stick_with_ten_thousand_files_a_loop_and_a_pipe_is_bounded(
    tmp_path: Path, identity: StationIdentity
) -> None:
    stick = tmp_path / "stick"
    file = laid(stick, identity)
    (stick / "loop").symlink_to(stick)
    os.mkfifo(stick / "identity-S0001.toml")
    (stick / "identity-S0002.toml").symlink_to(file)
    (stick / "identity-S0003.toml").mkdir()
    place = MountedFolder(stick, stick)
    assert place.names() == (file.name,)
    with pytest.raises(OSError, match="plain"):
        place.read("identity-S0001.toml")
    looked: list[str] = []

    class Entry:
        name = "x.jpg"

    @contextmanager
    def many(folder: Path) -> Iterator[Iterator[Any]]:
        yield (looked.append("") or Entry() for _ in range(10_000))

    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(place_module.os, "scandir", many)
        assert place.names() == ()
    assert len(looked) == place_module.MAX_SCANNED_NAMES
