"""Every rule of the boot linter finds the fault it is for, at its line, and the files that are shipped have none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.lint_boot import FOLDER, RULES, WORDS, lint

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(FOLDER.glob("*.txt"))
CONFIG = {path.name: path.read_text(encoding="ascii") for path in SHIPPED if path.name.startswith("config")}
CMDLINE = (FOLDER / "cmdline.txt").read_text(encoding="ascii")


def test_the_shipped_files_have_no_fault(subtests: pytest.Subtests) -> None:
    for path in SHIPPED:
        with subtests.test(path=path.name):
            assert [str(finding) for finding in lint(path)] == []


def test_there_is_one_for_each_board() -> None:
    assert [path.name for path in SHIPPED] == ["cmdline.txt", "config-pi3.txt", "config-pi4.txt", "config-pi5.txt"]


def findings(folder: Path, name: str, text: str | bytes) -> set[tuple[int, str]]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {(finding.line, finding.rule) for finding in lint(path)}


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


IN_CONFIG = [
    # name of the file, what is replaced, by what, the rule
    ("config-pi4.txt", "disable_splash=1", "disable_splash = 1", "spaces"),
    ("config-pi4.txt", "disable_splash=1", "  disable_splash=1", "spaces"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0 # at once", "comment"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ndisable_spalsh=1", "key"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\nboot_delay=5", "twice"),
    ("config-pi4.txt", "dtparam=audio=on", "dtparam=audio=on\ndtparam=watchdog=on", "twice"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\nkernel_watchdog_timeout=60", "value"),
    ("config-pi4.txt", "camera_auto_detect=1", "camera_auto_detect=on", "value"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ninitramfs=initramfs8 followkernel", "syntax"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\njust words", "syntax"),
    ("config-pi4.txt", "[pi4]", "[pi3]", "section"),
    ("config-pi4.txt", "[pi4]", "[Pi4]", "section"),
    ("config-pi4.txt", "[pi4]", "[pi4", "section"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ndisplay_rotate=2", "rotate"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ndtoverlay=vc4-fkms-v3d", "overlay"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ndtoverlay=uart3-pi5", "overlay"),
    ("config-pi3.txt", "boot_delay=0", "boot_delay=0\ndtoverlay=uart3", "overlay"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\nusb_max_current_enable=1", "overlay"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ndtparam=rtc_bbat_vchg=3000000", "overlay"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\n#" + "x" * 98, "length"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\n# Äpfel", "encoding"),
    ("config-pi4.txt", "dtparam=audio=on", "dtparam=audio=on\ndtparam=watchdog=off", "twice"),
    ("config-pi4.txt", "dtparam=audio=on", "dtparam=audio=on\ndtparam=watchdog=off", "needed"),
    ("config-pi4.txt", "dtparam=audio=on", "dtparam=audio=on,watchdog=off", "needed"),
    ("config-pi4.txt", "dtoverlay=i2c-rtc,ds3231", "dtoverlay=i2c-rtc", "clock"),
    ("config-pi4.txt", "dtoverlay=i2c-rtc,ds3231", "dtoverlay=i2c-rtc,ds9999", "clock"),
    ("config-pi4.txt", "dtoverlay=i2c-rtc,ds3231", "dtoverlay=i2c-rtc,wakeup-source", "clock"),
    ("config-pi4.txt", "dtoverlay=i2c-rtc,ds3231", "dtoverlay=i2c-rtc,ds3231,pcf8523", "clock"),
    ("config-pi4.txt", "boot_delay=0", "boot_delay=0\ndisable_overscan=1\r", "encoding"),
]


@pytest.mark.parametrize(("name", "old", "new", "rule"), IN_CONFIG, ids=[f"{row[3]}: {row[2]!r}" for row in IN_CONFIG])
def test_a_planted_fault_is_found_at_its_line(tmp_path: Path, name: str, old: str, new: str, rule: str) -> None:
    text = CONFIG[name].replace(old, new, 1)
    line = CONFIG[name].partition(old)[0].count("\n") + new.count("\n") + 1
    assert (line, rule) in findings(tmp_path, name, text)


@pytest.mark.parametrize(
    "missing", ["disable_splash=1", "boot_delay=0", "dtoverlay=vc4-kms-v3d", "dtparam=watchdog=on"]
)
def test_what_a_kiosk_needs_is_missed(tmp_path: Path, missing: str) -> None:
    assert findings(tmp_path, "config-pi5.txt", CONFIG["config-pi5.txt"].replace(missing + "\n", "")) == {(0, "needed")}


@pytest.mark.parametrize("line", ["disable_splash=0", "boot_delay=5", "dtparam=watchdog=off"])
@pytest.mark.parametrize("below", ["[all]", "[cm4]", "[gpio4=1]", "[0x1234abcd]", "[tryboot]"])
def test_a_later_line_takes_away_what_a_kiosk_needs(tmp_path: Path, line: str, below: str) -> None:
    text = CONFIG["config-pi4.txt"] + f"{below}\n{line}\n[all]\n"
    assert findings(tmp_path, "config-pi4.txt", text) == {(line_of(text, line), "needed")}
    assert findings(tmp_path, "config.txt", text) == {(line_of(text, line), "needed")}


def test_a_later_line_for_another_board_takes_nothing_away(tmp_path: Path) -> None:
    text = CONFIG["config-pi4.txt"] + "[pi5]\n[pi3]\n[none]\ndisable_splash=0\n[all]\n"
    assert findings(tmp_path, "config.txt", text) == set()
    text = CONFIG["config-pi4.txt"] + "[cm5]\ndisable_splash=0\n[all]\n"
    assert findings(tmp_path, "config.txt", text) == set()


@pytest.mark.parametrize("name", list(CONFIG))
@pytest.mark.parametrize("below", ["[none]", "[none]\n[all]\n[none]", "[gpio4=1]"])
def test_a_filter_that_keeps_the_whole_fragment_out(tmp_path: Path, name: str, below: str) -> None:
    board = f"[{name.removeprefix('config-').removesuffix('.txt')}]"
    text = CONFIG[name].replace(board, f"{board}\n{below}")
    for told in (name, "config.txt"):
        assert (0, "needed") in findings(tmp_path, told, text)
    text = CONFIG[name].replace(board, below)
    for told in (name, "config.txt"):
        assert (0, "needed") in findings(tmp_path, told, text)


@pytest.mark.parametrize("below", ["[none]", "[gpio4=1]", "[cm4]"])
def test_bluetooth_that_leaves_the_uart_on_some_boards_or_none(tmp_path: Path, below: str) -> None:
    text = CONFIG["config-pi4.txt"].replace("dtoverlay=disable-bt\n", "") + f"{below}\ndtoverlay=disable-bt\n[all]\n"
    assert findings(tmp_path, "config-pi4.txt", text) == {(line_of(text, "enable_uart=1"), "uart")}


def test_two_fragments_in_one_file_are_checked_for_both_boards(tmp_path: Path) -> None:
    both = CONFIG["config-pi4.txt"] + CONFIG["config-pi5.txt"]
    assert findings(tmp_path, "config.txt", both) == set()
    assert findings(tmp_path, "config.txt", both.removesuffix("[all]\n") + "boot_delay=1\n[all]\n") == {
        (len(both.splitlines()), "twice"),
        (len(both.splitlines()), "needed"),
    }


def test_a_uart_that_bluetooth_holds(tmp_path: Path) -> None:
    text = CONFIG["config-pi3.txt"].replace("dtoverlay=disable-bt\n", "")
    assert findings(tmp_path, "config-pi3.txt", text) == {(line_of(text, "enable_uart=1"), "uart")}


def test_a_section_that_is_left_open(tmp_path: Path) -> None:
    text = CONFIG["config-pi4.txt"].removesuffix("[all]\n")
    assert findings(tmp_path, "config-pi4.txt", text) == {(len(text.splitlines()), "section")}


def test_a_file_without_its_last_newline(tmp_path: Path) -> None:
    text = CONFIG["config-pi4.txt"].removesuffix("\n")
    assert findings(tmp_path, "config-pi4.txt", text) == {(len(text.splitlines()), "encoding")}


def test_what_the_operating_system_writes_is_no_fault(tmp_path: Path) -> None:
    text = CONFIG["config-pi4.txt"] + "initramfs initramfs8 followkernel\ninclude extra.txt\n[cm4]\n[gpio4=1]\n[all]\n"
    assert findings(tmp_path, "config-pi4.txt", text) == set()


STOCK = Path(__file__).with_name("stock")
"""What a fresh Raspberry Pi OS boots with, of releases 12 and 13; the number of the card is made up."""
STOCK_CONFIG = sorted(STOCK.glob("*/config.txt"))
STOCK_CMDLINE = sorted(STOCK.glob("*/cmdline.txt"))


def test_the_fragment_below_what_raspberry_pi_os_ships(tmp_path: Path) -> None:
    assert [path.parent.name for path in STOCK_CONFIG] == ["bookworm", "trixie"]
    for path in STOCK_CONFIG:
        stock = path.read_text(encoding="ascii")
        assert findings(tmp_path, "config.txt", stock) == {(0, "needed")}, path
        for name, fragment in CONFIG.items():
            assert findings(tmp_path, "config.txt", stock + fragment) == set(), (path, name)
            for later in ("disable_splash=0", "dtparam=watchdog=off", "dtoverlay=vc4-fkms-v3d", "display_rotate=2"):
                assert findings(tmp_path, "config.txt", f"{stock}{fragment}{later}\n") != set(), (path, name, later)


def edited(stock: str) -> str:
    """As docs/box.md has it: the words of the fragment in place of the consoles."""
    words = [word for word in stock.split() if not word.startswith("console=")]
    return " ".join([*words, *CMDLINE.split()]) + "\n"


def test_a_stock_command_line_is_told_what_to_change_and_no_more(tmp_path: Path) -> None:
    assert [path.parent.name for path in STOCK_CMDLINE] == ["bookworm", "trixie"]
    has = {"quiet", "fsck.repair=yes"}
    for path in STOCK_CMDLINE:
        stock = path.read_text(encoding="ascii")
        told = sorted(finding.text for finding in lint(path))
        assert told == sorted(
            [f"{word} is missing: add it" for word in WORDS if word not in has]
            + ["take console=serial0,115200 out", "take console=tty1 out"]
        ), path
        assert findings(tmp_path, "cmdline.txt", edited(stock)) == set(), path
        for word, rule in (
            ("console=serial0,115200", "console"),
            ("fsck.repair=no", "repeated"),
            ("init=/bin/sh", "shell"),
            ("overlayroot=tmpfs", "repeated"),
        ):
            assert (1, rule) in findings(tmp_path, "cmdline.txt", f"{word} {edited(stock)}"), (path, word)


IN_CMDLINE = [
    (CMDLINE.replace("quiet ", ""), (1, "word")),
    (CMDLINE.replace("panic=10", "panic=0"), (1, "word")),
    (CMDLINE.replace(" logo.nologo", "\nlogo.nologo"), (2, "one-line")),
    ("", (0, "one-line")),
    (CMDLINE.replace("console=tty3", "console=tty1"), (1, "console")),
    (CMDLINE.replace("console=tty3", "console=serial0,115200 console=tty3"), (1, "console")),
    (CMDLINE.replace("console=tty3", "console=ttyAMA0,115200"), (1, "console")),
    (CMDLINE.replace("panic=10", "panic=10 panic=0"), (1, "repeated")),
    (CMDLINE.replace(":recurse=0", ""), (1, "overlayroot")),
    (CMDLINE.replace("quiet", "quiet systemd.volatile=overlay"), (1, "volatile")),
    (CMDLINE.replace("quiet", "quiet sysrq_always_enabled"), (1, "sysrq")),
    (CMDLINE.replace("quiet", "quiet usb-storage.quirks=152d0578:u"), (1, "quirk")),
    *(
        (CMDLINE.replace("console=tty3", f"console=tty3 {word}"), (1, "console"))
        for word in ("console=tty2", "console=tty1,115200", "console=tty0", "console=ttyUSB0", "console=hvc0")
    ),
    *(
        (CMDLINE.replace("quiet", f"quiet {word}"), (1, "shell"))
        for word in (
            "init=/bin/sh",
            "rdinit=/bin/sh",
            "systemd.unit=rescue.target",
            "systemd.unit=emergency.target",
            "rd.systemd.unit=rescue.target",
            "systemd.wants=debug-shell.service",
            "systemd.debug_shell=1",
            "systemd.debug-shell",
            "systemd.debug_shell=tty9",
            "systemd.run=/bin/sh",
            "single",
            "S",
            "1",
            "-b",
            "emergency",
            "rescue",
            "break=premount",
            "rd.break",
        )
    ),
]


@pytest.mark.parametrize(("text", "expected"), IN_CMDLINE, ids=[f"{row[1][1]} {n}" for n, row in enumerate(IN_CMDLINE)])
def test_a_planted_fault_of_the_command_line_is_found(tmp_path: Path, text: str, expected: tuple[int, str]) -> None:
    assert expected in findings(tmp_path, "cmdline.txt", text)


@pytest.mark.parametrize(
    "word", ["systemd.unit=graphical.target", "systemd.debug_shell=0", "root=/dev/sda", "rootwait"]
)
def test_an_ordinary_word_is_no_fault(tmp_path: Path, word: str) -> None:
    assert findings(tmp_path, "cmdline.txt", CMDLINE.replace("quiet", f"quiet {word}")) == set()


def test_a_good_quirk_is_no_fault(tmp_path: Path) -> None:
    text = CMDLINE.replace("quiet", "quiet usb-storage.quirks=152d:0578:u,174c:55aa:u")
    assert findings(tmp_path, "cmdline.txt", text) == set()


def test_every_rule_has_a_planted_fault() -> None:
    planted = {row[3] for row in IN_CONFIG} | {row[1][1] for row in IN_CMDLINE} | {"needed", "uart"}
    assert planted == set(RULES)


def run(*names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/lint_boot.py", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_command_says_file_and_line(tmp_path: Path) -> None:
    assert (run().returncode, run().stdout) == (0, "")
    bad = tmp_path / "config-pi4.txt"
    bad.write_text(CONFIG["config-pi4.txt"].replace("boot_delay=0", "boot_delay = 0"), encoding="ascii")
    done = run(str(bad))
    assert done.returncode == 1
    assert done.stdout.startswith(f"config-pi4.txt:{line_of(CONFIG['config-pi4.txt'], 'boot_delay')}: spaces: ")
    assert run(str(tmp_path / "none.txt")).returncode == 2
