"""``kiosk verify`` and the checker of docs/feed/example: what both find of the vectors, and of hostile files."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli.kiosk import main
from kiosk.cli.sorting_center import main as sorting_center
from kiosk.domain.events.signing import KeyMade
from kiosk.messaging.contract.envelope import body_and_hash
from kiosk.messaging.contract.public_keys import PublicKeys
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger import Ledger
from kiosk.store.database.migrate import migrate
from tests.messaging.contract import paper_vectors
from tests.messaging.contract.paper_vectors import EPOCH, FOLDER, KEY, SLIP, UNKNOWN, SignedJournal, proof_of
from tests.sorting_center.station_journal import NOW, confirmed, of_weight

NODE = Path(__file__).resolve().parents[2] / "docs/feed/example/check.mjs"
KEYS = FOLDER / "keys.json"
Answers = list[dict[str, Any]]


def by_kiosk(files: Sequence[Path | str], keys: Path | None = KEYS, given: bytes = b"") -> Answers:
    words = ["verify", *map(str, files), *(["--keys", str(keys)] if keys else [])]
    done = CliRunner().invoke(main, words, input=given)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stderr == ""
    assert done.exit_code == (0 if all(one["verdict"] == "valid" for one in answers) else 1)
    return answers


def by_node(files: Sequence[Path | str], keys: Path = KEYS) -> Answers:
    done = subprocess.run(["node", NODE, keys, *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (0 if all(one["verdict"] == "valid" for one in answers) else 1)
    return answers


CHECKERS: list[Callable[[Sequence[Path | str]], Answers]] = [by_kiosk, by_node]


def faults(answer: dict[str, Any]) -> list[str]:
    return sorted(f"{row['name']} {row.get('event', '')}".strip() for row in answer["checks"] if not row["ok"])


def verdicts(answers: Answers) -> list[str]:
    return [answer["verdict"] for answer in answers]


def test_the_published_vectors_are_what_the_generator_makes() -> None:
    made = paper_vectors.files()
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == made, (
        "python -m tests.messaging.contract.paper_vectors"
    )
    assert sum(map(len, made.values())) <= 61_440


@pytest.mark.parametrize("name", ["slips", "proofs", "events"])
def test_both_checkers_find_what_the_vectors_say(name: str, tmp_path: Path, subtests: pytest.Subtests) -> None:
    content = json.loads((FOLDER / f"{name}.json").read_bytes())
    rows = content["rows"]
    files = [tmp_path / f"{number}" for number in range(len(rows))]
    for file, row in zip(files, rows, strict=True):
        lines = "".join(f"{content['lines'][line]}\n" for line in row["lines"]) if "lines" in row else row["text"]
        file.write_text(lines, encoding="utf-8", newline="")
    kinds = {"slips": "slip", "proofs": "proof", "events": "export"}
    for row, ours, other in zip(rows, by_kiosk(files), by_node(files), strict=True):
        with subtests.test(row["name"]):
            assert (ours["verdict"], faults(ours)) == (row["verdict"], sorted(row["failed"]))
            assert (other["verdict"], faults(other)) == (row["verdict"], sorted(row["failed"]))
            assert ours["kind"] == other["kind"]
            assert ours["kind"] in (kinds[name], None)
            assert {one["name"] for one in ours["checks"]} == {one["name"] for one in other["checks"]}


def test_a_proof_is_that_of_the_slip_that_is_given_with_it(tmp_path: Path) -> None:
    slip, proof, other = (tmp_path / name for name in ("slip.txt", "a.tlog-proof", "b.tlog-proof"))
    slip.write_text(next(paper_vectors.slips())["text"] + "\n")
    proof.write_text(proof_of(0).text, newline="")
    other.write_text(proof_of(1).text, newline="")
    for check in CHECKERS:
        assert verdicts(check([proof, slip])) == ["valid", "valid"]
        assert [faults(one) for one in check([slip, proof, other])] == [[], [], ["slip"]]
        assert verdicts(check([proof, other])) == ["valid", "valid"]
    says = by_kiosk([slip])[0]["says"]
    assert (says["receipt"], says["net_g"], says["amount_fen"]) == (str(SLIP.receipt), SLIP.net_g, SLIP.amount_fen)


def test_any_byte_changed_is_never_valid(tmp_path: Path, subtests: pytest.Subtests) -> None:
    lines = json.loads((FOLDER / "events.json").read_bytes())["lines"][:4]
    slip = next(paper_vectors.slips())["text"]
    lines_cut = {"\n".join(lines[:count]).encode() for count in (2, 3)}
    begins = slip.index("/s#")  # The host before it is not signed: see docs/papers.md
    for name, content, start in (
        ("slip", slip.encode(), begins),
        ("proof", proof_of(5).text.encode(), 0),
        ("consistency", paper_vectors.grown(3, 11).text.encode(), 0),
        ("export", "".join(f"{line}\n" for line in lines[:3]).encode(), 0),
    ):
        with subtests.test(name):
            files = []
            for place in range(start, len(content)):
                changed = content[place] ^ 1 << place % 7
                if bytes([content[place], changed]) != b"\n\r":
                    files.append(tmp_path / f"{name}-{place}")
                    files[-1].write_bytes(content[:place] + bytes([changed]) + content[place + 1 :])
                if place % 5 == 0 or content[place - 1 : place] == b"\n":
                    files.append(tmp_path / f"{name}-{place}-cut")
                    files[-1].write_bytes(content[:place])
            for check in CHECKERS:
                right = {one["file"] for one in check(files) if one["verdict"] == "valid"}
                # An export without its last events is one that was made earlier, which no file shows.
                assert all(file.endswith("-cut") and Path(file).read_bytes().rstrip() in lines_cut for file in right)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0", b"\0" * 200_000, b"\xff\xfe", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"{" * 3_000_000),
        *(
            b"{}\n" * 2000,
            b'{"station":"S0147"}\n',
            b'{"id":1e999}\n',
            b"SQLite format 3\0",
            b"SQLite format 3\0" * 5000,
        ),
        *(
            b"https://",
            b"https://a/s#",
            b"https://a/s#" + b"9" * 3_000_000,
            b"https://a/s#1\n\n\n",
            "https://a/s#\u0661".encode(),
        ),
        *(b"c2sp.org/tlog-proof@v1", b"c2sp.org/tlog-proof@v1\n" * 9000, b"kiosk/consistency@v1\n\n\n\n\n\n"),
        *("a\n\n\u2014 ".encode(), "shache/2026\n9\nAAAA\n\n\u2014 a AAAA\n".encode(), "\ufeffhttps://a/s#1".encode()),
    ],
    ids=lambda content: repr(content[:24]),
)
def test_hostile_files_are_no_papers(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    for check in CHECKERS:
        assert verdicts(check([file])) == ["unreadable"]
    assert verdicts(by_kiosk(["-"], given=content)) == ["unreadable"]
    assert verdicts(by_kiosk([], given=content)) == ["unreadable"]


def test_what_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.symlink_to(closed)
    for file in (tmp_path, tmp_path / "none", closed, Path("/dev/zero"), tmp_path / ("x" * 300)):
        for check in CHECKERS if file.name != "zero" else [by_kiosk]:
            assert verdicts(check([file])) == ["unreadable"]
    assert verdicts(by_kiosk(["a\0b"])) == ["unreadable"]


def test_without_keys_nothing_is_valid(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("slip", "proof", "export")]
    export = "".join(f"{line}\n" for line in json.loads((FOLDER / "events.json").read_bytes())["lines"][:7])
    for file, text in zip(files, (next(paper_vectors.slips())["text"], proof_of(0).text, export), strict=True):
        file.write_text(text, newline="")
    assert verdicts(by_kiosk(files)) == ["valid"] * 3
    assert verdicts(by_kiosk(files, keys=None)) == ["unknown_key"] * 3
    none = tmp_path / "keys.json"
    none.write_bytes(PublicKeys("shache").encode())
    assert verdicts(by_kiosk(files, keys=none)) == verdicts(by_node(files, none)) == ["unknown_key"] * 3


@pytest.mark.parametrize("content", [b"", b"{}", b'{"region":"A"}', b'{"region":"a","log":["x"]}', b"\xff", None])
def test_a_wrong_call_ends_with_one_line(content: bytes | None, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    if content is not None:
        keys.write_bytes(content)
    for words in (["--keys", str(keys), "x"], ["--what"], ["x", "--keys"]):
        done = CliRunner().invoke(main, ["verify", *words])
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A station's database, and in it the events of the vectors."""
    path = tmp_path / "station.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO epoch VALUES (1, ?, 'A', 'first', '2026-12-02T00:00:00.000Z', 0)", (EPOCH,))
        for seq, line in enumerate(json.loads((FOLDER / "events.json").read_bytes())["lines"][:7], 1):
            event = json.loads(line)
            row = ((1 << 32) + seq, 1, seq, event["type"], body_and_hash(event)[1], line.encode())
            connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", row)
    return path


def test_a_database_is_read_and_not_changed(journal: Path) -> None:
    before = journal.read_bytes(), sorted(journal.parent.iterdir())
    journal.chmod(0o444)
    assert [(one["kind"], one["verdict"]) for one in by_kiosk([journal])] == [("journal", "valid")]
    assert (journal.read_bytes(), sorted(journal.parent.iterdir())) == before


@pytest.mark.parametrize(
    ("statement", "verdict", "found"),
    [
        (
            "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), '\"size\":2', '\"size\":9') AS BLOB)",
            "changed",
            ["chain 4", "hash 3", "signature 3"],
        ),
        ("UPDATE journal SET sha256 = replace(sha256, 'a', 'b') WHERE seq = 3", "changed", ["hash 3"]),
        ("DELETE FROM journal WHERE seq = 3", "incomplete", ["numbers 4"]),
        ("UPDATE journal SET body = x'00' WHERE seq = 7", "changed", ["readable 7"]),
        ("UPDATE journal SET body = zeroblob(2000000) WHERE seq = 7", "unreadable", None),
        ("DROP TABLE journal", "unreadable", None),
        ("DROP TABLE journal; CREATE VIEW journal AS SELECT 1 AS position", "unreadable", None),
        ("DELETE FROM journal", "unreadable", ["form"]),
    ],
)
def test_what_was_done_to_a_database_is_named(
    journal: Path, statement: str, verdict: str, found: list[str] | None
) -> None:
    with closing(sqlite3.connect(journal)) as connection:
        connection.executescript(f"PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {statement}")
    answer = by_kiosk([journal])[0]
    short = [fault.replace(f"S0147 {EPOCH}-", "").replace(f"{EPOCH}-", "") for fault in faults(answer)]
    assert (answer["verdict"], short) == (verdict, ["form"] if found is None else found)


def test_a_damaged_database_is_unreadable(journal: Path) -> None:
    whole = journal.read_bytes()
    for size in (100, 1024, len(whole) // 2):
        journal.write_bytes(whole[:size])
        assert by_kiosk([journal])[0]["verdict"] != "valid"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A county's ledger with a day of a station that signs."""
    path = tmp_path / "ledger.db"
    journal = SignedJournal()
    journal.add(KeyMade(KEY.public.hex(), "first"))
    for counter in range(1, 9):
        journal.add(confirmed("S0147", counter))
    with closing(Ledger.open(f"sqlite:///{path}")) as opened:
        opened.accept([parse_event(line.encode()) for line in journal.lines], "shache", NOW)
    return path


@pytest.mark.parametrize(
    ("statement", "verdict", "found"),
    [
        ("SELECT 1", "valid", []),
        (
            "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '12450', '11450') AS BLOB) WHERE seq = 5",
            "changed",
            ["chain 6", "signature 5"],
        ),
        ("DELETE FROM event WHERE seq = 5", "incomplete", ["numbers 6"]),
        (
            "UPDATE event SET seq = 904 WHERE seq = 5; UPDATE event SET seq = 5 WHERE seq = 4;"
            "UPDATE event SET seq = 4 WHERE seq = 904",
            "changed",
            ["numbers 5", "order 4"],
        ),
    ],
    ids=["whole", "edited", "deleted", "exchanged"],
)
def test_what_was_done_to_a_ledger_is_named(ledger: Path, statement: str, verdict: str, found: list[str]) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        connection.executescript(statement)
    done = CliRunner().invoke(
        sorting_center, ["ledger", "export", "--format", "jsonl", "--ledger", f"sqlite:///{ledger}"]
    )
    assert done.exit_code == 0
    export = ledger.with_suffix(".jsonl")
    export.write_bytes(done.stdout_bytes)
    for check in CHECKERS:
        answer = check([export])[0]
        assert (answer["verdict"], [fault.replace(f"S0147 {EPOCH}-", "") for fault in faults(answer)]) == (
            verdict,
            found,
        )


def test_a_day_that_was_rewritten_is_named(ledger: Path) -> None:
    """By a county with all its ledger and a key of its own: hashes and chain are right again, signatures are not."""
    rewritten = SignedJournal()
    rewritten.add(KeyMade(KEY.public.hex(), "first"))
    for counter in range(1, 9):
        rewritten.add(
            confirmed("S0147", counter, **(of_weight(11_450) if counter > 4 else {})), KEY if counter < 5 else UNKNOWN
        )
    export = ledger.with_suffix(".jsonl")
    export.write_text("".join(f"{line}\n" for line in rewritten.lines))
    for check in CHECKERS:
        answer = check([export])[0]
        assert answer["verdict"] == "unknown_key"
        assert faults(answer) == [f"key_known S0147 {EPOCH}-{seq}" for seq in range(6, 10)]


def test_an_export_of_any_length_is_not_held_in_memory(tmp_path: Path) -> None:
    """And of a fault that is there a thousand times twenty are named."""
    lines = json.loads((FOLDER / "events.json").read_bytes())["lines"]
    file = tmp_path / "export"
    with file.open("w") as export:
        for _ in range(20_000):
            export.write(lines[0] + "\n")
    by_kiosk([tmp_path / "none"])  # What is loaded once is no matter of the file
    tracemalloc.start()
    answer = by_kiosk([file])[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.stat().st_size > 8_000_000
    assert peak < 4_000_000
    order = [row for row in answer["checks"] if row["name"] == "order"]
    assert (len(order), order[-1]["what"]) == (21, "19979 more")
