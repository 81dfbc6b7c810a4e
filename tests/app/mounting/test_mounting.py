"""Which media are mounted, where and how; what udev has recorded is made by hand, and systemd is not asked."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.app.mounting.mounting import (
    BACKUP,
    FILE_SYSTEMS,
    GUARDED,
    MEDIA,
    BlockDevice,
    Kernel,
    Owner,
    block_device,
    bound_uuid,
    mount_medium,
    mount_of,
)
from kiosk.base.refused import Refused

OWNER = Owner(997, 996)
FAT = BlockDevice("sda1", "vfat", "KIOSK-USB", "1A2B-3C4D")
EXT4 = BlockDevice("sdb1", "ext4", "kiosk-backup", "0f1e2d3c-0000-4000-8000-000000000001")
GUARDS = {"nodev", "nosuid", "noexec"}


def test_a_stick_is_read_only_and_nothing_on_it_counts() -> None:
    for kind in FILE_SYSTEMS:
        made = mount_of(replace(FAT, kind=kind), OWNER, "")
        assert {"ro", *GUARDS} <= set(made.options)
        assert "rw" not in made.options
        assert (made.what, made.where, made.kind) == ("/dev/sda1", MEDIA / "KIOSK-USB-sda1", kind)
        assert ("noload" in made.options) == (kind == "ext4"), "a journal that is played back is written"
        assert ("gid=996" in made.options) == (kind != "ext4"), "FAT has no owners"


def test_what_is_not_mounted_is_told_without_its_own_words(subtests: pytest.Subtests) -> None:
    for device, reason in [
        (replace(FAT, kind="ntfs"), "another file system"),
        (replace(FAT, kind="squashfs"), "another file system"),
        (replace(FAT, kind="crypto_LUKS"), "another file system"),
        (replace(FAT, kind="", label="hostile"), "a broken one"),
        (replace(FAT, mounted=True), "belongs to this machine"),
        (replace(FAT, label="kiosk-data"), "belongs to this machine"),
        (replace(FAT, label="Kiosk-Root"), "belongs to this machine"),
        (replace(FAT, label="kiosk-data\n"), "belongs to this machine"),
        (replace(FAT, label="bootfs"), "belongs to this machine"),
        (replace(FAT, name="../sda1"), "no name of a disk"),
        (replace(FAT, name="sda1 -o rw"), "no name of a disk"),
        (replace(FAT, name="loop0"), "no name of a disk"),
        (replace(FAT, name="sda1\n"), "no name of a disk"),
    ]:
        with subtests.test(device=device, reason=reason):
            with pytest.raises(match=reason) as refused:
                mount_of(device, OWNER, "")
            assert device.label.strip() not in str(refused.value)


def test_the_table_of_the_document_is_that_of_the_rules() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs/box.md").read_text(encoding="utf-8")
    section = guide.partition("## Sticks\n")[2].partition("\n## ")[0]
    for kind, options in FILE_SYSTEMS.items():
        assert f"| {kind} | `{MEDIA}/NAME` | `ro,{','.join((*GUARDED, *options))}`" in section, kind


def test_a_label_is_hostile_text(subtests: pytest.Subtests) -> None:
    for label, folder in [
        ("", "sda1"),
        ("../../etc", "etc-sda1"),
        ("a b/c,rw\n%i", "a-b-c-rw-i-sda1"),
        ("تاغارچى", "sda1"),
        ("--", "sda1"),
        ("x" * 99, "x" * 24 + "-sda1"),
        ("\\x2f..", "x2f-sda1"),
    ]:
        with subtests.test(label=label, folder=folder):
            assert mount_of(replace(FAT, label=label), OWNER, "").where == MEDIA / folder


def test_the_backup_medium_is_known_by_its_uuid() -> None:
    bound = mount_of(EXT4, OWNER, EXT4.uuid.upper())
    assert bound.where == BACKUP
    assert {"rw", *GUARDS} <= set(bound.options)
    assert "noload" not in bound.options
    fat = mount_of(FAT, OWNER, FAT.uuid)
    assert (fat.where, {"uid=997", "gid=996"} <= set(fat.options)) == (BACKUP, True)
    # By its label only as long as none is bound.
    assert mount_of(EXT4, OWNER, "").where == BACKUP
    for uuid in ("ffff-0000", None):
        other = mount_of(EXT4, OWNER, uuid)
        assert (other.where, other.options[0]) == (MEDIA / "kiosk-backup-sdb1", "ro")
    assert mount_of(replace(EXT4, kind="vfat"), OWNER, "").where == MEDIA / "kiosk-backup-sdb1"


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    made = Kernel(tmp_path / "block", tmp_path / "udev", tmp_path / "mountinfo")
    (made.block / "sda1").mkdir(parents=True)
    (made.block / "sda1/dev").write_text("8:1\n")
    made.udev.mkdir()
    made.mounts.write_text("22 1 179:2 / / rw - ext4 /dev/root rw\n")
    record(made)
    return made


def record(kernel: Kernel, **properties: str) -> None:
    known = {"ID_FS_TYPE": "vfat", "ID_FS_LABEL": "KIOSK=USB", "ID_FS_UUID": "1A2B-3C4D", **properties}
    lines = "".join(f"E:{name}={value}\n" for name, value in known.items())
    (kernel.udev / "b8:1").write_text(f"S:disk/by-id/x\nI:123\n{lines}G:systemd\n")


def test_what_udev_has_recorded(kernel: Kernel) -> None:
    assert block_device("sda1", kernel) == BlockDevice("sda1", "vfat", "KIOSK=USB", "1A2B-3C4D")
    kernel.mounts.write_text("22 1 8:1 / /data rw - ext4 /dev/sda1 rw\n")
    assert block_device("sda1", kernel).mounted
    (kernel.udev / "b8:1").write_bytes(b"E:ID_FS_TYPE=\xff\xfe\nE:\nE:=\nrubbish" + b"\nE:x=y" * 100_000)
    assert block_device("sda1", kernel).label == ""
    with pytest.raises(OSError, match="sdz9"):
        block_device("sdz9", kernel)
    with pytest.raises(Refused):
        block_device("../../etc", kernel)


def test_the_binding_of_the_backup(tmp_path: Path) -> None:
    settings = tmp_path / "station.toml"
    assert bound_uuid(settings) == ""
    for text, uuid in {
        "[station]\n": "",
        '[backup]\nfolder = "/mnt/kiosk-backup"\nuuid = "1A2B-3C4D"\n': "1A2B-3C4D",
        '[backup]\nuuid = "x,rw"\n': None,
        "backup = 7\n": None,
        "[backup]\nuuid = 7\n": None,
        "not toml": None,
    }.items():
        settings.write_text(text)
        assert bound_uuid(settings) == uuid, text


def test_systemd_is_asked_for_the_mount(kernel: Kernel, tmp_path: Path) -> None:
    calls: list[list[str]] = []

    def run(call: list[str], **given: object) -> subprocess.CompletedProcess[str]:
        calls.append(call)
        return subprocess.CompletedProcess(call, code, "", "mount: wrong fs type\n\x1b[2J")

    code = 0
    made = mount_medium("sda1", kernel, tmp_path / "none.toml", run)
    assert made.where == MEDIA / "KIOSK-USB-sda1"
    assert calls[0][0] == "systemd-mount"
    assert "--fsck=no" in calls[0]
    assert calls[0][-2:] == ["/dev/sda1", "/run/kiosk-media/KIOSK-USB-sda1"]
    (options,) = (word for word in calls[0] if word.startswith("--options="))
    assert options.startswith("--options=ro,nodev,nosuid,noexec,")
    code = 32
    with pytest.raises(OSError, match="may be broken"):
        mount_medium("sda1", kernel, tmp_path / "none.toml", run)
    record(kernel, ID_FS_TYPE="")
    with pytest.raises(Refused):
        mount_medium("sda1", kernel, tmp_path / "none.toml", run)
    assert len(calls) == 2
