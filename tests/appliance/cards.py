"""Cards of new boxes: a bare Debian with the packages of station and screen installed, as an image is made, not booted.

What they want of Debian is in apt's cache, so nothing reaches a network. A card is a copy; nothing on it is shared.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.appliance.bare_debian import BOOT, BOOTING, INSTALL, MINE, bare_debian, built, state
from tests.systemd.box import AS_ROOT, Booted, wait_for
from tree import BOX, STATION

INSTALLED = """\
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/opt"
shift 2
exec "$@"
"""
"""In mounts of its own, which are gone with it. No systemd runs there: no unit is started, and no key is made."""

HEADLESS = "WLR_BACKENDS=headless WLR_RENDERER=pixman LIBSEAT_BACKEND=noop WLR_LIBINPUT_NO_DEVICES=1"
WITH_SCREEN = {
    "etc/systemd/system/kiosk-browser.service.d/headless.conf": "[Unit]\nConditionPathExists=\n[Service]\n"
    f"Environment={HEADLESS}\n"
}
"""The real session of the screen, on a screen that is only in memory."""


class Card:
    """What a new box is booted from, and boots from again."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.root = folder / "root"
        self._folder, self._boots = folder, 0
        subprocess.run([*AS_ROOT, "cp", "-a", "--one-file-system", str(image), str(self.root)], check=True)

    def lay(self, files: dict[str, str]) -> None:
        """Text files below the root, as root's own; those that begin with #! can be run."""
        for name, text in files.items():
            path = self.root / name
            command = 'mkdir -p "$(dirname "$1")"; cat >"$1"' + ('; chmod 755 "$1"' if text[:2] == "#!" else "")
            subprocess.run([*AS_ROOT, "sh", "-c", command, "sh", str(path)], input=text, text=True, check=True)

    def wipe(self) -> None:
        """As new: nothing of a station is on it."""
        kept = "var/lib/kiosk var/lib/kiosk-keys var/lib/kiosk-releases etc/kiosk etc/credstore"
        self.run(f'cd "$ROOT"; for folder in {kept}; do find "$folder" -mindepth 1 -delete; done')

    def run(self, script: str) -> None:
        """On the disk, before it boots; ``$ROOT`` is its root."""
        subprocess.run([*AS_ROOT, "env", f"ROOT={self.root}", "sh", "-euc", script], check=True)

    @contextmanager
    def boot(self, options: Sequence[str] = ()) -> Iterator[Booted]:
        """Until its systemd has started everything. The power is cut at the end when nobody ended it before."""
        self._boots += 1
        work = self._folder / f"boot-{self._boots}"
        work.mkdir()
        with Booted([sys.executable, "-P", str(BOOT), str(self.root), *options], work) as booted:
            wait_for(lambda: state(booted) not in BOOTING, booted.console)
            yield booted


class Cards:
    """Makes cards of one image; all are gone with ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._image, self._made = folder, folder / "image", 0
        packages = built(folder / "packages", STATION, BOX)
        subprocess.run([*AS_ROOT, "cp", "-a", "--one-file-system", str(bare_debian()), str(self._image)], check=True)
        files = [f"/opt/{path.name}" for path in packages.values()]
        command = [*AS_ROOT, "unshare", "--mount", "sh", "-euc", INSTALLED, "sh", str(self._image)]
        command += [str(folder / "packages"), "chroot", str(self._image), *INSTALL, "install", *files]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        for name in ("machine-id", "hostname"):
            subprocess.run([*AS_ROOT, "sh", "-c", f": >{self._image}/etc/{name}"], check=True)

    def new(self, files: dict[str, str] | None = None) -> Card:
        """Never booted; ``files`` are laid on it."""
        self._made += 1
        folder = self._folder / f"card-{self._made}"
        folder.mkdir()
        card = Card(folder, self._image)
        card.lay(files or {})
        return card


@contextmanager
def made_cards() -> Iterator[Cards]:
    """On a disk, because a station refuses to keep anything in memory; gone at the end."""
    folder = MINE / "cards"
    subprocess.run([*AS_ROOT, "rm", "-rf", str(folder)], check=True)
    folder.mkdir(parents=True)
    try:
        yield Cards(folder)
    finally:
        subprocess.run([*AS_ROOT, "rm", "-rf", str(folder)], check=True)
