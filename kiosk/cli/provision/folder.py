"""The folder that a county takes to its stations: sealed identities for the stick, and papers for the printer."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from kiosk.base.files import sync_folder, write_synced
from kiosk.cli.provision.paper import paper_pdf
from kiosk.cli.shared.one_line import Progress, counted
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import FOLDER, StationIdentity, seal, sealed_name

PAPERS: Final = "papers"
# mallopt(3): one heap for all threads, and no block so large that it goes back to the kernel at once.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX, _LARGE_BYTES = -1, -3, -8, 1 << 30
PRIVATE_FILE: Final = 0o600
# A stick with ext4 keeps the modes of copied files, and the station's user reads them: they are sealed, so anybody may.
# Where they are made, only the owner can read the folder around them.
_FOLDER_OF_STICK, _FILE_OF_STICK = 0o755, 0o644


@contextmanager
def complete_folder(out: Path, admit: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Make a folder, mode 0700, named only once all its content is on the disk: half of the codes would look like all
    of them.

    ``admit`` is called right before that; when it raises, nothing is left of the folder. Raises OSError.
    """
    require_free(out)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))  # 0700
    try:
        yield fresh
        for folder in (*(path for path in fresh.iterdir() if path.is_dir()), fresh):
            sync_folder(folder)
        require_free(out)
        admit()
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    try:
        fresh.rename(out)
    except OSError as error:
        raise OSError(f"everything is in {fresh}; rename it to {out}: {error.strerror}") from error
    sync_folder(out.absolute().parent)


def require_free(out: Path) -> None:
    """Raise FileExistsError when the path exists, even as an empty folder, which would be replaced."""
    if os.path.lexists(out):  # an empty folder would be replaced
        raise FileExistsError(f"{out} is there already: name a new folder, its codes may be in use")


def write_identities(folder: Path, identities: Sequence[StationIdentity], show: Progress) -> list[bytes]:
    """Write a sealed file and a paper for each; return the sealed contents. Raises OSError, FontProblem."""
    for name, mode in ((FOLDER, _FOLDER_OF_STICK), (PAPERS, 0o700)):
        (folder / name).mkdir()
        (folder / name).chmod(mode)
    codes = [PaperCode.generate(secrets.randbelow) for _ in identities]
    _reuse_memory()
    pool, written = ThreadPoolExecutor(os.cpu_count(), "seal"), []
    made = zip(identities, codes, pool.map(seal, identities, codes), strict=True)
    try:  # sealing is slow by design, and does not hold the other threads up
        for identity, code, sealed in counted(made, show):
            write_new(folder / FOLDER / sealed_name(identity.station), sealed, _FILE_OF_STICK)
            write_new(folder / PAPERS / f"{identity.station}.pdf", paper_pdf(identity, code), PRIVATE_FILE)
            written.append(sealed)
    finally:
        pool.shutdown(cancel_futures=True)
    return written


def _reuse_memory() -> None:
    """Let each seal reuse the 64 MiB of the one before: fetching it from the kernel again costs a fifth of the time.

    Where the C library has no such option, it takes longer.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in (
            (_M_ARENA_MAX, 1),
            (_M_MMAP_THRESHOLD, _LARGE_BYTES),
            (_M_TRIM_THRESHOLD, _LARGE_BYTES),
        ):
            mallopt(option, value)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a new file, on the disk when it returns. Raises OSError."""
    path.touch(mode=PRIVATE_FILE, exist_ok=False)
    path.chmod(mode)
    write_synced(path, content)
