from __future__ import annotations

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.targets import (
    MAX_TARGETS,
    MailServer,
    NoticeChannel,
    NoticeTarget,
    Security,
    Webhook,
)
from tests.sorting_center.desk.notices.receivers import NOW

HOOK = NoticeTarget("hook", NoticeChannel.WEBHOOK, "https://example.org/alarms", "en")
MAIL = NoticeTarget(
    "mail",
    NoticeChannel.MAIL,
    "post@example.org",
    "ug",
    frozenset({"fork"}),
    "mail.example.org:465/tls",
    "c@example.org",
    "office",
)


def code_of(target: NoticeTarget) -> str:
    try:
        target.check()
    except Refused as error:
        return error.code
    return ""


def test_targets_are_added_paused_and_removed(desk: CenterDesk) -> None:
    secret = desk.notice_targets.add(HOOK, NOW)
    assert secret.startswith("whs_")
    assert desk.notice_targets.add(MAIL, NOW) == ""
    hook, mail = desk.notice_targets.all()
    assert (hook.address, hook.secret, mail.kinds, mail.login) == (HOOK.address, secret, MAIL.kinds, "office")
    assert secret not in repr(hook)
    desk.notice_targets.set_paused("hook", True)
    assert [target.paused for target in desk.notice_targets.all()] == [True, False]
    desk.notice_targets.remove("hook")
    assert [target.name for target in desk.notice_targets.all()] == ["mail"]


def test_what_cannot_be_done_says_why(desk: CenterDesk) -> None:
    desk.notice_targets.add(HOOK, NOW)
    for act, code in [
        (lambda: desk.notice_targets.add(HOOK, NOW), "name_taken"),
        (lambda: desk.notice_targets.remove("ghost"), "no_such_target"),
        (lambda: desk.notice_targets.set_paused("ghost", True), "no_such_target"),
        (lambda: desk.notices.test("ghost", NOW), "no_such_target"),
    ]:
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == code
    for number in range(MAX_TARGETS - 1):
        desk.notice_targets.add(NoticeTarget(f"h{number}", NoticeChannel.WEBHOOK, "https://example.org/", "en"), NOW)
    with pytest.raises(Refused) as refused:
        desk.notice_targets.add(MAIL, NOW)
    assert refused.value.code == "too_many"


def test_addresses_are_looked_at_before_they_are_kept() -> None:
    for url in (
        "", "x", "ftp://example.org/", "https://", "https://a:b@example.org/", "https://example.org/#x", "https:///x",
        "https://example.org:99999/", "https://exa mple.org/", "https://example.org/\r\nX: y", "https://exämple.org/",
        "file:///etc/passwd", "https://example.org/" + "x" * 500, "//example.org/", "https://[::1/",
    ):  # fmt: skip
        assert code_of(NoticeTarget("hook", NoticeChannel.WEBHOOK, url, "en")) == "bad_url", url
    assert Webhook.parse("https://EXAMPLE.org:8443/a?b=1") == Webhook("https", "example.org", 8443, "/a?b=1")
    assert Webhook.parse("https://[2606:4700::1]/").netloc == "[2606:4700::1]"
    assert Webhook.parse("https://example.org").netloc == "example.org"
    for server in (
        "",
        "x",
        "mail.example.org",
        "mail.example.org:25",
        "mail.example.org:25/plain",
        "m:0/tls",
        "m:99999/tls",
        "a b:1/tls",
    ):
        assert (
            code_of(
                NoticeTarget("mail", NoticeChannel.MAIL, "a@example.org", "en", frozenset(), server, "c@example.org")
            )
            == "bad_server"
        )
    assert MailServer.parse("[::1]:25/tls") == MailServer("::1", 25, Security.TLS)
    for recipients, sender, login, code in [
        ("", "c@example.org", "", "bad_mail"),
        ("a@example.org", "", "", "bad_mail"),
        ("a@example.org", "c@example.org\r\nBcc: x@example.org", "", "bad_mail"),
        ("a@b@example.org", "c@example.org", "", "bad_mail"),
        (" ".join(["a@example.org"] * 11), "c@example.org", "", "bad_mail"),
        ("a@example.org", "c@example.org", "../shadow", "bad_login"),
        ("a@example.org", "c@example.org", "/etc/shadow", "bad_login"),
        ("a@example.org", "c@example.org", ".hidden", "bad_login"),
        ("a@example.org", "c@example.org", "office", ""),
    ]:
        target = NoticeTarget("mail", NoticeChannel.MAIL, recipients, "en", frozenset(), "m:25/tls", sender, login)
        assert code_of(target) == code, (recipients, sender, login)
    assert code_of(NoticeTarget("Bad name", NoticeChannel.WEBHOOK, HOOK.address, "en")) == "bad_name"
    assert code_of(NoticeTarget("hook", NoticeChannel.WEBHOOK, HOOK.address, "en", frozenset({"a b"}))) == "bad_kind"
