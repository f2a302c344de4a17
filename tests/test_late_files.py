"""Files that come late, on the real clock: in whatever order, and whether or not accounts were looked at in between."""

import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import Engineering, rehearse
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from tests.production import activate, run, step, take_in, write_events

pytestmark = pytest.mark.database

DOORS = Engineering(evaluator=Reference(), delivery="recorded")
POLICY = load_policy(
    "policy: p\ncurrency: USD\nrules:\n"
    "  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}\n",
    file="test",
)


def ago(days: int, **line: object) -> dict[str, Any]:
    """An event of the account A, so many days before today."""
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days)
    return {"account": "A", "date": day.isoformat(), **line}


def owed(days: int, key: str, amount: str = "50.00") -> dict[str, Any]:
    line = ago(days, event="invoice", id=key, amount=amount)
    return line | {"due": line["date"]}


FILES = (
    [owed(30, "I1"), ago(16, event="tag", tag="vip")],
    [ago(5, event="payment", id="P1", amount="10.00"), ago(5, event="account", owner="bob")],
    [owed(40, "I2"), ago(20, event="payment", id="P2", amount="45.00"), ago(15, event="account", owner="carol")],
    [ago(18, event="untag", tag="vip"), ago(25, event="account", tags=["a", "b"])],
)


def come(engine: Engine, tmp_path: Path, files: Sequence[Sequence[dict[str, Any]]], *, at_once: bool) -> None:
    """Import `files`, with nobody looking at the account before the last of them, or after each."""
    for number, lines in enumerate(files):
        path = write_events(tmp_path / f"{number}.jsonl", lines)
        with engine.begin() as connection:
            options = Options(profile=None, corrections=True)
            importing.import_file(connection, path, clock.read(connection), options, lambda *_: None)
        if not at_once:
            run(engine, DOORS)
    run(engine, DOORS)


def end(engine: Engine) -> tuple[object, ...]:
    """What has become of the account."""
    query = """SELECT owner, tags, parked, (SELECT array_agg(invoice_id || ' ' || open) FROM item) AS open,
        (SELECT array_agg(clearing_id || ' ' || invoice_id || ' ' || amount) FROM allocation) AS allocated
        FROM account"""
    with engine.connect() as connection:
        row = connection.execute(text(query)).one()
    return row.owner, sorted(row.tags), row.parked, sorted(row.open), sorted(row.allocated)


EXPECTED = ("bob", ["a", "b", "vip"], None, ["I1 4500", "I2 0"], ["P1 I1 500", "P1 I2 500", "P2 I2 4500"])


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5], ids=str)
@pytest.mark.parametrize("at_once", [True, False])
def test_files_in_any_order_come_to_the_same(
    engine: Engine, tmp_path: Path, order: tuple[int, ...], *, at_once: bool
) -> None:
    """Owner, tags and books are those of the dates, also of files that came before anybody looked at the account."""
    activate(engine, POLICY)
    come(engine, tmp_path, [FILES[place] for place in order], at_once=at_once)
    assert end(engine) == EXPECTED


def test_a_late_file_and_a_correction_at_once(engine: Engine, tmp_path: Path) -> None:
    """What waits to be corrected is there for what was known before it."""
    activate(engine, POLICY)
    come(engine, tmp_path, [FILES[0], FILES[2]], at_once=False)
    late = [ago(22, event="payment", id="P3", amount="1.00", invoice="I1")]
    come(engine, tmp_path, [late, [owed(30, "I1", "60.00")]], at_once=True)
    assert end(engine)[2:] == (None, ["I1 5900", "I2 500"], ["P2 I2 4500", "P3 I1 100"])


def test_a_life_lived_anew_comes_to_what_late_files_came_to(engine: Engine, tmp_path: Path) -> None:
    """`explain` lives an account from what became known when, late files included."""
    activate(engine, POLICY)
    come(engine, tmp_path, [FILES[1], FILES[3], FILES[0], FILES[2]], at_once=False)
    with engine.connect() as connection:
        account = rehearse(connection, ["A"], clock.read(connection), DOORS)["A"].account
    found = [f"{key} {invoice.open}" for key, invoice in sorted(account.ledger.invoices.items())]
    assert (account.owner, sorted(account.tags), found) == (EXPECTED[0], EXPECTED[1], EXPECTED[3])


def test_a_late_file_leaves_the_episode_of_who_pays_through_another(engine: Engine, tmp_path: Path) -> None:
    """What its payer owed when the episode began is paid, and the letters since then still count."""
    step(engine, dt.date(2026, 1, 1))
    activate(engine, POLICY)
    invoice = {"event": "invoice", "account": "P", "date": "2026-01-02", "id": "I1", "amount": "9.00"}
    child = {"event": "account", "account": "K", "date": "2026-01-03", "pays_through": "P"}
    first = [invoice | {"due": "2026-01-05"}, invoice | {"id": "I2", "due": "2026-01-20"}, child]
    take_in(engine, write_events(tmp_path / "1.jsonl", first))
    step(engine, dt.date(2026, 1, 25))
    paid = {"event": "payment", "account": "P", "date": "2026-01-25", "id": "P1", "amount": "9.00", "invoice": "I1"}
    call = {"event": "contact", "account": "K", "date": "2026-01-26", "channel": "call"}
    take_in(engine, write_events(tmp_path / "2.jsonl", [paid, call]))
    step(engine, dt.date(2026, 1, 28))
    late = {"event": "account", "account": "K", "date": "2026-01-10", "segment": "retail"}
    take_in(engine, write_events(tmp_path / "3.jsonl", [late]))
    query = "SELECT segment, (SELECT min(started_on) FROM episode WHERE account_id = 'K') FROM account WHERE id = 'K'"
    with engine.connect() as connection:
        assert connection.execute(text(query)).one() == ("retail", dt.date(2026, 1, 6))


def test_a_late_file_of_one_who_once_paid_through_another_is_taken_in(engine: Engine, tmp_path: Path) -> None:
    """Also when that one pays through a third by now: its history is lived with theirs."""
    activate(engine, POLICY)
    opened = [{**ago(30, event="account"), "account": key} for key in "ABC"]
    links = [ago(20, event="account", pays_through="B"), ago(10, event="account", pays_through=None)]
    ring = {**ago(5, event="account", pays_through="C"), "account": "B"}
    paid = ago(15, event="payment", id="P1", amount="50.00")
    come(engine, tmp_path, [[*opened, owed(25, "I1")], links[:1], links[1:], [ring], [paid]], at_once=False)
    with engine.connect() as connection:
        assert [None] * 3 == connection.execute(text("SELECT parked->>'reason' FROM account")).scalars().all()
        assert 0 == connection.execute(text("SELECT open FROM item WHERE account_id = 'A'")).scalar_one()
        day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=12)
        assert {"A"} <= rehearse(connection, ["A"], clock.Now(day=day), DOORS).keys()


def waking(*when: str) -> str:
    """The rules of a policy that looks at an account each day, and of those that tag when something holds."""
    days = ", ".join(str(day) for day in range(1, 90))
    rules = [f"days_overdue in ({days}) or days_in_state in ({days})", *when]
    return "".join(
        f"  - {{id: r{at}, from: any, when: '{rule}', do: [{{tag: t{at}}}], repeat_after_days: 1, why: Test.}}\n"
        for at, rule in enumerate(rules)
    )


def test_what_one_late_file_says_of_a_promise_counts_in_the_order_of_its_dates(engine: Engine, tmp_path: Path) -> None:
    """The account was woken in the morning; promise and payment are of the day before, and came at night."""
    step(engine, dt.date(2026, 1, 1))
    head = "policy: p\ncurrency: USD\nrules:\n"
    rules = waking('promise_status == "kept"', 'promise_status == "broken"')
    activate(engine, load_policy(head + rules, file="test"))
    first = {
        "account": "A",
        "date": "2026-01-01",
        "event": "invoice",
        "id": "I1",
        "amount": "90.00",
        "due": "2026-01-02",
    }
    take_in(engine, write_events(tmp_path / "1.jsonl", [first]))
    step(engine, dt.date(2026, 1, 10))
    of = {"account": "A", "date": "2026-01-09", "amount": "50.00"}
    promise = {**of, "time": "10:00", "event": "promise", "id": "V", "due": "2026-01-10"}
    payment = {**of, "time": "15:00", "event": "payment", "id": "P1"}
    take_in(engine, write_events(tmp_path / "2.jsonl", [promise, payment]))
    step(engine, dt.date(2026, 1, 30))
    with engine.connect() as connection:
        assert ["t0", "t1"] == sorted(connection.execute(text("SELECT tags FROM account")).scalar_one())


@pytest.mark.parametrize(
    "rules", [waking("days_in_episode >= 12"), waking("days_in_episode >= 12").split("\n")[1] + "\n"]
)
def test_the_episode_of_a_late_invoice_begins_on_the_day_after_it_was_due(
    engine: Engine, tmp_path: Path, rules: str
) -> None:
    """Whether the account was looked at in the meantime or not."""
    step(engine, dt.date(2026, 1, 1))
    activate(engine, load_policy("policy: p\ncurrency: USD\nrules:\n" + rules, file="test"))
    tag = {"account": "A", "date": "2026-01-01", "event": "tag", "tag": "x"}
    take_in(engine, write_events(tmp_path / "1.jsonl", [tag]))
    step(engine, dt.date(2026, 1, 21))
    late = {"account": "A", "date": "2026-01-06", "event": "invoice", "id": "I1", "amount": "9.00", "due": "2026-01-10"}
    take_in(engine, write_events(tmp_path / "2.jsonl", [late]))
    step(engine, dt.date(2026, 1, 22))
    with engine.connect() as connection:
        assert [dt.date(2026, 1, 11)] == connection.execute(text("SELECT started_on FROM episode")).scalars().all()


def test_a_late_file_leaves_the_episode_of_who_once_paid_through_another(engine: Engine, tmp_path: Path) -> None:
    """It began with what the payer owed, and what the payer has paid since is no matter."""
    step(engine, dt.date(2026, 1, 1))
    activate(engine, POLICY)
    owes = {"event": "invoice", "date": "2026-01-01", "id": "I1", "amount": "9.00", "due": "2026-01-05"}
    child = {"event": "account", "account": "K", "date": "2026-01-01", "pays_through": "P"}
    take_in(engine, write_events(tmp_path / "1.jsonl", [{**owes, "account": "P"}, {**owes, "account": "K"}, child]))
    step(engine, dt.date(2026, 1, 20))
    take_in(engine, write_events(tmp_path / "2.jsonl", [child | {"date": "2026-01-20", "pays_through": None}]))
    step(engine, dt.date(2026, 1, 25))
    paid = {"event": "payment", "account": "P", "date": "2026-01-25", "id": "P1", "amount": "9.00"}
    take_in(engine, write_events(tmp_path / "3.jsonl", [paid]))
    step(engine, dt.date(2026, 1, 28))
    late = {"event": "contact", "account": "K", "date": "2026-01-15", "channel": "letter"}
    take_in(engine, write_events(tmp_path / "4.jsonl", [late]))
    query = "SELECT started_on FROM episode WHERE account_id = 'K'"
    with engine.connect() as connection:
        assert [dt.date(2026, 1, 6)] == connection.execute(text(query)).scalars().all()


def test_tags_said_at_once_replace_those_of_rules_however_they_come(engine: Engine, tmp_path: Path) -> None:
    """Ahead, on the day, or a day late."""
    step(engine, dt.date(2026, 1, 1))
    rule = "{id: w, from: current, when: days_overdue >= 1, do: [{tag: watched}], why: Late.}"
    activate(engine, load_policy(f"policy: p\ncurrency: USD\nrules: [{rule}]", file="test"))
    owed: dict[str, Any] = {"date": "2026-01-01", "event": "invoice", "id": "I1", "amount": "9.00", "due": "2026-01-05"}
    told: dict[str, Any] = {"date": "2026-01-10", "time": "12:00", "event": "account", "tags": ["vip"]}
    first = [*(owed | {"account": key} for key in "ABC"), told | {"account": "A"}]
    take_in(engine, write_events(tmp_path / "1.jsonl", first))
    step(engine, dt.date(2026, 1, 10))
    take_in(engine, write_events(tmp_path / "2.jsonl", [told | {"account": "B"}]))
    step(engine, dt.date(2026, 1, 12))
    take_in(engine, write_events(tmp_path / "3.jsonl", [told | {"account": "C"}]))
    step(engine, dt.date(2026, 1, 13))
    with engine.connect() as connection:
        assert [["vip"]] * 3 == connection.execute(text("SELECT tags FROM account ORDER BY id")).scalars().all()


def test_a_late_payment_stays_behind_a_promise_that_was_made_before_the_account_moved_east(
    engine: Engine, tmp_path: Path
) -> None:
    """By the clock of Tokyo it lies hours before it, and is told behind it."""
    step(engine, dt.date(2026, 1, 1))
    rules = "".join(
        f"  - {{id: {word}, from: current, when: 'promise_status == \"{word}\"', do: [{{tag: {word}}}], why: Test.}}\n"
        for word in ("kept", "broken")
    )
    calendar = "calendar: {timezone: account, default_timezone: America/Los_Angeles}"
    activate(engine, load_policy(f"policy: p\ncurrency: USD\n{calendar}\nrules:\n{rules}", file="test"))
    of = {"account": "A", "date": "2026-01-10", "amount": "50.00"}
    days = {
        1: [
            {"account": "A", "date": "2026-01-01", "event": "account", "timezone": "America/Los_Angeles"},
            {**of, "date": "2026-01-01", "event": "invoice", "id": "I1", "due": "2026-01-05", "amount": "90.00"},
        ],
        10: [
            {"account": "A", "date": "2026-01-10", "time": "08:30", "event": "account", "timezone": "Asia/Tokyo"},
            {**of, "time": "09:00", "event": "promise", "id": "V", "due": "2026-01-12"},
        ],
        11: [{**of, "time": "09:30", "event": "payment", "id": "P1"}],
    }
    for day, lines in days.items():
        step(engine, dt.date(2026, 1, day))
        take_in(engine, write_events(tmp_path / f"{day}.jsonl", lines))
    step(engine, dt.date(2026, 1, 15))
    with engine.connect() as connection:
        assert ["kept"] == connection.execute(text("SELECT tags FROM account")).scalar_one()
