"""The rows of the house, a village's own, and what is said of a wrong one."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest

from kiosk.photo.channels import rules as module
from kiosk.photo.channels.rules import BadRules, ChannelRules, UnknownChannel, rules_with, shipped_rules

SHIPPED = Path(module.__file__).with_name("rules.toml")
WANTED = {
    "taobao_main",
    "taobao_white",
    "jd",
    "pinduoduo_carousel",
    "pinduoduo_home",
    "pinduoduo_detail",
    "google_merchant",
    "douyin",
    "kuaishou",
    "generic",
}
WHOLE = """
[[rules]]
channel = "fair"
size_px = [600, 400]
format = "jpeg"
least_bytes = 1
most_bytes = 100000
cut = "white"
background = "white"
margin_px = [10, 20]
source = "the county's fair"
as_of = 2026-11-01
confirmed = true
"""


def village(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "channels.toml"
    path.write_text(text, encoding="utf-8")
    return path


def told(tmp_path: Path, text: str) -> str:
    path = village(tmp_path, text)
    with pytest.raises(BadRules) as error:
        rules_with(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    return said.removeprefix(f"{path}: ")


def test_every_channel_has_a_row_with_a_source_and_a_date() -> None:
    assert sorted(WANTED) == list(shipped_rules().channels)
    for rule in shipped_rules():
        assert rule.source
        assert date(2026, 1, 1) <= rule.as_of <= date(2026, 12, 31)


def test_only_what_a_channel_says_itself_is_confirmed() -> None:
    assert {rule.channel for rule in shipped_rules() if rule.confirmed} == {"google_merchant", "generic"}
    for channel in ("douyin", "kuaishou"):
        rule = shipped_rules().on(channel, date(2026, 12, 1))
        assert not rule.confirmed
        assert rule.source.startswith("no source found")


def test_a_row_takes_over_on_its_day() -> None:
    rules = shipped_rules()
    assert rules.on("google_merchant", date(2027, 1, 30)).least_px == (100, 100)
    assert rules.on("google_merchant", date(2027, 1, 31)).least_px == (500, 500)
    assert rules.on("google_merchant", date(2029, 7, 1)).least_px == (500, 500)
    assert rules.on("jd", date(1970, 1, 1)) == rules.on("jd", date(2040, 1, 1))


def test_a_channel_nobody_knows_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownChannel, match=r"^there is no channel 'bazaar': there are douyin, generic, "):
        shipped_rules().on("bazaar", date(2026, 12, 1))


def test_the_strictest_figures() -> None:
    white = shipped_rules().on("taobao_white", date(2026, 12, 1))
    assert white.size_px == white.least_px == white.most_px == (800, 800)
    assert white.least_bytes > 38 * 1024
    assert white.most_bytes < 300 * 1000
    assert shipped_rules().on("jd", date(2026, 12, 1)).margin_px == (0, 10)
    home = shipped_rules().on("pinduoduo_home", date(2026, 12, 1))
    assert (home.size_px, home.most_bytes) == ((750, 352), 100_000)


def test_a_village_changes_a_row_and_adds_one(tmp_path: Path) -> None:
    said = 'source = "JD, by phone"\nas_of = 2026-12-02\nconfirmed = true\n'
    change = f'[[rules]]\nchannel = "jd"\nmost_bytes = 500000\n{said}'
    rules = rules_with(village(tmp_path, change + WHOLE))
    changed, before = rules.on("jd", date(2026, 12, 3)), shipped_rules().on("jd", date(2026, 12, 3))
    assert (changed.most_bytes, changed.source, changed.confirmed) == (500_000, "JD, by phone", True)
    assert changed.size_px == before.size_px
    assert rules.on("fair", date(2026, 12, 3)).size_px == (600, 400)
    assert set(rules.channels) == WANTED | {"fair"}
    assert before.most_bytes == 1_000_000, "the rows of the house stay as they are"


def test_a_village_s_row_may_begin_later(tmp_path: Path) -> None:
    later = WHOLE.replace('"fair"', '"generic"') + "valid_from = 2027-03-01\n"
    rules = rules_with(village(tmp_path, later))
    assert rules.on("generic", date(2027, 2, 28)).size_px == (1600, 1600)
    assert rules.on("generic", date(2027, 3, 1)).size_px == (600, 400)


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


def test_a_wrong_row_is_named(subtests: pytest.Subtests) -> None:
    """File, row, field and what is wrong, on one line."""
    for text, said in [
        (changed("[600, 400]", "[600]"), "row 1 (fair): size_px: "),
        (changed("[600, 400]", '["600", 400]'), "row 1 (fair): size_px: Expected `int`, got `str`"),
        (changed("[600, 400]", "[0, 400]"), "row 1 (fair): size_px: each side must be 1 to 4000"),
        (changed("[600, 400]", "[5000, 400]"), "row 1 (fair): size_px: each side must be 1 to 4000"),
        (changed("[600, 400]", "[-1, 400]"), "row 1 (fair): size_px: "),
        (WHOLE + "least_px = [601, 1]\n", "row 1 (fair): size_px: is smaller than least_px, 601 x 1"),
        (WHOLE + "most_px = [600, 399]\n", "row 1 (fair): size_px: is larger than most_px, 600 x 399"),
        (WHOLE + "ratio = [1, 1]\n", "row 1 (fair): size_px: is not 1 to 1"),
        (WHOLE + "ratio = [0, 1]\n", "row 1 (fair): ratio: both numbers must be 1 or more"),
        (changed('"jpeg"', '"gif"'), "row 1 (fair): format: Invalid enum value 'gif'"),
        (changed("least_bytes = 1\n", ""), "row 1 (fair): least_bytes: "),
        (changed("least_bytes = 1\n", "least_bytes = 0\n"), "row 1 (fair): least_bytes: must be 1 or more"),
        (changed("100000", "0"), "row 1 (fair): most_bytes: must be above least_bytes and at most 20000000"),
        (changed("100000", "99_000_000"), "row 1 (fair): most_bytes: "),
        (changed("100000", "1e5"), "row 1 (fair): most_bytes: "),
        (changed('cut = "white"', 'cut = "none"'), "row 1 (fair): cut: Invalid enum value 'none'"),
        (changed('cut = "white"', 'cut = "natural"'), "row 1 (fair): background: must be free"),
        (changed("margin_px = [10, 20]\n", ""), "row 1 (fair): margin_px: is missing"),
        (changed("[10, 20]", "[20, 10]"), "row 1 (fair): margin_px: must be the least and the most"),
        (changed("[10, 20]", "[10, 200]"), "row 1 (fair): margin_px: must be the least and the most"),
        (WHOLE + "least_goods_px = 580\n", "row 1 (fair): least_goods_px: is more than the margins leave"),
        (changed('"the county\'s fair"', '" "'), "row 1 (fair): source: must say where the figures come from"),
        (changed("2026-11-01", '"last year"'), "row 1 (fair): as_of: "),
        (changed("confirmed = true", 'confirmed = "yes"'), "row 1 (fair): confirmed: Expected `bool`, got `str`"),
        (changed('"fair"', '"The Fair"'), "row 1: channel: must be 1 to 32 of a-z"),
        (changed('"fair"', "7"), "row 1: channel: Expected `str`, got `int`"),
        (WHOLE + "colour = 3\n", "row 1 (fair): colour: Object contains unknown field"),
        (WHOLE + WHOLE, "row 2 (fair): valid_from: there is already a row for this channel and day"),
        (WHOLE + '[[rules]]\nchannel = "jd"\n', "row 2 (jd): source: is missing"),
        (WHOLE + '[[rules]]\nchannel = "jd"\nsource = "x"\n', "row 2 (jd): as_of: is missing"),
        ("rules = 3\n", "must hold [[rules]] and nothing else"),
        ("rules = [3]\n", "must hold [[rules]] and nothing else"),
        (WHOLE + "[other]\n", "must hold [[rules]] and nothing else"),
        ("rules = [\n", "is not TOML: "),
        ('rules = "\u0001', "is not TOML: "),
        ("rules = " + "[" * 9000, "is not TOML: "),
        ("# " + "x" * 1_000_001, "is larger than 1000000 bytes"),
    ]:
        with subtests.test(text=text, said=said):
            import tempfile

            with tempfile.TemporaryDirectory() as folder:
                shown = told(Path(folder), text)
            assert shown.startswith(said), shown


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadRules, match=r": cannot be read: "):
            rules_with(path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# \xe9\n")
    with pytest.raises(BadRules, match=r": is not TOML: "):
        rules_with(latin)


def test_the_folder_needs_nothing_else_of_the_house() -> None:
    """The sorting center has these modules, and none that judges a shot."""
    known = {"kiosk.photo.arrays", "kiosk.photo.codec"}
    for path in sorted(Path(module.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                own = name.startswith("kiosk.photo.channels.") or name in known
                assert own or not name.startswith("kiosk"), f"{path.name} imports {name}"


def test_rules_come_in_the_order_of_channel_and_day() -> None:
    rows = [
        (rule.channel, rule.valid_from)
        for rule in ChannelRules({(r.channel, r.valid_from): r for r in shipped_rules()})
    ]
    assert rows == sorted(rows)
