"""Templates are translated to Python once in a process of tests, not again by every application that is made."""

from __future__ import annotations

from types import CodeType

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

Key = tuple[str, str, bool, bool]


class Translated(BytecodeCache):
    """What templates became. A template that has changed has another checksum."""

    def __init__(self) -> None:
        self._kept: dict[Key, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Called for every template of a new application."""
        bucket.code = self._kept.get(_key(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Called for every template that was not there."""
        if bucket.code is not None:
            self._kept[_key(bucket)] = bucket.code


def _key(bucket: Bucket) -> Key:
    """What the same code depends on: the template, its text, and how an application treats blanks."""
    environment = bucket.environment
    return bucket.key, bucket.checksum, environment.trim_blocks, environment.lstrip_blocks


def translate_once() -> None:
    """From now on, for every Flask application of this process."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Translated()}
