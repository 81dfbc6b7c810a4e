"""What the simulated camera sees after each fault word. The same scene, words and seed give the same picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from kiosk.simulators.camera.goods.layout import EMPTY, GoodsLayout
from kiosk.simulators.camera.goods.produce import PRODUCE, Arrangement
from kiosk.simulators.camera.hand import Hand
from kiosk.simulators.camera.people import Face
from kiosk.simulators.camera.shared.mat import Picture
from kiosk.simulators.camera.stage import StagePlan, draw_frame

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
    """The picture of the camera, 1920 x 1080. Raises KeyError for a scene that is not in SCENES."""
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
