"""What the search box finds, and that it finds nothing that a person does not reach."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from arflow.desk.searching import search
from arflow.rules.loader import load_policy
from tests.desk.books import REAL, copied_book, person
from tests.production import activate, run, take_in, write_events

pytestmark = pytest.mark.database


@pytest.fixture
def book(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book, called for ten days and more."""
    engine = copied_book(template, tmp_path)
    yield engine
    engine.dispose()


def test_search_finds_by_id_name_and_invoice_within_reach(book: Engine) -> None:
    """A caller finds nothing of others; the exact account comes first; `%` is a character like any other."""
    lena, carl = person(book, "lena", "lead"), person(book, "carl", "caller")
    with book.connect() as connection:
        assert ["A1"] == search(connection, lena, "A1-2")
        assert ["A1", "A2"] == search(connection, lena, "a")[:2]
        assert ["E1"] == search(connection, lena, "e1 limi")
        assert [] == search(connection, lena, "%")
        assert [] == search(connection, lena, " ")
        assert [] == search(connection, carl, "A1")
        assert ["C1"] == search(connection, carl, "limited")


def test_an_invoice_finds_who_is_called_about_it_whoever_else_pays_for_others_now(
    engine: Engine, tmp_path: Path
) -> None:
    """All are of the family of the payer that one of them has now."""
    rule = "{id: old, from: current, when: days_overdue >= 9, to: called, why: Old.}"
    activate(engine, load_policy(f"policy: p\ncurrency: USD\nrules: [{rule}]", file="test"))
    lena = person(engine, "lena", "lead")
    of = {"date": "2026-01-05"}
    owed = [
        {**of, "account": key, "event": "invoice", "id": f"{key}-1", "amount": "9.00", "due": "2026-12-01"}
        for key in "PQ"
    ]
    links = [{**of, "account": key, "event": "account", "pays_through": payer} for key, payer in ("KP", "LP", "KQ")]
    for number, lines in enumerate(([*owed, *links[:2]], [{**links[2], "date": "2026-01-06"}])):
        take_in(engine, write_events(tmp_path / f"{number}.jsonl", lines))
        run(engine, REAL)
    with engine.connect() as connection:
        assert ["K", "Q"] == search(connection, lena, "q-1")
        assert ["L", "P"] == search(connection, lena, "p-1")


@pytest.fixture
def found(book: Engine) -> Callable[[str], list[str]]:
    """What a lead finds, who reaches all accounts."""
    lena = person(book, "lena", "lead")

    def look(wanted: str) -> list[str]:
        with book.connect() as connection:
            return search(connection, lena, wanted)

    return look


def named(engine: Engine, tmp_path: Path, **names: str) -> None:
    """Give accounts these names."""
    lines = [{"account": key, "date": "2026-01-20", "event": "account", "name": name} for key, name in names.items()]
    take_in(engine, write_events(tmp_path / "names.jsonl", lines))


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Müller & Söhne", "muller"),
        ("Müller & Söhne", "MUELLER & SOEHNE"),
        ("Müller & Söhne", "müller"),
        ("Mu\u0308ller", "Müller"),
        ("Mueller", "Müller"),
        ("MÜLLER", "müller"),
        ("Gebr. Weiß", "weiss"),
        ("Weiss", "weiß"),
        ("Smørrebrød", "smorrebrod"),
        ("Société Générale (Lyon)", "generale (l"),
        ("Wałęsa", "Walesa"),
        ("Иванов", "иван"),
        ("Long " * 18 + "Name", ("long " * 18 + "NAME")),
        ("50% [x] \\ *", "% [x] \\ *"),
    ],
)
def test_a_name_is_found_however_it_is_spelt(
    book: Engine, found: Callable[[str], list[str]], tmp_path: Path, name: str, typed: str
) -> None:
    named(book, tmp_path, A1=name, A2="Other", E1="Mu ller Ma")
    assert ["A1"] == found(typed)


@pytest.mark.parametrize("typed", [".*", "[a-z]", "a|b", "(", "\\", "?", "^A", "$"])
def test_a_sign_is_a_sign(found: Callable[[str], list[str]], typed: str) -> None:
    """What is typed is no pattern."""
    assert [] == found(typed)


@pytest.mark.parametrize(
    "typed", ["+49 30 1234567", "0049 (0)30 123-4567", "030/1234567", "1234567", "(030) 123 45 67", "+49.30.1234567"]
)
@pytest.mark.parametrize("phone", ["+49 (0)30 1234567", "030 12 34 567", "0049-30-1234567"])
def test_a_phone_number_is_found_however_it_is_written(
    book: Engine, found: Callable[[str], list[str]], phone: str, typed: str
) -> None:
    with book.begin() as connection:
        people = [("A1", 7, phone), ("A2", 7, "+49 30 7654321"), ("E1", 7, "1234")]
        for account, position, number in people:
            connection.exec_driver_sql(
                "INSERT INTO person (account_id, position, name, email, phone, role) VALUES (%s, %s, '', '', %s, '')",
                (account, position, number),
            )
    assert ["A1"] == found(typed)
    assert [] == found("1234599")


def test_a_contact_is_found_by_name_and_address_within_reach(book: Engine, found: Callable[[str], list[str]]) -> None:
    with book.begin() as connection:
        connection.exec_driver_sql(
            """INSERT INTO person (account_id, position, name, email, phone, role)
               VALUES ('C1', 7, 'Zoë Quast', 'Zoe.Quast@Example.org', '', ''),
                      ('A1', 7, 'X', 'x@example.org', '', '')"""
        )
    assert ["C1"] == found("zoe quast")
    assert ["C1"] == found("zoe.quast@example.org")
    assert ["A1", "C1"] == found("@example.org")
    carl, dora = person(book, "carl", "caller"), person(book, "dora", "caller")
    with book.connect() as connection:
        assert (["C1"], []) == (search(connection, carl, "quast"), search(connection, dora, "quast"))
