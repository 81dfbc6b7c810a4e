"""What people at the sorting center are told when something cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

# What is refused on pages: each has a sentence in every language.
PageCode = Literal[
    "bad_kind",
    "bad_language",
    "bad_login",
    "bad_mail",
    "bad_name",
    "bad_rate",
    "bad_server",
    "bad_url",
    "bad_way",
    "changed_meanwhile",
    "closed",
    "decided_meanwhile",
    "export_busy",
    "figures_changed",
    "guessed_password",
    "last_admin",
    "name_taken",
    "no_draft",
    "no_reason",
    "no_public_address",
    "no_room",
    "no_scope",
    "no_such_act",
    "no_such_case",
    "no_such_language",
    "no_such_listing",
    "no_such_person",
    "no_such_role",
    "no_such_target",
    "no_such_token",
    "no_title",
    "not_closed",
    "not_written",
    "only_the_chain",
    "paused",
    "photo_pending",
    "pictures_busy",
    "too_many",
    "wait",
    "weak_password",
    "wrong_password",
]

CommandCode = Literal["not_empty", "there_already"]  # What is refused on the command line alone

Code = PageCode | CommandCode


class DeskError(Exception):
    """The desk's database cannot be used; the text names it and the act."""


class ActionRefused(Exception):
    """An act that is not done. The text says why and what would work; ``code`` is the stable word of the sentence that
    a page says instead, and ``values`` fill that: whole numbers, names and the like.
    """

    def __init__(self, code: Code, message: str, **values: str | int) -> None:
        super().__init__(message)
        self.code: Final = code
        self.values: Final[Mapping[str, str | int]] = values
