"""A station that is being set up without its pages, and its restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kiosk.app.machine import ThisMachine
from kiosk.base.refused import Refused
from kiosk.config.station import load
from kiosk.first_start.shared.draft import SettingsDraft, draft_path, load_draft
from kiosk.first_start.wizard import FirstStartPaths, FirstStartWizard
from tests.web.first_start.answers import answers, named_devices


def nothing(draft: SettingsDraft, data: Path) -> str:
    """Stands for the database where it does not matter."""
    return ""


class Start:
    """One station that is being set up, and its restarts."""

    def __init__(self, folder: Path) -> None:
        self.machine: ThisMachine = named_devices(folder)
        self.place = FirstStartPaths(folder / "station.toml", folder / "data", 8080)
        self.fill = nothing
        self.wizard = self.again()

    def again(self) -> FirstStartWizard:
        self.wizard = FirstStartWizard(self.place, self.machine, load, self.fill)
        return self.wizard

    def restart(self) -> FirstStartWizard:
        """Closing writes nothing: what a new one knows is what a power cut would have left."""
        self.wizard.close()
        return self.again()

    def walk(self, until: str = "check", **instead: str) -> FirstStartWizard:
        """Answer every question before ``until``; a question in ``instead`` gets that answer."""
        for question, form in answers(self.machine):
            if self.at == until:
                break
            if question == self.at:
                self.wizard.answer(question, {**form, "value": instead.get(question, form["value"])})
        assert self.at == until
        return self.wizard

    def answers(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Those of somebody who sets everything up."""
        return answers(self.machine)

    @property
    def draft_text(self) -> str:
        """The draft as it lies on the disk."""
        return draft_path(self.place.config_file).read_text("utf-8")

    @property
    def at(self) -> str:
        return self.wizard.view().question

    @property
    def draft(self) -> SettingsDraft:
        return load_draft(draft_path(self.place.config_file))

    def refused(self, question: str, value: str, **form: str) -> str:
        before = self.wizard.view()
        with pytest.raises(Refused) as refusal:
            self.wizard.answer(question, {"value": value, **form})
        assert self.wizard.view().question == before.question
        return refusal.value.code
