"""The root helper trusts nothing in a request, does its work once, and does what is left when it was killed."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from kiosk.app.shared.printer_address import AddressPaths, PrinterAddress, is_own
from kiosk.app.shared.systemd_control import systemctl
from kiosk.station.papers.network_printer import AddressRequest, parse, request_access, request_file
from tests.depth import many
from tests.station.update.power import lines_of, run, worth_a_cut
from tests.store.backup.test_restore_cut_off import Killed

DROP_IN = "[Service]\nIPAddressAllow=192.168.1.50\n"
DONE = [("daemon-reload",), ("--no-block", "try-restart", "kiosk-station.service")]


class Box:
    """The folders of a box, a systemd that notes what it is told, and a kernel that owns 192.168.1.2."""

    def __init__(self, folder: Path) -> None:
        self.data, keys = folder / "kiosk", folder / "keys"
        for path in (self.data, keys, folder / "run"):
            path.mkdir(parents=True)
        drop_in = folder / "run/kiosk-station.service.d/50-kiosk-printer.conf"
        self.places = AddressPaths(self.data, keys / "printer-address", drop_in, folder / "run/kiosk-printer-address")
        self.calls: list[tuple[str, ...]] = []
        self.die_at = 10**6

    @property
    def request(self) -> Path:
        return request_file(self.data).path

    def helper(self) -> PrinterAddress:
        return PrinterAddress(self.places, lambda address: str(address) == "192.168.1.2", self._told)

    def run(self) -> list[tuple[str, ...]]:
        """What systemd was told in one run of the unit."""
        self.calls = []
        self.helper().run()
        return self.calls

    def drop_in(self) -> str:
        return self.places.drop_in.read_text() if self.places.drop_in.exists() else ""

    def _told(self, *words: str) -> None:
        self.calls.append(words)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_an_address_that_is_asked_for_is_kept_and_let_through_once(box: Box) -> None:
    assert box.run() == []
    request_access("192.168.1.50", box.data)
    assert box.run() == DONE
    assert box.drop_in() == DROP_IN
    assert box.places.drop_in.stat().st_mode & 0o777 == 0o644, "the doctor reads it"
    assert box.places.stored.read_text() == "192.168.1.50\n"
    assert not box.request.exists()
    assert box.run() == []
    request_access("192.168.1.50", box.data)
    assert box.run() == [], "asked for twice it is the same"
    request_access("fd00::7", box.data)
    assert box.run() == DONE
    assert "fd00::7" in box.drop_in()
    assert "192.168.1.50" not in box.drop_in()


def test_the_next_boot_has_nothing_but_what_is_kept(box: Box) -> None:
    box.helper().keep(parse("192.168.1.50"))
    assert box.run() == DONE
    box.places.drop_in.unlink()
    (box.places.runtime / "settled").unlink()
    assert box.run() == DONE
    assert box.drop_in() == DROP_IN
    box.helper().keep_none()
    assert box.run() == DONE
    assert box.drop_in() == ""
    assert box.run() == []


def test_what_the_card_gives_back_is_judged_anew(box: Box) -> None:
    for content in (b"8.8.8.8\n", b"192.168.1.50", b"\xff", b"192.168.1.50\nany\n", b"x" * 5000):
        box.places.stored.write_bytes(content)
        box.run()
        assert box.drop_in() == ""


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    _ask("192.168.1.50")(path)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _ask(text: str) -> Callable[[Path], object]:
    """As anybody could have written it."""
    return lambda path: request_file(path.parent.parent).write(AddressRequest(text))


@pytest.mark.parametrize(
    "lay",
    [
        _ask("8.8.8.8"),
        _ask("192.168.1.2"),
        _ask("192.168.1.50\n"),
        _ask("192.168.1.50 any"),
        lambda path: path.write_text("192.168.1.50\n"),
        lambda path: path.write_bytes(b""),
        lambda path: path.mkdir(),
        _pipe,
        _link,
    ],
)
def test_a_request_that_is_none_changes_nothing(
    box: Box, lay: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    box.request.parent.mkdir()
    lay(box.request)
    assert box.run() == []
    assert "is refused" in caplog.text
    assert not box.places.stored.exists()
    assert not os.path.lexists(box.request), "a request that is left would be asked for ever"


def test_a_folder_that_leads_elsewhere_is_not_followed(box: Box, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    _ask("192.168.1.50")(tmp_path / "other/requests/printer-address.json")
    (tmp_path / "other/requests").rename(tmp_path / "led")
    box.request.parent.symlink_to(tmp_path / "led")
    assert box.run() == []
    assert (tmp_path / "led/printer-address.json").exists()
    box.request.parent.unlink()
    box.request.parent.write_text("no folder")
    assert box.run() == []


def test_killed_at_any_line_the_next_run_does_what_is_left(tmp_path: Path) -> None:
    for step in itertools.count(1):
        box = Box(tmp_path / str(step))
        request_access("192.168.1.50", box.data)
        with pytest.MonkeyPatch.context() as patch:
            left = itertools.count(1)

            def guarded(real: Callable[..., object], left: itertools.count[int] = left, step: int = step) -> object:
                def call(*words: object, **named: object) -> object:
                    if next(left) >= step:
                        raise Killed
                    return real(*words, **named)

                return call

            for name in ("replace", "fsync", "unlink", "mkdir", "chmod"):
                patch.setattr(os, name, guarded(getattr(os, name)))
            patch.setattr(Box, "_told", guarded(Box._told))
            try:
                box.run()
                finished = True
            except Killed:
                finished = False
        assert box.drop_in() in ("", DROP_IN)
        before = list(box.calls)
        after = box.run()
        assert box.drop_in() == DROP_IN
        assert finished or after[-1] == DONE[-1] or before == DONE, "reloaded and started anew, whenever it died"
        assert not box.request.exists()
        assert box.run() == []
        if finished:
            break
    assert step > 8


def test_whichever_line_of_the_protocol_is_cut_the_next_run_does_what_is_left(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())

    def asked() -> Box:
        box = Box(next(folders))
        request_access("192.168.1.50", box.data)
        return box

    for number in worth_a_cut(lines_of(asked().run))[:: many(3, torture=1, quick=20)]:
        box = asked()
        assert run(box.run, number)
        box.run()
        assert (box.drop_in(), box.request.exists(), box.run()) == (DROP_IN, False, [])


def test_a_systemd_that_does_not_do_it_is_asked_again(box: Box) -> None:
    request_access("192.168.1.50", box.data)
    helper = PrinterAddress(box.places, lambda address: False, failing)
    with pytest.raises(OSError, match="daemon-reload"):
        helper.run()
    assert box.run() == DONE


def test_a_request_that_comes_meanwhile_is_not_lost(box: Box) -> None:
    later = ["192.168.1.60", "192.168.1.70"]

    def manager(*words: str) -> None:
        if words == DONE[-1] and later:
            request_access(later.pop(0), box.data)

    request_access("192.168.1.50", box.data)
    assert PrinterAddress(box.places, lambda address: False, manager).run() == parse("192.168.1.70")
    assert not box.request.exists()


def failing(*words: str) -> None:
    raise OSError(5, f"systemctl {words[0]} failed", "systemctl")


def test_the_real_systemctl_and_the_real_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("192.0.2.7"))
    if socket.has_dualstack_ipv6():
        assert not is_own(ip_address("2001:db8::7"))
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(OSError, match="daemon-reload failed"):
        systemctl("daemon-reload")
