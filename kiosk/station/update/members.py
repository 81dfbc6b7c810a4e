"""What a payload may hold: regular files and folders below ``code``, ``libraries`` and ``release.json``; no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from kiosk.station.update.bundle import UpdateManifest
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import RELEASE_FILE

if TYPE_CHECKING:
    import tarfile

CODE: Final = "code"
LIBRARIES: Final = "libraries"
_MAX_DEPTH: Final = 16
_MAX_NAME_LENGTH: Final = 255
_MAX_RELEASE_BYTES: Final = 16 * 1024


class MemberRules:
    """Judges one member after the other, in the order of the tar, before anything of it is written."""

    def __init__(self, manifest: UpdateManifest) -> None:
        self.manifest = manifest
        self.members = self.unpacked = 0
        self._seen: dict[str, bool] = {}

    def judge(self, member: tarfile.TarInfo) -> PurePosixPath:
        """Its place below the release. Raises UpdateRefused."""
        self.members += 1
        if self.members > self.manifest.members:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "more members than its manifest says")
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member is no file and no folder")
        size = member.size if member.isreg() else 0
        self.unpacked += size
        if size < 0 or self.unpacked > self.manifest.unpacked_bytes:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "larger than its manifest says")
        path = _member_path(member.name)
        self._require_own_place(path, folder=member.isdir())
        if path.name == RELEASE_FILE and size > _MAX_RELEASE_BYTES:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "release.json is too large")
        return path

    def finish(self) -> None:
        """At the end of the tar. Raises UpdateRefused when something is missing."""
        if self.members != self.manifest.members or self.unpacked != self.manifest.unpacked_bytes:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "less than its manifest says")
        if RELEASE_FILE not in self._seen or f"{CODE}/kiosk/__init__.py" not in self._seen:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "no program is in it")

    def _require_own_place(self, path: PurePosixPath, *, folder: bool) -> None:
        """Nothing twice, nothing below a file, and every folder before what lies in it."""
        name, parent = str(path), str(path.parent)
        if name in self._seen or (parent != "." and self._seen.get(parent) is not True):
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member has no place of its own")
        self._seen[name] = folder
        top = path.parts[0]
        allowed = {CODE, *([LIBRARIES] if self.manifest.brings_libraries else [])}
        if len(path.parts) == 1 and (top in allowed) != folder:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member at a place that is none of an update")
        if top not in allowed and name != RELEASE_FILE:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member at a place that is none of an update")


def _member_path(name: str) -> PurePosixPath:
    parts = name.split("/")
    plain = name.isascii() and name.isprintable() and "\\" not in name and len(parts) <= _MAX_DEPTH
    if not plain or any(part in ("", ".", "..") or len(part) > _MAX_NAME_LENGTH for part in parts):
        raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member's name is no relative path")
    return PurePosixPath(*parts)


def members_of(tar: tarfile.TarFile, rules: MemberRules) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Each member that was judged, and at the end whether all are there. Raises UpdateRefused."""
    for member in tar:
        yield member, rules.judge(member)
    rules.finish()
