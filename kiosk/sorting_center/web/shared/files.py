"""Files that people send and get: spreadsheets, and what was checked of one until it is applied."""

from __future__ import annotations

import threading
from typing import Final

from flask import request
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.registry import RegistryDraft
from kiosk.sorting_center.web.shared.access import access_policy, current_principal
from kiosk.sorting_center.web.shared.frame import form_text
from kiosk.texts.plain import plain

ENVELOPE_BYTES: Final = 16 * 1024  # Of a form, around its file
READ_LOCK: Final = threading.Lock()  # One file at a time: the largest takes some hundred megabytes for a moment
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "pdf": "application/pdf",
    "toml": "application/toml",
}


def sent_file(max_bytes: int) -> tuple[str, bytes]:
    """Read name and content of the form's ``file``, at most one byte over ``max_bytes``. Both are empty for none."""
    sent = request.files.get("file")
    return (plain(sent.filename or "", 120), sent.stream.read(max_bytes + 1)) if sent is not None else ("", b"")


def file_response(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=_TYPES[name.rpartition(".")[2]], headers=headers)


def store_checked(content: bytes, base: str) -> RegistryDraft:
    """Store the shown file until the signed-in person applies it. ``base`` names what it was compared with."""
    who, policy = current_principal(), access_policy()
    return policy.desk.drafts.store(who.person.name, who.csrf, content, base, policy.now())


def find_checked() -> RegistryDraft:
    """Find the stored file that the form names by its ``file``. Raises Refused: no_draft."""
    who, policy = current_principal(), access_policy()
    return policy.desk.drafts.find(who.person.name, who.csrf, form_text("file", 64), policy.now())


def discard_checked() -> None:
    access_policy().desk.drafts.discard(current_principal().person.name)
