"""A camera above the photo mat that writes its picture as ``scene.jpg``: the real file adapter reads it unchanged.

Fault words as in ``kiosk.simulators.shared.faults``. ``scene NAME`` replaces the goods and leaves a healthy camera:
lit, in focus, no person in the picture. The words that spoil a picture, ``blur`` to ``face``, add to that scene.
``freeze`` keeps the picture whatever happens before the lens; like a real frozen camera it must be unplugged, and the
next scene word plugs it in again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from kiosk.simulators.camera.goods.layout import EMPTY, GoodsLayout
from kiosk.simulators.camera.goods.produce import PRODUCE, Arrangement
from kiosk.simulators.camera.people import Face, Hand
from kiosk.simulators.camera.shared.mat import Picture
from kiosk.simulators.camera.stage import StagePlan, draw_frame
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault

SCENES = (*PRODUCE, EMPTY)  # The words after `scene`: goods as they are brought, or the bare mat
# As what goods lie there when they may lie in several ways: the lowest.
_WAYS = {Arrangement.HEAP: 0, Arrangement.BUNCH: 0, Arrangement.SEVERAL: 1, Arrangement.ONE: 1, Arrangement.PILE: 2}


@dataclass(frozen=True, slots=True)
class SceneView:
    """A scene and the fault words in force, each by its name."""

    scene: str
    blur: bool = False
    dark: bool = False
    bright: bool = False
    cast: bool = False
    glare: bool = False
    banding: bool = False
    tilt: bool = False
    hand: bool = False
    face: bool = False
    black: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        flags = asdict(self)
        return tuple(word for word in SPOILS if flags[word])

    def spoilt(self, word: str) -> SceneView:
        return SceneView(**{**asdict(self), word: True})


def draw_view(view: SceneView, seed: int = 0) -> Picture:
    """Draw the picture of the camera, 1920 x 1080. Raises KeyError for a scene that is not in SCENES."""
    plan = StagePlan(goods=_goods(view.scene, seed), seed=seed)
    for word in view.faults:
        plan = SPOILS[word](plan)
    return draw_frame(plan)


def _goods(scene: str, seed: int) -> GoodsLayout:
    if scene == EMPTY:
        return GoodsLayout(EMPTY)
    produce = PRODUCE[scene]
    way = min(produce.ways, key=_WAYS.__getitem__)
    return GoodsLayout(scene, way, count=produce.max_count, turn=-0.3, number=seed)


def _lit(plan: StagePlan, level: float) -> StagePlan:
    return replace(plan, light=replace(plan.light, level=level))


# What each fault word that spoils the picture does to a healthy stage.
SPOILS: Mapping[str, Callable[[StagePlan], StagePlan]] = {
    "blur": lambda plan: replace(plan, sensor=replace(plan.sensor, blur_px=6.0)),
    "dark": lambda plan: _lit(plan, 0.03),
    "bright": lambda plan: _lit(plan, 3.0),
    # A red lamp: red is burnt out, and hardly any blue is left.
    "cast": lambda plan: replace(plan, light=replace(plan.light, cast=(0.02, 0.4, 2.2))),
    "glare": lambda plan: replace(plan, glare=0.09),
    "banding": lambda plan: replace(plan, light=replace(plan.light, banding=0.55)),
    "tilt": lambda plan: replace(plan, pose=replace(plan.pose, tilt_deg=33.0)),
    "hand": lambda plan: replace(plan, hand=Hand(side=3, along=0.62, reach_mm=80.0)),
    "face": lambda plan: replace(plan, face=Face()),
    "black": lambda plan: _lit(plan, 0.0),
}


FILE_NAME = "scene.jpg"
_QUALITY = 92


class CameraSimulator:
    """Writes ``directory/scene.jpg`` at once and after each command, always whole; safe to call from any thread.

    A picture takes some tenths of a second to draw. Equal seeds give equal pictures.
    """

    def __init__(self, directory: Path, scene: str = "badam", seed: int = 0) -> None:
        self._file = directory / FILE_NAME
        self._seed = seed
        self._lock = threading.Lock()
        self._view = SceneView(scene)
        self._frozen = False
        self._plugged = True
        directory.mkdir(parents=True, exist_ok=True)
        self.command(f"scene {scene}")

    @property
    def path(self) -> Path:
        """The picture, for ``CameraSettings(kind="file", path=...)``; absent while unplugged."""
        return self._file

    @property
    def state(self) -> str:
        """One line for a bench page: the scene, then whatever is wrong."""
        if not self._plugged:
            return "unplugged"
        return " ".join([self._view.scene, *self._view.faults, *(["frozen"] if self._frozen else [])])

    def command(self, text: str) -> None:
        """Carry out one fault word, like ``scene walnut``; raises BadFaultWord, which names what is allowed."""
        word, argument = parse_fault("camera", text)
        if word == "scene" and argument not in SCENES:
            raise BadFaultWord(f"camera scene {argument!r} is not one of: {', '.join(SCENES)}")
        with self._lock:
            if word == "unplug":
                self._plugged = self._frozen = False
                self._file.unlink(missing_ok=True)
            elif word == "freeze":
                self._frozen = True
            else:
                self._view = SceneView(argument) if word == "scene" else self._view.spoilt(word)
                self._plugged = self._plugged or word == "scene"
                if self._plugged and not self._frozen:
                    part = self._file.with_suffix(".part")
                    part.write_bytes(_picture(self._view, self._seed))
                    part.replace(self._file)


@lru_cache(maxsize=16)  # of half a megabyte: the goods of a demonstration come again and again
def _picture(view: SceneView, seed: int) -> bytes:
    import cv2

    written, data = cv2.imencode(".jpg", draw_view(view, seed), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not written:
        raise OSError("OpenCV could not encode the scene")
    return data.tobytes()
