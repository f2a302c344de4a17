"""`arflow import` of files that have everything open: what is in the next one no more was paid."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import Engineering, record
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
