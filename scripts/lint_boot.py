"""Lints what a Raspberry Pi boots with: ``lint_boot.py [FILE...]`` checks config*.txt and cmdline*.txt.

The firmware that reads these files runs nowhere but on a board, forgives everything and says nothing, so a mistake
shows only as a box that boots strangely. The rules are from the Raspberry Pi documentation of config.txt and
cmdline.txt, systemd's and overlayroot's manuals; ``RULES`` lists them. A finding is ``file:line: rule: what to do``.
What a kiosk needs is checked against what each model of the board ends up with, sections and later lines counted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "firmware_config/boot"

RULES = {
    "encoding": "ASCII, lines ended by LF, a newline at the end",
    "length": "the firmware reads at most 98 characters of a line",
    "spaces": "no spaces around =, no indentation: the firmware takes them for part of the value",
    "comment": "a comment has its own line: after a value it becomes part of it",
    "syntax": "a line is key=value, initramfs FILE ADDRESS, include FILE, or a [section]",
    "key": "known keys only: the firmware ignores others without a word",
    "section": "known sections only, of the board the file is for, and [all] at the end",
    "twice": "the last value of a key wins: a second one hides the first",
    "clock": "i2c-rtc needs the name of one clock chip that it knows",
    "value": "numbers and switches in their range",
    "rotate": "display_rotate and lcd_rotate do nothing under vc4-kms-v3d",
    "overlay": "overlays and parameters that the board has",
    "uart": "enable_uart=1 only when Bluetooth has left the UART",
    "needed": "what a kiosk needs: no splash, no delay, KMS graphics, the watchdog",
    "one-line": "the kernel's command line is one line",
    "word": "what a kiosk needs on the kernel's command line",
    "console": "no console where somebody can type, none on the UART of the scale",
    "repeated": "the kernel takes the last of a word that is given twice with two values",
    "overlayroot": "overlayroot with recurse=0, or it swallows the data partition",
    "volatile": "systemd.volatile= needs an initramfs made by systemd, which Debian's is not",
    "sysrq": "no keys that talk to the kernel",
    "shell": "no other init, no rescue system and no shell: each is a machine without a lock",
    "quirk": "usb-storage.quirks is vid:pid:flags, hexadecimal",
}

BOARDS = ("pi3", "pi4", "pi5")
SECTIONS = {"pi3": {"pi3", "pi3+"}, "pi4": {"pi4", "pi400", "cm4"}, "pi5": {"pi5", "pi500", "cm5"}}
MODELS = {
    "pi3": ({"pi3"}, {"pi3", "pi3+"}),
    "pi4": ({"pi4"}, {"pi4", "pi400"}, {"pi4", "cm4"}),
    "pi5": ({"pi5"}, {"pi5", "pi500"}, {"pi5", "cm5"}),
}
"""What is sold of each board, by the sections that are for it."""
ANY_BOARD = set().union(*SECTIONS.values())
EVERYWHERE = {"all", "none", "tryboot"}
LONGEST = 98

SWITCHES = {
    "arm_64bit",
    "arm_boost",
    "auto_initramfs",
    "avoid_warnings",
    "camera_auto_detect",
    "disable_fw_kms_setup",
    "disable_overscan",
    "disable_splash",
    "display_auto_detect",
    "enable_uart",
    "hdmi_force_hotplug",
    "otg_mode",
    "uart_2ndstage",
    "usb_max_current_enable",
}
NUMBERS = {"boot_delay": (0, 30), "kernel_watchdog_timeout": (1, 15), "max_framebuffers": (1, 2), "gpu_mem": (16, 256)}
TEXTS = {"boot_watchdog_timeout", "cmdline", "device_tree", "display_rotate", "kernel", "lcd_rotate", "os_prefix"}
MANY = {"dtoverlay", "dtparam", "gpio"}
"""Keys that may come again and again."""

OVERLAYS = {
    "vc4-kms-v3d": BOARDS,
    "disable-bt": BOARDS,
    "disable-wifi": BOARDS,
    "i2c-rtc": BOARDS,
    "dwc2": BOARDS,
    "gpio-shutdown": BOARDS,
    "gpio-poweroff": BOARDS,
    "gpio-fan": BOARDS,
    "vc4-kms-dsi-7inch": BOARDS,
    "vc4-kms-dsi-ili9881-7inch": BOARDS,
    "miniuart-bt": ("pi3", "pi4"),
    **{f"uart{number}": ("pi4",) for number in (2, 3, 4, 5)},
    **{f"uart{number}-pi5": ("pi5",) for number in (0, 1, 2, 3, 4)},
}
PARAMETERS = {
    "watchdog": BOARDS,
    "audio": BOARDS,
    "i2c_arm": BOARDS,
    "i2s": BOARDS,
    "spi": BOARDS,
    "uart0": ("pi5",),
    "rtc_bbat_vchg": ("pi5",),
    "pciex1": ("pi5",),
}
BOARD_KEYS = {"usb_max_current_enable": ("pi5",)}
NEEDED = ("disable_splash=1", "boot_delay=0", "dtoverlay=vc4-kms-v3d", "dtparam=watchdog=on")
ON = {"", "on", "yes", "y", "true", "1"}
"""All that switches a parameter of the device tree on."""
CLOCK_CHIPS = frozenset(
    [
        "abx80x",
        "bq32000",
        "ds1307",
        "ds1339",
        "ds1340",
        "ds3231",
        "m41t62",
        "mcp7940x",
        "mcp7941x",
        "pcf2127",
        "pcf2129",
        "pcf2131",
        "pcf85063",
        "pcf85063a",
        "pcf8523",
        "pcf85363",
        "pcf8563",
        "rv1805",
        "rv3028",
        "rv3032",
        "rv8803",
        "s35390a",
        "sd3078",
    ]
)
CLOCK_OPTIONS = frozenset(
    [
        "addr",
        "i2c0",
        "i2c1",
        "i2c3",
        "i2c4",
        "i2c5",
        "i2c6",
        "i2c_csi_dsi",
        "i2c_csi_dsi0",
        "wakeup-source",
        "trickle-diode-disable",
        "trickle-diode-type",
        "trickle-resistor-ohms",
        "trickle-voltage-mv",
        "backup-switchover-mode",
        "aux-voltage-chargeable",
    ]
)

WORDS = (
    "quiet",
    "loglevel=3",
    "logo.nologo",
    "vt.global_cursor_default=0",
    "consoleblank=0",
    "fsck.repair=yes",
    "panic=10",
    "overlayroot=tmpfs:recurse=0",
)
QUIRK = re.compile(r"usb-storage\.quirks=[0-9a-f]{4}:[0-9a-f]{4}:[a-z]+(,[0-9a-f]{4}:[0-9a-f]{4}:[a-z]+)*")
REPEATABLE = frozenset({"console"})
CONSOLES = {"console=tty3", "console=null"}
"""Where nobody looks and nobody can type."""
SHELLS = {"single", "s", "S", "1", "-b", "rescue", "emergency", "break", "rd.break", "rd.shell"}
"""Words that need no value to stop short of the kiosk."""
STARTERS = {"init", "rdinit", "break", "rd.break", "systemd.run", "systemd.debug_shell", "systemd.default_debug_tty"}
"""Names that start something else in its place, unless their value says no."""
TARGETS = {"default.target", "graphical.target", "multi-user.target"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake at one place; ``line`` counts from 1, 0 is the whole file."""

    file: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.text} ({RULES[self.rule]})"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which boxes a line is for: ``model`` is a section of a board or "" for all, ``perhaps`` a pin or a serial number
    decides too, ``never`` is [none]."""

    model: str = ""
    perhaps: bool = False
    never: bool = False

    def then(self, section: str) -> Filter:
        """Filters of one kind replace each other, those of several kinds add up until [all]."""
        if section == "all":
            return Filter()
        if section == "none":
            return replace(self, never=True)
        if section in ANY_BOARD:
            # Whether a board's section ends [none] is not documented: it may.
            return replace(self, model=section, perhaps=self.perhaps or self.never, never=False)
        return replace(self, perhaps=True)

    def holds(self, model: Set[str]) -> bool | None:
        """None is perhaps."""
        if self.never or (self.model and self.model not in model):
            return False
        return None if self.perhaps else True


@dataclass(frozen=True, slots=True)
class Setting:
    """``key=value`` below a section filter."""

    line: int
    section: str
    filter: Filter
    key: str
    value: str

    def parts(self) -> Iterator[tuple[str, str]]:
        """Name and value of all that the line sets: one parameter each, an overlay with what belongs to it."""
        if self.key == "dtparam":
            for part in self.value.split(","):
                name, _, value = part.partition("=")
                yield f"dtparam={name}", value
        elif self.key == "dtoverlay":
            name, _, rest = self.value.partition(",")
            yield f"dtoverlay={name}", rest
        else:
            yield self.key, self.value


Report = Callable[[int, str, str], Finding]


def lint(path: Path) -> list[Finding]:
    """All findings of one file, in the order of its lines. What kind of file it is, its name says."""
    data = path.read_bytes()

    def report(line: int, rule: str, text: str) -> Finding:
        return Finding(path.name, line, rule, text)

    found = list(_encoding(data, report))
    text = data.decode("ascii", "replace")
    if path.name.startswith("cmdline"):
        found += _cmdline(text, report)
    else:
        found += _config(text.splitlines(), _board(path.name), report)
    return sorted(found, key=lambda finding: finding.line)


def _board(name: str) -> str | None:
    return next((board for board in BOARDS if board in name), None)


def _encoding(data: bytes, report: Report) -> Iterator[Finding]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if any(byte > 0x7E or (byte < 0x20 and byte != 0x09) for byte in line):
            yield report(number, "encoding", f"{line[:40]!r}")
    if not data.endswith(b"\n"):
        yield report(data.count(b"\n") + 1, "encoding", "no newline at the end")


# --- config.txt -------------------------------------------------------------------------------------------------------


def _config(lines: Sequence[str], board: str | None, report: Report) -> list[Finding]:
    found: list[Finding] = []
    settings: list[Setting] = []
    section, passes = "all", Filter()
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST:
            found.append(report(number, "length", f"{len(line)} characters"))
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            passes = passes.then(section)
            found += _section(number, line, board, report)
        else:
            found += _line(number, line, (section, passes), settings, report)
    if section != "all":
        found.append(report(len(lines), "section", f"[{section}] still filters at the end: close it with [all]"))
    found += [row for setting in settings for row in _setting(setting, board, report)]
    found += _twice(settings, report)
    found += _whole(settings, board, report)
    return found


def _section(number: int, line: str, board: str | None, report: Report) -> Iterator[Finding]:
    name = line.strip("[]")
    allowed = EVERYWHERE | (SECTIONS[board] if board else ANY_BOARD)
    if line != f"[{name}]" or (name not in allowed and not re.fullmatch(r"gpio\d+=[01]|HDMI:[01]|0x[0-9a-f]+", name)):
        yield report(number, "section", f"{line!r} is none here")


def _line(
    number: int, line: str, below: tuple[str, Filter], settings: list[Setting], report: Report
) -> Iterator[Finding]:
    """Take one line that sets something apart."""
    if line != line.strip() or re.search(r"\s=|=\s", line):
        yield report(number, "spaces", repr(line))
    word, _, rest = line.strip().partition(" ")
    if word in ("initramfs", "include") and rest and "=" not in line:
        return
    key, equals, value = (part.strip() for part in line.partition("="))
    if word.startswith("initramfs") or not equals or not re.fullmatch(r"\w+", key):
        yield report(number, "syntax", repr(line))
        return
    if "#" in value:
        yield report(number, "comment", repr(line))
        value = value.partition("#")[0].strip()
    settings.append(Setting(number, *below, key, value))


def _setting(setting: Setting, board: str | None, report: Report) -> Iterator[Finding]:
    key, value, line = setting.key, setting.value, setting.line
    if key not in SWITCHES | NUMBERS.keys() | TEXTS | MANY:
        yield report(line, "key", f"{key} is unknown")
    if key in SWITCHES and value not in ("0", "1"):
        yield report(line, "value", f"{key} is 0 or 1, not {value!r}")
    if key in NUMBERS and not _in_range(value, *NUMBERS[key]):
        yield report(line, "value", f"{key} is {NUMBERS[key][0]} to {NUMBERS[key][1]}, not {value!r}")
    for part, rest in setting.parts():
        kind, _, name = part.partition("=")
        table = {"dtoverlay": OVERLAYS, "dtparam": PARAMETERS}.get(kind)
        if table is not None and (name not in table or (board and board not in table[name])):
            yield report(line, "overlay", f"{kind}={name} is not for {board or 'any board'}")
        if part == "dtoverlay=i2c-rtc":
            yield from _clock(line, rest, report)
    if key in BOARD_KEYS and board and board not in BOARD_KEYS[key]:
        yield report(line, "overlay", f"{key} is not for {board}")


def _clock(line: int, options: str, report: Report) -> Iterator[Finding]:
    names = {option.partition("=")[0] for option in options.split(",") if option}
    for name in sorted(names - CLOCK_CHIPS - CLOCK_OPTIONS):
        yield report(line, "clock", f"{name} is unknown to i2c-rtc")
    if len(names & CLOCK_CHIPS) != 1:
        yield report(line, "clock", f"i2c-rtc has {len(names & CLOCK_CHIPS)} chips")


def _in_range(value: str, low: int, high: int) -> bool:
    return value.isascii() and value.isdecimal() and low <= int(value) <= high


def _twice(settings: Sequence[Setting], report: Report) -> Iterator[Finding]:
    first: dict[tuple[str, str], int] = {}
    for setting in settings:
        for part, value in setting.parts():
            # The same overlay or pin twice is a mistake too; with other values it is another device.
            name = f"{part},{value}" if setting.key in ("dtoverlay", "gpio") else part
            line = first.setdefault((setting.section, name), setting.line)
            if line != setting.line:
                yield report(setting.line, "twice", f"{part} was set in line {line}")


def _whole(settings: Sequence[Setting], board: str | None, report: Report) -> Iterator[Finding]:
    """What can only be seen of all settings together, on each model that the file is for; no finding twice."""
    models = [model for name in _boards(settings, board) for model in MODELS[name]]
    yield from dict.fromkeys(row for model in models for row in _booted(settings, model, report))


def _boards(settings: Sequence[Setting], board: str | None) -> Sequence[str]:
    """The board in the file's name; else the boards whose own section sets something; else any."""
    named = {setting.filter.model for setting in settings if not setting.filter.never}
    return (board,) if board else [name for name in BOARDS if name in named] or BOARDS


def _booted(settings: Sequence[Setting], model: Set[str], report: Report) -> Iterator[Finding]:
    """What is wrong with the values that one model ends up with."""
    found = _effective(settings, model)
    for needed in NEEDED:
        name, wanted = needed.rsplit("=", 1) if not needed.startswith("dtoverlay") else (needed, "")
        values = found.get(name, {None: 0})
        for value, line in values.items():
            if value is None:
                yield report(0, "needed", f"{needed} is missing: append the fragment of the board")
            elif not (name.startswith("dtoverlay") or value == wanted or (wanted == "on" and value in ON)):
                yield report(line, "needed", f"{name}={value} is what counts, not {needed}")
    if any(name.startswith("dtoverlay=vc4-kms") for name in found):
        for key in ("display_rotate", "lcd_rotate"):
            for line in (line for value, line in found.get(key, {}).items() if value is not None):
                yield report(line, "rotate", f"{key}: turn the picture by video=...,rotate= instead")
    free = any(None not in found.get(f"dtoverlay={name}", {None: 0}) for name in ("disable-bt", "miniuart-bt"))
    uart = found.get("enable_uart", {}).get("1")
    if uart and not free:
        yield report(uart, "uart", "dtoverlay=disable-bt is missing")


def _effective(settings: Sequence[Setting], model: Set[str]) -> dict[str, dict[str | None, int]]:
    """The last value of each name with its line. Several where a pin or a serial number decides; None is "not set"."""
    found: dict[str, dict[str | None, int]] = {}
    for setting in settings:
        holds = setting.filter.holds(model)
        for name, value in setting.parts():
            if holds:
                found[name] = {value: setting.line}
            elif holds is None:
                found.setdefault(name, {None: 0})[value] = setting.line
    return found


# --- cmdline.txt ------------------------------------------------------------------------------------------------------


def _cmdline(text: str, report: Report) -> Iterator[Finding]:
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0].strip():
        yield report(min(2, len(lines)), "one-line", f"{len(lines)} lines")
    words = text.split()
    for needed in WORDS:
        if needed not in words:
            rule = "overlayroot" if needed.startswith("overlayroot") else "word"
            yield report(1, rule, f"{needed} is missing: add it")
    seen: dict[str, str] = {}
    for word in words:
        yield from _word(word, report)
        name, _, value = word.partition("=")
        first = seen.setdefault(name, value)
        if first != value and name not in REPEATABLE:
            yield report(1, "repeated", f"{name}={first} and {name}={value}: take one out")


def _word(word: str, report: Report) -> Iterator[Finding]:
    if word.startswith("console=") and word not in CONSOLES:
        yield report(1, "console", f"take {word} out")
    if word.startswith("systemd.volatile="):
        yield report(1, "volatile", f"take {word} out")
    if word.startswith("sysrq_always_enabled"):
        yield report(1, "sysrq", f"take {word} out")
    if _opens_a_shell(word):
        yield report(1, "shell", f"take {word} out")
    if word.startswith("usb-storage.quirks=") and not QUIRK.fullmatch(word):
        yield report(1, "quirk", word)


def _opens_a_shell(word: str) -> bool:
    name, equals, value = word.partition("=")
    name = name.replace("-", "_") if name.startswith(("systemd.", "rd.")) else name
    if name in ("systemd.unit", "rd.systemd.unit"):
        return value not in TARGETS
    if name == "systemd.wants":
        return value.startswith(("debug-shell", "rescue", "emergency"))
    if name in STARTERS:
        return value.lower() not in ("0", "no", "off", "false", "n", "f")
    return not equals and word in SHELLS


def main(names: Sequence[str]) -> int:
    """Print every finding; 1 when there is one, 2 when a file cannot be read."""
    paths = [Path(name) for name in names] or sorted(FOLDER.glob("*.txt"))
    try:
        found = [finding for path in paths for finding in lint(path)]
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
