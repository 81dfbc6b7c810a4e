"""What a Raspberry Pi boots with after a kiosk's words were merged in: linted, nothing doubled, nobody's line lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import merge_boot
from scripts.lint_boot import FOLDER, WORDS, lint
from scripts.merge_boot import BOARDS, CMDLINE, CONFIG, Unusable, main, merge_cmdline, merge_config, merged

STOCK = Path(__file__).with_name("stock")
RELEASES = sorted(path.name for path in STOCK.iterdir())
FRAGMENTS = {board: (FOLDER / f"config-{board}.txt").read_text(encoding="ascii") for board in BOARDS}
OURS = (FOLDER / CMDLINE).read_text(encoding="ascii").split()
CARDS = [("pi3",), ("pi4",), ("pi5",), ("pi3", "pi4"), BOARDS]
"""Boards that one card is for."""


class Card:
    """A boot partition."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def hold(self, release: str) -> None:
        """A fresh Raspberry Pi OS."""
        for name in (CONFIG, CMDLINE):
            self.put(name, (STOCK / release / name).read_bytes())

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def data(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in (CONFIG, CMDLINE)}

    def lint(self) -> list[str]:
        return [str(finding) for name in (CONFIG, CMDLINE) for finding in lint(self.folder / name)]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_a_stock_card_is_clean_after_one_run_and_the_same_after_two(card: Card) -> None:
    assert RELEASES == ["bookworm", "trixie"]
    for release in RELEASES:
        for boards in CARDS:
            card.hold(release)
            before = card.data()
            assert main([str(card.folder), *boards]) == 0
            once = card.data()
            assert card.lint() == [], (release, boards)
            assert once[CONFIG].startswith(before[CONFIG]), "every line of the system stays where it was"
            words = once[CMDLINE].decode().split()
            assert len(words) == len(set(words)), "nothing stands twice"
            assert [word for word in words if word not in OURS] == [
                word for word in before[CMDLINE].decode().split() if word not in OURS and "console=" not in word
            ]
            assert (card.folder / "config.txt.before").read_bytes() == before[CONFIG]
            assert main([str(card.folder), *boards]) == 0
            assert card.data() == once, (release, boards)
            assert (card.folder / "config.txt.before").read_bytes() == before[CONFIG], "a run that changes nothing"
            assert not list(card.folder.glob("*.part"))


def test_a_fragment_that_was_appended_by_hand_is_not_there_twice(card: Card) -> None:
    card.hold("trixie")
    stock = card.data()[CONFIG].decode()
    card.put(CONFIG, (stock + FRAGMENTS["pi4"]).encode())
    main([str(card.folder), "pi4"])
    text = card.data()[CONFIG].decode()
    assert text.count("dtoverlay=i2c-rtc,ds3231") == 1
    assert card.lint() == []
    main([str(card.folder), "pi4"])
    assert card.data()[CONFIG].decode() == text


def test_a_newer_fragment_takes_the_place_of_the_older_one(card: Card) -> None:
    older = merge_config("arm_boost=1\n", {"pi4": "[pi4]\nboot_delay=1\n[all]\n"}) + "# mine\ngpu_mem=64\n"
    newer = merge_config(older, FRAGMENTS)
    assert "boot_delay=1" not in newer
    assert newer.startswith("arm_boost=1\n# >>> station kiosk: pi4\n")
    before_others = newer.partition("# <<< station kiosk: pi4\n")[2]
    assert before_others.startswith("# mine\ngpu_mem=64\n# >>> station kiosk: pi3\n")
    assert merge_config(newer, FRAGMENTS) == newer


def test_a_filter_that_somebody_left_open_does_not_hold_for_our_lines(card: Card) -> None:
    card.hold("bookworm")
    card.put(CONFIG, card.data()[CONFIG] + b"[cm4]\n[gpio4=1]\ngpio=5=op\n")
    main([str(card.folder), "pi4"])
    assert card.lint() == []


def test_lines_of_others_stay_byte_for_byte(subtests: pytest.Subtests) -> None:
    for text in [
        b"",
        b"# no end of line",
        b"arm_boost=1\r\n# eigene Zeile \xc3\xa4\r\n",
        b"dtoverlay=uart3\n\n\n[pi4]\nover_voltage=2\n",
        bytes(range(1, 256)),
    ]:
        with subtests.test(text=text):
            told = merge_config(text.decode("latin-1"), FRAGMENTS).encode("latin-1")
            assert told.startswith(text)
            assert merge_config(told.decode("latin-1"), FRAGMENTS).encode("latin-1") == told


def test_the_command_line_is_one_line_with_each_word_once(subtests: pytest.Subtests) -> None:
    def holds(line: str, expected: str | None) -> None:
        if expected is None:
            with pytest.raises(Unusable, match="lines, and the firmware reads one"):
                merge_cmdline(line, OURS)
            return
        told = merge_cmdline(line, OURS)
        there = set(expected.split())
        assert told == expected.format(" ".join(word for word in OURS if word not in there)) + "\n"
        assert merge_cmdline(told, OURS) == told
        assert set(WORDS) <= set(told.split())

    for line, expected in [
        ("root=/dev/mmcblk0p2 rootwait", "root=/dev/mmcblk0p2 rootwait {}"),
        ("", None),
        ("\n\n", None),
        ("quiet\nroot=/dev/sda", None),
        ("\nrootwait\n\n", "rootwait {}"),
        ("console=serial0,115200 rootwait console=tty1", "rootwait {}"),
        ("fsck.repair=no rootwait fsck.repair=no", "fsck.repair=yes rootwait {}"),
        ("quiet quiet rootwait quiet", "quiet rootwait {}"),
        ("overlayroot=disabled rootwait", "rootwait {}"),
        ("a=1 a=2 mine", "a=1 a=2 mine {}"),
    ]:
        with subtests.test(line=line, expected=expected):
            holds(line, expected)


def test_the_seal_comes_last_and_can_be_taken_off_again(card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    card.hold("trixie")
    main([str(card.folder), "pi4", "--unsealed"])
    unsealed = card.data()
    assert b"overlayroot" not in unsealed[CMDLINE]
    assert [row for row in card.lint() if "overlayroot" not in row] == []
    main([str(card.folder), "pi4"])
    assert card.lint() == []
    capsys.readouterr()
    main([str(card.folder), "pi4", "--unsealed"])
    assert card.data() == unsealed
    assert capsys.readouterr().out == f"{card.folder / CONFIG}: as it was\n{card.folder / CMDLINE}: changed\n"


def test_what_cannot_be_used_changes_nothing(card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    card.hold("trixie")
    good = card.data()
    for name, data, said in (
        (CMDLINE, b"a\nb\n", "cmdline.txt: 2 lines"),
        (CONFIG, b"# >>> station kiosk: pi4\n", "not a pair"),
        (CONFIG, b"# <<< station kiosk: pi4\n# >>> station kiosk: pi4\n", "not a pair"),
        (CONFIG, b"# >>> station kiosk: pi4\n# <<< station kiosk: pi4\n" * 2, "not a pair"),
    ):
        card.put(name, data)
        assert main([str(card.folder), "pi4"]) == 1
        assert said in capsys.readouterr().err
        assert card.data() == {**good, name: data}
        card.hold("trixie")
    (card.folder / CMDLINE).unlink()
    assert main([str(card.folder), "pi4"]) == 1
    assert (card.folder / CONFIG).read_bytes() == good[CONFIG]


def test_a_look_writes_nothing(card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    card.hold("bookworm")
    before = card.data()
    assert main(["--look", str(card.folder), "pi5"]) == 0
    told = capsys.readouterr().out
    assert told == "".join(f"== {path.name}\n{text}" for path, text in merged(card.folder, ["pi5"]).items())
    assert card.data() == before
    assert sorted(path.name for path in card.folder.iterdir()) == [CMDLINE, CONFIG]


def test_the_power_goes_while_it_writes(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step on the disk: old or new, and the next run makes it whole."""
    card.hold("trixie")
    old = card.data()
    new = {path.name: text.encode("latin-1") for path, text in merged(card.folder, ["pi4"]).items()}
    real = merge_boot.os.fsync
    for cut in range(8):
        card.hold("trixie")
        left = [cut]

        def fsync(handle: int, left: list[int] = left) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            real(handle)

        with monkeypatch.context() as patch:
            patch.setattr(merge_boot.os, "fsync", fsync)
            with pytest.raises(KeyboardInterrupt):
                main([str(card.folder), "pi4"])
        for name, data in card.data().items():
            assert data in (old[name], new[name]), (cut, name)
        assert main([str(card.folder), "pi4"]) == 0
        assert card.data() == new
