"""The draft of the first start: whole or not at all, for its owner's eyes, and never in the way of a new beginning."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kiosk.base.files import write_durably
from kiosk.first_start import questions as steps
from kiosk.first_start.shared.draft import (
    PersonDraft,
    ScaleDraft,
    SettingsDraft,
    draft_path,
    load_draft,
    needs_first_start,
    save_draft,
)


def test_a_draft_comes_back_as_it_was(tmp_path: Path) -> None:
    path = draft_path(tmp_path / "station.toml")
    draft = SettingsDraft(
        at="reads",
        language="ug",
        village="تاغارچى",
        scale=ScaleDraft("/dev/serial/by-id/x", "st_gs_csv", 9600),
        technician=PersonDraft("Aygul", "$argon2id$..."),
        proven={"scale": "unseen"},
    )
    save_draft(path, draft)
    assert path.name == "station.toml.draft.json"
    assert load_draft(path) == draft


def test_only_its_owner_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "d"
    before = os.umask(0o000)
    try:
        save_draft(path, SettingsDraft())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        os.umask(0o777)
        save_draft(path, SettingsDraft())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_leftover_of_a_power_cut_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "d"
    (tmp_path / ".d.new").write_bytes(b'{"at":"bro')
    save_draft(path, SettingsDraft(language="zh"))
    assert load_draft(path).language == "zh"
    assert [file.name for file in tmp_path.iterdir()] == ["d"]


def test_what_was_there_stays_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d"
    save_draft(path, SettingsDraft(language="zh"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kiosk.base.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_draft(path, SettingsDraft(language="en"))
    assert load_draft(path).language == "zh"


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"[]", b'{"at": 7}', b'{"unknown": 1}', b'{"at":"e"', b"null"])
def test_a_damaged_draft_begins_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d"
    path.write_bytes(content)
    assert load_draft(path) == SettingsDraft()


def test_needs_setup_only_when_there_is_nothing_at_all(tmp_path: Path) -> None:
    assert needs_first_start(tmp_path / "station.toml")
    assert needs_first_start(tmp_path / "no" / "folder" / "station.toml")
    (tmp_path / "there.toml").write_text("", encoding="ascii")
    (tmp_path / "dangling.toml").symlink_to(tmp_path / "gone.toml")
    (tmp_path / "file").write_text("", encoding="ascii")
    for name in ("there.toml", "dangling.toml", "file/station.toml", "."):
        assert not needs_first_start(tmp_path / name)


def test_write_durably_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_durably(path, b"long long long", 0o640)
    write_durably(path, b"short", 0o640)
    assert path.read_bytes() == b"short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


class TestSteps:
    def test_every_question_leads_to_the_next_and_back(self) -> None:
        draft = SettingsDraft(scale=ScaleDraft("p"))
        at, seen = "language", ["language"]
        while (following := steps.after(draft, at)) != steps.DONE:
            assert steps.before(draft, following) == at
            at = following
            seen.append(at)
        assert seen[-1] == "check"
        assert "reads" in seen
        assert "label_test" not in seen
        assert steps.before(draft, "language") is None
        assert steps.before(draft, steps.DONE) is None

    def test_step_numbers_never_fall(self) -> None:
        numbers = [steps.step_number(row.id) for row in steps.QUESTIONS]
        assert numbers == sorted(numbers)
        assert numbers[0] == 1
        assert steps.step_number(steps.DONE) == numbers[-1] == len(steps.STEPS)

    @pytest.mark.parametrize(
        ("draft", "at"),
        [
            (SettingsDraft(), "language"),
            (SettingsDraft(at="village"), "village"),
            (SettingsDraft(at="no_such_question"), "language"),
            (SettingsDraft(at="reads"), "language"),
            (SettingsDraft(at="reads", scale=ScaleDraft("p")), "reads"),
            (SettingsDraft(at="technician_again"), "technician_pin"),
            (SettingsDraft(at="clerk_again"), "clerk_pin"),
            (SettingsDraft(at="done"), "language"),
        ],
    )
    def test_where_a_restart_goes_on(self, draft: SettingsDraft, at: str) -> None:
        assert steps.resumed(draft) == at
