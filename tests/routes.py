"""Addresses of routes are read and compiled once in a process of tests, not again by every application that is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.matcher import RulePart

Builder = Callable[..., tuple[str, str]]
Key = tuple[bool, str, tuple[tuple[bool, str], ...]]


@dataclass(frozen=True)
class Read:
    """What a rule's text says: the parts to match, what an address is made of, and the variables in it."""

    parts: list[RulePart]
    trace: list[tuple[bool, str]]
    converters: dict[str, BaseConverter]


def compile_once() -> None:
    """From now on, for every application of this process."""
    _read_once()
    _build_once()


def _read_once() -> None:
    """What a text says hangs on the text and on what the application takes for a variable: here, what all do."""
    kept: dict[str, Read] = {}
    whole = Rule._parse_rule

    def read(self: Rule, rule: str) -> Iterable[RulePart]:
        assert self.map is not None
        if self.map.converters != self.map.default_converters:
            return whole(self, rule)
        if rule not in kept:
            trace, converters = self._trace, self._converters
            self._trace, self._converters = [], {}
            kept[rule] = Read(list(whole(self, rule)), self._trace, self._converters)
            self._trace, self._converters = trace, converters
        found = kept[rule]
        self._trace += found.trace
        self._converters.update(found.converters)
        self.arguments.update(found.converters)
        return found.parts

    Rule._parse_rule = read  # type: ignore[method-assign]


def _build_once() -> None:
    """What makes an address of its parts hangs on nothing but the rule's text: a function that gets the rule as its
    first argument. A rule with defaults, which the house has none of, is compiled as ever.
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
