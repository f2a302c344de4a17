"""`arflow import`: what it says, what it refuses, and that it is all or nothing."""

import gzip
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from arflow.advance import complete_payments
from arflow.store import cash
from tests.cli.books import POLICY, contents, invoice
from tests.cli.conftest import Command
from tests.production import states, write_events

pytestmark = pytest.mark.database

HEADER = "account,name,currency,invoice,issued,due,amount\n"
GOOD = "A,Ann,USD,I1,2026-01-05,2026-01-16,50.00\n"
BAD = "B,Bob,USD,I2,2026-01-05,2026-01-16,fifty\n"


def _csv(folder: Path, *rows: str) -> Path:
    path = folder / "invoices.csv"
    path.write_text(HEADER + "".join(rows))
    return path


def _facts(command: Command, *arguments: str | Path) -> dict[str, Any]:
    said = command("import", *arguments, "--format", "json")
    assert (0, "") == (said.status, said.err)
    return dict(json.loads(said.out))


def test_a_ledger_is_imported_and_counted(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """Rows, accounts and money per currency, of CSV through a shipped profile."""
    yen = "J,Jun,JPY,I1,2026-01-05,2026-01-16,5000\n"
    facts = _facts(arflow, _csv(tmp_path, GOOD, yen), "--profile", "plain")
    expected = {"rows": 2, "rejected": 0, "accounts": 2, "accounts_opened": 2, "accounts_changed": 2, "refusal": None}
    assert expected == {name: facts[name] for name in expected}
    assert {"USD": "50.00", "JPY": "5000"} == facts["billed"]
    assert {"A": ("current", 5000), "J": ("current", 5000)} == states(engine)


def test_the_text_says_the_same(arflow: Command, tmp_path: Path) -> None:
    said = arflow("import", _csv(tmp_path, GOOD), "--profile", "plain")
    assert (0, "") == (said.status, said.err)
    assert "1 rows, 0 skipped, 0 rejected" in said.out
    assert "invoices in the file: 50.00 USD" in said.out
    assert "changed: 1 of 1 accounts (1 opened); new: 1 account, 1 invoice" in said.out


def test_without_an_active_policy_one_line_says_what_that_means(arflow: Command, tmp_path: Path) -> None:
    """Accounts that no active policy is for are parked: they are counted, and the line says how to go on."""
    dollars, yen = _csv(tmp_path, GOOD), tmp_path / "yen.csv"
    yen.write_text(HEADER + "J,Jun,JPY,I1,2026-01-05,2026-01-16,5000\nJ,Jun,JPY,I2,2026-01-05,2026-01-16,5000\n")
    assert None is _facts(arflow, dollars, "--profile", "plain", "--dry-run")["accounts_without_policy"]
    said = arflow("import", dollars, "--profile", "plain").out.splitlines()[-1]
    line = "parked: 1 of the changed accounts, because no active policy is for them; run `arflow policy activate`"
    assert f"  {line}" == said
    (tmp_path / "bakery.yaml").write_text(POLICY)
    assert 0 == arflow("policy", "activate", tmp_path / "bakery.yaml").status
    later = tmp_path / "later.csv"
    later.write_text(HEADER + "A,Ann,USD,I2,2026-01-05,2026-01-16,50.00\n")
    assert 0 == _facts(arflow, later, "--profile", "plain")["accounts_without_policy"]
    assert 1 == _facts(arflow, yen, "--profile", "plain")["accounts_without_policy"]
    assert "parked" not in arflow("import", yen, "--profile", "plain").out


def test_the_same_file_again_changes_nothing(arflow: Command, tmp_path: Path) -> None:
    file = _csv(tmp_path, GOOD)
    _facts(arflow, file, "--profile", "plain")
    again = _facts(arflow, file, "--profile", "plain")
    assert (0, {}, 2) == (again["accounts_changed"], again["new_events"], again["unchanged_events"])


def test_a_dry_run_says_what_would_change_and_changes_nothing(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """Neither the database nor the folder is touched, and a file that would be refused is told as such."""
    before, file = contents(engine), _csv(tmp_path, GOOD, BAD)
    facts = _facts(arflow, file, "--profile", "plain", "--dry-run")
    assert (True, 1, 1, 1) == tuple(facts[name] for name in ("dry_run", "accounts_opened", "rejected", "accounts"))
    assert "1 of 2 rows are rejected" in facts["refusal"]
    assert "the import would be refused: 1 of 2 rows" in arflow("import", file, "--profile", "plain", "--dry-run").out
    assert before == contents(engine)
    assert [file] == list(tmp_path.iterdir())


def test_too_many_bad_rows_refuse_the_file(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """The first reason with its line, where all are, and what to do; the database stays as it was."""
    before, file = contents(engine), _csv(tmp_path, GOOD, BAD)
    why = arflow("import", file, "--profile", "plain").refused()
    assert why.startswith(f"{file} line 3: 1 of 2 rows are rejected, the first for: ")
    assert f"all are in {file}.rejects.csv; mend them, or import the rest with --accept-rejects" in why
    assert before == contents(engine)
    assert "line,reason\n3," in (tmp_path / "invoices.csv.rejects.csv").read_text()


def test_rejects_can_be_accepted(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    facts = _facts(arflow, _csv(tmp_path, GOOD, BAD), "--profile", "plain", "--accept-rejects")
    ((line, reason),) = [(reject["line"], reject["reason"]) for reject in facts["rejects"]]
    assert (1, 3) == (facts["rejected"], line)
    assert "`fifty` is no amount" in reason
    assert {"A": ("current", 5000)} == states(engine)


def test_rejects_that_cannot_be_written_refuse_the_file(arflow: Command, tmp_path: Path) -> None:
    """Somebody must be able to read which rows were left out; a folder of that name is in the way."""
    (tmp_path / "invoices.csv.rejects.csv").mkdir()
    why = arflow("import", _csv(tmp_path, GOOD, BAD), "--profile", "plain").refused()
    assert "invoices.csv.rejects.csv: the rejects cannot be written here: Is a directory" in why


def test_rejects_are_written_into_nothing_that_lies_there(arflow: Command, tmp_path: Path) -> None:
    """Whoever may put files there could name any other by it; customers' rows are for the owner of the file only."""
    other, rejects = tmp_path / "other", tmp_path / "invoices.csv.rejects.csv"
    other.write_text("as it was")
    rejects.symlink_to(other)
    assert arflow("import", _csv(tmp_path, GOOD, BAD), "--profile", "plain").status
    assert ("as it was", False, "-rw-------") == (
        other.read_text(),
        rejects.is_symlink(),
        stat.filemode(rejects.stat().st_mode),
    )
    assert {"other", "invoices.csv", rejects.name} == {path.name for path in tmp_path.iterdir()}


def test_an_account_that_no_page_can_be_named_after_is_rejected(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """A browser goes up where its address says `..`, and may send a form elsewhere."""
    events = [invoice("A"), invoice("A/../../lists/all"), invoice("./B"), invoice("C/D.E"), invoice("..F")]
    facts = _facts(arflow, write_events(tmp_path / "e.jsonl", events), "--accept-rejects")
    assert [2, 3] == [reject["line"] for reject in facts["rejects"]]
    assert {"A", "C/D.E", "..F"} == set(states(engine))


def test_corrections_are_offered_and_applied_when_asked(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    write_events(tmp_path / "e.jsonl", [invoice("A")])
    changed = write_events(tmp_path / "c.jsonl", [invoice("A", amount="70.00")])
    _facts(arflow, tmp_path / "e.jsonl")
    offered = _facts(arflow, changed)
    what = "account `A` invoice `I1`: amount 50.00 -> 70.00"
    assert ([{"line": 1, "what": what}], False) == (offered["corrections"], offered["corrections_applied"])
    assert "import with --corrections to apply them" in arflow("import", changed).out
    assert {"A": ("current", 5000)} == states(engine)
    assert _facts(arflow, changed, "--corrections")["corrections_applied"] is True
    assert {"A": ("current", 7000)} == states(engine)


def test_events_may_be_packed(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """A gzip of JSON lines is read as its content; its ending says what it is."""
    with gzip.open(tmp_path / "e.jsonl.gz", "wt") as packed:
        packed.write(json.dumps(invoice("A")) + "\n\n")
    assert (2, 1) == tuple(_facts(arflow, tmp_path / "e.jsonl.gz")[name] for name in ("rows", "skipped"))
    assert {"A": ("current", 5000)} == states(engine)


def test_an_amount_written_otherwise_is_the_same_amount(arflow: Command, tmp_path: Path) -> None:
    """`50` and `50.00` are no correction of each other."""
    _facts(arflow, write_events(tmp_path / "e.jsonl", [invoice("A")]))
    again = _facts(arflow, write_events(tmp_path / "f.jsonl", [invoice("A", amount="50")]))
    assert ([], 1) == (again["corrections"], again["unchanged_events"])


@pytest.mark.parametrize(
    ("name", "content", "arguments", "why"),
    [
        ("a.csv", HEADER + GOOD, [], "say how to read it with --profile; shipped are ibm-dayfirst, "),
        ("a.csv", HEADER + GOOD, ["--profile", "plian"], "there is no profile `plian` (did you mean `plain`?)"),
        ("a.csv", HEADER + GOOD, ["--profile", "nope.yaml"], "nope.yaml: cannot be read: No such file"),
        ("a.jsonl", "{}", ["--profile", "plain"], "a file of events takes no --profile"),
        ("a.csv", "", ["--profile", "plain"], "a.csv: the file is empty"),
        ("a.csv", "\n\n", ["--profile", "plain"], "a.csv: the file is empty"),
        ("a.csv", "id;name\n1;Ann\n", ["--profile", "plain"], "the header does not fit profile `plain`: it lacks "),
        ("a.csv", HEADER + GOOD.replace("2026-01-16", "16/01/2026"), ["--profile", "plain"], "line 2: `16/01/2026`"),
        ("a.csv", HEADER + 'A,"Ann\n' + GOOD, ["--profile", "plain"], "line 2: a quote opens in this row"),
        ("a.csv", HEADER + "A,\0", ["--profile", "plain"], "line 2: a zero byte"),
        ("a.csv", b"account,name\nA,J\xfcrgen\n", ["--profile", "plain"], "line 2: not utf-8 text"),
        (
            "a.csv.gz",
            gzip.compress(GOOD.encode(), mtime=0)[:-9],
            ["--profile", "plain"],
            "the gzip is broken off or damaged",
        ),
        ("a.jsonl", "{", [], "line 1: 1 of 1 rows are rejected, the first for: the line is no JSON object"),
        ("a.jsonl", "[" * 100_000, [], "line 1: 1 of 1 rows are rejected, the first for: the line is nested too deep"),
        ("a.jsonl", '{"event": "policy", "date": "2026-01-05", "file": "p"}', [], "with `arflow policy activate`"),
    ],
    ids=lambda value: value[-40:] if isinstance(value, str) else "",
)
def test_a_file_that_does_not_fit_is_refused(
    arflow: Command, engine: Engine, tmp_path: Path, name: str, content: str | bytes, arguments: list[str], why: str
) -> None:
    """One line names the file and what is wrong with it; nothing was changed."""
    before = contents(engine)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert why in arflow("import", tmp_path / name, *arguments).refused()
    assert before == contents(engine)


@pytest.mark.parametrize("arguments", [["--profile", "plain"], []])
def test_what_is_no_file_is_refused(nowhere: Command, tmp_path: Path, arguments: list[str]) -> None:
    """A file that is not there, a folder, a pipe: named as what it is, before a database is opened."""
    os.mkfifo(tmp_path / "pipe")
    for path, why in (("none.jsonl", "no such file"), ("", "this is a folder"), ("pipe", "not a file that can be")):
        assert why in nowhere("import", tmp_path / path, *arguments).refused()


@pytest.mark.parametrize(
    "event",
    [
        {"event": "account", "account": "A", "date": "2026-01-05", "attributes": {"a\0b": 1}},
        {"event": "account", "account": "A", "date": "2026-01-05", "attributes": {"\ud800": 1}},
        {"event": "account", "account": "A", "date": "2026-01-05", "attributes": {"a": 10**30}},
        {"event": "account", "account": "A", "date": "2026-01-05", "name": "\ud800"},
        {"event": "account", "account": "A", "date": "2026-01-05", "\ud800": "x"},
        {"event": "account", "account": "A", "date": "2026-01-05", "currency": "usd"},
        {"event": "account", "account": "\u2028", "date": "2026-01-05"},
        {"event": "invoice", "account": "A", "date": "2026-01-05", "id": "I", "amount": "9" * 16, "due": "2026-01-05"},
        {"event": "invoice", "account": "A", "date": "2026-01-05", "id": "I", "amount": 50.0, "due": "2026-01-05"},
        {"event": "payment", "account": "A", "date": "0000-00-00", "id": "P", "amount": "1.00"},
        {"event": ["invoice"], "account": {}, "date": None},
        [],
        "text",
        None,
    ],
    ids=ascii,
)
def test_a_hostile_event_is_one_reject(arflow: Command, engine: Engine, tmp_path: Path, event: object) -> None:
    """Whatever a line holds, it is rejected with its reason, in a file that can be written and a line that is one."""
    before = contents(engine)
    (tmp_path / "e.jsonl").write_text(json.dumps(event) + "\n")
    assert "line 1: 1 of 1 rows are rejected, the first for: " in arflow("import", tmp_path / "e.jsonl").refused()
    assert before == contents(engine)
    assert 2 <= len((tmp_path / "e.jsonl.rejects.csv").read_text().splitlines())


def test_who_says_that_payments_are_complete_and_an_import_that_does_wait_for_each_other(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """In one order: neither holds what the other one waits for."""
    assert 0 == arflow("import", _csv(tmp_path, GOOD), "--profile", "plain").status
    with ThreadPoolExecutor(1) as pool, engine.connect() as connection:
        cash.let_nobody_note(connection)
        importing = pool.submit(arflow, "import", _csv(tmp_path, GOOD), "--profile", "plain", "--payments-complete")
        with pytest.raises(TimeoutError):
            importing.result(1.0)
        connection.execute(text("SELECT id FROM account FOR UPDATE NOWAIT"))
        complete_payments(connection, actor="lena")
        connection.commit()
        assert 0 == importing.result(30).status
