"""GS1 Digital Link: the same elements as the address of a page (GS1 Digital Link Standard: URI Syntax).

The key is in the path, followed by its qualifiers in their order; all other elements are in the query. Parameters of
the query whose names are not digits belong to others and are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote, unquote_to_bytes

from kiosk.protocols.barcodes.gs1.elements import BadElementString, Elements, check_repeats, check_value
from kiosk.protocols.barcodes.gs1.table import TABLE

_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
# What may be in an address unescaped (RFC 3986), without the two that begin the query and the fragment.
_CHARACTER = r"[!$%&'()*+,./0-9:;=@A-Z\[\]_a-z~-]"
_LINK = re.compile(
    rf"(?:https?|HTTPS?)://{_HOST}(?P<path>/{_CHARACTER}*)(?:\?(?P<query>(?:{_CHARACTER}|\?)*))?(?:#.*)?",
    re.ASCII | re.DOTALL,
)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_DOMAIN = re.compile(_HOST, re.ASCII)


def is_domain(text: str) -> bool:
    """Return whether links can be made at this domain: "id.example.org", "example.org:8443"."""
    return _DOMAIN.fullmatch(text) is not None


def is_link(text: str) -> bool:
    """Return whether the text is an address whose path holds a key; its values may still be wrong."""
    match = _LINK.fullmatch(text)
    return match is not None and _key_at(match["path"].split("/")[1:]) is not None


def parse_digital_link(text: str) -> Elements:
    """Return the elements of an address, those of the path first; raises BadElementString."""
    match = _LINK.fullmatch(text)
    if match is None:
        raise BadElementString("link", "an address begins with http:// or https://, a domain and a path")
    path = tuple(_of_path(match["path"], match.start("path")))
    query = tuple(_of_query(match["query"] or "", match.start("query")))
    # Only qualifiers of the key may follow it, in their order, none twice
    key, *behind = (identifier for identifier, _ in path)
    if not _is_order(key, behind):
        raise BadElementString("link", f"({key}) does not take {'/'.join(behind)} behind it", key)
    elements = path + query
    _check_once(elements)
    _check_query(path, query)
    return elements


def build_digital_link(domain: str, elements: Elements) -> str:
    """Build an address at ``domain``, "id.example.org" or "example.org:8443"; the first key leads.

    Raises BadElementString ``link`` when there is no key, or an element fits neither the path nor the query.
    """
    if not is_domain(domain):
        raise BadElementString("link", f"{domain!r} is no domain")
    for identifier, value in elements:
        check_value(identifier, value)
    check_repeats(elements)
    values = dict(elements)
    key = next((identifier for identifier in values if TABLE[identifier].is_key), None)
    if key is None:
        raise BadElementString("link", "no element is a key that an address may begin with")
    order = max(TABLE[key].qualifiers, key=lambda each: sum(qualifier in values for qualifier in each))
    path = (key, *(qualifier for qualifier in order if qualifier in values))
    query = tuple((identifier, values[identifier]) for identifier in values if identifier not in path)
    _check_query(tuple((identifier, values[identifier]) for identifier in path), query)
    address = "".join(f"/{identifier}/{quote(values[identifier], safe='')}" for identifier in path)
    query_string = "&".join(f"{identifier}={quote(value, safe='')}" for identifier, value in query)
    return f"https://{domain}{address}" + (f"?{query_string}" if query_string else "")


def _of_path(path: str, start: int) -> Iterator[tuple[str, str]]:
    """Yield pairs from the last key in the path on; what precedes it belongs to the resolver."""
    words = path.split("/")[1:]
    first = _key_at(words)
    if first is None:
        raise BadElementString("link", "the path holds no key", at=start)
    places = [start + 1]
    for word in words:
        places.append(places[-1] + len(word) + 1)
    for at in range(first, len(words), 2):
        yield words[at], _value(words[at], words[at + 1], places[at + 1])


def _key_at(words: list[str]) -> int | None:
    """Return the index of the last key, None without one; every second word from there is an identifier."""
    for at in range(len(words) - 2, -1, -2):
        if words[at] not in TABLE:
            return None
        if TABLE[words[at]].is_key:
            return at
    return None


def _of_query(query: str, start: int) -> Iterator[tuple[str, str]]:
    at = start
    for parameter in query.split("&"):
        name, equals, value = parameter.partition("=")
        if _DIGITS.fullmatch(name):
            if not equals:
                raise BadElementString("link", f"({name}) has no value", name, at)
            yield name, _value(name, value.replace("+", "%20"), at + len(name) + 1)
        at += len(parameter) + 1


def _value(identifier: str, written: str, at: int) -> str:
    if _STRAY_PERCENT.search(written):
        raise BadElementString("percent", f"({identifier}) has a % that is no escape", identifier, at)
    value = unquote_to_bytes(written).decode("latin-1")
    try:
        check_value(identifier, value)
    except BadElementString as error:
        raise error.shifted(at) from None
    return value


def _is_order(key: str, behind: list[str]) -> bool:
    for order in TABLE[key].qualifiers:
        if all(one in order for one in behind):
            places = [order.index(one) for one in behind]
            if all(one < two for one, two in pairwise(places)):
                return True
    return False


def _check_once(elements: Elements) -> None:
    """Refuse a repeated identifier, even with the same value, which a symbol may have."""
    seen: set[str] = set()
    for identifier, _ in elements:
        if identifier in seen:
            raise BadElementString("repeated_ai", f"({identifier}) stands twice", identifier)
        seen.add(identifier)


def _check_query(path: Elements, query: Elements) -> None:
    """Check that each identifier may be an attribute, and none belongs into the path."""
    key, *behind = (identifier for identifier, _ in path)
    for identifier, _ in query:
        fits = any(_is_order(key, [*behind[:place], identifier, *behind[place:]]) for place in range(len(behind) + 1))
        if fits or not TABLE[identifier].in_query:
            raise BadElementString("link", f"({identifier}) may not stand in the query behind ({key})", identifier)
