"""The goods a station begins with: what is offered, what is refused, and that a pulled stick costs nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from kiosk.app.shared.media import MAX_FILES, MAX_PATH_LENGTH, catalog_files
from kiosk.base.refused import Refused
from kiosk.config.station import load
from kiosk.domain.catalog import Catalog
from kiosk.first_start.data_questions import SAMPLE, read_goods
from kiosk.first_start.database import fill
from kiosk.first_start.shared.draft import draft_path
from kiosk.messaging.contract.catalog.document import MAX_BYTES
from kiosk.messaging.contract.catalog.file import CatalogError
from kiosk.station.shared.open_store import open_store
from tests.web.first_start.start import Start

PRODUCT = """
[[products]]
code = "%s"
picture = "walnut"
names = { ug = "ياڭاق", zh = "核桃", en = "Walnut" }
"""


def goods(*codes: str) -> bytes:
    """A catalog of these products and nothing else."""
    rows = "".join(PRODUCT % code for code in codes)
    return f"prices = []\ncontainers = []\nmembers = []\n{rows}".encode()


def yarkant() -> bytes:
    return files("kiosk.catalogs").joinpath("yarkant.toml").read_bytes()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    start = Start(tmp_path)
    yield start
    start.wizard.close()


@pytest.fixture
def stick(start: Start) -> Path:
    """A catalog in the folder of the settings file; a stick's files are listed in the same way."""
    path = start.machine.keys[0] / "autumn.toml"
    path.write_bytes(goods("WALNUT"))
    return path


def stored(start: Start) -> tuple[int, Catalog]:
    with closing(open_store(load(start.place.config_file).station)) as store:
        return store.catalogs.get()


class TestWhatIsOffered:
    def test_files_that_are_named_like_a_catalog_and_nothing_else(self, tmp_path: Path) -> None:
        for name in (
            "a.toml",
            "B.JSON",
            "list.csv",
            ".hidden.toml",
            "station.toml.draft.json",
            "S0147-A-0000000381-00c0ffee00c0ffee.json",
            "S0147-A-0000000381-00c0ffee00c0ffee.db",
            "two\nlines.toml",
            "x" * MAX_PATH_LENGTH + ".toml",
        ):
            (tmp_path / name).write_bytes(b"")
        (tmp_path / os.fsdecode(b"bytes-\xff.toml")).write_bytes(b"")
        (tmp_path / "link.toml").symlink_to(tmp_path / "list.csv")
        os.mkfifo(tmp_path / "pipe.toml")
        (tmp_path / "folder.toml").mkdir()
        assert [path.name for path in catalog_files((tmp_path, tmp_path, tmp_path / "gone"))] == ["B.JSON", "a.toml"]

    def test_a_stick_full_of_files_is_not_listed_for_ever(self, tmp_path: Path) -> None:
        for number in range(MAX_FILES + 5):
            (tmp_path / f"{number:03}.toml").write_bytes(b"")
        assert len(catalog_files((tmp_path,))) == MAX_FILES

    def test_tiles_and_what_the_chosen_one_holds(self, start: Start, stick: Path) -> None:
        start.walk("goods")
        assert [tile.value for tile in start.wizard.view().choices] == [str(stick), SAMPLE, "later"]
        start.wizard.answer("goods", {"value": str(stick)})
        shown = start.wizard.view().goods
        assert shown is not None
        assert (shown.name, shown.first) == ("autumn.toml", ("Walnut",))
        assert shown.counts == {"products": 1, "prices": 0, "containers": 0, "members": 0}
        start.wizard.back()
        assert [tile.value for tile in start.wizard.view().choices if tile.chosen] == [str(stick)]

    def test_the_names_are_in_the_language_of_the_screen(self, start: Start) -> None:
        start.walk("goods_shown").set_language("zh")
        shown = start.wizard.view().goods
        assert shown is not None
        assert shown.first[1] == "核桃"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is missing"),
            (b"\xff\xfe\x00", "is not UTF-8"),
            (b"not toml at all", "cannot be read"),
            (b"[" * 100_000, "autumn.toml"),
            (b"products = 7", "products"),
            (b'[station]\nstation = "S0147"\n', "station"),
            (goods("WALNUT", "WALNUT"), "products[2].code: stands twice"),
            (goods("almond"), "products[1].code"),
        ],
    )
    def test_a_file_that_is_no_catalog_names_file_and_reason(
        self, start: Start, stick: Path, content: bytes, reason: str
    ) -> None:
        stick.write_bytes(content)
        start.walk("goods")
        before = start.draft
        with pytest.raises(Refused) as refusal:
            start.wizard.answer("goods", {"value": str(stick)})
        assert refusal.value.code == "goods"
        assert str(refusal.value).startswith("autumn.toml")
        assert reason in str(refusal.value)
        assert (start.at, start.draft) == ("goods", before)

    def test_a_huge_file_is_not_read(self, start: Start, stick: Path) -> None:
        with stick.open("wb") as file:
            file.truncate(50 * MAX_BYTES)
        start.walk("goods")
        with pytest.raises(Refused, match=rf"at most {MAX_BYTES} are allowed"):
            start.wizard.answer("goods", {"value": str(stick)})

    def test_what_became_a_pipe_or_a_link_since_it_was_listed_is_no_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.toml")
        (tmp_path / "link.toml").symlink_to("/etc/passwd")
        for name in ("pipe.toml", "link.toml", "gone.toml"):
            with pytest.raises(CatalogError, match=rf"{name}: cannot be read"):
                read_goods(str(tmp_path / name))

    def test_a_file_that_was_pulled_before_the_tap_is_gone(self, start: Start, stick: Path) -> None:
        start.walk("goods")
        stick.unlink()
        assert start.refused("goods", str(stick)) == "gone"


class TestWhatIsKept:
    @pytest.fixture
    def real(self, start: Start, stick: Path) -> Start:
        start.fill = fill
        start.restart()
        return start

    def test_the_sample_is_in_force_once_the_file_is_there(self, real: Start) -> None:
        real.walk().answer("check", {})
        version, catalog = stored(real)
        assert version == 1
        assert catalog == read_and_parse(yarkant())

    def test_later_leaves_the_station_without_goods(self, real: Start) -> None:
        real.walk("goods_shown")
        real.wizard.back()
        real.wizard.answer("goods", {"value": "later"})
        assert real.at == "backup"
        assert real.draft.goods is None
        real.walk().answer("check", {})
        assert stored(real)[0] == 0

    def test_a_stick_that_is_pulled_after_the_answer_costs_nothing(self, real: Start, stick: Path) -> None:
        real.walk("backup", goods=str(stick))
        stick.unlink()
        real.restart()
        real.wizard.back()
        real.wizard.back()
        kept = next(tile for tile in real.wizard.view().choices if tile.chosen)
        assert (kept.value, kept.label, kept.detail_id) == (str(stick), "autumn.toml", "setup.choice.kept")
        real.walk(goods=str(stick)).answer("check", {})
        assert [row.code for row in stored(real)[1].products] == ["WALNUT"]

    def test_a_file_that_has_changed_is_read_anew(self, real: Start, stick: Path) -> None:
        real.walk("goods_shown", goods=str(stick)).back()
        stick.write_bytes(goods("BADAM"))
        real.walk(goods=str(stick)).answer("check", {})
        assert [row.code for row in stored(real)[1].products] == ["BADAM"]

    def test_a_cut_between_database_and_file_imports_nothing_twice(
        self, real: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut(*_: object) -> None:
            raise OSError("the power went away")

        real.walk()
        monkeypatch.setattr("kiosk.first_start.wizard.write_settings", cut)
        assert real.refused("check", "go") == "not_written"
        monkeypatch.undo()
        real.restart().answer("check", {})
        assert stored(real)[0] == 1
        assert not draft_path(real.place.config_file).exists()

    def test_a_cut_between_people_and_goods_repeats_both(self, real: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        def cut(*_: object) -> None:
            raise OSError("the power went away")

        real.walk()
        with monkeypatch.context() as patch:
            patch.setattr("kiosk.store.catalogs.Catalogs.add", cut)
            assert real.refused("check", "go") == "not_written"
        real.restart().answer("check", {})
        with closing(open_store(load(real.place.config_file).station)) as store:
            assert len(store.clerks.everyone()) == 2
            assert store.catalogs.get()[0] == 1

    def test_a_draft_that_lost_its_catalog_asks_for_it_again(self, real: Start) -> None:
        real.walk()
        real.wizard.close()
        path = draft_path(real.place.config_file)
        text = path.read_text(encoding="utf-8")
        begin = text.index('"content": "') + len('"content": "')
        path.write_text(text[:begin] + "AAAA" + text[begin + 4 :], encoding="utf-8")
        real.again()
        with pytest.raises(Refused, match=r"yarkant\.toml") as refusal:
            real.wizard.answer("check", {})
        assert refusal.value.code == "goods"
        assert real.at == "goods"
        assert not real.place.config_file.exists()
        real.walk().answer("check", {})
        assert stored(real)[0] == 1

    def test_the_draft_stays_for_its_owner_alone(self, real: Start, stick: Path) -> None:
        real.walk("backup", goods=str(stick))
        assert stat.S_IMODE(draft_path(real.place.config_file).stat().st_mode) == 0o600


def read_and_parse(content: bytes) -> Catalog:
    from kiosk.messaging.contract.catalog.file import parse_catalog

    return parse_catalog(content, "yarkant.toml")


def test_what_became_a_folder_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "goods.toml").mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(5):
        with pytest.raises(CatalogError, match="no plain file"):
            read_goods(str(tmp_path / "goods.toml"))
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
