"""Everybody at once: clerks, villagers, workers, the sweeper. Nothing hangs, nothing is handed out twice."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kiosk.domain.parcel import ParcelState
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.view import PhotoRequest
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import PIN, CounterRig, waybill


def together(*acts: Callable[[], object]) -> list[BaseException]:
    """Run them at the same time, each in a thread; what any of them raised beside a refusal."""
    raised: list[BaseException] = []
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        ready.wait(10)
        try:
            act()
        except CounterRefused:
            pass
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads), "somebody hangs"
    return raised


def test_a_parcel_is_handed_out_once_however_many_tap(rig: CounterRig) -> None:
    row = rig.bring()
    code, number, done = rig.code_of(row), str(row.number), []
    rig.counter.handovers.public_code(code)
    raised = together(
        lambda: done.append(collect_by_code(rig.counter, rig.session, code)),
        lambda: done.append(rig.counter.handovers.confirm(rig.session, number)),
        lambda: done.append(rig.counter.handovers.confirm(rig.session, number)),
        lambda: done.append(rig.counter.handovers.collect_by_proxy(rig.session, number, "Gulnar")),
        lambda: rig.counter.handovers.public_code(code),
    )
    assert raised == []
    assert [found.state for found in done] == [ParcelState.COLLECTED]
    assert rig.counter.state.view().handover is None


def test_the_same_scan_twice_at_once_is_one_parcel(rig: CounterRig) -> None:
    rig.counter.receiving.set_mode(rig.session, "in")
    assert together(*[lambda: rig.scan(waybill(1))] * 6) == []
    assert len(rig.store.parcels.in_states(list(ParcelState))) == 1


def test_nobody_waits_for_ever_and_views_only_get_newer(rig: CounterRig) -> None:
    def many(act: Callable[[int], object]) -> Callable[[], None]:
        def run() -> None:
            for number in range(40):
                try:
                    act(number)
                except CounterRefused:
                    continue

        return run

    rig.counter.receiving.set_mode(rig.session, "in")
    raised = together(
        many(lambda number: rig.scan(waybill(number % 7))),
        many(lambda number: rig.counter.handovers.public_code(f"{number:06d}")),
        many(lambda number: rig.counter.paper_count.update()),
        many(lambda number: rig.counter.tick()),
        many(lambda number: rig.counter.state.photo_failed(PhotoRequest("P-0147-A-000001"), "camera_failed")),
        many(lambda number: rig.counter.receiving.undo(rig.session)),
        many(lambda number: rig.access.peek(rig.session.token)),
        lambda: setattr(rig, "session", rig.access.sign_in("01", PIN)),
    )
    assert raised == []
    revisions = [view.revision for view in rig.views]
    assert revisions == sorted(revisions)
    shelves = [row.shelf for row in rig.store.parcels.in_states([ParcelState.NOTICED])]
    assert len(shelves) == len(set(shelves))
