"""`arflow status` says what needs a person, one line for each, and ends with 1 when something does."""

import datetime as dt
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from arflow import clock, queues
from arflow.advance import activate, turn_delivery
from arflow.desk import users
from arflow.rules.loader import load_policy
from arflow.store import desk_tables, leases, waiting
from tests.servers import valkey
from tests.stack.test_backups import Command, command
from tests.workers.books import NAME, open_account
from workers import ticker

__all__ = ["command"]
pytestmark = pytest.mark.database


_CALLS = """
policy: calls
currency: EUR
rules:
  - {id: late, from: current, when: days_overdue >= 30, to: called, do: [{call: collections}], why: Late.}
"""


def _needs(command: Command, url: str) -> set[str]:
    _, said, _ = command(url, "status", "--format", "json")
    return {need["what"] for need in json.loads(said)["needs"]}


def test_each_thing_that_needs_a_person_is_named(
    engine: Engine, database_url: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was mended is not named any more."""
    monkeypatch.setenv("ARFLOW_HOME", str(tmp_path))
    assert {"ticker", "no_admin"} == _needs(command, database_url)
    open_account(engine)
    with engine.begin() as connection:
        waiting.beat(connection, ticker.NAME)
        users.add(connection, name="ada", roles=["admin"], password="a long password")  # noqa: S106  # of nobody
    assert {"delivery_off", "unassigned", "redis"} == _needs(command, database_url)
    began = (
        "INSERT INTO policy_activation (name, version, message, actor, at, known_at) SELECT name, version, '', '', {} "
    )
    with engine.begin() as connection:
        long_ago = "now() - interval '3 days', now() FROM policy_version"
        connection.execute(text(began.format(long_ago)))
    assert {"delivery_off", "unassigned", "redis", "no_anchor"} == _needs(command, database_url)
    assert 0 == command(database_url, "audit", "anchor")[0]
    with engine.begin() as connection:
        turn_delivery(connection, is_on=True, actor="ada", reason="")
        connection.execute(text("UPDATE account SET owner = 'ada'"))
    with valkey(tmp_path) as url:
        monkeypatch.setenv("ARFLOW_REDIS_URL", url)
        assert {"no_drain_worker", "no_deliver_worker"} == _needs(command, database_url)
        with engine.begin() as connection:
            connection.execute(text('UPDATE account SET parked = \'{"reason": "x"}\', wake = NULL'))
            activate(connection, load_policy(_CALLS, file="calls.yaml"), message="", actor="test")
            connection.execute(
                insert(desk_tables.message).values(
                    account_id=NAME,
                    number=1,
                    template="friendly-reminder",
                    decided_at=text("now()"),
                    status="failed",
                    settled_at=text("now()"),
                )
            )
        with queues.connect(url) as redis:
            failed = queues.queue(redis, queues.DRAIN).enqueue_call(queues.ENTRY, args=(queues.DRAIN,))
            failed.failed_job_registry.add(failed, ttl=60)
        found = _needs(command, database_url)
    assert {"parked", "failed", "jobs", "no_receiver", "no_drain_worker", "no_deliver_worker"} == found


_LETTER = (
    "INSERT INTO message (account_id, number, policy, template, decided_at, status, queued_at, not_before, tried_from, "
    "leased_until, error) VALUES ('A', 1, 'quiet', 'friendly-reminder', now(), '{status}', now() - interval '3 days', "
    "now() + interval '{not_before}', now() + interval '{tried}', now() + interval '{leased}', '{error}')"
)
_ON = "INSERT INTO delivery_switch (is_on, at, known_at) VALUES (true, now() - interval '{}', now())"
_BLOWN = "INSERT INTO blown_fuse (policy, \"on\", number, ceiling) VALUES ('quiet', current_date, 9, 1)"
_RELEASED = (
    'INSERT INTO blown_fuse (policy, "on", number, ceiling, mended_at, is_released, known_at) '
    "VALUES ('{}', current_date, 9, 1, now(), true, now())"
)
_HELD = "UPDATE account SET on_hold = true"


@pytest.mark.parametrize(
    ("letter", "besides", "waits"),
    [
        ({"not_before": "10 minutes"}, _HELD, False),
        ({"not_before": "-1 second"}, _HELD, False),
        ({"not_before": "10 minutes", "tried": "-1 day"}, _HELD, False),
        ({"not_before": "-2 hours"}, _BLOWN, False),
        ({"not_before": "-2 hours", "tried": "-1 day"}, _BLOWN, False),
        ({"not_before": "14 hours"}, "", False),
        ({"not_before": "14 hours", "tried": "-1 day"}, "", False),
        ({"not_before": "-10 minutes"}, "", False),
        ({"not_before": "-1 day", "leased": "1 minute"}, "", False),
        ({"not_before": "-1 day", "leased": "-1 minute"}, "", False),
        ({"not_before": "-2 hours"}, "", True),
        ({"not_before": "-3 hours", "leased": "-2 hours"}, "", True),
        ({"not_before": "50 minutes", "tried": "-2 hours"}, "", True),
        ({"not_before": "-1 hour", "tried": "-2 hours", "leased": "1 minute"}, "", True),
        ({"not_before": "50 minutes", "tried": "-1 day", "error": ""}, "", False),
        ({"not_before": "-1 minute", "tried": "-1 day", "error": ""}, "", False),
        ({"not_before": "-2 hours", "tried": "-1 day", "error": ""}, "", True),
        ({"not_before": "-3 days"}, _ON.format("1 second"), False),
        ({"not_before": "10 minutes", "tried": "-3 days"}, _ON.format("1 second"), False),
        ({"not_before": "-3 days"}, _ON.format("2 hours"), True),
        ({"not_before": "-3 days"}, _RELEASED.format("quiet"), False),
        ({"not_before": "-3 days"}, _RELEASED.format("another"), True),
    ],
)
def test_only_what_waits_for_the_mail_server_is_laid_to_it(
    engine: Engine, database_url: str, command: Command, letter: dict[str, str], besides: str, *, waits: bool
) -> None:
    """What is put off because of a hold, a fuse or the night waits for that, however long ago it was queued.

    The time while delivery was off, or the fuse blown, is laid to nobody.
    """
    open_account(engine)
    status = "sending" if "leased" in letter else "queued"
    error = "the mail server said 451" if "tried" in letter else ""
    said = _LETTER.format(**{"status": status, "tried": "none", "leased": "none", "error": error} | letter)
    with engine.begin() as connection:
        connection.execute(text(said.replace("now() + interval 'none'", "NULL")))
        connection.execute(text(_ON.format("4 days")))
        if besides:
            connection.execute(text(besides))
    assert waits == ("stuck" in _needs(command, database_url))


def test_a_letter_that_is_put_off_waits_for_the_mail_server_no_more(
    engine: Engine, database_url: str, command: Command
) -> None:
    """One that goes back to the queue because a worker ends, or its account has changed, still does."""
    open_account(engine)
    tried = {"status": "queued", "not_before": "-1 second", "tried": "-2 hours", "error": "the mail server said 451"}
    letter = _LETTER.format(**tried, leased="none").replace("now() + interval 'none'", "NULL")
    later = clock.real_now() + dt.timedelta(minutes=50)
    with engine.begin() as connection:
        connection.execute(text(letter))
        connection.execute(text(_ON.format("4 days")))
    for until, waits in ((None, True), (later, False)):
        with engine.begin() as connection:
            (claimed,) = leases.claim(connection, limit=1, seconds=60, domain="hill.example")
            assert leases.put_back(connection, claimed, not_before=until)
        assert waits == ("stuck" in _needs(command, database_url))


def test_it_speaks_to_people_and_ends_with_1(engine: Engine, database_url: str, command: Command) -> None:
    open_account(engine)
    status, said, err = command(database_url, "status")
    assert 1 == status
    lines = [line for line in said.splitlines() if line.startswith("needs a person: ")]
    forecast = "delivery is off; turned on now, and with payments complete, 0 messages and calls would go out today"
    assert any(forecast in line for line in lines)
    assert "needs a person: the ticker has not been seen yet; start `arflow up`" in lines
    assert f"arflow: {len(lines)} things need a person\n" == err
