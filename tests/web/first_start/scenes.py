"""Every screen of the first start: the draft that leads there, and what is done on it before one looks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace
from playwright.sync_api import Page

from kiosk.base.refused import Refused
from kiosk.first_start.data_questions import read_goods
from kiosk.first_start.questions import QUESTIONS
from kiosk.first_start.shared.draft import (
    BrokerDraft,
    CameraDraft,
    PersonDraft,
    PrinterDraft,
    ScaleDraft,
    ScannerDraft,
    SettingsDraft,
)
from kiosk.web.shared.settings import WebSettings
from tests.web.first_start.bench import BACKUP, BROKEN, CAMERA, SCALE, SCANNER, Bench

Act = Callable[[Bench, Page], None]
Language = Literal["ug", "zh", "en"]
PANEL = WebSettings(800, 480, 7.0)


@dataclass(frozen=True)
class SetupScene:
    """``name`` is the picture's, ``question`` the screen's; ``act`` brings the screen to where it is looked at."""

    name: str
    question: str
    act: Act


def full_draft(bench: Bench, language: Language = "en") -> SettingsDraft:
    """Everything answered, nothing proven but what a walk would have proven."""
    return SettingsDraft(
        at="check",
        language=language,
        station="S0147",
        region="yarkant",
        village="Tagharchi",
        scale=ScaleDraft(str(bench.port(SCALE)), "st_gs_csv", 9600, "8N1", 5, 60_000),
        label=PrinterDraft("tcp", f"127.0.0.1:{bench.labels.port}", "tspl_203"),
        receipt=PrinterDraft("tcp", f"127.0.0.1:{bench.receipts.port}", "escpos_58"),
        scanner=ScannerDraft("serial", str(bench.port(SCANNER))),
        camera=CameraDraft("file", str(bench.dev / "v4l/by-id" / CAMERA)),
        broker=BrokerDraft("mqtt", bench.broker_address, account="none"),
        goods=read_goods(str(bench.catalog)),
        backup=str(bench.media / BACKUP),
        technician=PersonDraft("Aygul", "$argon2id$v=19$m=12288,t=3,p=1$c29tZXNhbHQ$aGFzaA"),
        clerk=PersonDraft("Tursun", "$argon2id$v=19$m=12288,t=3,p=1$c29tZXNhbHQ$aGFzaA"),
        proven={
            "scale": "seen",
            "label": "seen",
            "receipt": "unseen",
            "scanner": "seen",
            "camera": "seen",
            "broker": "seen",
        },
    )


def draft_at(bench: Bench, question: str, language: Language = "en", panel: WebSettings = PANEL) -> SettingsDraft:
    """The draft of somebody who has come as far as this question."""
    full = replace(
        full_draft(bench, language),
        width_px=panel.width_px,
        height_px=panel.height_px,
        diagonal_in=panel.diagonal_in,
    )
    broker = full.broker
    if broker is not None and question in ("broker_ca", "broker_account"):
        broker = replace(broker, scheme="mqtts")
    of_a_stick, of_a_kit = question.startswith("identity"), question.startswith("recovery")
    return replace(
        full,
        at=question,
        broker=broker,
        offered=of_a_stick,
        identity="S0147" if of_a_stick else "",
        kits=of_a_kit,
        recovery="S0147" if of_a_kit and question != "recovery" else "",
        networked=question.startswith("network"),
        wifi={"network_list": "search", "network_password": "psk Bazar"}.get(question, ""),
    )


def _heard(bench: Bench, page: Page) -> None:
    page.locator('.tile[value^="found:"]').first.wait_for(timeout=60_000)


def _look(bench: Bench, page: Page) -> None:
    page.locator("h1").wait_for()


def _stick_comes(bench: Bench, page: Page) -> None:
    bench.stick.plugged_in = True
    page.locator(".tile", has_text="S0148").wait_for()


def _kits_come(bench: Bench, page: Page) -> None:
    bench.kits.plugged_in = True
    page.locator(".tile", has_text="S0150").wait_for()


def _kit_locked(bench: Bench, page: Page) -> None:
    _kits_come(bench, page)
    page.locator(".tile", has_text="S0148").tap()
    page.locator(".notice").wait_for()


def _put_back(bench: Bench, page: Page) -> None:
    _whole_code(bench, page)
    page.locator("[name=go]").tap()
    page.locator("main[data-question=recovery_wait] [role=status]").wait_for()


def _backup_damaged(bench: Bench, page: Page) -> None:
    _put_back(bench, page)
    bench.kits.working, bench.kits.ended = False, Refused("recovery_backup")
    page.locator("[role=alert]").wait_for()


def _wrong_code(bench: Bench, page: Page) -> None:
    bench.stick.plugged_in = True
    for digit in "4821093755602182":
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[name=go]").tap()
    page.locator(".notice").wait_for()


def _whole_code(bench: Bench, page: Page) -> None:
    for digit in "4821093755602182":
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[name=go]:enabled").wait_for()


def _pad(bench: Bench, page: Page) -> None:
    page.locator(".choice[href*=pad]").tap()
    page.locator("setup-pad").wait_for()


def _reads(bench: Bench, page: Page) -> None:
    bench.scale.command("put 12.480kg")
    page.locator("[data-motion=stable]", has_text="12.480").wait_for()


def _go(bench: Bench, page: Page) -> None:
    page.locator(".words .act").tap()
    page.locator(".foot .act.primary:enabled").wait_for()


def _measured_badly(*words: str) -> Act:
    """The camera stands as these fault words of its simulator say."""

    def act(bench: Bench, page: Page) -> None:
        for word in words:
            bench.camera.command(word)
        page.locator(".words .act").tap()
        page.locator(".measures .is-bad").first.wait_for()

    return act


def _no_paper(bench: Bench, page: Page) -> None:
    bench.labels.command("paper-out")
    page.locator(".words .act").tap()
    page.locator(".detail").wait_for()


def _nobody_listens(bench: Bench, page: Page) -> None:
    bench.hang_up()
    page.locator(".words .act").tap()
    page.locator(".detail").wait_for()


def _type_pin(bench: Bench, page: Page) -> None:
    for digit in "193":
        page.locator(f"[data-key='{digit}']").tap()


def _type_it_all(bench: Bench, page: Page) -> None:
    for digit in "193746":
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[name=go]").tap()
    page.locator("main[data-question$=_again]").wait_for()


def _finish(bench: Bench, page: Page) -> None:
    page.locator(".foot .act.primary").tap()
    page.locator("main[data-question=done]").wait_for()


def _too_easy(bench: Bench, page: Page) -> None:
    for digit in "123456":
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[name=go]").tap()
    page.locator(".notice").wait_for()


def _no_catalog(bench: Bench, page: Page) -> None:
    (bench.keys / BROKEN).write_text('{"products": [{"code": "almond"}]}', encoding="ascii")
    page.locator(".tile", has_text=BROKEN).tap()
    page.locator(".notice").wait_for()


def _stick_pulled(bench: Bench, page: Page) -> None:
    page.locator("h1").wait_for()
    shutil.rmtree(bench.media / BACKUP)
    page.locator(".foot .act.primary").tap()
    page.locator("main[data-question=done] .detail").wait_for()
    (bench.media / BACKUP).mkdir()


def _scanned(bench: Bench, page: Page) -> None:
    code = page.locator(".codes bdi").inner_text()
    bench.scanner.scan(code)
    page.locator(".foot .act.primary:enabled").wait_for()


def _other_letters(bench: Bench, page: Page) -> None:
    page.locator("[data-pad]").tap()
    page.locator("setup-pad").wait_for()


def _networks_come(bench: Bench, page: Page) -> None:
    bench.air.managed = True
    page.reload()
    page.locator(".tile").last.wait_for()


def _other_layer(bench: Bench, page: Page) -> None:
    page.locator("[data-key=q]").tap()
    page.locator("[data-pad=signs]").tap()
    page.locator("[data-key='@']").tap()
    assert page.locator("[data-part=typed]").inner_text() == "q@", "a password is no name, which begins with a capital"


_ACTS: dict[str, Act] = {
    "recovery": _kits_come,
    "recovery_code": _whole_code,
    "identity": _stick_comes,
    "identity_code": _whole_code,
    "network": _networks_come,
    "network_list": _networks_come,
    "network_password": _other_layer,
    "reads": _reads,
    "label_test": _go,
    "receipt_test": _go,
    "camera_test": _go,
    "broker_test": _go,
    "technician_pin": _type_pin,
}
_MORE = (
    SetupScene("technician_again", "technician_pin", _type_it_all),
    SetupScene("clerk_again", "clerk_pin", _type_it_all),
    SetupScene("done", "check", _finish),
    SetupScene("done-no_backup", "check", _stick_pulled),
    SetupScene("goods-refused", "goods", _no_catalog),
    SetupScene("recovery-refused", "recovery", _kit_locked),
    SetupScene("recovery_wait", "recovery_code", _put_back),
    SetupScene("recovery_wait-refused", "recovery_code", _backup_damaged),
    SetupScene("identity_code-refused", "identity_code", _wrong_code),
    SetupScene("region-pad", "region", _pad),
    SetupScene("village-letters", "village", _other_letters),
    SetupScene("label-pad", "label", _pad),
    SetupScene("label_test-failed", "label_test", _no_paper),
    SetupScene("camera_test-tilted", "camera_test", _measured_badly("tilt", "banding")),
    SetupScene("broker_test-failed", "broker_test", _nobody_listens),
    SetupScene("protocol-heard", "protocol", _heard),
    SetupScene("scanner_test-seen", "scanner_test", _scanned),
    SetupScene("clerk_pin-refused", "clerk_pin", _too_easy),
)


def setup_scenes() -> Iterator[SetupScene]:
    """Every question once, in order, and the further looks some of them have."""
    for row in QUESTIONS:
        if not row.resume:  # a restart goes back to the first PIN: the second is reached from there
            yield SetupScene(row.id, row.id, _ACTS.get(row.id, _look))
    yield from _MORE
