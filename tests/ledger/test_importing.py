"""An import is all or nothing, changes nothing the second time, and says of each row what became of it."""

import csv
import datetime as dt
import fcntl
import gzip
import json
import os
import resource
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from arflow import clock
from arflow.advance import Engineering, record, rehearse, standing
from arflow.cli import run
from arflow.errors import Refused
from arflow.explain import explained
from arflow.ledger import importing, profileloader, staging
from arflow.ledger.importing import Options, Report
from arflow.reports.ageing import ageing
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from tests.production import activate, journal_lines, known_ids, states, step, take_in, write_events
from tests.reports.folded import positions
from tests.servers import until
from tests.sizes import size

pytestmark = pytest.mark.database

HEADER = "account,name,currency,invoice,issued,due,amount\n"
PLAIN = profileloader.find("plain")
INVOICE = {"event": "invoice", "account": "A", "date": "2026-01-05", "id": "I1", "amount": "50.00", "due": "2026-01-16"}
POLICY = load_policy(
    "policy: p\ncurrency: USD\nrules:\n"
    "  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}\n"
    "  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}\n"
    "  - {id: second, from: reminded, when: days_overdue >= 10, to: called, do: [{call: collections}], why: Later.}\n",
    file="test",
)


def _count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_history_is_never_acted_out_again(engine: Engine, tmp_path: Path) -> None:
    """What is dated up to now is one cause at now: one step for a debt of long ago, no reminder of last year."""
    step(engine, dt.date(2026, 3, 2))
    activate(engine, POLICY)
    take_in(engine, write_events(tmp_path / "e.jsonl", [INVOICE, {**INVOICE, "id": "I2", "due": "2026-02-16"}]))
    assert {"A": ("reminded", 10000)} == states(engine)
    assert 1 == len(journal_lines(engine))
    step(engine, dt.date(2026, 3, 3))
    dates = [json.loads(line)["date"] + " " + json.loads(line)["time"] for line in journal_lines(engine)]
    assert ["2026-03-03 00:00", "2026-03-03 08:00"] == sorted(dates)


def test_the_same_file_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """Whatever its events, a second import of the file finds all of them unchanged."""
    step(engine, dt.date(2026, 1, 31))
    contact = {"event": "contact", "account": "A", "date": "2026-01-20", "channel": "call", "outcome": "no_answer"}
    file = write_events(
        tmp_path / "e.jsonl",
        [INVOICE, contact, contact, {"event": "tag", "account": "A", "date": "2026-01-20", "tag": "x"}],
    )
    first, second = take_in(engine, file), take_in(engine, file)
    assert ({"invoice": 1, "contact": 2, "tag": 1}, 0) == (first.outcome.new, first.outcome.unchanged)
    assert ({}, 4, []) == (second.outcome.new, second.outcome.unchanged, second.outcome.touched)
    assert 2 == _count(engine, "contact")


def test_a_dry_run_changes_nothing_and_says_what_would(engine: Engine, tmp_path: Path) -> None:
    """The preview counts rows, accounts and money, and leaves every table and the folder as they were."""
    file = tmp_path / "e.jsonl"
    write_events(file, [INVOICE])
    os.environ["ARFLOW_DATABASE_URL"] = engine.url.render_as_string(hide_password=False)
    try:
        assert 0 == run(["import", str(file), "--dry-run", "--format", "json"])
    finally:
        del os.environ["ARFLOW_DATABASE_URL"]
    assert (0, 0, 0) == tuple(_count(engine, table) for table in ("account", "event", "import_file"))
    assert [file] == list(tmp_path.iterdir())


def test_a_changed_amount_is_offered_and_then_corrected(engine: Engine, tmp_path: Path) -> None:
    """Without --corrections the ledger stays; with it the books are folded anew, and the journal tells."""
    step(engine, dt.date(2026, 1, 31))
    activate(engine, POLICY)
    paid = {"event": "payment", "account": "A", "date": "2026-01-20", "id": "P1", "amount": "20.00"}
    take_in(engine, write_events(tmp_path / "e.jsonl", [INVOICE, paid]))
    changed = write_events(tmp_path / "c.jsonl", [{**INVOICE, "amount": "70.00"}])
    offered = take_in(engine, changed)
    assert [(1, "account `A` invoice `I1`: amount 50.00 -> 70.00")] == offered.outcome.corrections
    assert 3000 == states(engine)["A"][1]
    take_in(engine, changed, corrections=True)
    assert 5000 == states(engine)["A"][1]
    with engine.connect() as connection:
        rows = (
            connection.execute(text("SELECT details ->> 'reason' FROM journal WHERE kind = 'correction'"))
            .scalars()
            .all()
        )
    assert 1 == len(rows)
    assert "was amount 50.00" in rows[0]
    assert [] == take_in(engine, changed).outcome.corrections
    with engine.connect() as connection:
        decided = explained(connection, "A", None, Engineering(evaluator=Reference())).decided
    assert ("first", "invoice+payment") == ((decided.rule, decided.cause) if decided else None)


def test_a_correction_that_contradicts_the_books_is_rejected(engine: Engine, tmp_path: Path) -> None:
    """A correction is checked like any event: instalments that do not add up are rejected with the reason."""
    take_in(engine, write_events(tmp_path / "e.jsonl", [INVOICE]))
    wrong = {**INVOICE, "instalments": [{"due": "2026-01-16", "amount": "1.00"}]}
    report = take_in(engine, write_events(tmp_path / "c.jsonl", [wrong]), corrections=True, accept_rejects=True)
    assert 1 == report.rejected
    assert "do not add up to 50.00" in report.rejects[0][1]


def test_a_late_payment_finds_its_place(engine: Engine, tmp_path: Path) -> None:
    """Two payments that come in the wrong order settle what they would have settled in the right one."""
    step(engine, dt.date(2026, 2, 10))
    second = {**INVOICE, "id": "I2", "due": "2026-01-10"}
    early = {"event": "payment", "account": "A", "date": "2026-01-12", "id": "P1", "amount": "50.00"}
    late = {"event": "payment", "account": "A", "date": "2026-02-01", "id": "P2", "amount": "30.00"}
    take_in(engine, write_events(tmp_path / "1.jsonl", [INVOICE, second, late]))
    take_in(engine, write_events(tmp_path / "2.jsonl", [early]))
    with engine.connect() as connection:
        query = "SELECT clearing_id, invoice_id, amount FROM allocation ORDER BY 1, 2"
        found = [tuple(row) for row in connection.execute(text(query))]
    assert [("P1", "I2", 5000), ("P2", "I1", 3000)] == found


def test_rows_that_cannot_be_taken_go_to_the_reject_file(engine: Engine, tmp_path: Path) -> None:
    """A wrong amount and an unknown invoice are named with line and reason; the rest is imported when that is asked."""
    file = tmp_path / "e.jsonl"
    bad = [
        {**INVOICE, "id": "I2", "amount": "1.234"},
        {"event": "payment", "account": "A", "date": "2026-01-20", "id": "P1", "amount": "1.00", "invoice": "I9"},
    ]
    write_events(file, [INVOICE, *bad])
    with pytest.raises(Refused, match=r"2 of 3 rows are rejected, the first for: .*decimals.*--accept-rejects"):
        take_in(engine, file)
    assert 0 == _count(engine, "account")
    report = take_in(engine, file, accept_rejects=True)
    with report.reject_file.open() as rejects:  # type: ignore[union-attr]  # it was written
        rows = list(csv.reader(rejects))
    unknown = "payment `P1` names invoice `I9`, which account `A` does not have on 2026-01-20"
    decimals = "`1.234` has more decimals than USD, which has 2"
    assert [["line", "reason"], ["2", decimals], ["3", unknown]] == rows
    assert {"A": ("current", 5000)} == states(engine)


def test_a_clean_run_takes_away_old_rejects(engine: Engine, tmp_path: Path) -> None:
    """Those of the run before are mended, and what a killed run wrote nobody looks for; what is not ours stays."""
    file, rejects = tmp_path / "e.jsonl", tmp_path / "e.jsonl.rejects.csv"
    write_events(file, [{**INVOICE, "amount": "1.234"}])
    take_in(engine, file, accept_rejects=True)
    left, used = tmp_path / ".e.jsonl.rejects.csv.killed", tmp_path / ".e.jsonl.rejects.csv.running"
    left.touch()
    write_events(file, [INVOICE])
    with used.open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        take_in(engine, file, dry_run=True)
        assert {rejects, left, used, file} == {*tmp_path.iterdir()}
        take_in(engine, file)
    assert {used, file} == {*tmp_path.iterdir()}
    rejects.write_text("line by line, somebody's own\n")
    take_in(engine, file)
    assert rejects.exists()


def test_an_import_waits_for_who_records_at_the_same_moment(engine: Engine, tmp_path: Path) -> None:
    """What a person records while the file is read is known when the file's events are compared with the books."""
    step(engine, dt.date(2026, 1, 31))
    dispute = {"event": "dispute", "account": "A", "date": "2026-01-20", "id": "D1", "invoice": "I1"}
    take_in(engine, write_events(tmp_path / "1.jsonl", [INVOICE, dispute]))
    closed = {"event": "dispute_closed", "account": "A", "date": "2026-01-24", "id": "D1", "outcome": "rejected"}
    file, reports = write_events(tmp_path / "2.jsonl", [closed]), list[Report]()
    importer = Thread(target=lambda: reports.append(take_in(engine, file, accept_rejects=True)))
    with engine.begin() as connection:
        said = {"event": "dispute_closed", "id": "D1", "outcome": "withdrawn"}
        record(connection, "A", [said], actor="lena", engineering=Engineering(evaluator=Reference()))
        importer.start()
        _wait_for_its_lock(engine, importer)
    importer.join()
    assert [(1, "with it the books would not fit any more: dispute `D1` is closed already, on 2026-01-24")] == reports[
        0
    ].rejects


def _wait_for_its_lock(engine: Engine, importer: Thread) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        until(lambda: not importer.is_alive() or connection.execute(text(query)).scalar_one() > 0, seconds=20)


def test_a_row_is_rejected_whole(engine: Engine, tmp_path: Path) -> None:
    """A row that repeats an invoice with another amount does not rename its account either."""
    file = tmp_path / "plain.csv"
    file.write_text(HEADER + "A,Ann,USD,1,2026-01-05,2026-01-16,50.00\nA,Zoe,USD,1,2026-01-05,2026-01-16,60.00\n")
    report = take_in(engine, file, PLAIN, accept_rejects=True)
    assert [(3, "invoice `1` is there twice with other content (line 2)")] == report.rejects
    with engine.connect() as connection:
        assert "Ann" == connection.execute(text("SELECT name FROM account")).scalar_one()


def test_one_document_number_may_occur_for_two_customers(engine: Engine, tmp_path: Path) -> None:
    """An invoice's id is its account's own."""
    file = tmp_path / "plain.csv"
    file.write_text(HEADER + "A,Ann,USD,1,2026-01-05,2026-01-16,50.00\nB,Bob,USD,1,2026-01-05,2026-01-16,60.00\n")
    take_in(engine, file, PLAIN)
    assert {"A": ("current", 5000), "B": ("current", 6000)} == states(engine)


def test_a_gzip_is_read_like_its_content(engine: Engine, tmp_path: Path) -> None:
    """The same rows packed change nothing after the plain file."""
    content = HEADER + "A,Ann,USD,1,2026-01-05,2026-01-16,50.00\n"
    (tmp_path / "plain.csv").write_text(content)
    with gzip.open(tmp_path / "plain.csv.gz", "wt") as packed:
        packed.write(content)
    take_in(engine, tmp_path / "plain.csv", PLAIN)
    assert [] == take_in(engine, tmp_path / "plain.csv.gz", PLAIN).outcome.touched


def through(account: str, payer: str | None, date: str = "2026-01-05") -> dict[str, Any]:
    """An event that says through whom an account pays."""
    return {"event": "account", "account": account, "date": date, "pays_through": payer}


def test_an_unknown_payer_rejects_its_row(engine: Engine, tmp_path: Path) -> None:
    """The other rows are taken in; of one row alone, the file is refused with the reason."""
    bad = through("K", "P")
    with pytest.raises(Refused, match="the first for: account `K` pays through `P`, which is unknown"):
        take_in(engine, write_events(tmp_path / "1.jsonl", [bad]))
    assert [] == list(known_ids(engine))
    report = take_in(engine, write_events(tmp_path / "2.jsonl", [bad, INVOICE]), accept_rejects=True)
    assert [(1, "account `K` pays through `P`, which is unknown")] == report.rejects
    assert {"A": ("current", 5000)} == states(engine)


def test_each_bad_payer_rejects_its_row(engine: Engine, tmp_path: Path) -> None:
    """Itself, one that pays through another, one that others pay through, and one of whom no row could be taken in."""
    wrong = {**INVOICE, "account": "R", "amount": "1.234"}
    lines = [
        *({**INVOICE, "account": account} for account in "KLPQ"),
        through("P", "P"),
        through("K", "P"),
        through("L", "K"),
        through("P", "Q"),
        wrong,
        through("S", "R"),
        {**INVOICE, "account": "S"},
    ]
    report = take_in(engine, write_events(tmp_path / "e.jsonl", lines), accept_rejects=True)
    expected = {
        5: "account `P` pays through `P`, which is itself",
        7: "account `L` pays through `K`, which pays through another",
        8: "account `P` pays through `Q`, which cannot be, since others pay through this account",
        9: "`1.234` has more decimals than USD, which has 2",
        10: "account `S` pays through `R`, which is unknown",
    }
    assert expected == dict(report.rejects)
    assert 5 == report.rejected
    assert ["K", "L", "P", "Q", "S"] == list(known_ids(engine))
    again = take_in(engine, tmp_path / "e.jsonl", accept_rejects=True)
    assert (expected, []) == (dict(again.rejects), again.outcome.touched)


def test_a_payer_of_a_rejected_row_is_no_payer(engine: Engine, tmp_path: Path) -> None:
    """So it waits like any other until it is known whether its own payer could be taken in."""
    take_in(engine, write_events(tmp_path / "1.jsonl", [{**INVOICE, "account": "X"}]))
    wrong = {"event": "payment", "account": "Y", "date": "2026-01-05", "id": "P", "amount": "5.00", "invoice": "nope"}
    lines = [through("X", "Y"), through("Z", "X"), wrong]
    report = take_in(engine, write_events(tmp_path / "2.jsonl", lines), accept_rejects=True)
    assert ([1, 2, 3], []) == ([line for line, _ in report.rejects], report.outcome.touched)


@pytest.mark.parametrize("is_known", [False, True])
def test_nobody_pays_through_one_in_another_currency(engine: Engine, tmp_path: Path, is_known: bool) -> None:
    """A hundred yen are no dollar: amounts are minor units of the account's own currency."""
    yen = {"event": "account", "account": "J", "date": INVOICE["date"], "currency": "JPY"}
    mine = [{**INVOICE, "account": "K"}, through("K", "J")]
    if is_known:
        take_in(engine, write_events(tmp_path / "1.jsonl", [yen]))
    lines = mine if is_known else [yen, *mine]
    report = take_in(engine, write_events(tmp_path / "2.jsonl", lines), accept_rejects=True)
    assert [(len(lines), "account `K` pays through `J`, which is in another currency")] == report.rejects


def test_who_paid_through_another_once_may_be_paid_through(engine: Engine, tmp_path: Path) -> None:
    """Only what holds now counts; and a file that is imported again is not held to what was agreed since."""
    step(engine, dt.date(2026, 2, 1))
    activate(engine, POLICY)
    once = [*({**INVOICE, "account": account} for account in "PQ"), through("P", "Q", "2026-01-06")]
    first = write_events(tmp_path / "1.jsonl", once)
    take_in(engine, first)
    take_in(engine, write_events(tmp_path / "2.jsonl", [through("P", None, "2026-01-20")]))
    report = take_in(engine, write_events(tmp_path / "3.jsonl", [through("K", "P", "2026-01-25")]))
    assert [] == report.rejects
    again = take_in(engine, first)
    assert ([], []) == (again.rejects, again.outcome.touched)
    doors = Engineering(evaluator=Reference())
    with engine.connect() as connection:
        now = clock.read(connection)
        lives = standing(connection, ["K"], now, doors) | rehearse(connection, known_ids(engine), now, doors)
        looked_at, lived_anew = standing(connection, ["K"], now, doors)["K"], lives["K"]
    assert [5000, 5000] == [sum(item.open for item in one.account.book.open_items) for one in (looked_at, lived_anew)]


def test_two_never_pay_through_each_other_not_even_in_turn(engine: Engine, tmp_path: Path) -> None:
    """The life of neither could be told first."""
    step(engine, dt.date(2026, 2, 1))
    take_in(engine, write_events(tmp_path / "1.jsonl", [{**INVOICE, "account": "P"}, through("K", "P")]))
    take_in(engine, write_events(tmp_path / "2.jsonl", [through("K", None, "2026-01-20")]))
    report = take_in(engine, write_events(tmp_path / "3.jsonl", [through("P", "K", "2026-01-25")]), accept_rejects=True)
    assert [(1, "account `P` pays through `K`, which has paid through this account")] == report.rejects


def test_a_date_in_another_order_refuses_the_file(engine: Engine, tmp_path: Path) -> None:
    """One date that only fits another order makes all others doubtful: nothing is imported."""
    file = tmp_path / "plain.csv"
    file.write_text(HEADER + "A,Ann,USD,1,2026-01-05,2026-01-16,50.00\nB,Bob,USD,2,2026-01-05,31/12/2026,60.00\n")
    with pytest.raises(Refused, match="line 3"):
        take_in(engine, file, PLAIN)
    assert [] == list(known_ids(engine))


def emails(engine: Engine) -> list[str]:
    """Where letters go."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT email FROM person ORDER BY account_id, position")).scalars())


def contacts_file(tmp_path: Path, *rows: str) -> Path:
    """A file of invoices of account A in the profile `plain`: issue date and e-mail."""
    file = tmp_path / "plain.csv"
    said = [row.split() for row in rows]
    lines = [f"A,Ann,USD,{email},I-{day},{day},2026-06-30,50.00\n" for day, email in said]
    file.write_text("account,name,currency,email,invoice,issued,due,amount\n" + "".join(lines))
    return file


def test_what_a_file_says_of_an_account_can_be_changed_back(engine: Engine, tmp_path: Path) -> None:
    """All rows bear one date, and letters go to the address of the last file; once said, it changes nothing."""
    step(engine, dt.date(2026, 2, 1))
    for email in ("x@a.example", "y@a.example", "x@a.example", "y@a.example"):
        take_in(engine, contacts_file(tmp_path, f"2026-01-05 {email}"), PLAIN)
        assert emails(engine) == [email]
        again = take_in(engine, tmp_path / "plain.csv", PLAIN)
        assert ({}, []) == (again.outcome.new, again.outcome.touched)


def test_what_a_file_says_of_an_account_is_newer_than_its_invoices(engine: Engine, tmp_path: Path) -> None:
    """The newest invoice is paid and exported no more: the new address on the older one counts all the same."""
    step(engine, dt.date(2026, 3, 1))
    take_in(engine, contacts_file(tmp_path, "2026-01-05 old@a.example", "2026-02-05 old@a.example"), PLAIN)
    changed = contacts_file(tmp_path, "2026-01-05 new@a.example")
    with engine.connect() as connection:
        options = Options(profile=PLAIN, dry_run=True)
        preview = importing.import_file(connection, changed, clock.read(connection), options, lambda *_: None)
    report = take_in(engine, changed, PLAIN)
    assert {"account": 2} == preview.outcome.new == report.outcome.new
    assert emails(engine) == ["new@a.example"]
    step(engine, dt.date(2026, 3, 5))
    paid = {"event": "payment", "account": "A", "date": "2026-03-04", "id": "P1", "amount": "1.00"}
    take_in(engine, write_events(tmp_path / "p.jsonl", [paid]))
    again = take_in(engine, changed, PLAIN)
    assert ({}, [], ["new@a.example"]) == (again.outcome.new, again.outcome.touched, emails(engine))


def test_where_rows_differ_the_newest_date_counts_unless_it_is_rejected(engine: Engine, tmp_path: Path) -> None:
    """Whichever way the file is sorted."""
    step(engine, dt.date(2026, 3, 1))
    rows = ("2026-02-05 first@a.example", "2026-01-05 second@a.example")
    take_in(engine, contacts_file(tmp_path, *rows), PLAIN)
    assert emails(engine) == ["first@a.example"]
    wrong = contacts_file(tmp_path, *rows)
    wrong.write_text(wrong.read_text() + "A,Ann,USD,third@a.example,I-2026-01-05,2026-01-05,2026-06-30,60.00\n")
    assert [4] == [line for line, _ in take_in(engine, wrong, PLAIN, accept_rejects=True).rejects]
    rejected = "A,Ann,USD,fourth@a.example,I-9,2026-01-05,2026-06-30,60.00\n"
    wrong.write_text(wrong.read_text().replace("60.00", "50.00") + rejected + rejected.replace("60.00", "70.00"))
    report = take_in(engine, wrong, PLAIN, accept_rejects=True)
    assert [6] == [line for line, _ in report.rejects]
    assert emails(engine) == ["first@a.example"]


def test_what_people_said_since_is_not_taken_back_by_a_file_that_says_the_same_again(
    engine: Engine, tmp_path: Path
) -> None:
    """A file that says something new is heard again."""
    doors = Engineering(evaluator=Reference())
    take_in(engine, contacts_file(tmp_path, "2026-01-05 x@a.example"), PLAIN)
    mended = {"event": "account", "contacts": [{"email": "mended@a.example"}]}
    with engine.begin() as connection:
        record(connection, "A", [mended], actor="lena", engineering=doors)
    take_in(engine, tmp_path / "plain.csv", PLAIN)
    assert emails(engine) == ["mended@a.example"]
    take_in(engine, contacts_file(tmp_path, "2026-01-05 y@a.example"), PLAIN)
    assert emails(engine) == ["y@a.example"]


def test_control_totals_are_of_what_was_taken_in(engine: Engine, tmp_path: Path) -> None:
    """A rejected row counts no more when the books contradict it than when it cannot be read."""
    lines = [
        INVOICE,
        {"event": "payment", "account": "A", "date": "2026-01-20", "id": "P1", "amount": "70.00", "invoice": "I9"},
        {"event": "payment", "account": "A", "date": "2026-01-20", "id": "P2", "amount": "20.00"},
        {**INVOICE, "id": "I2", "amount": "1.00"},
        {**INVOICE, "id": "I2", "amount": "2.00"},
    ]
    report = take_in(engine, write_events(tmp_path / "e.jsonl", lines), accept_rejects=True)
    assert [2, 5] == [line for line, _ in report.rejects]
    assert ({"USD": 5100}, {"USD": 2000}) == (report.outcome.billed, report.outcome.paid)


@pytest.mark.slow
def test_a_file_of_bad_rows_is_refused_in_bounded_memory(engine: Engine, tmp_path: Path) -> None:
    """Many bad rows give one line; memory does not grow with them; nothing changes."""
    rows = size(50_000, 1_000_000)
    file = tmp_path / "plain.csv"
    with file.open("w") as out:
        out.write(HEADER)
        for number in range(rows):
            out.write(f"A,Ann,USD,{number},2026-01-05,2026-01-16,fifty\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused, match="rows are rejected, the first for") as refused:
        take_in(engine, file, PLAIN)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert 1 == len(str(refused.value).splitlines())
    assert 64_000 > grown
    assert [] == list(known_ids(engine))


def test_accounts_are_compared_a_few_at_a_time(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not too many accounts, and not too many events unless one account alone has more: no account is left out."""
    monkeypatch.setattr(staging, "BATCH", 3)
    monkeypatch.setattr(staging, "BATCH_EVENTS", 4)
    batches: list[list[str]] = []
    take = staging.take_in

    def noted(connection: Connection, ids: list[str], *rest: Any, **named: Any) -> None:  # noqa: ANN401  # its own
        batches.append(ids)
        take(connection, ids, *rest, **named)

    monkeypatch.setattr(staging, "take_in", noted)
    sizes = {"A": 2, "B": 2, "C": 1, "D": 6, "E": 1, "F": 1, "G": 1, "H": 1}
    lines = [{**INVOICE, "account": key, "id": f"I{n}"} for key, size in sizes.items() for n in range(size)]
    take_in(engine, write_events(tmp_path / "e.jsonl", lines))
    assert [["A", "B"], ["C"], ["D"], ["E", "F", "G"], ["H"]] == batches
    assert {key: ("current", 5000 * size) for key, size in sizes.items()} == states(engine)


def test_a_large_ledger_is_known_to_the_planner_at_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its accounts are lived right after; the database's own look comes up to a minute later."""
    monkeypatch.setattr(importing, "MANY", 1)
    take_in(engine, write_events(tmp_path / "events.jsonl", [INVOICE]))
    with engine.connect() as connection:
        known = connection.execute(text("SELECT reltuples FROM pg_class WHERE relname IN ('account', 'event')"))
        assert [1, 1] == list(known.scalars())


def test_an_account_with_too_many_events_refuses_the_file(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its books are folded in memory: the line names the account, and nothing is changed."""
    monkeypatch.setattr(staging, "MAX_EVENTS", 3)
    file = write_events(tmp_path / "e.jsonl", [{**INVOICE, "id": f"I{n}"} for n in range(4)])
    with pytest.raises(Refused, match=r"e\.jsonl: account `A` has 4 events in this file, and up to 3 are taken"):
        take_in(engine, file)
    assert [] == list(known_ids(engine))


@pytest.mark.sample_data
def test_the_ageing_of_real_ledgers(engine: Engine, sample_data: Path) -> None:
    """IBM at the end of 2012 and the open items at 2020-05-22, against figures computed independently."""
    take_in(engine, sample_data / "ibm" / "WA_Fn-UseC_-Accounts-Receivable.csv", profileloader.find("ibm-us"))
    day = dt.date(2012, 12, 31)
    with engine.connect() as connection:
        (ibm,) = ageing(positions(connection, day))
    assert (99, 572506, 61) == (ibm.open_invoices, ibm.open_amount, ibm.open_accounts)
    assert (13, 78874, 11, 23) == (ibm.overdue_invoices, ibm.gross, ibm.overdue_accounts, ibm.oldest_days)
    assert [6, 5, 2] == [count for count, _ in ibm.buckets[:3]]


@pytest.mark.sample_data
def test_the_ageing_of_the_open_items(engine: Engine, sample_data: Path) -> None:
    """The open items at 2020-05-22, against figures computed independently; currencies are never added up."""
    take_in(engine, sample_data / "open_items" / "open_items.csv.gz", profileloader.find("open-items"))
    day = dt.date(2020, 5, 22)
    with engine.connect() as connection:
        canada, states_ = ageing(positions(connection, day))
    assert (8953, 8460, 574) == (states_.open_invoices, states_.overdue_invoices, states_.overdue_accounts)
    assert (747, 734, 73) == (canada.open_invoices, canada.overdue_invoices, canada.overdue_accounts)
