"""Run the conformance kit against any parser: ``python -m tests.protocols.scales.kit --command "parser {id}"``.

The command gets ``--param NAME=VALUE`` behind it for frames with parameters, hex lines on its standard input, and
answers with one JSON object a line, as ``kiosk scale decode`` does (docs/conformance.md). The table tells for each
golden frame and each kind of damage whether the parser passed; the exit code is 1 when it did not.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.protocols.scales.damage import KINDS, Kind, wrong_checks
from tests.protocols.scales.format_rows import Judged, formats
from tests.protocols.scales.golden import FIELDS, Golden, files, frames
from tests.protocols.scales.judge import MOST_FRAMES, Told, cases, weights

TIMEOUT_S = 300
Answer = Mapping[str, Any]


class Unusable(Exception):
    """The parser did not do what the interface asks; the text says what, for people."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    protocol: str
    what: str
    passed: bool
    why: str = ""


@dataclass(frozen=True)
class Parser:
    """A program that decodes lines of hex."""

    command: str

    def decode(self, protocol: str, params: Mapping[str, str], streams: Sequence[bytes]) -> list[Answer]:
        """One answer for each stream; raises Unusable."""
        words = shlex.split(self.command.replace("{id}", protocol))
        words += [word for name, value in params.items() for word in ("--param", f"{name}={value}")]
        lines = "".join(stream.hex() + "\n" for stream in streams)
        try:
            done = subprocess.run(words, input=lines, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unusable(f"{protocol}: {error}") from error
        if done.returncode != 0:
            raise Unusable(f"{protocol}: exit {done.returncode}: {done.stderr.strip()[:200]}")
        return _answers(protocol, done.stdout, len(streams))


def _answers(protocol: str, text: str, expected: int) -> list[Answer]:
    lines = text.splitlines()
    if len(lines) != expected:
        raise Unusable(f"{protocol}: {len(lines)} answers for {expected} lines")
    try:
        answers = [json.loads(line) for line in lines]
    except ValueError as error:
        raise Unusable(f"{protocol}: an answer is no JSON: {error}") from error
    for answer in answers:
        if not isinstance(answer, dict) or not all(
            isinstance(answer.get(key), list) for key in ("readings", "records", "rejected")
        ):
            raise Unusable(f"{protocol}: an answer needs the lists readings, records and rejected: {answer}")
    return answers


def _reasons(answer: Answer) -> list[str]:
    return [row["reason"] if isinstance(row, dict) else row for row in answer["rejected"]]


def _readings(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The keys that are compared; ``kiosk scale decode`` calls the counts of a converter ``raw``."""
    return [{name: row.get(name) for name in FIELDS} | {"counts": row.get("counts", row.get("raw"))} for row in rows]


def golden_row(frame: Golden, answer: Answer) -> Row:
    """What a parser told of one golden frame, against the file; kinds of records are compared, their texts are not."""
    told = [
        ("readings", _readings(frame.readings), _readings(answer["readings"])),
        ("records", [row["kind"] for row in frame.records], [row["kind"] for row in answer["records"]]),
        ("rejected", list(frame.rejected), _reasons(answer)),
    ]
    differences = [f"{name}: {got} instead of {wanted}" for name, wanted, got in told if got != wanted]
    return Row(frame.protocol, frame.name, not differences, "; ".join(differences))


def _good(protocol: str, params: Mapping[str, str]) -> dict[bytes, set[Told]]:
    found = [frame for frame in frames(protocol) if frame.good and frame.params == params]
    return {frame.data: set(weights({"readings": _readings(frame.readings)})) for frame in found[:MOST_FRAMES]}


def damage_row(protocol: str, judged: Judged, kind: Kind, answers: Sequence[Answer]) -> Row:
    """Every case of one kind; a wrong weight passes only where the format cannot notice this damage."""
    sent = _good(protocol, judged.params)
    named, excused, bad = judged.blind.get(kind.id, ()), 0, []
    for (hit, stream, frame, other), answer in zip(_cases(kind, protocol, sent), answers, strict=True):
        wrong = [one for one in _told(answer) if one not in sent[frame] | sent.get(other, set())]
        if wrong and any(reason.hit.fullmatch(hit) for reason in named):
            excused += 1
        elif wrong:
            bad.append(f"{stream.hex(' ')} gave {wrong[0][0]} {wrong[0][1] or ''}".strip())
    notes = f"{excused} of {len(answers)} cannot be noticed" if excused else ""
    what = " ".join([kind.text, *(f"{name}={value}" for name, value in judged.params.items())])
    return Row(protocol, what, not bad, f"{len(bad)} of {len(answers)}: {bad[0]}" if bad else notes)


def _cases(kind: Kind, protocol: str, good: Mapping[bytes, set[Told]]) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    return cases(kind, list(good), [] if formats()[protocol].alone else list(good))


def _told(answer: Answer) -> list[Told]:
    return weights({"readings": _readings(answer["readings"])})


def check_row(protocol: str, made: Sequence[bytes], answers: Sequence[Answer]) -> Row:
    """A wrong checksum: no reading at all."""
    bad = [stream for stream, answer in zip(made, answers, strict=True) if answer["readings"]]
    return Row(protocol, "a wrong checksum", not bad, f"{len(bad)} of {len(made)}: {bad[0].hex(' ')}" if bad else "")


def _set_of_rows(parser: Parser, protocol: str, params: dict[str, str]) -> Iterator[Row]:
    """Everything with one set of parameters, by one call of the parser."""
    same = [frame for frame in frames(protocol) if frame.params == params]
    good, place = _good(protocol, params), formats()[protocol].check_at
    checks = [damaged for frame in good for damaged in wrong_checks(frame, *place)] if place and not params else []
    judged = [one for one in formats()[protocol].judged if one.params == params and good]
    parts = [[stream for _, stream, _, _ in _cases(kind, protocol, good)] for kind in KINDS] if judged else []
    streams = [*(frame.data for frame in same), *checks, *(stream for part in parts for stream in part)]
    answers = iter(parser.decode(protocol, params, streams))
    yield from (golden_row(frame, next(answers)) for frame in same)
    if checks:
        yield check_row(protocol, checks, list(islice(answers, len(checks))))
    for kind, part in zip(KINDS, parts, strict=False):
        yield damage_row(protocol, judged[0], kind, list(islice(answers, len(part))))


def rows(parser: Parser, protocol: str) -> Iterator[Row]:
    """The whole table of one format; a parser that cannot be used is one row that did not pass."""
    sets: list[dict[str, str]] = []
    for row in (*frames(protocol), *formats()[protocol].judged):
        if row.params not in sets:
            sets.append(row.params)
    try:
        for params in sets:
            yield from _set_of_rows(parser, protocol, params)
    except Unusable as error:
        yield Row(protocol, "the interface", False, str(error))


def main(arguments: list[str]) -> int:
    """Print the table; 0 when everything passed."""
    options = argparse.ArgumentParser(prog="python -m tests.protocols.scales.kit")
    options.add_argument("--command", required=True, help="the parser; {id} becomes the protocol")
    options.add_argument("--protocol", action="append", choices=sorted(files()), help="default: all of them")
    options.add_argument("--failed", action="store_true", help="print only what did not pass")
    given = options.parse_args(arguments)
    parser, count, failed = Parser(given.command), 0, 0
    for protocol in given.protocol or sorted(files()):
        for row in rows(parser, protocol):
            count, failed = count + 1, failed + (not row.passed)
            if not (given.failed and row.passed):
                print(f"{'pass' if row.passed else 'FAIL'}  {row.protocol:<22} {row.what}  {row.why}".rstrip())
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
