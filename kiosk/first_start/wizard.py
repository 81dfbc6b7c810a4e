"""The first start as a use case: one question at a time, every answer judged and kept before the next is asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.first_start import questions as steps
from kiosk.first_start.database import fill
from kiosk.first_start.device_questions import with_found
from kiosk.first_start.question import SKIP, YES, Form, WizardQuestion, one_of
from kiosk.first_start.questions import CHECK, DONE, summary
from kiosk.first_start.root_questions import WAITS
from kiosk.first_start.settings import screen_of, toml, write_settings
from kiosk.first_start.shared.draft import Proof, SettingsDraft, draft_path, drop_draft, load_draft, save_draft
from kiosk.first_start.shared.ports import FirstStartMachine, GoodsView, WizardView
from kiosk.first_start.trials import FAILED, POOR, SEEN, WAITING, DeviceTrial
from kiosk.messaging.contract.catalog.file import CatalogError
from kiosk.store import StoreError
from kiosk.texts import LANGUAGES

logger = logging.getLogger(__name__)

BESIDE_MEDIA = ("panel", "recovery", "identity", "station")
_SECOND_TAP = {
    "identity": "identity_wait",
    "recovery": "recovery_busy",
    "network": "network_busy",
}  # The answer to the first is still awaited
_MAX_ENDING = 8  # Trials whose attempt may still be under way; each ends by its own deadline


@dataclass(frozen=True, slots=True)
class FirstStartPaths:
    """Where the station will live: its settings file, its data folder, the port of its pages."""

    config_file: Path
    data: Path
    port: int
    language: str = "ug"  # The language of the first page until one is chosen


class FirstStartWizard:
    """Continues where a power cut interrupted it. Every method may be called from any thread.

    ``written`` is set once the settings file is there, ``left`` when its last page is on the screen.
    """

    def __init__(
        self,
        place: FirstStartPaths,
        machine: FirstStartMachine,
        check: Callable[[Path], object],
        fill: Callable[[SettingsDraft, Path], str] = fill,
    ) -> None:
        """Load the draft. ``check`` reads a settings file as the station will, or raises ValueError."""
        self._paths, self._machine, self._check, self._fill = place, machine, check, fill
        self._draft_file = draft_path(place.config_file)
        self._lock = threading.Lock()
        self._root_locks = {word: threading.Lock() for word in _SECOND_TAP}
        self._first_pin = ""  # Between the two times that one is typed
        self._draft = _resumed(load_draft(self._draft_file))
        self._trial: DeviceTrial | None = None
        self._ending: list[DeviceTrial] = []
        self._no_backup = ""
        self.written = threading.Event()
        self.left = threading.Event()
        self._enter()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def view(self) -> WizardView:
        with self._lock:
            draft, trial, no_backup = self._draft, self._trial, self._no_backup
        at, language = draft.at, draft.language or self._paths.language
        row = steps.question(at)
        tiles = tuple(row.choices(draft, self._machine)) if row and row.choices else ()
        return WizardView(
            question=at,
            step=steps.step_number(at),
            steps=len(steps.STEPS),
            language=language,
            screen=screen_of(draft),
            can_back=steps.before(draft, at) is not None and not self._is_recovering(at),
            choices=with_found(tiles, trial.found) if trial else tiles,
            typed=row.typed(draft) if row and row.typed else "",
            trial=trial.view() if trial else None,
            rows=summary(draft) if at == CHECK else (),
            goods=_goods_view(draft, language) if at == "goods_shown" else None,
            no_backup=no_backup,
            recovery_refused=self._machine.recoveries.refusal() if at == WAITS else None,
        )

    def shot(self) -> bytes | None:
        """Return the mat in the newest picture of the camera, as JPEG; None where it was not found."""
        with self._lock:
            trial = self._trial
        return trial.picture if trial else None

    # --- what is done -------------------------------------------------------------------------------------------------

    def answer(self, question: str, form: Mapping[str, str]) -> None:
        """Take the answer and go on; nothing is done for a question that is not the present one.

        Raises Refused, also for an answer that cannot be kept; then nothing has changed.
        """
        row = steps.question(question)
        if row is None:
            return
        if row.root:
            self._answer_by_root(row, form)
            return
        with self._lock:
            if question != self._draft.at:
                return
            if question == CHECK:
                if self._machine.recoveries.busy():
                    raise Refused("recovery_busy")
                self._finish()
                return
            draft = self._with_media_check(self._apply_answer(row, form))
            self._move(replace(draft, at=steps.after(draft, question)))

    def _answer_by_root(self, row: WizardQuestion, form: Form) -> None:
        """Let root take the answer, up to half a minute: meanwhile pages are served, and the language may change."""
        assert row.take is not None
        with self._lock:
            if row.id != self._draft.at:
                return
            before = self._draft
        one_at_a_time = self._root_locks[row.root]
        if not one_at_a_time.acquire(blocking=False):
            raise Refused(_SECOND_TAP[row.root])
        try:
            after = row.take(before, form, self._machine)
        except OSError as error:
            raise Refused(f"{row.root}_failed", str(error), {"why": "machine"}) from error
        finally:
            one_at_a_time.release()
        fields = before.__struct_fields__
        changes = {name: getattr(after, name) for name in fields if getattr(after, name) != getattr(before, name)}
        with self._lock:
            if row.id == self._draft.at:
                changed = self._with_media_check(replace(self._draft, **changes))
                self._move(replace(changed, at=steps.after(changed, row.id)))

    def back(self) -> None:
        with self._lock:
            draft = self._with_media_check(self._draft)
            earlier = steps.before(draft, draft.at)
            if earlier is not None and not self._is_recovering(draft.at):
                self._move(replace(draft, at=earlier))

    def set_language(self, language: str) -> None:
        if language not in LANGUAGES:
            raise Refused("language", language)
        with self._lock:
            self._keep(replace(self._draft, language=language))

    def start_trial(self, question: str) -> None:
        """Begin an attempt: print, shoot, reach. Nothing is done while one is under way."""
        with self._lock:
            if question == self._draft.at and self._trial is not None:
                self._trial.start()

    def leave(self) -> None:
        """Allow the wizard to end and the station to begin: the last page is on the screen."""
        if self.written.is_set():
            self.left.set()

    def yield_to_file(self) -> None:
        """End the wizard with the last page: a settings file has come by another way, and the answers are not needed.

        The draft is deleted: it holds hashes of PINs.
        """
        with self._lock:
            if self.written.is_set():
                return
            self._exit()
            self._draft = replace(self._draft, at=DONE)
            drop_draft(self._paths.config_file)
            self.written.set()
        logger.info("%s has come by another way: the first start ends", self._paths.config_file)

    def close(self) -> None:
        with self._lock:
            self._exit()
            ending, self._ending = self._ending, []
        for trial in ending:
            trial.join()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _is_recovering(self, at: str) -> bool:
        """Return whether a recovery runs: then there is no way back, which could make another station of this card."""
        return at == WAITS and self._machine.recoveries.busy()

    def _with_media_check(self, draft: SettingsDraft) -> SettingsDraft:
        """Check the media where the question about them is beside the present one: a stick may come late."""
        if draft.at not in BESIDE_MEDIA:
            return draft
        identities = self._machine.identities
        offered = identities.in_use() is not None or bool(identities.offered())
        network = self._machine.network
        networked = network is not None and network.state() is not None
        return replace(draft, offered=offered, kits=bool(self._machine.recoveries.offered()), networked=networked)

    def _apply_answer(self, row: WizardQuestion, form: Form) -> SettingsDraft:
        if row.proves:
            return replace(self._draft, proven={**self._draft.proven, row.proves: self._proof(row.proves, form)})
        assert row.take is not None
        draft = row.take(self._draft, {**form, "first": self._first_pin}, self._machine)
        self._first_pin = form.get("value", "")
        return draft

    def _proof(self, device: str, form: Form) -> Proof:
        """Return the proof: YES is the word of the person at the screen, SKIP goes on without proof."""
        state = self._trial.view().state if self._trial else WAITING
        if one_of(form, (YES, SKIP), "answer") == SKIP:
            # Not "not tried": the last page must show its reader that the camera is badly placed.
            return "poor" if state == POOR else "unseen"
        # Only an eye can check a paper: a printer may have printed and not reported it.
        if state != SEEN and not (state == FAILED and device in ("label", "receipt")):
            raise Refused("not_seen")
        return "seen"

    def _move(self, draft: SettingsDraft) -> None:
        """Store the answer before the next screen is shown: a screen that is shown has been kept."""
        self._keep(draft)
        self._exit()
        self._enter()

    def _keep(self, draft: SettingsDraft) -> None:
        try:
            save_draft(self._draft_file, draft)
        except OSError as error:
            raise Refused("not_kept", str(error)) from error
        row = steps.question(draft.at)
        if row is None or not row.confirms:
            self._first_pin = ""
        self._draft = draft

    def _exit(self) -> None:
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.close()
            self._ending = [*self._ending[-_MAX_ENDING:], trial]

    def _enter(self) -> None:
        """Start the trial of the present question, as of a scale or scanner; a device that fails leaves it empty."""
        row = steps.question(self._draft.at)
        try:
            self._trial = row.trial(self._draft, self._machine) if row and row.trial else None
        except (OSError, ValueError) as error:
            logger.warning("the device of the question %s cannot be tried: %s", self._draft.at, error)

    def _finish(self) -> None:
        """Write the database first, then the settings file: when the file exists, everything does."""
        place = self._paths
        try:
            no_backup = self._fill(self._draft, place.data)
            write_settings(place.config_file, toml(self._draft, place.data, place.port), self._check)
        except CatalogError as error:  # a hand was at the draft: what it holds was checked when it was chosen
            self._move(replace(self._draft, at="goods"))
            raise Refused("goods", str(error)) from error
        except (StoreError, OSError, ValueError) as error:
            raise Refused("not_written", str(error)) from error
        self._exit()
        self._draft, self._no_backup = replace(self._draft, at=DONE), no_backup
        self.written.set()


def _resumed(draft: SettingsDraft) -> SettingsDraft:
    """Find where to go on; a draft that cannot even be drawn (only edited by hand) begins again."""
    try:
        screen_of(draft)
    except ValueError as error:
        logger.warning("the draft cannot be used (%s): the first start begins again", error)
        return SettingsDraft()
    return replace(draft, at=steps.resumed(draft))


def _goods_view(draft: SettingsDraft, language: str) -> GoodsView | None:
    goods = draft.goods
    if goods is None:
        return None
    counts = {name: getattr(goods, name) for name in ("products", "prices", "containers", "members")}
    return GoodsView(goods.name, counts, goods.first.get(language, ()))
