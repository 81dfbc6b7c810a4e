"""What the screen says to do about the pan."""

from __future__ import annotations

import pytest

from kiosk.texts import load
from kiosk.web.public.sentences import hint
from tests.station.fakes import CARD, Rig


def at_own_container() -> Rig:
    rig = Rig()
    rig.rest(0)
    rig.desk.choices.scan(CARD)
    rig.desk.choices.choose_product("BADAM", 1)
    rig.desk.choices.choose_container("OWN")
    return rig


def test_a_container_of_one_s_own_from_empty_to_full() -> None:
    rig = at_own_container()
    said = [hint(rig.desk.view())]
    view = rig.rest(800)
    said.append(hint(view))
    said.append(hint(rig.desk.loads.take_container(view.reading_no, view.token)))
    said.append(hint(rig.rest(5_000)))  # filled where it stands
    said.append(hint(rig.rest(0)))
    said.append(hint(rig.rest(5_000)))
    assert said == [
        "agree.weigh_container",
        None,
        "agree.fill_container",
        "agree.fill_container",
        "what.put_on",
        None,
    ]
    view = rig.desk.view()
    assert (view.current and view.current.tare_g, view.total_net_g) == (800, 4_200)


def test_a_filled_bag_in_one_s_own_container_is_taken_off_like_any_other() -> None:
    rig = at_own_container()
    view = rig.rest(800)
    rig.desk.loads.take_container(view.reading_no, view.token)
    rig.rest(0)
    view = rig.rest(5_000)
    assert hint(rig.desk.loads.another_bag(view.reading_no, view.token)) == "agree.next_bag_off"
    assert hint(rig.rest(0)) == "agree.weigh_container"


def test_a_container_below_min_is_not_asked_to_be_fuller() -> None:
    rig = at_own_container()
    assert hint(rig.rest(60)) == "agree.container_too_light"
    rig.desk.choices.choose_container("BARE")
    assert hint(rig.desk.view()) == "reason.below_min"


@pytest.mark.parametrize("text_id", ["agree.fill_container", "agree.container_too_light"])
@pytest.mark.parametrize("language", ["ug", "zh", "en"])
def test_it_is_said_in_every_language(language: str, text_id: str) -> None:
    assert text_id in load(language)
