"""Which traps a live MQTT broker has: what it would lose of that which it confirms. It is left as it was."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from kiosk.messaging.contract.topics import ROOT
from kiosk.sorting_center.ingest.check.client import TrialClient
from kiosk.sorting_center.ingest.check.finding import BrokerFinding, BrokerUnusable, BrokerVerdict, ok_or_trap, unseen
from kiosk.sorting_center.ingest.shared.address import BrokerAddress

REGION: Final = "broker-check"  # No station's; nor is what is published there anything that a sorting center listens to
OFFLINE_MESSAGES: Final = 1500  # 1.5 times as many as brokers keep by default
_FULL_BATCH: Final = 1024 * 1024
_SESSION_S: Final = 30 * 24 * 3600
_DAY_S: Final = 24 * 3600
_DENIED: Final = "Not authorized"
_NO_SUBSCRIBERS: Final = "No matching subscribers"
_UNSEEN: Final = unseen("what the broker still has after a power cut cannot be seen from here: see its persistence")


def findings(address: BrokerAddress) -> Iterator[BrokerFinding]:
    """Yield the findings as they are tried, one after the other; raises BrokerUnusable."""
    own_id = f"broker-check-{secrets.token_hex(4)}"
    topic = f"{ROOT}/{REGION}/S0000/check/{own_id}"
    with TrialClient(address, own_id, _SESSION_S) as consumer:
        may_hear = consumer.subscribe(topic)
        expiry_s = getattr(consumer.granted, "SessionExpiryInterval", _SESSION_S)
        packet = getattr(consumer.granted, "MaximumPacketSize", None)
    try:
        with TrialClient(address, f"{own_id}-station") as sender:
            answers = _answers(sender, topic, OFFLINE_MESSAGES)
            if "" in answers[:1]:
                yield unseen("the broker gives no answer to what is published: queue not tried")
            elif not may_hear or _DENIED in answers:
                yield unseen("this login may not both publish and read as a station: queue not tried")
            else:
                yield _queue_finding(address, own_id, topic, sender, sum(answer == "Success" for answer in answers))
            answer = _answers(sender, f"{topic}/nobody")[0]
            yield ok_or_trap(
                answer == _NO_SUBSCRIBERS,
                "a message nobody listens to is answered so",
                f"a message nobody listens to is answered with {answer or 'nothing'}: a station cannot know",
            )
            yield _impersonation_finding(address, _answers(sender, f"{ROOT}/{REGION}/S0001/check/{own_id}")[0])
    finally:
        with TrialClient(address, own_id):
            pass  # throws the session away
    yield ok_or_trap(
        expiry_s >= _DAY_S,
        f"a session is kept for {expiry_s // 3600} h",
        f"a session is kept for {expiry_s} s only: what comes while the sorting center is away longer is lost",
    )
    yield _batch_finding(address, own_id, topic, packet)
    yield _shared_finding(address, own_id, topic)
    yield _UNSEEN


def _answers(sender: TrialClient, topic: str, count: int = 1) -> list[str]:
    """Return the broker's answers. Raises BrokerUnusable when the connection is lost: that says nothing of rights."""
    answers = sender.publish(topic, [b"{}"] * count)
    if "" in answers and sender.is_lost:
        raise BrokerUnusable("the connection to the broker was lost: look whether it runs, then try again")
    return answers


def _queue_finding(
    address: BrokerAddress, own_id: str, topic: str, sender: TrialClient, confirmed: int
) -> BrokerFinding:
    with TrialClient(address, own_id, _SESSION_S) as consumer:
        came = consumer.receive_queued(confirmed, topic, sender)
    return ok_or_trap(
        came >= confirmed,
        f"of {confirmed:,} messages confirmed while the sorting center was away all came",
        f"of {confirmed:,} messages confirmed while the sorting center was away {came:,} came: the queue is too short "
        "(Mosquitto: max_queued_messages)",
    )


def _impersonation_finding(address: BrokerAddress, answer: str) -> BrokerFinding:
    if answer == _DENIED:
        return BrokerFinding(BrokerVerdict.OK, "this login may not speak for a station")
    if answer == "":
        return unseen("the broker gives no answer to a message of another station: its right is not seen")
    return ok_or_trap(
        _is_this_machine(address.host),
        "everybody may speak for every station, but nobody else than this machine connects here",
        "everybody who connects may speak for every station: see the access list",
    )


def _batch_finding(address: BrokerAddress, own_id: str, topic: str, packet: int | None) -> BrokerFinding:
    _, came = _round_trip(address, own_id, topic, topic, b"x" * _FULL_BATCH)
    limit = "" if packet is None else f" (it takes {packet:,} bytes)"
    return ok_or_trap(came, "a full batch of 1 MiB comes through", f"a full batch of 1 MiB does not come{limit}")


def _shared_finding(address: BrokerAddress, own_id: str, topic: str) -> BrokerFinding:
    is_granted, came = _round_trip(address, own_id, f"$share/{own_id}/{topic}", topic, b"{}")
    return ok_or_trap(
        came or not is_granted,
        "shared subscriptions do what they say",
        "a shared subscription is granted and nothing comes of it: never use $share here",
    )


def _round_trip(address: BrokerAddress, own_id: str, name: str, topic: str, payload: bytes) -> tuple[bool, bool]:
    """Return whether the broker grants the subscription, and whether the message comes over it."""
    with TrialClient(address, own_id) as both:
        if not both.subscribe(name):
            return False, False
        both.publish(topic, [payload])
        return True, both.receive(1) == 1


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
