"""The first start as a use case: one question at a time, every answer judged and kept before the next is asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from kiosk.first_start import questions as steps
from kiosk.first_start.answers import ANSWERS, YES
from kiosk.first_start.choices import choices, goods, summary, typed
from kiosk.first_start.database import fill
from kiosk.first_start.identity_questions import QUESTIONS as IDENTITY
from kiosk.first_start.identity_questions import IdentityQuestions
from kiosk.first_start.pins import CONFIRMATIONS, PinQuestions
from kiosk.first_start.question_trials import trial_of
from kiosk.first_start.recovery.questions import QUESTIONS as RECOVERY
from kiosk.first_start.recovery.questions import WAITS, RecoveryQuestions
from kiosk.first_start.settings import screen_of, toml, write_settings
from kiosk.first_start.shared.draft import SettingsDraft, draft_path, drop_draft, load_draft, save_draft
from kiosk.first_start.shared.ports import AnswerRefused, DeviceTrial, FirstStartMachine, WizardView
from kiosk.first_start.trials import FAILED, POOR, SEEN, WAITING, ListenTrial, OnDemandTrial
from kiosk.station.catalog.file import CatalogError
from kiosk.store import StoreError
from kiosk.texts import LANGUAGES

logger = logging.getLogger(__name__)

BESIDE_MEDIA = ("panel", "recovery", "identity", "station")
_MAX_ENDING = 8  # Trials whose attempt may still be under way; each ends by its own deadline


@dataclass(frozen=True, slots=True)
class FirstStartPaths:
    """Where the station will live: its settings file, its data folder, the port of its pages."""

    config_file: Path
    data: Path
    port: int
    language: str = "ug"  # What the first page is written in until somebody has chosen


class FirstStartWizard:
    """Implements ``kiosk.first_start.shared.ports.Wizard``. Goes on where a power cut has left it.

    ``written`` is set once the settings file is there, ``left`` when its last page is on the screen.
    """

    def __init__(
        self,
        place: FirstStartPaths,
        machine: FirstStartMachine,
        check: Callable[[Path], object],
        fill: Callable[[SettingsDraft, Path], str] = fill,
    ) -> None:
        """``check`` reads a settings file as the station will, or raises ValueError."""
        self._paths, self._machine, self._check, self._fill = place, machine, check, fill
        self._draft_file = draft_path(place.config_file)
        self._lock = threading.Lock()
        self._pins = PinQuestions(place.data)
        self._identity = IdentityQuestions(machine.identities)
        self._recovery = RecoveryQuestions(machine.recoveries)
        self._draft = _resumed(load_draft(self._draft_file))
        self._trial: DeviceTrial | None = None
        self._ending: list[DeviceTrial] = []
        self._no_backup = ""
        self.written = threading.Event()
        self.left = threading.Event()
        self._enter()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def view(self) -> WizardView:
        """The present screen; lists what is plugged in at this moment."""
        with self._lock:
            draft, trial, no_backup = self._draft, self._trial, self._no_backup
        at, language = draft.at, draft.language or self._paths.language
        return WizardView(
            question=at,
            step=steps.step_number(at),
            steps=len(steps.STEPS),
            language=language,
            screen=screen_of(draft),
            can_back=steps.before(draft, at) is not None and not (at == WAITS and self._recovery.busy()),
            choices=choices(at, draft, self._machine, trial.found if isinstance(trial, ListenTrial) else ()),
            typed=typed(at, draft),
            trial=trial.view() if trial else None,
            rows=summary(draft) if at == "check" else (),
            goods=goods(draft, language) if at == "goods_shown" else None,
            no_backup=no_backup,
            recovery=self._recovery.view() if at == WAITS else None,
        )

    def shot(self) -> bytes | None:
        """The mat in the newest picture of the camera, as JPEG; None where it was not found."""
        with self._lock:
            trial, at = self._trial, self._draft.at
        return trial.picture if at == "camera_test" and isinstance(trial, OnDemandTrial) else None

    # --- what is done -------------------------------------------------------------------------------------------------

    def answer(self, question: str, form: Mapping[str, str]) -> None:
        """A refused answer changes nothing; an answer that cannot be kept is refused, too."""
        if question in IDENTITY or question in RECOVERY:
            self._answer_by_root(question, form.get("value", ""))
            return
        with self._lock:
            if question != self._draft.at or question == steps.DONE:
                return
            if question == "check":
                if self._recovery.busy():
                    raise AnswerRefused("recovery_busy")
                self._finish()
                return
            draft = self._with_media_check(self._apply_answer(question, form))
            self._move(replace(draft, at=steps.after(draft, question)))

    def _answer_by_root(self, question: str, value: str) -> None:
        """Root may take half a minute over it: the pages are answered meanwhile."""
        with self._lock:
            if question != self._draft.at:
                return
            draft = self._draft
        root_questions = self._identity if question in IDENTITY else self._recovery
        changes = root_questions.answer(draft, question, value)
        with self._lock:
            if question == self._draft.at:
                changed = self._with_media_check(replace(self._draft, **changes))
                self._move(replace(changed, at=steps.after(changed, question)))

    def back(self) -> None:
        with self._lock:
            draft = self._with_media_check(self._draft)
            earlier = steps.before(draft, draft.at)
            if earlier is not None and not (draft.at == WAITS and self._recovery.busy()):
                self._move(replace(draft, at=earlier))

    def set_language(self, language: str) -> None:
        if language not in LANGUAGES:
            raise AnswerRefused("language", language)
        with self._lock:
            self._keep(replace(self._draft, language=language))

    def start_trial(self, question: str) -> None:
        with self._lock:
            if question == self._draft.at and self._trial is not None:
                self._trial.start()

    def leave(self) -> None:
        if self.written.is_set():
            self.left.set()

    def yield_to_file(self) -> None:
        """A settings file has come by another way: the last page is due, and what was answered here is not needed.

        The draft goes: it holds hashes of PINs.
        """
        with self._lock:
            if self.written.is_set():
                return
            self._exit()
            self._draft = replace(self._draft, at=steps.DONE)
            drop_draft(self._paths.config_file)
            self.written.set()
        logger.info("%s has come by another way: the first start ends", self._paths.config_file)

    def close(self) -> None:
        """Let go of every device and wait for what is still under way."""
        with self._lock:
            self._exit()
            ending, self._ending = self._ending, []
        for trial in ending:
            trial.join()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _with_media_check(self, draft: SettingsDraft) -> SettingsDraft:
        """With a look at the media where the question about them lies beside the present one: a stick may come late."""
        if draft.at not in BESIDE_MEDIA:
            return draft
        return replace(draft, offered=self._identity.offered(), kits=self._recovery.offered())

    def _apply_answer(self, question: str, form: Mapping[str, str]) -> SettingsDraft:
        if self._pins.takes(question):
            return self._pins.answer(self._draft, question, form.get("value", ""))
        proves = steps.question(question).proves
        if proves and form.get("value") == YES and not self._has_shown(proves):
            raise AnswerRefused("not_seen")
        draft = ANSWERS[question](self._draft, form, self._machine)
        if proves and form.get("value") != YES and self._state() == POOR:
            # Not "not tried": whoever reads the last page is to know that the camera stands badly.
            return replace(draft, proven={**draft.proven, proves: "poor"})
        return draft

    def _state(self) -> str:
        return self._trial.view().state if self._trial else WAITING

    def _has_shown(self, device: str) -> bool:
        """Whether "yes" can be true. Only the eye can tell of a paper: a printer may have printed and not said so."""
        state = self._state()
        return state == SEEN or (state == FAILED and device in ("label", "receipt"))

    def _move(self, draft: SettingsDraft) -> None:
        """Keep the answer first: a screen that is shown has been kept."""
        self._keep(draft)
        self._exit()
        self._enter()

    def _keep(self, draft: SettingsDraft) -> None:
        try:
            save_draft(self._draft_file, draft)
        except OSError as error:
            raise AnswerRefused("not_kept", str(error)) from error
        if draft.at not in CONFIRMATIONS:
            self._pins.forget()
        self._draft = draft

    def _exit(self) -> None:
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.close()
            self._ending = [*self._ending[-_MAX_ENDING:], trial]

    def _enter(self) -> None:
        """A scale and a scanner begin to speak when their question comes up; a device that fails leaves it empty."""
        try:
            self._trial = trial_of(self._draft, self._machine, self._paths.data)
        except (OSError, ValueError) as error:
            logger.warning("the device of the question %s cannot be tried: %s", self._draft.at, error)

    def _finish(self) -> None:
        """Database first, then the settings file: whoever finds the file finds everything."""
        place = self._paths
        try:
            no_backup = self._fill(self._draft, place.data)
            write_settings(place.config_file, toml(self._draft, place.data, place.port), self._check)
        except CatalogError as error:  # a hand was at the draft: what it holds was checked when it was chosen
            self._move(replace(self._draft, at="goods"))
            raise AnswerRefused("goods", str(error)) from error
        except (StoreError, OSError, ValueError) as error:
            raise AnswerRefused("not_written", str(error)) from error
        self._exit()
        self._draft, self._no_backup = replace(self._draft, at=steps.DONE), no_backup
        self.written.set()


def _resumed(draft: SettingsDraft) -> SettingsDraft:
    """Where to go on; a draft that cannot even be drawn (only a hand can have written it) begins again."""
    try:
        screen_of(draft)
    except ValueError as error:
        logger.warning("the draft cannot be used (%s): the first start begins again", error)
        return SettingsDraft()
    return replace(draft, at=steps.resumed(draft))
