"""Commands that are the same bytes whatever the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kiosk.protocols.scales.shared.protocol import Params


def plain(words: Mapping[str, bytes]) -> dict[str, Callable[[Params], bytes]]:
    return {name: _always(sent) for name, sent in words.items()}


def _always(sent: bytes) -> Callable[[Params], bytes]:
    return lambda _: sent
