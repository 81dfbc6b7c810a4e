"""Makes the Debian packages: ``packaging/deb.py [PACKAGE ...] [--architecture amd64] [--stored] [--out build/deb]``.

The libraries are the locked wheels of each architecture, the version carries the commit, and the same commit makes the
same bytes. Run it with the checkout's virtual environment, on the Debian whose Python the machines have.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from control import ALL, ARCHITECTURES, conffiles, control, scripts
from documents import lay_documents
from kiosk.cli.shared.one_line import progress
from libraries import digits_of, unpack_wheels
from release import PYTHON, ROOT, NoRelease, Release, of_checkout
from tree import PACKAGES, PROGRAMS, lay_code, lay_files, lay_program
from wheels import MACHINES, NoWheels, wheels_for

DEBIAN_PYTHON: Final = "3.13"
"""Of Debian 13 and of Raspberry Pi OS of the same release: modules are compiled for it here."""
_BLOCK: Final = 1024


def main() -> int:
    """Build what is asked for, all by default; 2 when it cannot be built here."""
    parser = argparse.ArgumentParser(description="Make the Debian packages.")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(PACKAGES)}; all by default")
    parser.add_argument("--architecture", choices=sorted(MACHINES), help="both by default")
    parser.add_argument("--stored", action="store_true", help="not compressed: large, and made in a tenth of the time")
    parser.add_argument("--out", type=Path, default=ROOT / "build/deb")
    options = parser.parse_args()
    strangers = set(options.packages) - set(PACKAGES)
    if strangers:
        parser.error(f"no such package: {', '.join(sorted(strangers))}")
    if PYTHON != DEBIAN_PYTHON:
        print(f"This is Python {PYTHON}; the packages are for Python {DEBIAN_PYTHON}.", file=sys.stderr)
        return 2
    os.umask(0o022)
    try:
        release = of_checkout()
        for package in options.packages or PACKAGES:
            for architecture in ARCHITECTURES[package]:
                if architecture in (ALL, options.architecture or architecture):
                    with progress(f"{package} {architecture}"):
                        built = build(package, architecture, release, options.out, stored=options.stored)
                    print(built, flush=True)
        print(write_sums(options.out, "*.deb"))
    except (NoRelease, NoWheels) as error:
        print(f"The packages cannot be made: {error}", file=sys.stderr)
        return 2
    return 0


def write_sums(folder: Path, pattern: str) -> Path:
    """``SHA256SUMS`` of the files there, for ``sha256sum --check`` wherever they are copied to."""
    rows = []
    for path in sorted(folder.glob(pattern)):
        with path.open("rb") as file:
            rows.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(rows), encoding="utf-8")
    return sums


def build(package: str, architecture: str, release: Release, out: Path, *, stored: bool = False) -> Path:
    """One package below ``out``. Raises NoWheels, OSError, CalledProcessError."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{package}_{release.version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix=f".{package}-", dir=out) as work:
        root = Path(work) / "root"
        stage(package, architecture, release, root)
        made = Path(work) / target.name
        # One thread: several would cut the data into other blocks, and make other bytes.
        how = ["-Znone"] if stored else ["-Zxz", "--threads-max=1"]
        command = ["dpkg-deb", "--root-owner-group", *how, "--build", str(root), str(made)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(release.built)}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        made.replace(target)
    return target


def stage(package: str, architecture: str, release: Release, root: Path) -> None:
    """The package's tree as dpkg-deb wants it."""
    root.mkdir()
    lay_files(package, root)
    if package in PROGRAMS:
        lay_program(package, root, release.told(architecture, digits_of(package)))
        wheels = wheels_for(package, architecture)
        lay_code(package, root, release, partial(unpack_wheels, wheels))
    lay_documents(package, root, release)
    size = sum(_size(path) for path in root.rglob("*"))
    rows = {
        "control": control(package, architecture, release.version, size // _BLOCK),
        "conffiles": conffiles(root),
        "md5sums": _checksums(root),
    }
    folder = root / "DEBIAN"
    folder.mkdir()
    for name, text in {**rows, **scripts(package)}.items():
        if text:
            (folder / name).write_text(text, encoding="utf-8")
    for name in scripts(package):
        (folder / name).chmod(0o755)
    for path in (root, *root.rglob("*")):
        os.utime(path, (release.built, release.built), follow_symlinks=False)


def _size(path: Path) -> int:
    """As it lies on a disk, in whole blocks; a folder or a link is one."""
    whole = path.is_file() and not path.is_symlink()
    return -(-path.stat().st_size // _BLOCK) * _BLOCK if whole else _BLOCK


def _checksums(root: Path) -> str:
    rows = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            digits = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            rows.append(f"{digits}  {path.relative_to(root)}\n")
    return "".join(rows)


if __name__ == "__main__":
    if shutil.which("dpkg-deb") is None:
        sys.exit("dpkg-deb is missing: build on Debian")
    sys.exit(main())
