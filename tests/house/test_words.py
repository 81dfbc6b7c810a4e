"""The check of names finds each kind of definition with a listed word, in a made-up tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.words import MAX_SHARED_NAMES, problems

RULES = '[docstrings]\nfirst = "Whether The"\n[words]\ntold = "message"\n[exceptions]\n'


def tree(root: Path, text: str, name: str = "mass", rules: str = RULES) -> Path:
    (root / "scripts").mkdir(exist_ok=True)
    (root / "scripts/words.toml").write_text(rules, encoding="utf-8")
    path = root / f"kiosk/domain/{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("class ToldEvent: ...\n", "1: ToldEvent"),
        ("def was_told(): ...\n", "1: was_told"),
        ("async def told(): ...\n", "1: told"),
        ("def read(told): ...\n", "1: read.told"),
        ("MAX_TOLD = 1\n", "1: MAX_TOLD"),
        ("for told in ():\n    pass\n", "1: told"),
        ("class Feed:\n    def __init__(self):\n        self._told = 1\n", "3: Feed.__init__._told"),
        ("class Feed:\n    told: int\n", "2: Feed.told"),
    ],
)
def test_every_kind_of_definition(tmp_path: Path, text: str, where: str) -> None:
    found, _ = problems(tree(tmp_path, text))
    assert found == [f"kiosk/domain/mass.py:{where}: instead of 'told' write message"]


def test_a_module(tmp_path: Path) -> None:
    found, _ = problems(tree(tmp_path, "", name="told"))
    assert found == ["kiosk/domain/told.py:1: told: instead of 'told' write message"]


def test_a_use_and_a_part_of_another_word_are_none(tmp_path: Path) -> None:
    text = "from other import told\n\nuntoldly = told.told(told=1)\n"
    assert problems(tree(tmp_path, text)) == ([], 0)


def test_an_exception_holds_for_one_name_and_one_without_use_is_a_breach(tmp_path: Path) -> None:
    rules = RULES + '"kiosk/domain/mass.py:told" = "key of a file"\n'
    assert problems(tree(tmp_path, "told = 1\n", rules=rules)) == ([], 1)
    found, used = problems(tree(tmp_path, "heard = 1\n", rules=rules))
    assert (found, used) == (["scripts/words.toml: kiosk/domain/mass.py:told is no definition with such a word"], 0)


def test_a_docstring_of_a_function_says_what_it_does(tmp_path: Path) -> None:
    text = '''
class Feed:
    """The feed."""

    @property
    def name(self):
        """The name of the feed."""

    def position(self):
        """The place of its reader."""

    async def ended(self):
        """Whether it has ended."""

    def read(self):
        """Read whether it has ended."""
'''
    found, _ = problems(tree(tmp_path, text))
    begins = "a docstring begins with {!r}, not with what the function does"
    assert found == [
        f"kiosk/domain/mass.py:9: {begins.format('The')}",
        f"kiosk/domain/mass.py:12: {begins.format('Whether')}",
    ]


def test_a_class_name_for_three_things(tmp_path: Path) -> None:
    many = "".join(f"class Place{number}: ...\n" for number in range(MAX_SHARED_NAMES + 1))
    for name in ("mass", "money", "lot"):
        tree(tmp_path, many, name=name)
    found, _ = problems(tmp_path)
    assert len(found) == 1 and found[0].startswith(f"{MAX_SHARED_NAMES + 1} class names for three or more things")
