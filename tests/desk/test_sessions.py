"""Sessions end by themselves; wrong passwords make one wait; links work once."""

import datetime as dt
import threading

import pytest
from sqlalchemy import Connection, Engine, text

from arflow.desk import links, sessions, users
from arflow.desk.sessions import FREE_TRIES, FREE_TRIES_OF_ADDRESS, FREE_TRIES_OF_NAME, LONGEST_WAIT, Lifetime
from arflow.errors import SaysNo

pytestmark = pytest.mark.database

LIFETIME = Lifetime(idle=dt.timedelta(minutes=30), longest=dt.timedelta(hours=12))


@pytest.fixture
def cara(connection: Connection) -> str:
    users.add(connection, name="cara", roles=["caller"])
    return sessions.begin(connection, "cara")


def is_live(connection: Connection, token: str) -> bool:
    found = sessions.find(connection, token, LIFETIME)
    return found is not None and found.is_live


@pytest.mark.parametrize(
    ("made", "seen", "lives"),
    [("11:59", "00:29", True), ("12:01", "00:00", False), ("11:00", "00:31", False)],
)
def test_a_session_ends_unused_and_old(connection: Connection, cara: str, made: str, seen: str, *, lives: bool) -> None:
    query = "UPDATE session SET made_at = now() - CAST(:made AS interval), seen_at = now() - CAST(:seen AS interval)"
    connection.execute(text(query), {"made": made, "seen": seen})
    assert lives == is_live(connection, cara)


def test_a_disabled_person_is_out_at_once(connection: Connection, cara: str) -> None:
    assert is_live(connection, cara)
    users.add(connection, name="boss", roles=["admin"])
    users.disable(connection, "cara")
    assert not is_live(connection, cara)


def test_only_a_digest_of_the_token_is_kept(connection: Connection, cara: str) -> None:
    kept = connection.execute(text("SELECT encode(token, 'escape') FROM session")).scalar_one()
    assert cara not in kept
    assert sessions.find(connection, kept, LIFETIME) is None


# --- wrong passwords --------------------------------------------------------------------------------------------------


def waits(engine: Engine, tries: int, name: str = "cara", address: str = "10.0.0.1") -> list[float]:
    """The seconds to wait at each of `tries`, made at once one after the other."""
    found = []
    for _ in range(tries):
        with engine.begin() as connection:
            found.append(sessions.try_log_in(connection, name, address).total_seconds())
    return found


def later(engine: Engine, span: dt.timedelta) -> None:
    """Let time go by."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE failed_log_in SET at = at - CAST(:span AS interval)"), {"span": span})


def test_each_wrong_password_doubles_the_wait(engine: Engine) -> None:
    assert [0.0] * FREE_TRIES == waits(engine, FREE_TRIES)
    for expected in (2, 4, 8, 16):
        (wait,) = waits(engine, 1)
        assert expected - 1 < wait <= expected
        later(engine, dt.timedelta(seconds=expected))
        assert [0.0] == waits(engine, 1)


def test_nobody_waits_longer_than_the_longest(engine: Engine) -> None:
    for _ in range(20):
        waits(engine, 1)
        later(engine, dt.timedelta(seconds=1))
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO failed_log_in (name, address) VALUES ('cara', '10.0.0.1')"))
    (wait,) = waits(engine, 1)
    assert LONGEST_WAIT.total_seconds() - 5 < wait <= LONGEST_WAIT.total_seconds()
    later(engine, LONGEST_WAIT)
    assert [0.0] == waits(engine, 1)


def test_one_address_tries_few_names(engine: Engine) -> None:
    found = [waits(engine, 1, name=f"user{number}")[0] for number in range(FREE_TRIES_OF_ADDRESS + 1)]
    assert [0.0] * FREE_TRIES_OF_ADDRESS == found[:-1]
    assert found[-1] > 0
    assert [0.0] == waits(engine, 1, name="other", address="10.0.0.2")


def test_who_guesses_elsewhere_does_not_keep_a_person_out(engine: Engine) -> None:
    """Until it is done from everywhere."""
    assert waits(engine, FREE_TRIES + 1, address="10.0.0.2")[-1] > 0
    assert [0.0] == waits(engine, 1, address="10.0.0.1")
    places = FREE_TRIES_OF_NAME // FREE_TRIES
    for number in range(places):
        waits(engine, FREE_TRIES, address=f"10.0.1.{number}")
    assert waits(engine, 1, address="10.0.2.1")[0] > 0


def test_many_tries_at_once_are_no_cheaper(engine: Engine) -> None:
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.extend(waits(engine, 1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FREE_TRIES == found.count(0.0)


def test_the_right_password_forgives(engine: Engine) -> None:
    waits(engine, FREE_TRIES)
    with engine.begin() as connection:
        sessions.forgive(connection, "cara")
    assert [0.0] == waits(engine, 1)


# --- links ------------------------------------------------------------------------------------------------------------


def test_the_first_admins_link_works_once(connection: Connection) -> None:
    token = links.first_admin(connection)
    assert token is not None
    links.use_for_first(connection, token)
    with pytest.raises(SaysNo, match="was used already"):
        links.use_for_first(connection, token)


def test_there_is_no_such_link_once_there_is_an_admin(connection: Connection) -> None:
    token = links.first_admin(connection)
    assert token is not None
    users.add(connection, name="boss", roles=["admin"], password="correct horse battery")  # noqa: S106  # of this test
    assert links.first_admin(connection) is None
    with pytest.raises(SaysNo):
        links.use_for_first(connection, token)


def test_a_newer_link_ends_the_older(connection: Connection) -> None:
    older, newer = links.first_admin(connection), links.first_admin(connection)
    assert older is not None
    assert newer is not None
    with pytest.raises(SaysNo):
        links.look_for_first(connection, older)
    links.look_for_first(connection, newer)


def test_a_link_ends_by_itself(connection: Connection) -> None:
    users.add(connection, name="cara", roles=[])
    token = links.new_password(connection, "cara")
    connection.execute(text("UPDATE one_time_link SET expires_at = now()"))
    with pytest.raises(SaysNo, match="too old"):
        links.use_for_password(connection, token)


@pytest.mark.parametrize("ends", ["password", "disabled"])
def test_a_link_ends_with_another_password_and_with_who_is_disabled(connection: Connection, ends: str) -> None:
    """Whoever holds it, from a chat or a mail, must not take the person's place afterwards."""
    users.add(connection, name="cara", roles=[])
    token = links.new_password(connection, "cara")
    if ends == "password":
        users.set_password(connection, "cara", "correct horse battery")
    else:
        users.disable(connection, "cara")
        users.enable(connection, "cara")
    with pytest.raises(SaysNo):
        links.look_for_password(connection, token)


def test_links_are_of_their_kind(connection: Connection) -> None:
    """The one that sets a password makes no admin, and the other way round."""
    users.add(connection, name="cara", roles=[])
    password, first = links.new_password(connection, "cara"), links.first_admin(connection)
    assert first is not None
    with pytest.raises(SaysNo):
        links.look_for_first(connection, password)
    with pytest.raises(SaysNo):
        links.look_for_password(connection, first)
    assert "cara" == links.use_for_password(connection, password)
