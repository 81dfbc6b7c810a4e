"""The kit beside its backup: durable, read again, and gone with its backup."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.kit import kit_files
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.kit_files import is_kit_of, load_county_key, write_kit
from kiosk.store.backup.kit.sealing import seal_to_county
from kiosk.store.backup.shared.settings import BackupSettings
from tests.store.backup.kit.test_sealing import COUNTY, KIT
from tests.store.village import STATION, bring_in, stamp


def test_a_kit_is_kept_as_long_as_its_backup(store: Store, path: Path, tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    foreign = medium / "S0148-A-0000000001-00c0ffee00c0ffee.kit"
    foreign.write_bytes(b"another station's")
    made = []
    for _ in range(4):
        bring_in(store)
        backup = make_backup(path, STATION, BackupSettings(medium, keep=2), stamp(), same_disk=True).path
        made.append(write_kit(backup, seal_to_county(KIT, COUNTY)))
        assert is_kit_of(backup, STATION, COUNTY)
        assert not is_kit_of(backup, "S0148", COUNTY)
    assert sorted(medium.glob("*.kit")) == sorted([*made[-2:], foreign])
    made[-1].with_suffix(".json").unlink()  # killed between manifest and kit
    bring_in(store)
    make_backup(path, STATION, BackupSettings(medium, keep=2), stamp(), same_disk=True)
    assert not made[-1].exists()


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _other(path: Path, content: bytes) -> None:
    path.write_bytes(content[:-1])


@pytest.mark.parametrize(("write", "told"), [(_full, "No space left"), (_other, "does not give back")])
def test_a_medium_that_does_not_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None], told: str
) -> None:
    monkeypatch.setattr(kit_files, "write_durably", write)
    with pytest.raises(KitRefused, match=told):
        write_kit(tmp_path / "S0147.db", b"sealed")
    assert list(tmp_path.iterdir()) == []


def test_the_county_s_key_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "county.pub"
    assert load_county_key(BackupSettings(tmp_path)) is None
    settings = BackupSettings(tmp_path, county_key_file=file)
    for content, told in ((None, "No such file"), (b"\xff", "holds no line"), (b"kit1-00", "holds no line")):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(KitRefused, match=told):
            load_county_key(settings)
    file.write_text(f"{COUNTY.text}\n")
    assert load_county_key(settings) == COUNTY == load_county_key(BackupSettings(tmp_path, county_key=COUNTY.text))
    with pytest.raises(ValueError, match="two places"):
        BackupSettings(tmp_path, county_key=COUNTY.text, county_key_file=file)
