"""Catalog files on a stick: what one would change is shown first, and only what was shown is imported."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.catalog import Catalog, Names
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.document import MAX_BYTES, CatalogError
from kiosk.messaging.contract.catalog.file import parse_catalog
from kiosk.station.catalog.stick_import import PriceChange, RowChanges, StickCatalogs, changes
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.store import Store
from tests.messaging.contract.catalog.test_file import document
from tests.store.village import events, stamp


def changed(change: Callable[[dict[str, Any]], object] = lambda rows: None) -> bytes:
    rows = document()
    change(rows)
    return json.dumps(rows).encode()


def dearer(rows: dict[str, Any]) -> None:
    rows["prices"][0]["fen_per_kg"] += 100


@dataclass
class Sticks:
    """The files that are in sight."""

    folder: Path
    store: Store
    busy: UpdateRefusalReason | None = None
    told: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalogs = StickCatalogs(
            self.store.catalogs, self.files, lambda: self.busy, stamp, lambda: self.told.append(1)
        )

    def files(self) -> tuple[Path, ...]:
        return tuple(sorted(self.folder.glob("*.json")))

    def lay(self, content: bytes, name: str = "goods.json") -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def refused(self, act: Callable[[], object]) -> str:
        with pytest.raises(Refused) as refused:
            act()
        return refused.value.code


@pytest.fixture
def sticks(store: Store, tmp_path: Path) -> Iterator[Sticks]:
    folder = tmp_path / "stick"
    folder.mkdir()
    return Sticks(folder, store)


def test_what_was_shown_is_imported_once(sticks: Sticks) -> None:
    name = sticks.lay(changed())
    look = sticks.catalogs.preview(name)
    assert (look.version, look.same, look.changes.prices != ()) == (1, False, True)
    assert sticks.catalogs.import_file(name, look.seen) == 2
    assert sticks.catalogs.catalogs.get()[0] == 2
    assert sticks.told == [1]
    assert sticks.refused(lambda: sticks.catalogs.import_file(name, look.seen)) == "stale", "a second touch"
    assert sticks.catalogs.preview(name).same
    sticks.lay(changed(dearer))
    assert (
        sticks.refused(lambda: sticks.catalogs.import_file(name, sticks.catalogs.preview(name).seen + "0")) == "stale"
    )
    look = sticks.catalogs.preview(name)
    (price,) = look.changes.prices
    assert price.after == (price.before or 0) + 100
    sticks.lay(changed(lambda rows: rows["prices"].pop()))
    assert sticks.refused(lambda: sticks.catalogs.import_file(name, look.seen)) == "stale", (
        "another file under its name"
    )
    assert sticks.catalogs.catalogs.get()[0] == 2


def test_an_import_waits_for_the_end_of_an_intake(sticks: Sticks) -> None:
    name = sticks.lay(changed())
    look = sticks.catalogs.preview(name)
    for busy in (UpdateRefusalReason.BUSY_PAN, UpdateRefusalReason.BUSY_INTAKE):
        sticks.busy = busy
        assert sticks.refused(lambda: sticks.catalogs.import_file(name, look.seen)) == str(busy)
    assert (sticks.catalogs.catalogs.get()[0], sticks.told) == (1, [])


def test_what_is_no_plain_file_is_not_read(subtests: pytest.Subtests, sticks: Sticks) -> None:
    def holds(make: Callable[[Path], object]) -> None:
        path = sticks.folder / f"{os.urandom(4).hex()}.json"
        make(path)
        name = str(path)
        if path in sticks.files():
            with pytest.raises(CatalogError) as error:
                sticks.catalogs.preview(name)
            assert error.value.word == "unreadable"
        else:
            assert sticks.refused(lambda: sticks.catalogs.preview(name)) == "gone"

    for make in [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo, Path.mkdir, lambda path: None]:
        with subtests.test(make=make):
            holds(make)


def test_only_what_is_offered_is_read(sticks: Sticks, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(changed())
    for name in (str(tmp_path / "other.json"), f"{sticks.folder}/../other.json", "", "\0", "\ud800"):
        assert sticks.refused(lambda name=name: sticks.catalogs.preview(name)) == "gone"


def test_each_fault_has_a_word_and_a_place(subtests: pytest.Subtests, sticks: Sticks) -> None:
    for content, word, place in [
        (b" " * (MAX_BYTES + 1), "large", ""),
        (b"\xff\xfe", "text", "line 1"),
        (b"[" * 90_000, "form", ""),
        (b"{", "form", "line 1"),
        (b"[]", "form", ""),
        (changed(lambda rows: rows.pop("members")), "missing", "members"),
        (changed(lambda rows: rows.update(people=[])), "unknown", "'people'"),
        (changed(lambda rows: rows["products"].append(rows["products"][0])), "twice", "products[3].code"),
        (changed(lambda rows: rows["prices"][0].update(fen_per_kg=0)), "value", "prices[1].fen_per_kg"),
    ]:
        with subtests.test(content=content, word=word, place=place):
            with pytest.raises(CatalogError) as error:
                sticks.catalogs.preview(sticks.lay(content))
            assert (error.value.word, error.value.place) == (word, place)


def test_names_in_names_without_an_end_are_refused_before_they_are_read(
    sticks: Sticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader of TOML takes days for 4 MB of them, and the station weighs meanwhile."""

    def read(text: str) -> NoReturn:
        raise AssertionError(f"{text[:40]!r} comes to the reader")

    monkeypatch.setattr("kiosk.messaging.contract.catalog.document.tomllib.loads", read)
    for begin, part in ((b"a", b".a"), (b"[x", b" . 'a.a'"), (b'"" ', b'\t.\t""'), (b"a = {b", b".b")):
        name = sticks.lay(begin + part * (MAX_BYTES // len(part) - 9) + b" = 1", "goods.json.toml")
        with pytest.raises(CatalogError) as error:
            parse_catalog(Path(name).read_bytes(), name)
        assert error.value.word == "form"


def test_one_look_at_a_time(sticks: Sticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.station.catalog.stick_import.WAIT_S", 0.0)
    name = sticks.lay(changed())
    within: list[str] = []

    def parse(data: bytes, file: str) -> Catalog:
        within.append(sticks.refused(lambda: sticks.catalogs.preview(name)))
        return parse_catalog(data, file)

    monkeypatch.setattr("kiosk.station.catalog.stick_import.parse_catalog", parse)
    sticks.catalogs.preview(name)
    assert within == ["wait"]


def test_the_import_is_in_the_journal(sticks: Sticks, tmp_path: Path) -> None:
    name = sticks.lay(changed())
    sticks.catalogs.import_file(name, sticks.catalogs.preview(name).seen)
    told = [event for event in events(tmp_path / "station.db") if event["type"] == "station.catalog.imported.v1"]
    assert told[-1]["data"]["catalog_version"] == 2


def test_changes_are_counted_by_code() -> None:
    before = parse_catalog(changed(), "a.json")
    first, second = before.products[:2]
    renamed = replace(first, names=Names("نام", "名", "Name"))
    prices = tuple(replace(row, fen_per_kg=7) if row.product == first.code else row for row in before.prices)
    after = replace(before, products=(renamed, replace(second, code="NEW")), prices=prices[:1], members=())
    found = changes(before, after)
    assert found.products == RowChanges(2, new=1, gone=1, changed=1)
    assert found.containers == RowChanges(len(before.containers), 0, 0, 0)
    assert found.members == RowChanges(0, 0, gone=len(before.members), changed=0)
    assert found.prices[0] == PriceChange(renamed.names, prices[0].mode, before.prices[0].fen_per_kg, 7)
    assert {row.after for row in found.prices[1:]} == {None}, "prices that are no more"
    new = changes(after, before)
    assert (new.prices[-1].before, isinstance(new.prices[-1].mode, Mode)) == (None, True)
    assert changes(before, before).prices == ()
