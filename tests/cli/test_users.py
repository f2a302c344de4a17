"""`arflow user`: people made, let in and let go on the command line."""

import io
import json
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from arflow.desk import links, users
from tests.cli.conftest import Command
from tests.desk.conftest import shop_with

pytestmark = pytest.mark.database

PASSWORD = "correct horse battery"  # noqa: S105  # of people that tests make


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password on standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))


def test_a_person_is_made_with_roles_queues_and_a_password(arflow: Command, engine: Engine, typed: None) -> None:
    said = arflow(
        *("user", "add", "cara", "--role", "caller", "--role", "lead", "--full-name", "Cara C."),
        *("--queue", "collections", "--password-stdin"),
    )
    assert "cara is made, as caller and lead\n" == said.out
    with engine.connect() as connection:
        cara = users.find(connection, "cara")
        assert ("Cara C.", frozenset({"caller", "lead"}), ("collections",)) == (cara.full_name, cara.roles, cara.queues)
        assert users.password_is(connection, "cara", PASSWORD)


def test_without_a_password_a_link_is_printed(arflow: Command, engine: Engine) -> None:
    told = json.loads(arflow("user", "add", "cara", "--role", "caller", "--format", "json").out)
    with engine.connect() as connection:
        assert "cara" == links.look_for_password(connection, told["link"].removeprefix("/password/"))
    assert told["link"].removeprefix("/password/") not in arflow("user", "password", "cara").out
    assert 1 == arflow("user", "password", "ghost").status


def test_another_password_is_set(arflow: Command, engine: Engine, typed: None) -> None:
    arflow("user", "add", "cara", "--role", "caller")
    assert (
        "cara has another password, and is logged out\n" == arflow("user", "password", "cara", "--password-stdin").out
    )
    with engine.connect() as connection:
        assert users.password_is(connection, "cara", PASSWORD)


def test_a_weak_or_missing_password_is_refused(arflow: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for line, why in (("", "no password on standard input"), ("short\n", "12 to 1000 characters")):
        monkeypatch.setattr(sys, "stdin", io.StringIO(line))
        said = arflow("user", "add", "cara", "--role", "caller", "--password-stdin")
        assert why in said.refused()
    assert 1 == arflow("user", "disable", "cara").status


def test_a_person_who_leaves_gives_all_accounts_back(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    shop_with(engine, tmp_path)
    arflow("user", "add", "cara", "--role", "caller", "--queue", "collections")
    assert "cara is disabled, 1 account went back\n" == arflow("user", "disable", "cara").out
    with engine.connect() as connection:
        assert "collections" == connection.execute(text("SELECT owner FROM account WHERE id = 'CARA'")).scalar()
    assert "cara is disabled, 0 accounts went back\n" == arflow("user", "disable", "cara").out
