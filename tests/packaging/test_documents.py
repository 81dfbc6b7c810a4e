"""What is made with a package: manual pages, changelog, licences, checksums."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

import deb
import image
from documents import contexts, lay_documents, licenses, manual
from kiosk.cli import kiosk, sorting_center
from libraries import closure
from release import ROOT, Release
from tests.systemd.conftest import tree
from tree import BOX, COMMANDS, PACKAGES, PROGRAMS, STATION, lay_files, site_packages

__all__ = ["tree"]

RELEASE = Release("0.9.0+g2d3aa88", "2d3aa88" + "0" * 33, 1_700_000_000)


def test_a_manual_page_has_every_command_and_what_it_does() -> None:
    for command, program in (("kiosk", kiosk.main), ("sorting-center", sorting_center.main)):
        page = manual(command, RELEASE)
        assert page.startswith(f'.TH "{command.upper()}" 1 "2023-11-14" "Station Kiosk 0.9.0+g2d3aa88"\n')
        below = [found.command_path for found in contexts(program, command)][1:]
        assert len(below) > 10
        for path in below:
            assert f'.SH "{path}"\n'.replace("-", "\\-") in page
    page = manual("kiosk", RELEASE)
    assert "\n.B \\-\\-status\nWhat runs, what is under way" in page
    assert "\\-\\-helper" not in page, "of a unit alone"
    assert [row for row in page.splitlines() if row.startswith("'")] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_brings_its_changelog_and_its_licence(package: str, tmp_path: Path) -> None:
    lay_files(package, tmp_path)
    lay_documents(package, tmp_path, RELEASE)
    folder = tmp_path / "usr/share/doc" / package
    assert gzip.decompress((folder / "changelog.gz").read_bytes()) == (ROOT / "CHANGELOG.md").read_bytes()
    told = (folder / "copyright").read_text(encoding="utf-8")
    assert told.startswith((ROOT / "LICENSE").read_text(encoding="utf-8"))
    assert ("licenses.txt" in told) == (folder / "licenses.txt").exists() == (package in PROGRAMS)
    manuals = {path.name for path in (tmp_path / "usr/share").glob("man/man1/*")}
    assert manuals == ({f"{COMMANDS[package]}.1.gz"} if package in COMMANDS else set())


def test_every_library_has_a_licence_and_the_place_of_its_text(tree: Path) -> None:
    text = licenses(tree, site_packages(tree / PROGRAMS[STATION]))
    rows = [row for row in text.splitlines() if not row.startswith(" ")]
    names = {row.partition(" ")[0].lower().replace("_", "-").replace(".", "-") for row in rows}
    assert names == {name.lower() for name in closure(STATION)}
    assert "see the library" not in text
    places = [row.strip() for row in text.splitlines() if row.startswith(" ")]
    assert len(places) > len(rows) // 2
    assert [place for place in places if not (tree / place[1:]).is_file()] == []


def checked(folder: Path) -> list[str]:
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True
    )
    return [row.partition(": ")[0] for row in done.stdout.splitlines()]


def test_checksums_lie_beside_the_packages_and_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages, cards = tmp_path / "deb", tmp_path / "image"
    packages.mkdir()
    (packages / "station-kiosk_0.9.0_arm64.deb").write_bytes(b"made before")
    monkeypatch.setattr(deb, "of_checkout", lambda: RELEASE)
    monkeypatch.setattr(sys, "argv", ["deb.py", BOX, "--stored", "--out", str(packages)])
    assert deb.main() == 0
    assert checked(packages) == [f"station-kiosk-box_{RELEASE.version}_all.deb", "station-kiosk_0.9.0_arm64.deb"]

    def make(targets: object, out: Path, *, fresh: bool) -> list[Path]:
        out.mkdir()
        card = out / "station-kiosk-pi_0.9.0.img.zst"
        card.write_bytes(b"a card")
        return [card]

    monkeypatch.setattr(image, "make", make)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["image.py", "pi", "--without-updates", "--out", str(cards)])
    assert image.main() == 0
    assert checked(cards) == ["station-kiosk-pi_0.9.0.img.zst"]
