"""The wizard's user asks, root judges anew: through the two files between them, on a stick that is a folder."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from kiosk.app.identity import requests as requests_module
from kiosk.app.identity.helper import IdentityPaths, handle_request
from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.app.identity.requests import (
    FILES,
    IdentityRequest,
    IdentityResponse,
    RequestedIdentities,
    answer_file,
    refusal_of,
    request_file,
)
from kiosk.app.mounting.writable import writable
from kiosk.base.refused import Refused
from kiosk.base.root_requests import MAX_BYTES
from kiosk.first_start.identity.format import CLEAR, ClaimMark, StationIdentity, claim_name, write_claim, write_clear
from kiosk.first_start.identity.vault import KEY, FileVault, PendingIdentity
from kiosk.first_start.shared.ports import IdentityRefusal, IdentityWhy
from kiosk.store.database.persistence import NotPersistent
from kiosk.texts import LANGUAGES
from kiosk.web.shared.speech import speech
from tests.depth import many
from tests.first_start.identity.identities import CODE, OFFERED, OTHER_CODE, cost_nothing, laid, made
from tests.station.update.power import lines_of, run, worth_a_cut

WAIT_S = 30.0


@dataclass
class Box:
    """A machine with a stick, and what stands for its path unit."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("keys", "credentials", "run", "media/KIOSK-USB", "boot", "data"):
            (self.folder / name).mkdir(parents=True)
        self.stick = self.folder / "media/KIOSK-USB"
        self.helper = IdentityPaths(
            keys=self.folder / "keys",
            credentials=self.folder / "credentials",
            data=self.folder / "data",
            answers=answer_file(self.folder / "run"),
            media=(self.folder / "media",),
            boot=self.folder / "boot",
            is_mount=lambda path: Path(path).parent == self.folder / "media",
            writable=lambda medium: nullcontext(),
        )
        where, self.requests = self.helper, request_file(self.helper.data)
        asker = FILES.asker(where.data, time.monotonic, where.answers)
        self.wizard = RequestedIdentities(asker, where.media, where.boot, where.is_mount)

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Starts the helper for each new request."""
        end = threading.Event()

        def watch() -> None:
            while not end.wait(0.005):
                if self.requests.exists():
                    handle_request(self.helper)

        thread = threading.Thread(target=watch, name="identity-unit")
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(WAIT_S)

    def ask(self, content: bytes) -> IdentityResponse:
        """The answer to a request that anybody could have written."""
        self.requests.path.parent.mkdir(exist_ok=True)
        self.requests.path.write_bytes(content)
        answer = handle_request(self.helper)
        last = self.helper.answers.last()
        assert last is not None
        assert last.body == answer
        return answer


def content(code: str = CODE.digits, **changed: object) -> bytes:
    """A request as the wizard writes it, or as it does not."""
    body = {"station": "S0147", "code": code} | changed
    return msgspec.json.encode({"kind": "identity", "id": "0" * 32, "body": body})


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    cost_nothing(monkeypatch)
    return Box(tmp_path / "box")


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> StationIdentity:
    return made(tmp_path_factory.mktemp("authority"))


def test_a_request_is_judged_once_though_the_power_goes_and_the_wizard_with_it(
    box: Box, identity: StationIdentity
) -> None:
    """The answer lies in memory; the wizard that waited for it is cut off."""
    laid(box.stick, identity)
    assert box.ask(content(OTHER_CODE.digits)).word == "wrong"
    box.helper.answers.path.unlink()
    assert handle_request(box.helper).word == ""
    assert len(FileVault(box.helper.keys, box.helper.credentials).wrong_codes().failures_ms) == 1


def test_whichever_line_of_the_protocol_is_cut_a_second_tap_makes_it_a_station(
    tmp_path: Path, identity: StationIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost_nothing(monkeypatch)
    folders = (tmp_path / str(number) for number in count())

    def asked() -> Box:
        box = Box(next(folders))
        laid(box.stick, identity)
        handle_request(box.helper)
        box.requests.write(IdentityRequest("S0147", CODE.digits))
        return box

    first = asked()
    lines = worth_a_cut(lines_of(lambda: handle_request(first.helper)))
    for number in lines[:: many(3, torture=1, quick=20)]:
        box = asked()
        assert run(partial(handle_request, box.helper), number)
        box.helper.answers.path.unlink(missing_ok=True)
        handle_request(box.helper)
        assert not box.requests.exists()
        box.requests.write(IdentityRequest("S0147", CODE.digits))
        answer = handle_request(box.helper)
        assert answer.word == ""
        assert answer.in_use is not None
        shutil.rmtree(box.folder)


def test_a_helper_that_is_started_once_more_leaves_the_answer_that_was_not_read_yet(
    box: Box, identity: StationIdentity
) -> None:
    laid(box.stick, identity)
    assert box.ask(content(OTHER_CODE.digits)).word == "wrong"
    for _ in range(2):
        assert handle_request(box.helper).word == "wrong"
        last = box.helper.answers.last()
        assert last is not None
        assert last.id == "0" * 32


def test_a_folder_of_requests_that_leads_elsewhere_hides_no_station(box: Box, identity: StationIdentity) -> None:
    laid(box.stick, identity)
    with box.unit():
        box.wizard.take("S0147", CODE.digits)
    box.requests.path.parent.rmdir()
    box.requests.path.parent.symlink_to(box.folder)
    box.helper.answers.path.unlink()
    handle_request(box.helper)
    present = box.wizard.in_use()
    assert present is not None
    assert present.station == "S0147"


def test_from_the_stick_to_the_station(box: Box, identity: StationIdentity) -> None:
    file = laid(box.stick / FOLDER, msgspec.structs.replace(identity, **OFFERED))
    assert box.wizard.in_use() is None
    assert [(row.station, row.village, row.sealed) for row in box.wizard.offered()] == [("S0147", "Tagharchi", True)]
    with box.unit():
        with pytest.raises(Refused) as refused:
            box.wizard.take("S0147", OTHER_CODE.digits)
        assert refused.value.code == "identity_wrong"
        assert box.wizard.take("S0147", CODE.digits).broker_url == identity.broker_url
    present = box.wizard.in_use()
    assert present is not None
    assert (present.station, present.authority) == ("S0147", True)
    assert {name: getattr(present, name) for name in OFFERED} == OFFERED
    assert (box.folder / "credentials" / KEY).read_text() == identity.key
    assert not file.exists()
    assert box.wizard.offered() == ()
    assert not box.requests.exists(), "it held the code"
    said = box.helper.answers.path.read_bytes()
    assert b"PRIVATE" not in said
    assert CODE.digits.encode() not in said
    # A new start of the machine: what is in memory is gone, and told again.
    box.helper.answers.path.unlink()
    handle_request(box.helper)
    assert box.wizard.in_use() == present


def test_what_lies_on_the_boot_partition_is_found_and_what_others_have_is_not(
    box: Box, identity: StationIdentity
) -> None:
    (box.folder / "boot" / CLEAR).write_bytes(write_clear(identity))
    assert [(row.station, row.sealed) for row in box.wizard.offered()] == [("S0147", False)]
    mark = box.folder / "boot" / claim_name("S0147")
    mark.write_bytes(write_claim(ClaimMark("S0147", "ab" * 32, "")))
    assert box.wizard.offered() == ()
    assert box.ask(content(code="")).word == "claimed"
    mark.unlink()
    with box.unit():
        assert box.wizard.take("S0147", "").station == "S0147"
    assert sorted(path.name for path in (box.folder / "boot").iterdir()) == [claim_name("S0147")]


def test_files_that_are_no_identity_are_not_offered(box: Box, identity: StationIdentity) -> None:
    (box.stick / "identity-S0001.toml").write_bytes(b"nonsense")
    laid(box.stick, identity).rename(box.stick / "identity-S0148.toml")
    (box.stick / CLEAR).symlink_to(box.folder / "keys/machine")
    assert box.wizard.offered() == ()


def test_root_trusts_nothing_in_a_request(subtests: pytest.Subtests, box: Box, identity: StationIdentity) -> None:
    laid(box.stick, identity)

    def judged() -> None:
        for bad in [
            b"",
            b"{}",
            b"[" * MAX_BYTES,
            content(station="../../etc/shadow"),
            content(CODE.digits + "\n"),
            content(key="mine"),
            content().replace(b"identity", b"recovery"),
            content() + b" " * MAX_BYTES + b"}",
        ]:
            with subtests.test(bad=bad):
                assert box.ask(bad).word == ""
                assert box.wizard.in_use() is None

    judged()
    secret = box.folder / "keys/secret"
    secret.write_bytes(content())
    box.requests.path.symlink_to(secret)
    handle_request(box.helper)
    os.mkfifo(box.requests.path)
    handle_request(box.helper)
    assert box.wizard.in_use() is None
    assert stat.S_IMODE(box.helper.answers.path.stat().st_mode) == 0o644
    assert CODE.digits not in repr(IdentityRequest("S0147", CODE.digits))


def test_what_is_behind_a_refusal_is_a_text_in_three_languages_and_no_technical_words() -> None:
    for why in get_args(IdentityWhy):
        for word in ("damaged", "failed"):
            told = refusal_of(IdentityResponse(word, "technical", why, machine=""))
            assert (told.code, told.values) == (f"identity_{word}", {"why": why})
            for language in LANGUAGES:
                assert speech(language).one(f"setup.refused.why_{why}")
    waits = refusal_of(IdentityResponse("wait", "technical", wait_s=12, machine=""))
    assert (waits.code, waits.values) == ("identity_wait", {"why": "wait", "seconds": "12"})
    for word in get_args(IdentityRefusal):
        told = refusal_of(IdentityResponse(word, machine=""))
        assert (told.code, str(told)) == (f"identity_{word}", f"identity_{word}")
        for language in LANGUAGES:
            assert speech(language).one(f"setup.refused.{told.code}")
    for word in ("wrong", "claimed", "gone", "other"):
        assert str(refusal_of(IdentityResponse(word, "technical", machine=""))) == f"identity_{word}"
    assert str(refusal_of(IdentityResponse("of other software", "technical", machine=""))) == "technical"


def test_nobody_answers(box: Box, identity: StationIdentity) -> None:
    with pytest.raises(Refused) as refused:
        replace(box.wizard, asker=replace(box.wizard.asker, timeout_s=0.0)).take("S0147", CODE.digits)
    assert refused.value.code == "identity_failed"
    assert not box.requests.exists()


def test_data_in_memory_are_no_place_for_an_identity(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Path("/dev/shm") / f"kiosk-identity-{os.getpid()}"
    memory.mkdir()
    monkeypatch.setenv("KIOSK_BOX", "1")
    try:
        with pytest.raises(NotPersistent):
            handle_request(replace(box.helper, keys=memory))
    finally:
        memory.rmdir()
    assert not box.helper.answers.path.exists()


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


def test_a_mark_with_a_flipped_bit_ends_neither_wizard_nor_helper(box: Box, identity: StationIdentity) -> None:
    """The power went while the mark was written, and the identity is on its way."""
    laid(box.stick, identity)
    vault = FileVault(box.helper.keys, box.helper.credentials)
    vault.save_pending(PendingIdentity(identity, "identity-S0147.toml"))
    mark = box.stick / claim_name("S0147")
    mark.write_bytes(with_a_flipped_bit(write_claim(ClaimMark("S0147", "ab" * 32, "2026-11-28"))))
    assert [row.station for row in box.wizard.offered()] == ["S0147"]
    handle_request(box.helper)
    assert (vault.in_use() is None, vault.pending()) == (False, None), (
        "finished: the file is still beside its torn mark"
    )


def test_looks_at_folders_where_files_belong_leave_nothing_open(box: Box, identity: StationIdentity) -> None:
    laid(box.stick, identity)
    (box.stick / claim_name("S0147")).mkdir()
    box.helper.answers.path.mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(20):
        assert [row.station for row in box.wizard.offered()] == ["S0147"]
        assert box.wizard.in_use() is None
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


def test_a_stick_that_takes_long_to_read_is_read_on_at_the_next_look(
    box: Box, identity: StationIdentity, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        laid(box.stick, msgspec.structs.replace(identity, station=f"S000{number}"))
    passed = count(0, requests_module.SCAN_BUDGET_S / 2)
    slow = replace(box.wizard, clock=lambda: next(passed))
    seen = [tuple(row.station for row in slow.offered()) for _ in range(2)]
    assert seen == [("S0001", "S0002"), ("S0001", "S0002", "S0003")]
    assert [record.getMessage() for record in caplog.records] == [
        "what lies on media takes long to read: the next look reads on"
    ]
