"""Files that make a decoder hang, crash or eat memory: the command gets an answer all the same."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path

import pytest

from kiosk.cli.photo.process import ChildFault, JudgeResult, PictureJudge
from kiosk.photo.channels.rules import shipped_rules

ROOT = Path(__file__).parents[3]
STAND_IN = (sys.executable, "-m", "tests.cli.photo.stand_in")
UNREADABLE = (("unreadable", 0, 0),)
JD = shipped_rules().on("jd", date(2026, 12, 1))


@pytest.fixture(autouse=True)
def _from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def judged(tmp_path: Path, word: str, within_s: float = 60.0) -> JudgeResult:
    file = tmp_path / "shot.jpg"
    file.write_text(word)
    answer, body = PictureJudge(STAND_IN, within_s).judge(file)
    assert body == b""
    return answer


def test_a_verdict_comes_back_with_every_reason_and_what_was_measured(tmp_path: Path) -> None:
    bad = judged(tmp_path, "blur")
    assert not bad.accepted
    assert bad.reasons == (("blur", 5250, 4000), ("dark", 71000, 80000))
    good = judged(tmp_path, "good")
    assert (good.accepted, good.reasons, good.why) == (True, (), None)
    assert good.metrics == {"rise": 1.25, "odd": None}, "what is no number is no number in JSON either"


def test_a_crash_an_end_and_an_error_make_the_file_unreadable(tmp_path: Path) -> None:
    for word, why in (
        ("segfault", "reading it ended the program with SIGSEGV"),
        ("exit", "reading it ended the program with exit 3"),
        ("raise", "ZeroDivisionError: division by zero\nof a picture"),
    ):
        answer = judged(tmp_path, word)
        assert (answer.accepted, answer.reasons, answer.why) == (False, UNREADABLE, why), word


def test_a_file_that_takes_for_ever_is_given_up(tmp_path: Path) -> None:
    answer = judged(tmp_path, "hang", within_s=1.0)
    assert (answer.reasons, answer.why) == (UNREADABLE, "it takes longer than 1 s")


def test_memory_ends_at_400_mb(tmp_path: Path) -> None:
    answer = judged(tmp_path, "eat")
    assert answer.reasons == UNREADABLE
    assert answer.why == "it needs more than 400 MB of memory"


def test_what_libraries_print_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    assert judged(tmp_path, "print").accepted


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    answer, _ = PictureJudge(STAND_IN).judge(pipe)
    assert (answer.reasons, answer.why) == (UNREADABLE, "it is not a regular file")
    assert PictureJudge(STAND_IN).judge(Path("/dev/zero"))[0].why == "it is not a regular file"


def test_a_channel_s_picture_comes_with_the_answer(tmp_path: Path) -> None:
    file = tmp_path / "shot.jpg"
    file.write_text("good")
    answer, picture = PictureJudge(STAND_IN).judge(file, JD)
    assert answer.accepted
    assert picture.startswith(b"\xff\xd8\xff")
    file.write_text("blank")
    answer, picture = PictureJudge(STAND_IN).judge(file, JD)
    assert (answer.accepted, answer.refused, picture) == (True, (("no_goods", 0, 1),), b"")
    file.write_text("blur")
    answer, picture = PictureJudge(STAND_IN).judge(file, JD)
    assert (answer.accepted, answer.refused, picture) == (False, (), b"")


def test_a_child_that_cannot_start_is_not_the_picture_s_fault(tmp_path: Path) -> None:
    file = tmp_path / "shot.jpg"
    file.write_text("good")
    with pytest.raises(ChildFault, match=r"^a library is missing$"):
        PictureJudge((*STAND_IN, "broken")).judge(file)
    with pytest.raises(OSError, match="No such file"):
        PictureJudge(STAND_IN).judge(tmp_path / "none.jpg")
