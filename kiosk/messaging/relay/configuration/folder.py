"""The folder in which the relay leaves the county's documents for the station's process, and what its database has."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from kiosk.base.files import flush_to_disk, open_regular, sync_folder, write_durably
from kiosk.messaging.contract.configuration import (
    DOCUMENT,
    INBOX,
    MAX_DOCUMENT_BYTES,
    BadConfiguration,
    ConfigurationDocument,
    Part,
    parse_document,
    part_file,
)
from kiosk.messaging.contract.station_request import REQUEST, REQUESTS
from kiosk.messaging.relay.configuration.ports import AppliedDocuments, DocumentInForce, PartDamaged

_COMING: Final = ".part"
_PART: Final = re.compile(r"[0-9a-f]{64}\.json|\.[0-9a-f]{64}\.part")
_MODE: Final = 0o600


class FolderInbox:
    """``SHA256.json`` for each part, then ``document.json``; ``.SHA256.part`` while one comes.

    One thread alone writes it, but for requests; the station's process removes what it has taken. Any call may raise
    OSError and the store's errors.
    """

    def __init__(self, data: Path, documents: AppliedDocuments) -> None:
        self._folder, self._request, self._documents = data / INBOX, data / REQUESTS / REQUEST, documents

    def in_force(self) -> DocumentInForce | None:
        found = self._documents.in_force()
        return DocumentInForce(found.version, found.sha256, found.confirmed) if found is not None else None

    def missing(self, document: ConfigurationDocument) -> Sequence[Part]:
        """Return the parts that neither the folder nor the database has, the smallest first."""
        parts = {part.sha256: part for part in document.parts.values() if not self._has(part)}
        return sorted((parts[sha256] for sha256 in self._documents.missing(parts)), key=lambda part: part.size)

    def offset(self, part: Part) -> int:
        """Return how many bytes of the part are here. A file longer than the part is deleted."""
        try:
            size = self._coming(part).stat().st_size
        except FileNotFoundError:
            return 0
        if size > part.size:
            self._coming(part).unlink()
            return 0
        return size

    def put(self, part: Part, content: bytes) -> None:
        """Store a whole part, whose hash was checked, durably."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_durably(self._folder / part_file(part.sha256), content, _MODE)
        self._coming(part).unlink(missing_ok=True)

    def take(self, part: Part, piece: bytes) -> None:
        """Append the next bytes of the part. Raises PartDamaged when they exceed the size in the document.

        Not synced: a file grows on the card only when its bytes are there (ext4).
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self.offset(part) + len(piece) > part.size:
            self._coming(part).unlink(missing_ok=True)
            raise PartDamaged("more came than the document names")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._coming(part), flags, _MODE), "ab") as file:
            file.write(piece)

    def finish(self, part: Part) -> None:
        """Check the part, whose bytes are all here; it is durable when this returns. Raises PartDamaged."""
        coming = self._coming(part)
        with open_regular(coming) as file:
            if hashlib.sha256(file.read(part.size + 1)).hexdigest() != part.sha256:
                coming.unlink()
                raise PartDamaged("its bytes are not those that the document names")
            flush_to_disk(file)
        coming.replace(self._folder / part_file(part.sha256))
        sync_folder(self._folder)

    def deliver(self, document: ConfigurationDocument, content: bytes) -> None:
        """Hand a document with all its parts to the station's process, and remove parts that no document needs.

        Parts of documents that the station's process has not finished with stay, too.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        expected = self._named_parts(document)
        write_durably(self._folder / DOCUMENT, content, _MODE)
        for path in self._folder.iterdir():
            if _PART.fullmatch(path.name) and path.name not in expected:
                path.unlink(missing_ok=True)

    def put_request(self, content: bytes) -> None:
        """Store it for the station's process. While one waits, others are dropped: the county resends at a hello."""
        if not self._request.exists():
            self._request.parent.mkdir(mode=0o700, exist_ok=True)
            write_durably(self._request, content, _MODE)

    def _named_parts(self, document: ConfigurationDocument) -> set[str]:
        """Return the part files of this document, and of all documents in the folder."""
        documents = [document]
        for path in self._folder.glob("*.json"):
            if not _PART.fullmatch(path.name):
                with suppress(OSError, BadConfiguration), open_regular(path) as file:
                    documents.append(parse_document(file.read(MAX_DOCUMENT_BYTES + 1)))
        return {part_file(part.sha256) for one in documents for part in one.parts.values()}

    def _has(self, part: Part) -> bool:
        try:
            return (self._folder / part_file(part.sha256)).stat().st_size == part.size
        except FileNotFoundError:
            return False

    def _coming(self, part: Part) -> Path:
        return self._folder / f".{part.sha256}{_COMING}"
