"""Nobody at a station needs a shell. What people at a station read names no command without another way beside it.

A section of such a page that has a command says one of these, at the beginning of a line:

    Without a shell: …   the way: a page by the words that stand on it (*Care* → *People*), the county, a stick, the
                         plug, or that the machine does it by itself
    At an office: …      no station needs the command, and who does
    No way yet: …        what is missing; each of them is listed here, too
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kiosk.texts.catalog import catalog
from tests.house.documents import DOCS

FOR_OFFICES = frozenset(
    {
        *("bench", "conformance", "county-documents", "county-log", "developer", "field-trial", "figures", "glossary"),
        *("goods-and-prices", "gs1", "listings", "lock-table", "messaging", "scale", "set-up-a-county"),
        *("sorting-center", "store", "storefront", "texts", "torture"),
    }
)
"""Of the county and the vendor: whoever works there has a machine with a shell. Every other page is for stations."""
FOR_STATIONS = frozenset(path.stem for path in DOCS.glob("*.md")) - FOR_OFFICES
NO_WAY_YET = {
    ("care", "Backup"): "another backup medium",
    ("box", "Sound"): "the volume of a sound card",
}
COMMAND = re.compile(
    r"(?:sudo |sh |nano |vi |ssh |kiosk [a-z]|sorting-center [a-z]|(?:systemctl|journalctl|apt|apt-get|dpkg|"
    r"timedatectl|hwclock|mount|umount|mkfs|wipefs|dd|cp|mv|rm|cat|less|openssl|python3|alsactl|speaker-test|networkctl|iwctl|"
    r"overlayroot-chroot|zstd|blkid|ip)(?: |$))"
)
WAY = re.compile(r"\bcounty\b|\bsticks?\b|\bplug\b|\bby itself\b")
MARK = re.compile(r"^(Without a shell|At an office|No way yet): (.+(?:\n.+)*)", re.MULTILINE)
PLACE = re.compile(r"(?<!\*)\*([^*\n]+(?:\n[^*\n]+)?)\*(?!\*)")


def sections(page: str) -> Iterator[tuple[str, str]]:
    """Heading and text of each part of a page, whatever its level."""
    heading, rows, fenced = "", list[str](), False
    for row in page.splitlines():
        fenced ^= row.startswith("```")
        if row.startswith("#") and not fenced:
            yield heading, "\n".join(rows)
            heading, rows = row.lstrip("# "), []
        else:
            rows.append(row)
    yield heading, "\n".join(rows)


def commands(text: str) -> list[str]:
    """In a block, or in a line."""
    found, fenced = re.findall(r"`([^`\n]+)`", re.sub(r"(?m)^```.*$", "", text)), False
    for row in text.splitlines():
        if row.startswith("```"):
            fenced = not fenced
        elif fenced or row.startswith("    "):
            found.append(row.strip())
    return [one for one in found if COMMAND.match(one)]


def spoken() -> frozenset[str]:
    """Every text of a page in English, without what is filled into it."""
    entries = [*catalog("en").values(), *catalog("en", "kiosk.sorting_center.web").values()]
    return frozenset(re.sub(r"\{\w+\}.*", "", text).strip() for entry in entries for text in entry.forms)


def faults(page: str, name: str, texts: frozenset[str]) -> Iterator[str]:
    for heading, text in sections(page):
        marks = dict(MARK.findall(text))
        way = marks.get("Without a shell", "")
        places = [" ".join(place.split()) for place in PLACE.findall(way)]
        yield from (f"{heading}: no page says {place!r}" for place in places if place.rstrip(" …") not in texts)
        if way and not places and not WAY.search(way):
            yield f"{heading}: {way!r} names no page, county or stick"
        if ("No way yet" in marks) != ((name, heading) in NO_WAY_YET):
            yield f"{heading}: what has no way yet is not what the list here says"
        if commands(text) and not marks:
            yield f"{heading}: {commands(text)[0]!r} has no way beside it"


@pytest.fixture(scope="module")
def texts() -> frozenset[str]:
    return spoken()


@pytest.mark.parametrize("name", sorted(FOR_STATIONS))
def test_no_command_stands_there_without_another_way(name: str, texts: frozenset[str]) -> None:
    assert [*faults((DOCS / f"{name}.md").read_text("utf-8"), name, texts)] == []


@pytest.mark.parametrize("name", ["before-you-travel", "set-up-a-station"])
def test_the_two_pages_for_a_journey_have_no_command_and_the_words_of_the_screens(
    name: str, texts: frozenset[str]
) -> None:
    page = (DOCS / f"{name}.md").read_text("utf-8")
    assert commands(page) == []
    places = [" ".join(place.split()) for place in PLACE.findall(page)]
    assert places or name == "before-you-travel"
    assert [place for place in places if place.rstrip(" …") not in texts] == []
    assert len(page.split()) < 900, "one page on paper"


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("## A\n\n    sudo kiosk doctor\n", "A: 'sudo kiosk doctor' has no way beside it"),
        ("## A\n\nType `systemctl restart kiosk-station`.\n", "has no way beside it"),
        ("```\nnano /etc/fstab\n```\n", "has no way beside it"),
        ("# A\n\nWithout a shell: ask.\n\n    sudo reboot\n", "names no page, county or stick"),
        ("# A\n\nWithout a shell: *Care* → *Reboot it*.\n\n    sudo reboot\n", "no page says 'Reboot it'"),
        ("# A\n\nNo way yet: a stick.\n\n    sudo reboot\n", "not what the list here says"),
        ("# A\n\nWithout a shell: *Care* → *People*.\n\n    sudo kiosk clerk add\n", ""),
        ("# A\n\nAt an office: the vendor does it.\n\n    sudo kiosk clerk add\n", ""),
        ("The file `station.toml`, the unit `kiosk-station.service`, the date `2026-12-02`.\n", ""),
    ],
)
def test_the_rule_notices(page: str, fault: str, texts: frozenset[str]) -> None:
    found = [*faults(page, "x", texts)]
    assert fault in "".join(found) if fault else found == []
