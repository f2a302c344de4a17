"""Files that somebody made to break the program: one clear line, quickly, in bounded memory, and nothing is changed.

The huge lines are of 64 MB, of a whole GB in the long run.
"""

import gzip
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Engine

from tests.cli.books import POLICY, contents
from tests.cli.conftest import PROGRAM, Command
from tests.sizes import size

HUGE = size(64, 1024)
MB = 1_000_000
MOST_MB, MOST_SECONDS = 60, 20
"""What a refusal may take beyond what the program takes for nothing."""

PLAIN = ["--profile", "plain"]
HEADER = b"account,name,currency,invoice,issued,due,amount\n"


def _line(file: BinaryIO) -> None:
    """A line of `HUGE` MB, in pieces."""
    file.writelines(b"a" * MB for _ in range(HUGE))


def _csv(file: BinaryIO) -> None:
    file.write(HEADER + b'A,"')
    _line(file)


def _json(file: BinaryIO) -> None:
    file.write(b'{"event": "tag", "account": "A", "date": "2026-01-05", "tag": "')
    _line(file)


def _zeros(file: BinaryIO) -> None:
    """Nothing but zero bytes, of which the disk keeps none."""
    file.truncate(HUGE * MB)


def _zeros_written(file: BinaryIO) -> None:
    file.writelines(b"\0" * MB for _ in range(HUGE))


def _quoted_lines(file: BinaryIO) -> None:
    """A quote that never closes, in lines that are not long."""
    file.write(HEADER + b'A,"')
    file.writelines((b"a" * 999 + b"\n") * 1000 for _ in range(HUGE))


def _packed(write: Callable[[BinaryIO], None]) -> Callable[[BinaryIO], None]:
    def packed(file: BinaryIO) -> None:
        with gzip.open(file, "wb", compresslevel=1) as inner:
            write(inner)  # type: ignore[arg-type]  # it writes bytes

    return packed


TOO_LONG = "is longer than 1,000,000"
IMPORTS: Mapping[str, tuple[Callable[[BinaryIO], None], list[str], str]] = {
    "line.csv": (_csv, PLAIN, f"line 2: the line {TOO_LONG}"),
    "header.csv": (_line, PLAIN, f"line 1: the line {TOO_LONG}"),
    "quoted.csv": (_quoted_lines, PLAIN, f"line 2: the row {TOO_LONG} characters; a quote opens in it"),
    "zeros.csv": (_zeros, PLAIN, "line 1"),
    "bomb.csv.gz": (_packed(_csv), PLAIN, f"line 2: the line {TOO_LONG}"),
    "line.jsonl": (_json, [], f"line 1: the line {TOO_LONG}"),
    "zeros.jsonl": (_zeros, [], "line 1"),
    "bomb.jsonl.gz": (_packed(_json), [], f"line 1: the line {TOO_LONG}"),
    "bomb-of-zeros.jsonl.gz": (_packed(_zeros_written), [], "line 1"),
}


def _measured(*arguments: str | Path, url: str) -> tuple[int, str, str, float]:
    """Exit status, output, errors and largest memory in MB of a process of its own."""
    env = os.environ | {"ARFLOW_DATABASE_URL": url}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = subprocess.Popen([PROGRAM, *arguments], stdout=out, stderr=err, env=env)
        _, status, usage = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return started.returncode, out.read().decode(), err.read().decode(), usage.ru_maxrss / 1024


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> float:
    """The memory in MB that the program takes to refuse what is easily refused."""
    missing = tmp_path_factory.mktemp("rest") / "none.csv"
    return _measured("import", missing, *PLAIN, url="postgresql://nobody@127.0.0.1:1/x")[3]


def _refused(at_rest: float, url: str, *arguments: str | Path) -> str:
    """Why the file is refused; quick, in one line, and in the memory that the program takes anyway."""
    before = time.monotonic()
    status, out, err, memory = _measured(*arguments, url=url)
    assert (2, "", 1) == (status, out, len(err.splitlines())), err[-2000:]
    assert err.startswith("arflow: ")
    assert len(err) < 1000
    assert memory < at_rest + MOST_MB
    assert time.monotonic() - before < MOST_SECONDS
    return err


@pytest.mark.database
@pytest.mark.parametrize("name", IMPORTS)
def test_a_huge_line_is_not_imported(
    engine: Engine, database_url: str, at_rest: float, tmp_path: Path, name: str
) -> None:
    """CSV, JSON lines and what is packed alike."""
    write, arguments, why = IMPORTS[name]
    with (tmp_path / name).open("wb") as file:
        write(file)
    before = contents(engine)
    assert why in _refused(at_rest, database_url, "import", tmp_path / name, *arguments)
    assert before == contents(engine)


@pytest.mark.parametrize(
    ("arguments", "write"),
    [
        ("policy check FILE", _line),
        ("policy check FILE", _zeros),
        ("policy activate FILE", _zeros),
        ("import plain.csv --profile FILE", _line),
        ("replay FILE --policy bakery.yaml", _line),
        ("replay FILE --policy bakery.yaml", _zeros),
        ("replay events.jsonl --policy FILE", _line),
    ],
)
def test_a_huge_document_is_not_read(
    at_rest: float, tmp_path: Path, arguments: str, write: Callable[[BinaryIO], None]
) -> None:
    """Policies, profiles and events of a replay; no database is opened for it."""
    with (tmp_path / "huge.yaml").open("wb") as file:
        write(file)
    (tmp_path / "bakery.yaml").write_text(POLICY)
    (tmp_path / "plain.csv").write_bytes(HEADER)
    (tmp_path / "events.jsonl").write_text('{"event": "tag", "account": "A", "date": "2026-01-05", "tag": "x"}\n')
    names = {"FILE": "huge.yaml"}
    words = [tmp_path / name if "." in (name := names.get(word, word)) else word for word in arguments.split()]
    why = _refused(at_rest, "postgresql://nobody@127.0.0.1:1/x", *words)
    assert "huge.yaml" in why
    assert "bytes" in why


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)
DOCUMENTS: Mapping[str, tuple[bytes, str]] = {
    "anchors": (BOMB.encode(), "line 1: anchors and aliases"),
    "nested lists": (b"policy: " + b"[" * 100_000, "nested deeper than 50 levels"),
    "nested mappings": (b"{a: " * 100_000, "nested deeper than 50 levels"),
    "nested by indentation": ("".join(" " * n + "a:\n" for n in range(1000)).encode(), "nested deeper than 50 levels"),
    "tags": (b"policy: !!python/object/apply:os.system [id]\n", "line 1: tags such as"),
    "zero bytes": (b"policy: a\0b\n", "line 1: not YAML: a control character"),
    "another encoding": (b"policy: b\xe4ckerei\n", "line 1: not UTF-8 text"),
    "UTF-16": ("policy: p\n".encode("utf-16"), "not UTF-8 text"),
    "many values": (b"policy: [" + b"x," * 300_000 + b"]\n", "values"),
    "more than a megabyte": (POLICY.encode() + b"# " + b"x" * MB, "a document may have up to 1,000,000 bytes"),
    "nothing": (b"", "the document is empty"),
    "two documents": (POLICY.encode() + b"---\npolicy: p\n", "there is a second document"),
    "a gzip": (gzip.compress(POLICY.encode(), mtime=0), "not UTF-8 text"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_policy_is_refused(nowhere: Command, tmp_path: Path, name: str) -> None:
    """One line names the file and what is wrong with it, without a database."""
    document, why = DOCUMENTS[name]
    (tmp_path / "hostile.yaml").write_bytes(document)
    said = nowhere("policy", "check", tmp_path / "hostile.yaml").refused()
    assert said.startswith(str(tmp_path / "hostile.yaml"))
    assert why in said


def test_every_command_reads_a_policy_alike(nowhere: Command, tmp_path: Path) -> None:
    """Check, test, activate and replay refuse the same document in the same words."""
    file = tmp_path / "hostile.yaml"
    file.write_bytes(DOCUMENTS["anchors"][0])
    (tmp_path / "events.jsonl").write_text("")
    refusals = {nowhere("policy", word, file).refused() for word in ("check", "test", "activate")}
    refusals.add(nowhere("replay", tmp_path / "events.jsonl", "--policy", file).refused())
    assert 1 == len(refusals)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in ("many values", "two documents")])
def test_a_hostile_profile_is_refused(nowhere: Command, tmp_path: Path, name: str) -> None:
    """Before the file is opened that it should read."""
    (tmp_path / "hostile.yaml").write_bytes(DOCUMENTS[name][0])
    (tmp_path / "a.csv").write_bytes(HEADER)
    why = nowhere("import", tmp_path / "a.csv", "--profile", tmp_path / "hostile.yaml").refused()
    assert why.startswith(str(tmp_path / "hostile.yaml"))


READERS = (
    "policy check FILE",
    "policy activate FILE",
    "replay FILE --policy bakery.yaml",
    "replay bakery.yaml --policy FILE",
    "import FILE --profile plain",
    "import bakery.yaml --profile FILE",
)


def _read(command: Command, words: str, folder: Path, file: str) -> str:
    """Why a command does not read `file` of the folder."""
    (folder / "bakery.yaml").write_text(POLICY)
    names = {"FILE": folder / file, "bakery.yaml": folder / "bakery.yaml"}
    return command(*(names.get(word, word) for word in words.split())).refused()


@pytest.mark.parametrize("name", ["folder.yaml", "none.yaml", "bakery.yaml/none.yaml"])
@pytest.mark.parametrize("words", READERS)
def test_what_is_no_file_is_refused(nowhere: Command, tmp_path: Path, words: str, name: str) -> None:
    """A folder, nothing at all, and something below a file: each is named."""
    (tmp_path / "folder.yaml").mkdir()
    assert _read(nowhere, words, tmp_path, name).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("words", [words for words in READERS if "import FILE" not in words])
def test_a_document_that_may_not_be_read_is_refused(nowhere: Command, unreadable: Path, words: str) -> None:
    """It is named with what the system says of it."""
    said = _read(nowhere, words, unreadable.parent, unreadable.name)
    assert f"{unreadable}: cannot be read: Permission denied" == said


@pytest.mark.database
def test_a_ledger_that_may_not_be_read_is_refused(arflow: Command, engine: Engine, unreadable: Path) -> None:
    """As CSV or as events, and nothing is changed."""
    before = contents(engine)
    for words in ("import FILE --profile plain", "import FILE"):
        file = unreadable.rename(unreadable.with_suffix(".jsonl")) if words.endswith("FILE") else unreadable
        assert f"{file}: cannot be read: Permission denied" == _read(arflow, words, file.parent, file.name)
    assert before == contents(engine)


LINES: Mapping[str, bytes] = {
    "nested lists": b"[" * 500_000,
    "nested objects": b'{"a":' * 150_000,
    "a huge number": b'{"event": "tag", "account": "A", "date": "2026-01-05", "tag": ' + b"9" * 900_000 + b"}",
    "not a number": b'{"event": "tag", "account": "A", "date": "2026-01-05", "tag": NaN}',
    "zero bytes": b'{"event": "tag", "account": "A\0", "date": "2026-01-05", "tag": "x"}',
    "escaped zero": b'{"event": "tag", "account": "A\\u0000", "date": "2026-01-05", "tag": "x"}',
    "half a character": b'{"event": "tag", "account": "\\ud800", "date": "2026-01-05", "tag": "x"}',
    "another encoding": b'{"event": "tag", "account": "\xe4", "date": "2026-01-05", "tag": "x"}',
    "no object": b"[1, 2]",
    "no JSON": b"hello",
    "too long": b'"' + b"x" * 1_100_000 + b'"',
}


@pytest.mark.parametrize("name", LINES)
def test_a_hostile_line_is_not_replayed(nowhere: Command, tmp_path: Path, name: str) -> None:
    """The second line of the events is named; nothing was printed for the first."""
    good = (
        b'{"event": "invoice", "account": "A", "date": "2026-01-05", "id": "I", "amount": "5.00", "due": "2026-01-06"}'
    )
    file = tmp_path / "events.jsonl"
    file.write_bytes(good + b"\n" + LINES[name] + b"\n")
    (tmp_path / "bakery.yaml").write_text(POLICY)
    why = nowhere("replay", file, "--policy", tmp_path / "bakery.yaml").refused()
    assert why.startswith(f"{file} line 2: ")
    assert len(why) < 500


@pytest.mark.database
@pytest.mark.parametrize("name", LINES)
def test_a_hostile_line_is_not_imported(arflow: Command, engine: Engine, tmp_path: Path, name: str) -> None:
    """The whole file is refused for it, or the line alone is rejected; nothing was changed either way."""
    before, file = contents(engine), tmp_path / "events.jsonl"
    file.write_bytes(LINES[name] + b"\n")
    why = arflow("import", file).refused()
    assert why.startswith(f"{file} line 1: ")
    assert len(why) < 500 + len(str(file))
    assert before == contents(engine)
