"""Seeded plans of stages, as different as villages are: some that must be accepted, some with one fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from kiosk.domain.verdict import Reason
from kiosk.simulators.camera.goods.layout import EMPTY, GoodsLayout
from kiosk.simulators.camera.goods.pieces import LAMPS
from kiosk.simulators.camera.goods.produce import PRODUCE, Arrangement
from kiosk.simulators.camera.people import SIDES, Face, Hand
from kiosk.simulators.camera.pose import Pose
from kiosk.simulators.camera.stage import TABLES, Light, Sensor, StagePlan

_NAMES = tuple(PRODUCE)


def plan_of(seed: int) -> StagePlan:
    """A stage that must be accepted: any goods, a lamp and a camera as they may be."""
    rng = np.random.default_rng([seed, 11])
    return StagePlan(
        goods=_goods(rng, _NAMES[seed % len(_NAMES)]),
        light=_light(rng),
        pose=_pose(rng),
        sensor=Sensor(rng.uniform(0.35, 0.70), rng.uniform(0.8, 2.4), int(rng.integers(86, 96))),
        table=int(rng.integers(TABLES)),
        covered=(int(rng.integers(4)),) if rng.uniform() < 0.06 else (),
        seed=seed,
    )


def faulty_plan_of(seed: int, reason: Reason) -> StagePlan:
    """The plan of the same seed with one thing clearly wrong; raises KeyError for a reason that is not in FAULTY."""
    return _SPOILS[reason](plan_of(seed), np.random.default_rng([seed, 12]))


def _goods(rng: np.random.Generator, name: str) -> GoodsLayout:
    produce = PRODUCE[name]
    way = produce.ways[int(rng.integers(len(produce.ways)))]
    return GoodsLayout(
        name,
        way=way,
        count=int(rng.integers(produce.min_count, produce.max_count + 1)),
        reach_mm=rng.uniform(54, 84),
        margin_mm=10.0 if way is Arrangement.PILE else 14.0,
        turn=rng.uniform(0, 2 * np.pi),
        place=(rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)),
        number=int(rng.integers(1_000_000)),
    )


def _light(rng: np.random.Generator) -> Light:
    warm = rng.uniform(-0.35, 0.5)
    blue, red = (1 - 0.75 * warm, 1.0) if warm > 0 else (1.0, 1 + 0.75 * warm)
    return Light(
        level=rng.uniform(0.55, 1.0),
        cast=(blue, rng.uniform(0.9, 1.0), red),
        gradient=(rng.uniform(-0.13, 0.13), rng.uniform(-0.1, 0.1)),
        vignette=rng.uniform(0.03, 0.28),
        banding=rng.uniform(0, 0.012),
        stripes=rng.uniform(2.5, 5.0),
        phase=rng.uniform(0, 1),
        lamp=int(rng.integers(len(LAMPS))),
    )


def _pose(rng: np.random.Generator) -> Pose:
    zoom = rng.uniform(0.86, 0.97)
    free = (1 - zoom) * 0.4
    upside_down = 180.0 if rng.uniform() < 0.06 else 0.0
    return Pose(
        zoom=zoom,
        tilt_deg=min(18.0, rng.exponential(5.0)),
        tilt_toward_deg=rng.uniform(0, 360),
        roll_deg=upside_down + rng.normal(0, 1.2),
        shift_x=rng.uniform(-free, free),
        shift_y=rng.uniform(-free, free),
        k1=rng.uniform(-0.012, 0.012),
        k2=rng.uniform(-0.004, 0.004),
    )


def _blurred(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    return replace(plan, sensor=replace(plan.sensor, blur_px=rng.uniform(1.25, 6.0)))


def _tilted(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    return replace(plan, pose=replace(plan.pose, tilt_deg=rng.uniform(29, 38)))


def _lit(plan: StagePlan, level: float) -> StagePlan:
    return replace(plan, light=replace(plan.light, level=level))


def _cast(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    """A colored lamp: one channel is burnt out, another is hardly there."""
    strong, middle, weak = rng.uniform(1.7, 2.4), rng.uniform(0.3, 0.6), rng.uniform(0.01, 0.04)
    cast = (weak, middle, strong) if rng.uniform() < 0.5 else (strong, middle, weak)
    return replace(plan, light=replace(plan.light, level=1.0, cast=cast))


def _banded(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    return replace(plan, light=replace(plan.light, banding=rng.uniform(0.3, 0.7)))


def _mat(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    """Half outside the frame, or two markers under papers."""
    if rng.uniform() < 0.5:
        pose = plan.pose
        return replace(plan, pose=replace(pose, shift_x=pose.shift_x + (0.45 if rng.uniform() < 0.5 else -0.45)))
    first = int(rng.integers(4))
    return replace(plan, covered=(first, (first + int(rng.integers(1, 4))) % 4))


def _hand(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    hand = Hand(int(rng.integers(SIDES)), rng.uniform(0.2, 0.8), rng.uniform(35, 110), int(rng.integers(40)))
    return replace(plan, hand=hand)


def _looked_at(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    face = Face(int(rng.integers(110, 290)), bool(rng.integers(2)), rng.uniform(0.25, 0.65))
    return replace(plan, face=face)


def _small(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    """A piece or two that would be lost in the picture."""
    name = ("walnut", "jujube", "apricot", "prune", "badam")[int(rng.integers(5))]
    return replace(plan, goods=replace(plan.goods, name=name, way=Arrangement.SEVERAL, count=int(rng.integers(1, 3))))


def _framing(plan: StagePlan, rng: np.random.Generator) -> StagePlan:
    """Too near to an edge, over it, or on the patches."""
    margin = (3.0, -6.0, -30.0)[int(rng.integers(3))]
    side = float(rng.integers(2))
    place = (side, plan.goods.place[1]) if margin < -10 or rng.uniform() < 0.5 else (plan.goods.place[0], side)
    goods = plan.goods
    if goods.way is Arrangement.PILE:
        goods = replace(goods, way=Arrangement.HEAP)
    return replace(plan, goods=replace(goods, margin_mm=margin, place=place))


_SPOILS: Mapping[Reason, Callable[[StagePlan, np.random.Generator], StagePlan]] = {
    Reason.BLUR: _blurred,
    Reason.TILT: _tilted,
    Reason.DARK: lambda plan, rng: _lit(plan, rng.uniform(0.015, 0.06)),
    Reason.BRIGHT: lambda plan, rng: _lit(plan, rng.uniform(2.4, 4.0)),
    Reason.CAST: _cast,
    Reason.BANDING: _banded,
    Reason.MAT: _mat,
    Reason.GLARE: lambda plan, rng: replace(plan, glare=rng.uniform(0.05, 0.12)),
    Reason.HAND: _hand,
    Reason.FACE: _looked_at,
    Reason.EMPTY: lambda plan, rng: replace(plan, goods=GoodsLayout(EMPTY)),
    Reason.SMALL: _small,
    Reason.FRAMING: _framing,
}
FAULTY = tuple(_SPOILS)
"""Reasons that one frame can have; frozen and motion need two, unreadable none."""
