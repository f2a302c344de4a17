"""`arflow report`, `explain` and `audit verify`: the answers as text and for programs, and the noes."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from arflow.reports.sheets import as_csv
from tests.cli.books import POLICY, contents, invoice
from tests.cli.conftest import Command
from tests.production import write_events
from tests.set_clock import put, settable

pytestmark = pytest.mark.database


def test_the_ageing_of_a_day(asked: Command) -> None:
    """Per currency, as of the end of the day; B has not paid yet then."""
    euros, dollars = json.loads(asked("report", "ageing", "--as-of", "2026-01-24", "--format", "json").out)
    assert ("EUR", 1, "50.00") == (euros["currency"], euros["overdue_invoices"], euros["overdue_amount"])
    assert ("USD", 2, "100.00") == (dollars["currency"], dollars["overdue_invoices"], dollars["overdue_amount"])
    assert (10000, 8) == (dollars["overdue_amount_minor"], dollars["oldest_days"])
    assert [{"from": 8, "to": 14, "invoices": 2, "amount": "100.00"}] == [
        b for b in dollars["buckets"] if b["invoices"]
    ]


def test_a_report_is_of_the_business_clocks_day_unless_told(asked: Command) -> None:
    today, named = asked("report", "ageing"), asked("report", "ageing", "--as-of", "2026-02-28")
    assert today == named
    assert "ageing at the end of 2026-02-28" in today.out


def test_the_measures_of_a_period(asked: Command) -> None:
    """A record for each currency and end of a month; what cannot be divided is null, and no number is made up."""
    told = json.loads(asked("report", "kpi", "--days", "31", "--months", "2", "--format", "json").out)
    assert [("EUR", "2026-02-28"), ("EUR", "2026-01-31"), ("EUR", "2025-12-31")] == [
        (one["currency"], one["until"]) for one in told[:3]
    ]
    dollars = {one["until"]: one for one in told if one["currency"] == "USD"}
    january = dollars["2026-01-31"]
    assert ("2026-01-04", "0.00", "100.00") == (january["after"], january["open_before"], january["invoiced_amount"])
    assert ("13.5", "0.0", "13.5") == tuple(
        january[f"{name}"] for name in ("dso_days", "dso_best_possible_days", "average_days_delinquent")
    )
    assert (None, None) == (dollars["2025-12-31"]["dso_days"], january["promises_kept_percent"])


def test_a_table_of_measures_has_a_column_for_each_period(asked: Command) -> None:
    lines = asked("report", "kpi", "--months", "1").out.splitlines()
    assert "measures of 90 days, as known at the end of 2026-02-28" == lines[0].strip()
    assert ["EUR", "EUR", "USD", "USD"] == lines[1].split()
    assert ["2026-02-28", "2026-01-31"] * 2 == lines[2].split()
    assert any(line.startswith("average days delinquent ") for line in lines)
    (more,) = [line.split() for line in lines if line.startswith("dso countback is more ")]
    assert {"yes", "no"} >= set(more[4:])
    assert more[4:]


@pytest.mark.parametrize("report", ["ageing", "kpi", "pipeline"])
def test_a_report_of_a_day_to_come_is_refused(asked: Command, report: str) -> None:
    """Nobody knows what will be paid by then; the line says which day it is."""
    assert 0 == asked("report", report, "--as-of", "2026-02-28").status
    refused = asked("report", report, "--as-of", "2026-03-01").refused()
    assert "2026-03-01 is still to come, today is 2026-02-28; a report looks back" == refused


def test_on_the_real_clock_too_a_day_to_come_is_refused(arflow: Command) -> None:
    """Today is no day to come anywhere; the day after tomorrow has not begun even where days begin first."""
    today = dt.datetime.now(dt.UTC).date()
    assert 0 == arflow("report", "ageing", "--as-of", f"{today}").status
    ahead = today + dt.timedelta(days=2)
    assert f"{ahead} is still to come" in arflow("report", "ageing", "--as-of", f"{ahead}").refused()


def test_the_pipeline_of_a_day(asked: Command) -> None:
    """Every state of every currency that has accounts, and nothing is added up across."""
    lines = json.loads(asked("report", "pipeline", "--as-of", "2026-01-24", "--format", "json").out)
    assert 14 == len(lines)
    standing = {(line["currency"], line["state"]): line["accounts"] for line in lines if line["accounts"]}
    assert {("EUR", "current"): 1, ("USD", "reminded"): 2} == standing


@pytest.mark.parametrize("report", ["ageing", "pipeline"])
def test_the_formats_say_the_same(asked: Command, report: str) -> None:
    """CSV has a column for each field, numbered where there are several; the table has the figures too."""
    records = json.loads(asked("report", report, "--format", "json").out)
    rows = list(csv.DictReader(asked("report", report, "--format", "csv").out.splitlines()))
    flat = [{name: str(value) for name, value in record.items() if not isinstance(value, list)} for record in records]
    assert flat == [{name: row[name] for name in record} for row, record in zip(rows, flat, strict=True)]
    table = asked("report", report).out
    assert all(record["collectible_amount"] in table for record in records)


@pytest.mark.parametrize("report", ["ageing", "pipeline"])
def test_a_report_of_nothing(arflow: Command, report: str) -> None:
    """Before the first account there is an empty list, a file of no rows, and a line that says so."""
    assert [] == json.loads(arflow("report", report, "--format", "json").out)
    assert "" == arflow("report", report, "--format", "csv").out.strip()
    assert "at the end of 2025-01-31: nothing" in arflow("report", report, "--as-of", "2025-01-31").out


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_spreadsheet_computes_what_is_exported(start: str) -> None:
    """A text that begins like a formula gets an apostrophe, in a nested record as well; a number stays one."""
    formula = f"{start}2+5|cmd"
    record = {"name": formula, "people": [{"email": formula}], "amount": "-12.50", "count": -3}
    (row,) = csv.DictReader(io.StringIO(as_csv([record]), newline=""))
    assert {f"'{formula}"} == {row["name"], row["people_1_email"]}
    assert ("-12.50", "-3") == (row["amount"], row["count"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d"])
def test_no_cell_is_a_formula_where_semicolons_set_cells_apart(start: str) -> None:
    """As in Germany and France, where a spreadsheet splits a name that holds one."""
    (row,) = csv.DictReader(io.StringIO(as_csv([{"name": f"Acme;{start}2; {start}5;\t{start}7; Sons"}]), newline=""))
    assert f"Acme;'{start}2; '{start}5;\t'{start}7; Sons" == row["name"]


def test_an_explanation_in_words(asked: Command) -> None:
    """State, since when, the deciding rule with its clause, why others rest, and what comes next."""
    said = asked("explain", "A", "--at", "2026-01-20")
    assert (0, "") == (said.status, said.err)
    for line in (
        "state: reminded since 2026-01-19",
        "  days_overdue >= 3: was 3",
        "rule second -> called: does not fire: days_overdue >= 10 (days_overdue is 4)",
        "next: called on 26 January 2026 unless 50.00 USD is paid",
    ):
        assert line in said.out.splitlines()


def test_an_explanation_for_programs(asked: Command) -> None:
    """Facts have their types: amounts are decimal strings, counts numbers, sets lists."""
    facts = json.loads(asked("explain", "A", "--format", "json").out)
    assert ("A", "called", "2026-01-26", None) == tuple(facts[name] for name in ("account", "state", "since", "next"))
    shown = {"overdue_amount": "50.00", "days_overdue": 43, "on_hold": False, "tags": [], "country": ""}
    assert shown == {name: facts["facts"][name] for name in shown}
    then = json.loads(asked("explain", "A", "--at", "2026-01-20", "--format", "json").out)
    assert ("2026-01-26", "called", "50.00") == tuple(then["next"][name] for name in ("date", "what", "unless_paid"))


def test_an_account_that_no_policy_has_is_explained(asked: Command) -> None:
    said = asked("explain", "E")
    assert "parked since 2026-01-05: no policy" in said.out
    assert "policy: none applies" in said.out
    facts = json.loads(asked("explain", "E", "--format", "json").out)
    assert (None, None, []) == (facts["policy"], facts["facts"], facts["rules"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nobody",), "there is no account `nobody`"),
        (("a",), "there is no account `a`"),
        (("",), "there is no account ``"),
        (("A' OR 1=1",), "there is no account `A' OR 1=1`"),
        (("A", "--at", "2026-01-04"), "nothing was recorded of account `A` by then"),
    ],
)
def test_an_account_that_is_not_there_is_a_no(asked: Command, arguments: tuple[str, ...], why: str) -> None:
    said = asked("explain", *arguments)
    assert (1, "") == (said.status, said.out)
    assert why == said.why()


def test_an_explanation_looks_back_only(asked: Command) -> None:
    """A day that has not come yet is refused: nobody knows what will be recorded until then."""
    assert "2026-03-01 is still to come" in asked("explain", "A", "--at", "2026-03-01").refused()


def test_on_the_real_clock_an_explanation_looks_back_too(
    arflow: Command, engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """Tomorrow is refused where the account lives, though it has begun elsewhere; of today it says what is so now."""
    settable(database_url)
    put(engine, dt.datetime(2026, 3, 10, 8, 30, tzinfo=dt.UTC))
    (tmp_path / "bakery.yaml").write_text(
        POLICY.replace("rules:", "calendar: {act_at: '09:00', timezone: account}\nrules:")
    )
    late = [event | {"due": "2026-03-07", "date": "2026-03-01"} for event in (invoice("A"), invoice("K"))]
    far = {"event": "account", "account": "K", "date": "2026-03-01", "timezone": "Pacific/Kiritimati"}
    assert 0 == arflow("policy", "activate", tmp_path / "bakery.yaml").status
    assert 0 == arflow("import", write_events(tmp_path / "e.jsonl", [far, *late])).status
    for day in ("2026-03-11", "2026-03-12"):
        assert f"{day} is still to come" in arflow("explain", "A", "--at", day).refused()
        assert f"{day} is still to come" in arflow("payments-complete", "--through", day).refused()
    assert "state: current from the start" in arflow("explain", "A", "--at", "2026-03-10").out
    put(engine, dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC))
    assert 0 == arflow("advance").status
    assert "state: reminded since 2026-03-10" in arflow("explain", "A", "--at", "2026-03-10").out
    assert "2026-03-11 is still to come" in arflow("explain", "A", "--at", "2026-03-11").refused()
    assert 0 == arflow("explain", "K", "--at", "2026-03-11").status
    assert "2026-03-12 is still to come" in arflow("explain", "K", "--at", "2026-03-12").refused()
    put(engine, dt.datetime(2026, 3, 11, 8, tzinfo=dt.UTC))
    assert "state: reminded since 2026-03-10" in arflow("explain", "A", "--at", "2026-03-10").out


def test_what_others_recorded_steers_no_terminal(asked: Command, tmp_path: Path) -> None:
    """A name with line ends and escapes stays on its line, and is shown without them."""
    name = "Mallory\nstate: resolved\x1b[2J"
    event = {"event": "account", "account": "A", "date": "2026-02-01", "name": name}
    assert 0 == asked("import", write_events(tmp_path / "e.jsonl", [event])).status
    said = asked("explain", "A").out
    assert "A Mallory?state: resolved?[2J (USD" in said
    assert name == json.loads(asked("explain", "A", "--format", "json").out)["name"]


def test_asking_changes_nothing(asked: Command, lived: Engine) -> None:
    before = contents(lived)
    for words in ("report ageing", "report pipeline", "explain A", "explain B --at 2026-01-20", "audit verify"):
        assert 0 == asked(*words.split()).status
    assert before == contents(lived)


def test_an_honest_journal_passes(asked: Command) -> None:
    said = asked("audit", "verify")
    assert (0, "") == (said.status, said.err)
    numbers = "3 accounts, 8 rows, 4 decisions, 0 anchors (0 in the file outside the database)"
    assert f"{numbers}: every chain holds, every decision follows from its facts\n" == said.out
    anchors = {"in_database": 0, "in_file": 0, "findings": []}
    facts = {"accounts": 3, "rows": 8, "decisions": 4, "unchecked": 0, "findings": [], "anchors": anchors}
    assert facts == json.loads(asked("audit", "verify", "--format", "json").out)


@pytest.mark.parametrize(
    ("statement", "account", "seq"),
    [
        ("UPDATE journal SET cause = 'payment' WHERE account_id = 'B' AND seq = 1", "B", 1),
        ("UPDATE journal SET details = '{}' WHERE account_id = 'A' AND seq = 3", "A", 3),
        ("DELETE FROM journal WHERE account_id = 'E'", "E", 1),
    ],
)
def test_a_changed_journal_is_a_no(asked: Command, lived: Engine, statement: str, account: str, seq: int) -> None:
    """Exit status 1; the row is named in the output and in the one line on standard error."""
    with lived.begin() as connection:
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        connection.execute(text(statement))
    said = asked("audit", "verify")
    assert 1 == said.status
    assert said.why().startswith(f"journal row {seq} of account `{account}`: ")
    assert said.why() in said.out.splitlines()
    as_json = asked("audit", "verify", "--format", "json")
    assert (1, said.err) == (as_json.status, as_json.err)
    found = json.loads(as_json.out)["findings"]
    assert {(account, seq)} == {(finding["account"], finding["seq"]) for finding in found}


def test_a_journal_that_holds_nonsense_is_named(asked: Command, lived: Engine) -> None:
    """Facts that are no facts are a finding of their own, and no traceback."""
    with lived.begin() as connection:
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        nonsense = '{"facts": {"tags": 5, "nonsense": 1}, "situation": 7}'
        query = text("UPDATE journal SET details = CAST(:nonsense AS jsonb) WHERE account_id = 'A' AND kind = 'step'")
        connection.execute(query, {"nonsense": nonsense})
    said = asked("audit", "verify")
    assert 1 == said.status
    assert "the decision cannot be read" in said.out


def test_an_anchor_that_a_person_kept_must_be_there(asked: Command, lived: Engine) -> None:
    """The digest of an anchor stands for everything before it; another one, or an older database, has none such."""
    made = json.loads(asked("audit", "anchor", "--format", "json").out)
    assert (1, 3, 8) == (made["anchor"], made["accounts"], made["rows"])
    assert asked("audit", "anchor").out.startswith("anchor 2 of ")
    assert 0 == asked("audit", "verify", "--kept", made["digest"]).status
    said = asked("audit", "verify", "--kept", "f" * 64)
    assert (1, True) == (said.status, "that you kept: the database was written anew" in said.why())
    with lived.begin() as connection:
        connection.execute(text("ALTER TABLE anchor DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE anchor SET digest = sha256(digest || 'x')"))
    said = asked("audit", "verify", "--format", "json")
    assert 1 == said.status
    assert 4 == len(json.loads(said.out)["anchors"]["findings"])
