"""``sorting-center update``: what is offered, and what is not taken."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiosk.base.files import exclusive_folder
from kiosk.sorting_center.updates import folder as offers
from tests.sorting_center.updates.bundles import bundle, command, offer
from tests.station.update.machine import NEW, OTHER_KEY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "updates"


def test_a_bundle_is_offered_to_some_then_to_all_then_to_nobody(folder: Path, tmp_path: Path) -> None:
    made = bundle(tmp_path)
    sha256 = offer(folder, made, "S0148", "S0147", "S0148")
    assert sha256 == hashlib.sha256(made.read_bytes()).hexdigest()
    assert command(folder, "list").output == f"{NEW}  all  Python 3.13  0.1 MB code only  S0147 S0148  {sha256}\n"
    newer = offer(folder, bundle(tmp_path, "0.10.0"))
    assert offer(folder, made) == sha256
    rows = command(folder, "list").output.splitlines()
    assert [(row.split()[0], "all stations" in row) for row in rows] == [("0.10.0", True), (NEW, True)]
    assert command(folder, "remove", newer[:12]).exit_code == 0
    for unknown in (newer, ""):
        refused = command(folder, "remove", unknown)
        assert (refused.exit_code, "updates begin with" in refused.output) == (1, True)
    assert {path.name for path in folder.iterdir()} == {f"{sha256}.json", f"{sha256}.kioskupdate"}


def test_what_a_station_would_refuse_is_not_offered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = bundle(tmp_path)
    raw = good.read_bytes()
    files = {
        "cut": raw[:-1],
        "longer": raw + b"x",
        "changed": raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:],
        "manifest": raw.replace(b'"0.9.1', b'"0.9.9', 1),
        "page": b"<html>",
        "nothing": b"",
    }
    for name, content in files.items():
        (tmp_path / f"{name}.kioskupdate").write_bytes(content)
    stranger = bundle(tmp_path, "0.9.2", key=OTHER_KEY)
    told = {**dict.fromkeys(("cut", "longer", "changed"), "not whole"), "manifest": "not signed"}
    told |= dict.fromkeys(("page", "nothing"), "not an update bundle")
    refused = {name: command(folder, "add", tmp_path / f"{name}.kioskupdate") for name in files}
    assert {name for name, done in refused.items() if done.exit_code != 1 or told[name] not in done.output} == set()
    assert "not signed" in command(folder, "add", stranger).output
    assert "cannot be used" in command(folder, "add", tmp_path / "none").output
    assert command(folder, "add", good, "--station", "S1").exit_code == 2
    keys = folder.with_name("vendor.pub")
    keys.write_text("zz\n")
    assert command(folder, "add", good).exit_code == 1
    keys.write_text("# none\n")
    assert "without the vendor's key" in command(folder, "add", good).output
    assert not folder.exists()
    keys.unlink()
    monkeypatch.setattr(offers, "MAX_OFFERS", 1)
    offer(folder, good)
    assert "remove one first" in command(folder, "add", bundle(tmp_path, "0.9.3")).output
    assert len(list(folder.iterdir())) == 2


def test_what_a_killed_command_leaves_goes_with_the_next_and_two_do_not_meet(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = bundle(tmp_path), bundle(tmp_path, "0.9.2")

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(offers, "write_durably", killed)
        with pytest.raises(Killed):
            offer(folder, good)
    (folder / f".{'a' * 64}.new").write_bytes(b"begun")
    (folder / "kept here.kioskupdate").write_bytes(b"a file of the operator's")
    sha256 = offer(folder, other)
    names = {f"{sha256}.json", f"{sha256}.kioskupdate", "kept here.kioskupdate"}
    assert {path.name for path in folder.iterdir()} == names
    with exclusive_folder(folder):
        for done in (command(folder, "add", good), command(folder, "remove", sha256)):
            assert (done.exit_code, "another update is being added or removed" in done.output) == (1, True)
    with monkeypatch.context() as patch:
        killing = SimpleNamespace(update=killed)
        patch.setattr(offers, "hashlib", SimpleNamespace(sha256=lambda: killing))
        with pytest.raises(Killed):
            offer(folder, good)
    assert {path.name for path in folder.iterdir()} == names


def test_a_garbled_offer_is_named_passed_over_and_taken_away(folder: Path, tmp_path: Path) -> None:
    good, bad, worse = (offer(folder, bundle(tmp_path, version)) for version in ("0.9.1", "0.9.2", "0.9.3"))
    for sha256 in (bad, worse):
        about = folder / f"{sha256}.json"
        about.write_bytes(about.read_bytes().replace(b"aarch64", b"\xe1arch64").replace(b"all", b"\xe1ll"))
    told = command(folder, "list")
    assert (told.exit_code, good in told.stdout) == (0, True)
    assert [row.split()[1] for row in told.stderr.splitlines()] == sorted(repr(sha256) for sha256 in (bad, worse))
    assert command(folder, "remove", bad[:12]).exit_code == 0
    assert offer(folder, tmp_path / "0.9.3.kioskupdate") == worse, "added again it is whole"
    assert command(folder, "list").stderr == ""
    assert {path.stem for path in folder.iterdir()} == {good, worse}


def test_an_offer_that_goes_while_others_are_asked_for_costs_no_station_its_answer(
    folder: Path, tmp_path: Path
) -> None:
    """Whoever removes one, or mends a disk, is another process: a name may lead nowhere by the time it is looked at."""
    good = offer(folder, bundle(tmp_path))
    (folder / f"{'c' * 64}.json").symlink_to(folder / "nothing")
    assert [one.offer.sha256 for one in offers.OfferFolder(folder).offers()] == [good]
