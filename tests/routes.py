"""Addresses of routes are compiled once in a process of tests, not again by every application that is made."""

from __future__ import annotations

from collections.abc import Callable

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]
Key = tuple[bool, str, tuple[tuple[bool, str], ...]]


def compile_once() -> None:
    """From now on, for every application of this process.

    What makes an address of its parts hangs on nothing but the rule's text: a function that gets the rule as its first
    argument. A rule with defaults, which the house has none of, is compiled as ever.
    """
    kept: dict[Key, Builder] = {}
    whole = Rule._compile_builder

    def compiled(self: Rule, append_unknown: bool = True) -> Builder:
        if self.defaults:
            return whole(self, append_unknown)
        key = append_unknown, self.rule, tuple(self._trace)
        if key not in kept:
            kept[key] = whole(self, append_unknown)
        return kept[key]

    Rule._compile_builder = compiled  # type: ignore[method-assign]
