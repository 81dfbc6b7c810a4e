"""The wizard's user asks, root judges anew: through the two files between them, on a stick that is a folder."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import msgspec
import pytest

from kiosk.app.identity import requests as requests_module
from kiosk.app.identity.helper import HelperPlaces, attend
from kiosk.app.identity.messages import MAX_BYTES, Request, read_answer
from kiosk.app.identity.place import FOLDER
from kiosk.app.identity.requests import RequestedIdentities
from kiosk.app.identity.vault import KEY, FileVault
from kiosk.app.mounting.writable import writable
from kiosk.first_start.identity.claim import Claim, claim_name, write_claim
from kiosk.first_start.identity.format import CLEAR, Identity, write_clear
from kiosk.first_start.identity.ports import IdentityRefused, Kept
from kiosk.store.database.lasting import NotLasting
from tests.each import each
from tests.first_start.identity.identities import CODE, OFFERED, OTHER_CODE, cost_nothing, laid, made

WAIT_S = 30.0


@dataclass
class Box:
    """A machine with a stick, and what stands for its path unit."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("keys", "credentials", "run", "media/KIOSK-USB", "boot", "data"):
            (self.folder / name).mkdir(parents=True)
        self.stick = self.folder / "media/KIOSK-USB"
        self.helper = HelperPlaces(
            keys=self.folder / "keys",
            credentials=self.folder / "credentials",
            request=self.folder / "data/requests/identity.json",
            answer=self.folder / "run/answer.json",
            media=(self.folder / "media",),
            boot=self.folder / "boot",
            is_mount=lambda path: Path(path).parent == self.folder / "media",
            writable=lambda medium: nullcontext(),
        )
        where = self.helper
        self.wizard = RequestedIdentities(where.request, where.answer, where.media, where.boot, where.is_mount)

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Starts the helper for each new request."""
        end, done = threading.Event(), b""

        def watch() -> None:
            nonlocal done
            while not end.wait(0.005):
                present = self.helper.request.read_bytes() if self.helper.request.exists() else b""
                if present and present != done:
                    done = present
                    attend(self.helper)

        thread = threading.Thread(target=watch, name="identity-unit")
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(WAIT_S)

    def ask(self, content: bytes) -> str:
        """The word of the answer to a request that anybody could have written."""
        self.helper.request.parent.mkdir(exist_ok=True)
        self.helper.request.write_bytes(content)
        attend(self.helper)
        return read_answer(self.helper.answer.read_bytes()).word


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    cost_nothing(monkeypatch)
    return Box(tmp_path / "box")


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return made(tmp_path_factory.mktemp("authority"))


def test_a_request_that_the_path_unit_did_not_see_is_asked_again_and_judged_once(
    box: Box, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changes while the helper still runs starts nothing."""
    monkeypatch.setattr(requests_module, "AGAIN_S", 0.02)
    laid(box.stick, identity)
    attend(box.helper)
    pause = threading.Event()

    def unit() -> None:
        request = box.helper.request
        while not request.exists():
            pause.wait(0.005)
        inode = request.stat().st_ino
        while request.stat().st_ino == inode:  # until it is written anew
            pause.wait(0.005)
        for _ in range(3):
            attend(box.helper)

    thread = threading.Thread(target=unit, name="late-unit")
    thread.start()
    with pytest.raises(IdentityRefused) as refused:
        box.wizard.take("S0147", OTHER_CODE.digits)
    thread.join(WAIT_S)
    assert refused.value.word == "wrong"
    vault = FileVault(box.helper.keys, box.helper.credentials)
    assert len(vault.wrong_codes().failures_ms) == 1


def test_from_the_stick_to_the_station(box: Box, identity: Identity) -> None:
    file = laid(box.stick / FOLDER, msgspec.structs.replace(identity, **OFFERED))
    assert box.wizard.in_use() is None
    assert [(row.station, row.village, row.sealed) for row in box.wizard.offered()] == [("S0147", "Tagharchi", True)]
    with box.unit():
        with pytest.raises(IdentityRefused) as refused:
            box.wizard.take("S0147", OTHER_CODE.digits)
        assert refused.value.word == "wrong"
        assert box.wizard.take("S0147", CODE.digits).broker_url == identity.broker_url
    present = box.wizard.in_use()
    assert present is not None
    assert (present.station, present.authority) == ("S0147", True)
    assert {name: getattr(present, name) for name in OFFERED} == OFFERED
    assert (box.folder / "credentials" / KEY).read_text() == identity.key
    assert not file.exists()
    assert box.wizard.offered() == ()
    assert not box.helper.request.exists(), "it held the code"
    said = box.helper.answer.read_bytes()
    assert b"PRIVATE" not in said
    assert CODE.digits.encode() not in said
    # A new start of the machine: what is in memory is gone, and told again.
    box.helper.answer.unlink()
    attend(box.helper)
    assert box.wizard.in_use() == present


def test_what_lies_on_the_boot_partition_is_found_and_what_others_have_is_not(box: Box, identity: Identity) -> None:
    (box.folder / "boot" / CLEAR).write_bytes(write_clear(identity))
    assert [(row.station, row.sealed) for row in box.wizard.offered()] == [("S0147", False)]
    mark = box.folder / "boot" / claim_name("S0147")
    mark.write_bytes(write_claim(Claim("S0147", "ab" * 32, "")))
    assert box.wizard.offered() == ()
    assert box.ask(msgspec.json.encode(Request("0" * 32, "S0147"))) == "claimed"
    mark.unlink()
    with box.unit():
        assert box.wizard.take("S0147", "").station == "S0147"
    assert sorted(path.name for path in (box.folder / "boot").iterdir()) == [claim_name("S0147")]


def test_files_that_are_no_identity_are_not_offered(box: Box, identity: Identity) -> None:
    (box.stick / "identity-S0001.toml").write_bytes(b"nonsense")
    laid(box.stick, identity).rename(box.stick / "identity-S0148.toml")
    (box.stick / CLEAR).symlink_to(box.folder / "keys/machine")
    assert box.wizard.offered() == ()


def test_root_trusts_nothing_in_a_request(box: Box, identity: Identity) -> None:
    laid(box.stick, identity)
    whole = {"id": "0" * 32, "station": "S0147", "code": CODE.digits}

    @each(
        "content",
        [
            b"",
            b"{}",
            b"[" * MAX_BYTES,
            msgspec.json.encode({**whole, "station": "../../etc/shadow"}),
            msgspec.json.encode({**whole, "code": CODE.digits + "\n"}),
            msgspec.json.encode({**whole, "id": "x"}),
            msgspec.json.encode({**whole, "key": "mine"}),
            msgspec.json.encode(whole) + b" " * MAX_BYTES + b"}",
        ],
    )
    def judged(content: bytes) -> None:
        assert box.ask(content) == ""
        assert box.wizard.in_use() is None

    judged()
    box.helper.request.unlink()
    secret = box.folder / "keys/secret"
    secret.write_bytes(msgspec.json.encode(whole))
    box.helper.request.symlink_to(secret)
    attend(box.helper)
    assert box.wizard.in_use() is None
    box.helper.request.unlink()
    os.mkfifo(box.helper.request)
    attend(box.helper)
    assert box.wizard.in_use() is None
    assert stat.S_IMODE(box.helper.answer.stat().st_mode) == 0o644


def test_nobody_answers(box: Box, identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_module, "ANSWER_S", 0.0)
    with pytest.raises(IdentityRefused) as refused:
        box.wizard.take("S0147", CODE.digits)
    assert refused.value.word == "failed"
    assert not box.helper.request.exists()


def test_data_in_memory_are_no_place_for_an_identity(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Path("/dev/shm") / f"kiosk-identity-{os.getpid()}"
    memory.mkdir()
    monkeypatch.setenv("KIOSK_BOX", "1")
    try:
        with pytest.raises(NotLasting):
            attend(replace(box.helper, keys=memory))
    finally:
        memory.rmdir()
    assert not box.helper.answer.exists()


def test_a_read_only_medium_is_remounted_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    class Flags:
        f_flag = os.ST_RDONLY

    def run(call: list[str], **given: object) -> subprocess.CompletedProcess[str]:
        calls.append(call)
        return subprocess.CompletedProcess(call, 0, "", "")

    monkeypatch.setattr("kiosk.app.mounting.writable.subprocess.run", run)
    with writable(tmp_path):
        assert calls == []
    monkeypatch.setattr("kiosk.app.mounting.writable.os.statvfs", lambda path: Flags)
    with pytest.raises(ZeroDivisionError), writable(tmp_path):
        1 / 0  # noqa: B018 - whatever happens meanwhile
    assert [call[2] for call in calls] == ["remount,rw,nodev,nosuid,noexec", "remount,ro,nodev,nosuid,noexec"]
    monkeypatch.setattr(
        "kiosk.app.mounting.writable.subprocess.run",
        lambda call, **given: subprocess.CompletedProcess(call, 32, "", "mount: write-protected\n"),
    )
    with pytest.raises(OSError, match="write-protected"), writable(tmp_path):
        raise AssertionError("nothing may be written")


def with_a_flipped_bit(mark: bytes) -> bytes:
    at = mark.index(b"2026")
    return mark[:at] + bytes([mark[at] ^ 0x80]) + mark[at + 1 :]


def test_a_mark_with_a_flipped_bit_ends_neither_wizard_nor_helper(box: Box, identity: Identity) -> None:
    """The power went while the mark was written, and the identity is on its way."""
    laid(box.stick, identity)
    vault = FileVault(box.helper.keys, box.helper.credentials)
    vault.keep(Kept(identity, "identity-S0147.toml"))
    mark = box.stick / claim_name("S0147")
    mark.write_bytes(with_a_flipped_bit(write_claim(Claim("S0147", "ab" * 32, "2026-11-28"))))
    assert [row.station for row in box.wizard.offered()] == ["S0147"]
    attend(box.helper)
    assert (vault.in_use() is None, vault.kept()) == (False, None), "finished: the file is still beside its torn mark"


def test_looks_at_folders_where_files_belong_leave_nothing_open(box: Box, identity: Identity) -> None:
    laid(box.stick, identity)
    (box.stick / claim_name("S0147")).mkdir()
    box.helper.answer.mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(20):
        assert [row.station for row in box.wizard.offered()] == ["S0147"]
        assert box.wizard.in_use() is None
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


def test_a_stick_that_takes_long_to_read_is_read_on_at_the_next_look(
    box: Box, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        laid(box.stick, msgspec.structs.replace(identity, station=f"S000{number}"))
    passed = count(0, requests_module.LOOK_S / 2)
    slow = replace(box.wizard, clock=lambda: next(passed))
    seen = [tuple(row.station for row in slow.offered()) for _ in range(2)]
    assert seen == [("S0001", "S0002"), ("S0001", "S0002", "S0003")]
    assert [record.getMessage() for record in caplog.records] == [
        "what lies on media takes long to read: the next look reads on"
    ]
