"""`arflow import` of files that have everything open: what is in the next one no more was paid."""

import datetime as dt
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import Engineering, record
from arflow.clock import Now
from arflow.ledger import importing, profileloader
from arflow.ledger.importing import Options
from arflow.rules.reference import Reference
from tests.cli.books import contents
from tests.cli.conftest import Command
from tests.production import activate, standard, states, step, write_events

pytestmark = pytest.mark.database

HEADER = "cust_number,name_customer,invoice_currency,doc_id,posting_date,due_in_date,total_open_amount\n"


WHOLE = Path("arflow/ledger/formats/open-items-whole.yaml").read_text()


def _csv(folder: Path, *invoices: str, amount: str = "50.00") -> Path:
    """Invoices as `A:I1`, or `A:I1:EUR`, the last one of `amount`."""
    rows = [[*invoice.split(":"), "USD"][:3] for invoice in invoices]
    lines = [f"{who},{who},{currency},{key},2026-01-05,2026-01-16,50.00\n" for who, key, currency in rows]
    path = folder / "open.csv"
    path.write_text(HEADER + "".join([*lines[:-1], *(line.replace("50.00", amount) for line in lines[-1:])]))
    return path


def _export(folder: Path, *rows: str, name: str = "export.csv") -> Path:
    """Rows of (customer, number, date, due, amount) as `A I1 01-05 01-16 50.00`, in 2026."""
    cells = (row.split() for row in rows)
    lines = [f"{who},{who},USD,{key},2026-{on},2026-{due},{amount}\n" for who, key, on, due, amount in cells]
    path = folder / name
    path.write_text(HEADER + "".join(lines))
    return path


def _bank(folder: Path, amount: str, day: str, **more: str) -> Path:
    money = {"account": "A/USD", "date": day, "event": "payment", "id": "BANK", "amount": amount, **more}
    return write_events(folder / "bank.jsonl", [money])


def _open(engine: Engine) -> dict[str, int]:
    """What is open of account A, in cents by invoice."""
    query = "SELECT invoice_id, open FROM item WHERE account_id = 'A/USD' AND open > 0"
    with engine.connect() as connection:
        return {str(key): int(part) for key, part in connection.execute(text(query))}


def _facts(command: Command, file: Path, *arguments: str, profile: str = "open-items-whole") -> dict[str, Any]:
    said = command("import", file, "--profile", profile, *arguments, "--format", "json")
    assert (0, "") == (said.status, said.err)
    return dict(json.loads(said.out))


def _gone(facts: dict[str, Any]) -> Sequence[object]:
    gone = facts["gone"]
    return [gone["invoices"], gone["amounts"], gone["open_again"]]


def test_who_is_in_the_next_file_no_more_has_paid(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """Also who is in no row of it at all, and by an earlier file of another profile; it comes back as it was."""
    step(engine, dt.date(2026, 2, 27))
    activate(engine, standard("standard-usd"))
    assert [0, {}, 0] == _gone(_facts(arflow, _csv(tmp_path, "A:I1", "A:I2"), profile="open-items"))
    assert [0, {}, 0] == _gone(_facts(arflow, _csv(tmp_path, "A:I1", "A:I2", "B:I1")))
    assert "reminded" == states(engine)["A/USD"][0]
    before, file = contents(engine), _csv(tmp_path, "A:I2")
    said = arflow("import", file, "--profile", "open-items-whole", "--dry-run").out
    assert "  not in the file any more, so would be taken as paid: 2 invoices, 100.00 USD\n" in said
    assert "    I1 of A/USD (50.00 USD), I1 of B/USD (50.00 USD)\n" in said
    assert before == contents(engine)
    assert [2, {"USD": "100.00"}, 0] == _gone(_facts(arflow, file))
    assert {"A/USD": ("reminded", 5000), "B/USD": ("resolved", 0)} == states(engine)
    after = contents(engine)
    assert [0, {}, 0] == _gone(_facts(arflow, file))
    assert {**after, "import_file": 0} == {**contents(engine), "import_file": 0}
    step(engine, dt.date(2026, 2, 28))
    assert [0, {}, 2] == _gone(_facts(arflow, _csv(tmp_path, "A:I1", "A:I2", "B:I1"), "--accept-gone"))
    assert {"A/USD": 10000, "B/USD": 5000} == {key: opened for key, (_, opened) in states(engine).items()}
    assert 0 == arflow("audit", "verify").status
    with engine.connect() as connection:
        query = "SELECT account_id, identity FROM event WHERE kind = 'payment' ORDER BY 1"
        found = [tuple(row) for row in connection.execute(text(query))]
    assert [("A/USD", "gone I1 2026-02-27"), ("B/USD", "gone I1 2026-02-27")] == found


def test_what_looks_cut_off_is_refused_until_it_is_accepted(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """With the flag that accepts it; a dry run tells the same, and how much it would be."""
    _facts(arflow, _csv(tmp_path, *(f"A:I{number}" for number in range(40))))
    file = _csv(tmp_path, "A:I1")
    why = arflow("import", file, "--profile", "open-items-whole").refused()
    assert "39 of 40 invoices that are open are not in this file any more; if it is whole" in why
    assert "--accept-gone" in why
    facts = _facts(arflow, file, "--dry-run")
    assert why == facts["refusal"]
    assert [39, {"USD": "1950.00"}, 0] == _gone(facts)
    assert {"A/USD": 40 * 5000} == {key: opened for key, (_, opened) in states(engine).items()}
    assert [39, {"USD": "1950.00"}, 0] == _gone(_facts(arflow, file, "--accept-gone"))


def test_an_old_file_takes_nothing_of_later_ones_as_paid(arflow: Command, tmp_path: Path) -> None:
    """Yesterday's export once more, by mistake: what has come since is not in it."""
    for invoices in (["A:I1"], ["A:I1", "A:I2"], ["A:I1", "A:I2"]):
        _facts(arflow, _csv(tmp_path, *invoices))
    why = arflow("import", _csv(tmp_path, "A:I1"), "--profile", "open-items-whole").refused()
    assert "this file was imported before another one; what has come since would be taken as paid" in why


def test_a_rejected_row_is_in_the_file(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """Its invoice is not taken as paid; where the row does not even say which one it is of, none is."""
    _facts(arflow, _csv(tmp_path, "A:I1", "A:I2", "A:I3"))
    assert [1, {"USD": "50.00"}, 0] == _gone(
        _facts(arflow, _csv(tmp_path, "A:I1", "A:I2", amount="x"), "--accept-rejects")
    )
    file = _csv(tmp_path, "A:I2", "A:", amount="1.00")
    said = arflow("import", file, "--profile", "open-items-whole", "--accept-rejects")
    assert "  nothing is taken as paid: 1 rejected rows do not say of which invoice they are\n" in said.out
    assert {"A/USD": 10000} == {key: opened for key, (_, opened) in states(engine).items()}


def test_other_profiles_take_nothing_as_paid(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """Neither with their own files, nor do a whole profile's files say anything of theirs."""
    own = tmp_path / "own.yaml"
    own.write_text((Path("arflow/ledger/formats/open-items.yaml")).read_text().replace("open-items", "own"))
    _facts(arflow, _csv(tmp_path, "A:I1"), profile=str(own))
    assert not _facts(arflow, _csv(tmp_path, "A:I2"), profile=str(own))["gone"]["is_compared"]
    assert [0, {}, 0] == _gone(_facts(arflow, _csv(tmp_path, "A:I3")))
    assert {"A/USD": 15000} == {key: opened for key, (_, opened) in states(engine).items()}


def test_money_without_a_reference_lets_no_debt_of_the_file_vanish(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """It went to the older invoice, and the file still has that: the other one stays open, and it is told."""
    _facts(arflow, _csv(tmp_path, "A:I0", "A:I1", "B:X"))
    money = {"account": "A/USD", "date": "2026-01-20", "event": "payment", "id": "BANK", "amount": "50.00"}
    assert 0 == arflow("import", write_events(tmp_path / "bank.jsonl", [money])).status
    file = _csv(tmp_path, "A:I0", "B:X")
    told = {"invoices": 1, "amounts": {"USD": "50.00"}, "first": ["I0 of A/USD (50.00 USD)"]}
    facts = _facts(arflow, file)
    assert ([0, {}, 0], told) == (_gone(facts), facts["gone"]["open_in_file_only"])
    said = arflow("import", file, "--profile", "open-items-whole").out
    assert "  open in the file, but settled here: 1 invoices, 50.00 USD\n    I0 of A/USD (50.00 USD)\n" in said
    assert {"A/USD": 5000, "B/USD": 5000} == {key: opened for key, (_, opened) in states(engine).items()}


def test_a_row_without_a_readable_account_takes_nothing_as_paid(arflow: Command, tmp_path: Path) -> None:
    """Nor one whose currency is none: its debt is in the file, wherever it would have gone."""
    others = [f"B:X{number}" for number in range(30)]
    _facts(arflow, _csv(tmp_path, "A:I1", *others))
    for row in ("A:I1:US$", "A\u200b:I1"):
        assert not _facts(arflow, _csv(tmp_path, row, *others))["gone"]["is_compared"]


def test_an_invoice_is_open_again_though_nothing_of_its_account_can_be_read(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """Its row says that it is there, and what it was is known."""
    for rows in (["B:X", "A:I1"], ["B:X"]):
        _facts(arflow, _csv(tmp_path, *rows))
    facts = _facts(arflow, _csv(tmp_path, "B:X", "A:I1", amount="x"), "--accept-rejects")
    assert [0, {}, 1] == _gone(facts)
    assert 5000 == states(engine)["A/USD"][1]


def test_what_another_profile_took_as_paid_is_open_again(arflow: Command, tmp_path: Path) -> None:
    """Its invoice came by this one, whose file has it."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(WHOLE.replace("open-items-whole", "one").replace(", of: [open-items]", ""))
    two.write_text(WHOLE.replace("open-items-whole", "two").replace("of: [open-items]", "of: [one]"))
    found = [
        _gone(_facts(arflow, _csv(tmp_path, *rows), profile=str(profile)))
        for profile, rows in ((one, ["A:I1", "B:X"]), (two, ["B:X"]), (one, ["A:I1", "B:X"]))
    ]
    assert [[0, {}, 0], [1, {"USD": "50.00"}, 0], [0, {}, 1]] == found


def test_people_record_while_a_file_is_read(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """On an account of that file too: who is kept waiting with its account locked would wait for ever."""
    _facts(arflow, _csv(tmp_path, "A:I1"))
    waited = []

    def person() -> None:
        with engine.begin() as connection:
            engineering = Engineering(evaluator=Reference())
            record(connection, "A/USD", [{"event": "tag", "tag": "x"}], actor="lena", engineering=engineering)

    def reading(stage: str, share: float) -> None:
        if (stage, share) == ("reading", 1.0):
            thread = Thread(target=person, daemon=True)
            thread.start()
            thread.join(10)
            waited.append(thread.is_alive())

    options = Options(profile=profileloader.find("open-items-whole"))
    with engine.begin() as connection:
        importing.import_file(connection, _csv(tmp_path, "A:I1"), clock.read(connection), options, reading)
    assert [False] == waited


I0, I1, X = "A I0 01-20 02-10 100.00", "A I1 01-05 01-16 100.00", "B X 01-05 01-16 100.00"


@pytest.mark.parametrize("invoice", [{}, {"invoice": "I1"}])
def test_money_that_comes_after_the_export_takes_the_place_of_what_was_taken_for_granted(
    arflow: Command, engine: Engine, tmp_path: Path, invoice: dict[str, str]
) -> None:
    """As if it had come first: the invoice that the file has is open, and nothing lies unapplied."""
    step(engine, dt.date(2026, 2, 27))
    activate(engine, standard("standard-usd"))
    _facts(arflow, _export(tmp_path, I0, I1, X))
    assert [1, {"USD": "100.00"}, 0] == _gone(_facts(arflow, _export(tmp_path, I0, X)))
    step(engine, dt.date(2026, 2, 28))
    assert 0 == arflow("import", _bank(tmp_path, "100.00", "2026-02-28", **invoice)).status
    facts = _facts(arflow, _export(tmp_path, I0, X))
    assert ([0, {}, 0], {"payment_reversed": 1}) == (_gone(facts), facts["new_events"])
    assert {"I0": 10000} == _open(engine)
    with engine.connect() as connection:
        query = """SELECT clearing.id, allocation.invoice_id, allocation.amount FROM clearing JOIN allocation
            ON clearing.account_id = allocation.account_id AND clearing_id = id WHERE reversed_on IS NULL"""
        assert [("BANK", "I1", 10000)] == [tuple(row) for row in connection.execute(text(query))]
    assert {} == _facts(arflow, _export(tmp_path, I0, X))["new_events"]
    assert 0 == arflow("audit", "verify").status


def test_a_credit_that_the_file_still_has_is_set_off_though_it_is_used_up_here(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """It settled the older invoice, which is gone: net the file says that nothing is owed."""
    step(engine, dt.date(2026, 2, 27))
    activate(engine, standard("standard-usd"))
    old, young, note = "A I0 01-01 01-10 100.00", "A I1 01-05 01-20 100.00", "A C 01-08 01-08 -100.00"
    _facts(arflow, _export(tmp_path, old, young, note, X))
    assert [1, {"USD": "100.00"}, 0] == _gone(_facts(arflow, _export(tmp_path, young, note, X)))
    assert {} == _open(engine)


def test_a_part_that_was_paid_is_taken_off_once(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """What the file says is what is open, whether the payment came by another file or only there."""
    step(engine, dt.date(2026, 2, 27))
    activate(engine, standard("standard-usd"))
    _facts(arflow, _export(tmp_path, I0, I1, X))
    assert 0 == arflow("import", _bank(tmp_path, "40.00", "2026-02-20", invoice="I1")).status
    left = [line.replace("100.00", "60.00") for line in (I0, I1)]
    facts = _facts(arflow, _export(tmp_path, *left, X), "--corrections")
    assert ([1, {"USD": "40.00"}, 0], []) == (_gone(facts), facts["corrections"])
    assert {"I0": 6000, "I1": 6000} == _open(engine)


def test_money_that_stands_against_no_invoice_is_not_counted_twice(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """A payment of two invoices names one of them."""
    step(engine, dt.date(2026, 2, 27))
    activate(engine, standard("standard-usd"))
    _facts(arflow, _export(tmp_path, I0, I1, X))
    assert 0 == arflow("import", _bank(tmp_path, "200.00", "2026-02-20", invoice="I1")).status
    assert [0, {}, 0] == _gone(_facts(arflow, _export(tmp_path, X)))


def test_an_old_file_brings_no_paid_debt_back(arflow: Command, tmp_path: Path) -> None:
    """Monday's export once more after Tuesday's, which has less; also when it was packed again since."""
    monday = _export(tmp_path, I0, I1, X, name="monday.csv")
    packed = [tmp_path / f"monday-{at}.csv.gz" for at in range(2)]
    for at, path in enumerate(packed):
        path.write_bytes(gzip.compress(monday.read_bytes(), mtime=at))
    _facts(arflow, packed[0])
    _facts(arflow, _export(tmp_path, X))
    for path in (monday, packed[1]):
        why = arflow("import", path, "--profile", "open-items-whole").refused()
        assert "this file was imported before another one" in why
        assert "what was paid since would be open again; if it is whole and newer" in why
        assert why == _facts(arflow, path, "--dry-run")["refusal"]


def test_what_would_not_be_paid_counts_for_no_limit(arflow: Command, tmp_path: Path) -> None:
    """Thirty invoices are gone, and for most of them as much of others is settled here: nobody is asked each day."""
    rows = [f"A I{number} 01-05 01-16 10.00" for number in range(10, 70)]
    _facts(arflow, _export(tmp_path, *rows))
    assert 0 == arflow("import", _bank(tmp_path, "250.00", "2026-02-20")).status
    assert [5, {"USD": "50.00"}, 0] == _gone(_facts(arflow, _export(tmp_path, *rows[:30])))
    assert [0, {}, 0] == _gone(_facts(arflow, _export(tmp_path, *rows[:30], X)))


def test_a_row_that_says_nothing_keeps_nothing_closed_that_is_back(arflow: Command, tmp_path: Path) -> None:
    """What its own rows say is open, whatever that one is of; only that nothing is taken as paid."""
    others = [f"B X{number} 01-05 01-16 1.00" for number in range(30)]
    for rows in ([I1, *others], others):
        _facts(arflow, _export(tmp_path, *rows))
    facts = _facts(arflow, _export(tmp_path, I1, *others[1:], "C \u200b 01-05 01-16 1.00"))
    assert ([0, {}, 1], False) == (_gone(facts), facts["gone"]["is_compared"])


def test_a_rejected_row_of_a_customer_whose_id_looks_like_a_currency_is_in_the_file(
    arflow: Command, tmp_path: Path
) -> None:
    """Its account in another currency has the id with both."""
    own = tmp_path / "own.yaml"
    own.write_text(WHOLE.replace("open-items-whole", "own").replace("{customer}/{currency}", "{customer}"))
    rows = ["10/ABC:I1", "10/ABC:I2:EUR"]
    _facts(arflow, _csv(tmp_path, *rows), profile=str(own))
    facts = _facts(arflow, _csv(tmp_path, *rows, amount="x"), "--accept-rejects", profile=str(own))
    assert [0, {}, 0] == _gone(facts)


def test_a_payment_that_people_record_while_a_file_is_read_is_seen(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """The import began two minutes before."""
    _facts(arflow, _export(tmp_path, I1, X))
    options = Options(profile=profileloader.find("open-items-whole"))
    with engine.begin() as connection:
        began = clock.read(connection)
        payment = {"event": "payment", "id": "P", "amount": "40.00", "invoice": "I1"}
        record(connection, "A/USD", [payment], actor="lena", engineering=Engineering(evaluator=Reference()))
    with engine.begin() as connection:
        assert began.at
        then = Now(at=began.at - dt.timedelta(minutes=2))
        report = importing.import_file(connection, _export(tmp_path, X), then, options, lambda *_: None)
    assert ["I1 of A/USD (60.00 USD)"] == report.outcome.gone.first


def test_a_profile_that_is_misspelt_is_told(engine: Engine, tmp_path: Path) -> None:
    """No file came by it, and it does not come with arflow."""
    own = tmp_path / "own.yaml"
    own.write_text(WHOLE.replace("open-items-whole", "own").replace("[open-items]", "[open-items, open-itmes]"))
    options = Options(profile=profileloader.find(str(own)))
    with engine.begin() as connection:
        report = importing.import_file(
            connection, _export(tmp_path, X), clock.read(connection), options, lambda *_: None
        )
    assert ["open-itmes"] == report.never_imported


def test_a_row_that_was_mended_as_an_event_is_missed_when_its_profile_says_so(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """By an events file, after the export's own row was rejected; else it stays open."""
    own = tmp_path / "own.yaml"
    own.write_text(WHOLE.replace("open-items-whole", "own").replace("[open-items]", "[events, open-items-whole]"))
    mended = {"account": "A/USD", "date": "2026-01-05", "event": "invoice", "id": "I1", "amount": "100.00"}
    _facts(arflow, _export(tmp_path, X, I1.replace("100.00", "1x")), "--accept-rejects")
    assert 0 == arflow("import", write_events(tmp_path / "mended.jsonl", [{**mended, "due": "2026-01-16"}])).status
    _facts(arflow, _export(tmp_path, X, I1))
    assert [0, {}, 0] == _gone(_facts(arflow, _export(tmp_path, X)))
    assert [1, {"USD": "100.00"}, 0] == _gone(_facts(arflow, _export(tmp_path, X), profile=str(own)))
