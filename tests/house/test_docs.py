"""What a person can set, call, send or open is written down: a thing that is missing in docs/ fails with its name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import click
import pytest
from flask import Flask
from PIL import Image

from kiosk.cli.kiosk import main as kiosk
from kiosk.cli.sorting_center import main as sorting_center
from kiosk.config.file import PRINTERS, SECTIONS
from kiosk.config.station import StationConfig
from kiosk.devices.printer.profiles import profiles
from kiosk.domain.events import EVENT_CLASSES
from kiosk.domain.events.intake import BagData, CertificateData
from kiosk.domain.events.scale import ScaleData
from kiosk.domain.intake import AbandonReason, TareSource
from kiosk.domain.trade import NON_MEMBER, CertificateKind, Mode, NoCertificateReason
from kiosk.domain.void import VoidReason
from kiosk.messaging.contract.topics import DOWN_KINDS, UP_KINDS
from kiosk.protocols.scales import registry
from kiosk.simulators.bench.app import create_bench
from kiosk.simulators.shared.faults import FAULT_WORDS
from kiosk.sorting_center.storefront.pages import storefront
from kiosk.sorting_center.web.app import BLUEPRINTS
from kiosk.station.doctor.finding import FINE, NOT_FITTED
from kiosk.texts.catalog import catalog
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.house.documents import DOCS, PICTURES, ROOT, documents, linked, shown
from tests.simulators.bench.village import PaperVillage
from tests.web.shop import Shop

PICTURES_STOP, PICTURE_BYTES_STOP = 60, 4_000_000
FROM_ELSEWHERE = {"relay": {"region", "station", "software", "boot"}}
"""Fields the program fills in itself: they are no keys of the file."""


def texts() -> Mapping[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}


def spans(text: str) -> Iterator[str]:
    """What stands in single backticks; fenced blocks are examples, not documentation."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose)


SPANS = frozenset(span.replace("\\|", "|") for text in texts().values() for span in spans(text))
WORDS = frozenset(word.partition("?")[0] for span in SPANS for word in span.split())


def missing(names: Iterator[str] | set[str]) -> list[str]:
    return sorted(name for name in names if name not in SPANS)


# --- settings ---------------------------------------------------------------------------------------------------------


def section_classes() -> dict[str, type]:
    """The dataclass of each section, found in the annotations of StationConfig."""
    found = {}
    for name, hint in get_type_hints(StationConfig).items():
        kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and is_dataclass(kind)]
        found[name] = kinds[0]
    return found


def tables_of(text: str) -> dict[str, set[str]]:
    """Section → keys of the table that follows its line: `[scale]` … | `port` | …"""
    found: dict[str, set[str]] = {}
    current: list[set[str]] = []
    for line in text.splitlines():
        if line.startswith(("`[", "#")):
            current = [found.setdefault(header, set()) for header in re.findall(r"`\[([a-z.]+)\]`", line)]
        elif line.startswith("| `"):
            for keys in current:
                keys.update(re.findall(r"`([a-z_0-9]+)`", line.split("|")[1]))
    return found


def keys_of(section: str, kind: type) -> set[str]:
    return {row.name for row in fields(kind)} - FROM_ELSEWHERE.get(section, set())


def test_every_setting_stands_in_the_table_of_its_section_and_no_other_does() -> None:
    written = tables_of(texts()["technician.md"])
    expected: dict[str, set[str]] = {}
    for name, kind in section_classes().items():
        headers = [f"printer.{printer}" for printer in PRINTERS] if name == "printers" else [name]
        expected |= {header: keys_of(name, kind) for header in headers}
    assert {header.partition(".")[0] for header in expected} == set(SECTIONS)
    assert written == expected


# --- commands ---------------------------------------------------------------------------------------------------------


def verbs(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None, f"{path} lists {name} and does not have it"
        yield from verbs(found, f"{path} {name}")


VERBS = dict([*verbs(kiosk, "kiosk"), *verbs(sorting_center, "sorting-center")])


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_its_options_are_written_down(verb: str) -> None:
    assert any(span == verb or span.startswith(f"{verb} ") for span in SPANS), f"`{verb}` is in no document"
    options = {
        option
        for row in VERBS[verb].params
        if isinstance(row, click.Option)
        for option in (*row.opts, *row.secondary_opts)
        if option.startswith("--")
    }
    unknown = sorted(option for option in options if option not in WORDS)
    assert not unknown, f"options of `{verb}` that are in no document: {unknown}"


def test_no_verb_is_written_down_that_is_not_there() -> None:
    known = {" ".join(verb.split()[:length]) for verb in VERBS for length in range(1, 4)}
    for span in SPANS:
        match = re.match(r"(?:kiosk|sorting-center)((?: [a-z][a-z0-9-]*)*)(?= |$)", span)
        if match:
            assert match[0] in known, f"`{span}` is no command"


def command_rows() -> dict[str, set[str]]:
    """Each command of the technician's table, with the options in its row."""
    section = texts()["technician.md"].partition("## Commands\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return {verb: set(spans(options)) for verbs_, options in rows for verb in spans(verbs_)}


def test_every_command_has_its_row_in_the_technician_s_table() -> None:
    assert set(command_rows()) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_row_of_a_command_names_its_options(verb: str) -> None:
    """But for the one that every command of the sorting center has."""
    center = verb.startswith("sorting-center ")
    rows = (
        row for row in VERBS[verb].params if isinstance(row, click.Option) and not (center and row.name == "config")
    )
    options = {opt for row in rows for opt in row.opts}
    assert command_rows()[verb] == {option for option in options if option.startswith("--")}


# --- events, topics, devices ------------------------------------------------------------------------------------------


def test_every_event_type() -> None:
    assert missing({kind.TYPE for kind in EVENT_CLASSES}) == []


def test_every_field_and_word_of_the_events_of_intakes() -> None:
    section = texts()["messaging.md"].partition("## What the events of intakes say\n")[2].partition("\n## ")[0]
    names = {row.name for kind in (*intake_events(), BagData, CertificateData, ScaleData) for row in fields(kind)}
    words = {word.value for kind in (Mode, TareSource, CertificateKind, NoCertificateReason) for word in kind}
    words |= {word.value for kind in (AbandonReason, VoidReason) for word in kind} | {NON_MEMBER}
    assert names | words <= set(spans(section))


def intake_events() -> list[type]:
    return [kind for kind in EVENT_CLASSES if kind.__module__ == BagData.__module__]


def test_every_topic_kind() -> None:
    kinds = {f"up/{kind}" for kind in UP_KINDS} | {f"down/{kind}" for kind in DOWN_KINDS}
    unknown = {kind for kind in kinds if not any(span == kind or span.endswith(f"/{kind}") for span in SPANS)}
    assert unknown == set()


def test_every_scale_protocol_and_printer_profile() -> None:
    assert missing({*registry.PROTOCOLS, *profiles()}) == []


def test_the_table_of_fault_words_is_the_list_of_fault_words() -> None:
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|", texts()["bench.md"], re.MULTILINE)
    expected = [(row.device, row.word, f"{row.word} {row.argument}".strip(), row.meaning) for row in FAULT_WORDS]
    assert rows == expected


def test_every_word_of_the_doctor_has_its_row_and_no_other_word_has_one() -> None:
    """What to do about it, and how grave it is, is looked up there by whoever stands before the box."""
    table = texts()["care.md"].partition("| row | word | grade | what to do |\n")[2].partition("\n\n")[0]
    written = {word for row in table.splitlines() for word in spans(row.split("|")[2])}
    told = {name.removeprefix("doctor.do.") for name in catalog("en") if name.startswith("doctor.do.")}
    assert written == told - {FINE, NOT_FITTED}


# --- routes -----------------------------------------------------------------------------------------------------------


def routes(app: Flask) -> set[str]:
    """ "GET /path" for everything but static files; Flask adds HEAD and OPTIONS itself."""
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.endswith("static")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def dashboard() -> Flask:
    app = Flask("pages of the sorting center")
    for part in BLUEPRINTS:
        app.register_blueprint(part)
    return app


def written_routes(program: str) -> set[str]:
    """What stands in the first column below "## Routes of the ..."."""
    section = texts()["developer.md"].partition(f"## Routes of the {program}\n")[2].partition("\n## ")[0]
    return {route for line in section.splitlines() if line.startswith("| `") for route in spans(line.split("|")[1])}


def test_every_route_of_the_station(tmp_path: Path) -> None:
    assert written_routes("station") == routes(create_app(Shop(tmp_path), WebSettings()))


def test_every_route_of_the_sorting_center() -> None:
    assert written_routes("sorting center") == routes(dashboard())


def test_every_route_of_the_storefront() -> None:
    app = Flask("storefront")
    app.register_blueprint(storefront)
    assert written_routes("storefront") == routes(app)


def test_every_route_of_the_bench(tmp_path: Path) -> None:
    assert written_routes("bench") == routes(create_bench(PaperVillage(tmp_path)))


# --- the documents themselves -----------------------------------------------------------------------------------------


def test_every_link_between_documents_leads_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)} → {target}" for page in documents() for target in linked(page) if not target.exists()
    ]
    assert dead == []


def test_every_page_is_reached_from_the_first_one() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target in linked(page) if target.suffix == ".md" and target.exists()]
    assert sorted(page.relative_to(ROOT).as_posix() for page in set(documents()) - reached) == []


# --- pages in three languages -----------------------------------------------------------------------------------------

FOR_CLERKS = ("counter.md", "screens-for-clerks.md")


def outline(page: Path, language: str) -> list[str]:
    """Levels of the headings and names of the pictures, in their order: what a translation has in common."""
    found = re.findall(rf"^(#+) |pictures/([\w-]+)-{language}-\d+x\d+\.png", page.read_text("utf-8"), re.MULTILINE)
    return [level or scene for level, scene in found]


@pytest.mark.parametrize("name", FOR_CLERKS)
@pytest.mark.parametrize("language", ["zh", "ug"])
def test_what_clerks_read_has_the_same_parts_and_pictures_in_each_language(name: str, language: str) -> None:
    assert outline(DOCS / language / name, language) == outline(DOCS / name, "en")


@pytest.mark.parametrize("page", sorted((DOCS / "ug").glob("*.md")), ids=lambda page: str(page.name))
def test_a_page_in_uyghur_says_at_its_head_whether_a_local_reader_approved_it(page: Path) -> None:
    head = page.read_text(encoding="utf-8").partition("\n")[0]
    assert "reviewed" in head or "needs review" in head
    assert "dir: rtl" in head


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(page: Path) -> set[tuple[str, ...]]:
    """What, measured and limit of each row below "| what | measured | limit"."""
    table = page.read_text(encoding="utf-8").partition("| what | measured | limit |")[2].partition("\n\n")[0]
    rows = (tuple(cell.strip() for cell in line.split("|")[1:4]) for line in table.splitlines()[2:])
    return {row for row in rows if len(row) == 3}


def test_the_figures_at_the_front_are_figures_of_the_whole_table() -> None:
    front = figures(ROOT / "README.md")
    assert len(front) == 10
    assert front - figures(DOCS / "figures.md") == set()


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_every_picture_a_document_shows_is_there_and_every_picture_there_is_shown() -> None:
    assert set(PICTURES.iterdir()) == shown()


def test_pictures_are_few_and_small() -> None:
    files = list(PICTURES.iterdir())
    assert len(files) <= PICTURES_STOP
    assert sum(path.stat().st_size for path in files) <= PICTURE_BYTES_STOP


def test_screenshots_have_a_palette() -> None:
    """A flat drawing in millions of colors takes four times the bytes and looks the same."""
    modes = {}
    for path in PICTURES.glob("*.png"):
        with Image.open(path) as picture:
            modes[path.name] = picture.mode
    assert {name: mode for name, mode in modes.items() if mode != "P"} == {}


# --- names of code ----------------------------------------------------------------------------------------------------

FILE = re.compile(r"(?<![\w./\"-])(?:kiosk|tests|scripts|benchmarks|firmware_config|systemd)/[\w./*-]*[\w*]")
MODULE = re.compile(r"(?<![\w./-])(?:kiosk|tests)(?:\.[a-zA-Z_]\w*)+")
TOPICS = ("kiosk/v1", "kiosk/event/1", "kiosk/consistency")  # And what a signature is over


def is_there(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_every_file_and_module_a_document_names_is_there() -> None:
    gone = set()
    for page in documents():
        text = page.read_text(encoding="utf-8")
        paths = {name for name in FILE.findall(text) if not name.startswith(TOPICS)}
        modules = {name for name in MODULE.findall(text) if not (ROOT / name).exists()}
        gone |= {f"{page.name}: {name}" for name in paths if not any(ROOT.glob(name))}
        gone |= {f"{page.name}: {name}" for name in modules if not is_there(name)}
    assert sorted(gone) == []


def stays() -> list[str]:
    """The place of each line of the three walks: its names, and the room they are of."""
    walks = (DOCS / "developer.md").read_text(encoding="utf-8").split("\n## The walk of ")[1:]
    lines = "\n".join(walk.partition("\n## ")[0] for walk in walks).splitlines()
    return [line.split("|")[2] for line in lines if re.match(r"\| \d+ \|", line)]


def is_defined(name: str, rooms: list[str]) -> bool:
    """Whether a file below one of the rooms has this name, or is it."""
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    begins = re.compile(rf"^(?:class |def |    def )?{re.escape(name)}\b", re.MULTILINE)
    return any(file.name == name or begins.search(file.read_text(encoding="utf-8")) for file in files)


def test_every_name_in_the_walks_is_in_the_room_that_stands_beside_it() -> None:
    found = {place: FILE.findall(place) for place in stays()}
    assert len(found) == len(stays()) > 20, "no stay is visited twice"
    gone = [
        f"{name} of {rooms}"
        for place, rooms in found.items()
        for name in re.findall(r"`([\w.]+)`", place)
        if not is_defined(name, rooms)
    ]
    assert gone == []
