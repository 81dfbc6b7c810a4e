"""The image's recipe without its Debian: tables, words, overlays, keys, and what is never made."""

from __future__ import annotations

import subprocess
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path

import pytest

import boot
import disk
import image
import root
from control import ABOUT
from initramfs import NoInitramfs, listing
from kiosk.station.shared.settings import StationSettings
from root import NoImage, fstab, key, packages, recipe, require_seal
from scripts.lint_boot import lint
from tree import BOX

IMAGE_FILES = root.FILES
SEALED = """\
init
scripts/init-bottom/overlayroot
usr/bin/busybox
usr/lib/modules/6.12.118+deb13-arm64/kernel/fs/ext4/ext4.ko.xz
usr/lib/modules/6.12.118+deb13-arm64/kernel/fs/overlayfs/overlay.ko.xz
""".splitlines()


def test_an_initramfs_that_would_leave_the_root_open_makes_no_image() -> None:
    require_seal(SEALED)
    for at, row in enumerate(SEALED[1:], 1):
        with pytest.raises(NoImage, match="cannot seal") as refused:
            require_seal([*SEALED[:at], *SEALED[at + 1 :]])
        assert row.removesuffix(".xz").endswith(str(refused.value).rpartition(": ")[2])
    with pytest.raises(NoImage):
        require_seal([f"{row}-not" for row in SEALED])


def entry(name: str, content: bytes = b"", mode: int = 0o100644) -> bytes:
    """One file of an archive (cpio(5))."""
    fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % number for number in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


LAST = entry("TRAILER!!!")


def test_an_initramfs_is_read_through_all_its_archives(tmp_path: Path) -> None:
    path = tmp_path / "initrd.img"
    first, second = entry("lib/overlay.ko", b"12345") + LAST, entry("init", b"#!/bin/sh") + entry("bin/busybox") + LAST
    packed = subprocess.run(["zstd", "-c"], input=second, capture_output=True, check=True).stdout
    for rest in (second, packed):
        path.write_bytes(first + bytes(512) + rest)
        assert listing(path) == ["lib/overlay.ko", "TRAILER!!!", "init", "bin/busybox", "TRAILER!!!"]
    for damaged in (first[:-60], first + b"garbage", first + packed[:-3], b"\x1f\x8b gzip"):
        path.write_bytes(damaged)
        with pytest.raises(NoInitramfs):
            listing(path)


def test_the_choice_of_the_root_is_laid_before_what_debian_has_made(tmp_path: Path) -> None:
    made = b"".join(entry(name) for name in SEALED) + LAST
    boots = tmp_path / "root/boot"
    boots.mkdir(parents=True)
    (boots / "vmlinuz-1").touch()
    (boots / "initrd.img-1").write_bytes(made)
    boot.take_kernel(tmp_path / "root", tmp_path)
    choice = (boot.ROOT / "firmware_config/initramfs/kiosk").read_bytes()
    first = entry("scripts", mode=0o040755) + entry("scripts/kiosk", choice) + entry("TRAILER!!!", mode=0)
    assert (tmp_path / "initrd.img").read_bytes() == first + made
    assert listing(tmp_path / "initrd.img") == ["scripts", "scripts/kiosk", "TRAILER!!!", *SEALED, "TRAILER!!!"]


def test_what_both_boards_boot_with_passes_the_lint(tmp_path: Path) -> None:
    for name, text in (("config.txt", boot.config()), ("cmdline.txt", boot.cmdline())):
        (tmp_path / name).write_text(text, encoding="ascii")
        assert lint(tmp_path / name) == []
    assert {"[pi3]", "[pi4]"} <= set(boot.config().splitlines())
    assert {"root=LABEL=kiosk-root", "boot=kiosk", "ro", "overlayroot=tmpfs:recurse=0"} <= set(boot.cmdline().split())


def test_the_card_looks_for_no_screen_on_the_flat_cable() -> None:
    """The firmware would load an overlay of the screen's own, and the card has none: HDMI alone."""
    assert [row for row in boot.config().splitlines() if "display" in row and "auto" in row] == []


def test_every_overlay_that_is_asked_for_is_here_and_no_other() -> None:
    assert {f"{name}.dts" for name in boot.overlays()} == {path.name for path in boot.OVERLAYS.iterdir()}


def test_overlays_compile_and_one_that_a_board_has_not_is_refused(tmp_path: Path) -> None:
    compiled = [boot.compile_overlay(name, tmp_path) for name in boot.overlays()]
    labels = ("vc4", "uart0", "uart1", "bt", "i2c1", "uart0_gpio14")
    for name, has in (("whole", labels), ("lacking", labels[1:])):
        source = "/dts-v1/; / { %s };" % " ".join(f"{label}: {label.replace('_', '-')} {{}};" for label in has)  # noqa: UP031
        command = ["dtc", "-q", "-@", "-O", "dtb", "-o", str(tmp_path / name), "-"]
        subprocess.run(command, input=source, text=True, check=True)
    boot.judge_overlays(tmp_path / "whole", compiled)
    with pytest.raises(NoImage, match="does not go with lacking"):
        boot.judge_overlays(tmp_path / "lacking", compiled)
    with pytest.raises(NoImage, match="dtoverlay=stranger"):
        boot.compile_overlay("stranger", tmp_path)


def test_partitions_lie_one_behind_the_other_and_none_begins_within_a_block_of_the_card(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("boot", "root", "data")]
    for file, mib in zip(files, (256, 1501, 640), strict=True):
        disk.sized(file, mib)
    found = disk.layout((files[0], files[1], files[2]))
    assert [(row.start_mib, row.size_mib) for row in found] == [(4, 256), (260, 1504), (1764, 640)]
    assert disk.table(found) == (
        "label: dos\nstart=4MiB, size=256MiB, type=c\nstart=260MiB, size=1504MiB, type=83\n"
        "start=1764MiB, size=640MiB, type=83\n"
    )


def test_a_root_is_kept_by_what_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    names = packages()
    known = key(recipe(names, Path("/target")))
    assert known == key(recipe(names, Path("/target")))
    assert known != key(recipe([*names, "more"], Path("/target")))
    monkeypatch.setattr(root, "SUITE", "forky")
    assert known != key(recipe(names, Path("/target")))


def test_all_that_our_packages_want_of_debian_is_in_the_root() -> None:
    names = packages()
    assert len(names) == len(set(names))
    assert {"python3", "udev", "systemd", "fonts-noto-cjk", "chromium", "cage", "seatd"} <= set(names)
    assert not [name for name in names if name in ABOUT or not name.strip()]
    suggested = {name.strip() for name in ABOUT[BOX].suggests.split(",")}
    assert suggested <= set(names), "what seals the root"


def test_the_card_mounts_its_own_partitions_and_those_of_every_box() -> None:
    rows = [row.split() for row in fstab().splitlines() if row and not row.startswith("#")]
    places = {row[1]: (row[0], row[3].split(",")) for row in rows}
    assert {row[0] for row in rows if not row[0].startswith("/data/")} == {
        "tmpfs",
        *(f"/dev/disk/kiosk/{name}" for name in ("root", "boot", "data")),
    }, "a label or a UUID may stand on another card, too"
    assert {"x-systemd.growfs", "nofail"} <= set(places["/data"][1])
    assert {"ro", "nofail", "noexec"} <= set(places["/boot/firmware"][1])


def installed(folder: Path) -> Path:
    """As much of a root as ``forget`` looks at."""
    for place in ("etc/kiosk", "etc/ssh", "var/lib/kiosk-keys", "var/lib/dbus", "var/lib/systemd", "boot"):
        (folder / place).mkdir(parents=True)
    (folder / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "var/lib/systemd/random-seed").write_bytes(b"seed")
    return folder


def test_nothing_of_one_machine_is_in_an_image(tmp_path: Path) -> None:
    folder = installed(tmp_path / "root")
    root.forget(folder)
    assert (folder / "etc/machine-id").read_bytes() == b""
    assert not (folder / "var/lib/systemd/random-seed").exists()
    for at, name in enumerate(("etc/kiosk/station.toml", "var/lib/kiosk-keys/pickup-key", "etc/ssh/ssh_host_rsa_key")):
        other = installed(tmp_path / str(at))
        (other / name).write_text("secret")
        with pytest.raises(NoImage, match="one station"):
            root.forget(other)


@pytest.mark.parametrize("left", [(), ("vmlinuz-1", "vmlinuz-2", "initrd.img-1")], ids=["none", "two"])
def test_a_root_has_one_kernel(tmp_path: Path, left: tuple[str, ...]) -> None:
    (tmp_path / "root/boot").mkdir(parents=True)
    for name in left:
        (tmp_path / "root/boot" / name).touch()
    with pytest.raises(NoImage, match="not one"):
        boot.take_kernel(tmp_path / "root", tmp_path)


class Asked(Exception):
    """An image would be made."""


def test_an_image_without_the_vendors_key_is_asked_for_by_name(
    subtests: pytest.Subtests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can put the key on a card afterwards: a station of such an image is never updated."""

    def holds(key: str | None, more: tuple[str, ...], makes: bool) -> None:

        def make(*_: object, **__: object) -> list[Path]:
            raise Asked

        file = tmp_path / "vendor.pub"
        file.unlink(missing_ok=True)
        if key is not None:
            file.write_text(key)
        monkeypatch.setattr(image, "VENDOR_KEY", file)
        monkeypatch.setattr(image, "make", make)
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr("sys.argv", ["image.py", "pi", *more])
        try:
            assert (image.main(), makes) == (2, False)
            assert str(file) in capsys.readouterr().err
        except Asked:
            assert makes

    for one_key, more, makes in [
        (None, (), False),
        (None, ("--without-updates",), True),
        ("", (), False),
        ("# soon\n", (), False),
        ("ab" * 31, (), False),
        ("ab" * 31, ("--without-updates",), False),
        ("ab" * 32, (), True),
        (f"{'ab' * 32}\n{'cd' * 32} # the next one\n", (), True),
    ]:
        with subtests.test(key=one_key, more=more, makes=makes):
            holds(one_key, more, makes)


def test_the_clock_of_the_image_is_that_of_the_county(tmp_path: Path) -> None:
    """Of the journal, and of timers of Debian that name no zone."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    root.lay_settings(tmp_path)
    zone = next(field.default for field in fields(StationSettings) if field.name == "zone")
    assert (tmp_path / "etc/localtime").readlink() == Path("/usr/share/zoneinfo", str(zone))


def test_a_unit_with_an_old_script_beside_it_is_enabled(tmp_path: Path) -> None:
    """Whose own tools are of another architecture, and cannot run here."""
    system = tmp_path / "usr/lib/systemd/system"
    system.mkdir(parents=True)
    for unit in root.AWAKE:
        (system / unit).write_text("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
    (tmp_path / "etc/init.d").mkdir(parents=True)
    (tmp_path / "etc/init.d/iwd").write_text("#!/bin/sh\n")
    (tmp_path / "etc/init.d/iwd").chmod(0o755)
    root.enable_units(tmp_path)
    enabled = {path.name for path in (tmp_path / "etc/systemd/system/multi-user.target.wants").iterdir()}
    assert enabled == set(root.AWAKE)
    assert (tmp_path / "etc/systemd/system" / root.ASLEEP[0]).readlink() == Path("/dev/null")


def test_the_image_answers_no_question_for_its_name(tmp_path: Path) -> None:
    """LLMNR and mDNS would listen on every address, and anybody on the cable could answer for another."""
    (tmp_path / "etc").mkdir()
    root.lay_settings(tmp_path)
    resolved = ConfigParser()
    resolved.read(tmp_path / "etc/systemd/resolved.conf.d/50-kiosk.conf")
    assert dict(resolved["Resolve"]) == {"llmnr": "no", "multicastdns": "no"}


def test_a_card_can_join_a_wifi_network(tmp_path: Path) -> None:
    """Only on paper: no radio was near."""
    assert {"iwd", "wireless-regdb", "firmware-brcm80211", "dbus"} <= set(packages())
    assert "--components=main,non-free-firmware" in recipe(packages(), tmp_path), "where the radio's firmware lies"
    assert "cfg80211.ieee80211_regdom=CN" in boot.cmdline().split()
    assert "disable-wifi" not in boot.config()
    (tmp_path / "etc").mkdir()
    root.lay_settings(tmp_path)
    iwd = ConfigParser()
    iwd.read(tmp_path / "etc/iwd/main.conf")
    assert dict(iwd["General"]) == {"enablenetworkconfiguration": "false"}, "one of the two gives addresses"
    places = {row.split()[1] for row in fstab().splitlines() if row.startswith("/data/")}
    assert "/var/lib/iwd" in places, "a sealed root would forget the password"
    assert "RequiresMountsFor=/var/lib/iwd" in (tmp_path / "etc/systemd/system/iwd.service.d/50-kiosk.conf").read_text()
