"""People: names, roles, passwords."""

import pytest
from sqlalchemy import Connection, text

from arflow.desk import queues, sessions, users
from arflow.errors import Refused, SaysNo

pytestmark = pytest.mark.database

GOOD = "correct horse battery"


def test_a_person_has_several_roles_and_queues(connection: Connection) -> None:
    users.add(
        connection, name="cara", full_name=" Cara C. ", email="cara@example.com", roles=["lead", "caller", "lead"]
    )
    queues.add(connection, name="seniors", members=["cara"])
    queues.add(connection, name="agency", members=["cara"])
    assert users.find(connection, "cara") == users.User(
        name="cara",
        full_name="Cara C.",
        email="cara@example.com",
        roles=frozenset({"caller", "lead"}),
        queues=("agency", "seniors"),
        has_password=False,
    )


def test_a_name_that_is_no_name_is_refused(connection: Connection) -> None:
    for name in ("", "Cara", "-cara", "ca ra", "cara\n", "c" * 65, "cära", "ca/ra"):
        with pytest.raises(Refused, match="is no name"):
            users.add(connection, name=name, roles=[])


def test_users_and_queues_do_not_share_a_name(connection: Connection) -> None:
    """An account's owner holds either."""
    users.add(connection, name="cara", roles=["caller"])
    queues.add(connection, name="seniors")
    with pytest.raises(Refused, match="there is a queue `seniors` already"):
        users.add(connection, name="seniors", roles=[])
    with pytest.raises(Refused, match="there is a user `cara` already"):
        queues.add(connection, name="cara")
    with pytest.raises(Refused, match="there is a user `cara` already"):
        users.add(connection, name="cara", roles=[])


def test_an_unknown_role_is_refused_with_the_nearest(connection: Connection) -> None:
    with pytest.raises(Refused, match="did you mean `caller`"):
        users.add(connection, name="cara", roles=["calller"])


def test_an_unknown_user_is_not_found(connection: Connection) -> None:
    users.add(connection, name="cara", roles=["caller"])
    with pytest.raises(SaysNo, match="did you mean `cara`"):
        users.find(connection, "carra")


def test_an_address_that_is_none_is_refused(connection: Connection) -> None:
    for email in ("cara", "@example.com", "cara@", "ca ra@example.com", "a@b\nBcc: c@d"):
        with pytest.raises(Refused, match="no e-mail address"):
            users.add(connection, name="cara", email=email, roles=[])


def test_a_weak_password_is_refused(connection: Connection) -> None:
    for password in ("", "short", "caracaracara", "aaaaaaaaaaaaaaaa", "x" * 1001):
        with pytest.raises(Refused, match="a password"):
            users.add(connection, name="cara", roles=[], password=password)


def test_only_the_right_password_of_an_active_person_counts(connection: Connection) -> None:
    users.add(connection, name="cara", roles=["caller"], password=GOOD)
    users.add(connection, name="nopass", roles=["caller"])
    assert users.password_is(connection, "cara", GOOD)
    assert not users.password_is(connection, "cara", GOOD.upper())
    assert not users.password_is(connection, "nopass", "")
    assert not users.password_is(connection, "nobody", "nobody has this password")
    users.add(connection, name="admin", roles=["admin"])
    users.disable(connection, "cara")
    assert not users.password_is(connection, "cara", GOOD)


def test_the_password_is_kept_as_an_argon2_hash_only(connection: Connection) -> None:
    users.add(connection, name="cara", roles=["caller"], password=GOOD)
    kept = connection.execute(text("SELECT password FROM app_user")).scalar_one()
    assert kept.startswith("$argon2id$")
    assert GOOD not in kept


def test_the_last_admin_stays(connection: Connection) -> None:
    users.add(connection, name="one", roles=["admin"], password=GOOD)
    with pytest.raises(Refused, match="the last admin"):
        users.disable(connection, "one")


def test_the_last_admin_stays_admin(connection: Connection) -> None:
    users.add(connection, name="one", roles=["admin"], password=GOOD)
    with pytest.raises(Refused, match="the last admin"):
        users.change(connection, "one", full_name="", email="", roles=["caller"])


def test_an_admin_who_never_set_a_password_does_not_count(connection: Connection) -> None:
    """Nobody could log in as admin any more."""
    users.add(connection, name="one", roles=["admin"], password=GOOD)
    users.add(connection, name="invited", roles=["admin"])
    with connection.begin_nested() as attempt:
        with pytest.raises(Refused, match="the last admin who can log in"):
            users.disable(connection, "one")
        attempt.rollback()
    users.disable(connection, "invited")
    assert users.has_admin(connection)


def test_another_password_logs_out_everywhere(connection: Connection) -> None:
    users.add(connection, name="cara", roles=["caller"], password=GOOD)
    sessions.begin(connection, "cara")
    users.set_password(connection, "cara", "battery horse correct")
    assert connection.execute(text("SELECT count(*) FROM session")).scalar() == 0


def test_a_queue_that_owns_nothing_can_be_taken_away(connection: Connection) -> None:
    queues.add(connection, name="seniors")
    queues.remove(connection, "seniors")
    assert [] == queues.every(connection)


def test_a_member_that_is_no_user_is_refused(connection: Connection) -> None:
    with pytest.raises(Refused, match="no user `ghost`"):
        queues.add(connection, name="seniors", members=["ghost"])
