"""What the last screen says of its papers: an alarm for a fault, a question where only a look can tell."""

from __future__ import annotations

import pytest

from kiosk.station.desk.live import Marks
from kiosk.station.desk.view import PrintView
from kiosk.texts import load
from kiosk.web.public.screens import PaperStatus, papers


def told(document: str, state: str, marks: Marks) -> PaperStatus:
    (paper,) = papers([PrintView(document, 1, state)], marks, {})
    return paper


@pytest.mark.parametrize(("document", "picture"), [("bag_label", "label"), ("receipt", "receipt")])
def test_an_uncertain_paper_of_a_printer_without_a_fault_is_a_question(document: str, picture: str) -> None:
    paper = told(document, "unknown", Marks())
    assert (paper.text_id, paper.sign, paper.state) == (f"take.look_{picture}", "help", "unknown")
    for language in ("en", "zh", "ug"):
        assert str(load(language).text(paper.text_id)).rstrip(".。") != paper.text_id


@pytest.mark.parametrize("document", ["bag_label", "receipt"])
@pytest.mark.parametrize("word", ["printer_unknown", "paper_out", "printer_off"])
def test_an_uncertain_paper_of_a_printer_with_a_fault_is_an_alarm(document: str, word: str) -> None:
    paper = told(document, "unknown", Marks(label=word, receipt=word))
    assert (paper.text_id, paper.sign) == ("take.call_clerk", "attention")


@pytest.mark.parametrize("document", ["bag_label", "receipt"])
@pytest.mark.parametrize("word", ["paper_out", "head_open", "paper_jam", "printer_off"])
def test_a_paper_that_waits_for_a_hand_is_for_the_clerk(document: str, word: str) -> None:
    """A villager opens no printer and puts in no paper."""
    paper = told(document, "queued", Marks(label=word, receipt=word))
    assert (paper.text_id, paper.sign, paper.state) == ("take.call_clerk", "attention", "waiting")


@pytest.mark.parametrize(
    ("state", "sign"), [("printed", "state-locked"), ("sending", "printer"), ("queued", "printer")]
)
def test_a_paper_on_its_way_or_out_is_to_be_taken(state: str, sign: str) -> None:
    paper = told("receipt", state, Marks())
    assert (paper.text_id, paper.sign) == ("take.take_receipt", sign)


def test_labels_that_are_out_are_to_be_scanned_where_a_village_wants_it() -> None:
    for state in ("printed", "unknown"):
        (paper,) = papers([PrintView("bag_label", bag, state) for bag in (1, 2)], Marks(), {1: True, 2: False})
        assert (paper.text_id, paper.sign, paper.state, paper.missing) == ("take.scan_bags", "scan", "scan", (2,))
    (paper,) = papers([PrintView("bag_label", 1, "unknown")], Marks(), {1: True})
    assert (paper.text_id, paper.sign, paper.missing) == ("take.bags_scanned", "state-locked", ())
    (paper,) = papers([PrintView("bag_label", 1, "queued")], Marks(label="paper_out"), {1: False})
    assert paper.text_id == "take.call_clerk", "a label that waits for a hand says that first"
