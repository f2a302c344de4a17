"""Whoever a policy gives work to is here, or is named."""

import pytest
from sqlalchemy import Connection

from arflow.desk import queues, receivers, users
from arflow.desk.users import User
from arflow.rules.loader import load_policy
from arflow.stack.sample_company import PEOPLE, QUEUES
from tests.production import STANDARD, standard

pytestmark = pytest.mark.database

RULES = """\
policy: p
currency: USD
rules:
  - {id: a, from: current, when: days_overdue >= 3, to: called, do: [{call: colection}], why: So.}
  - {id: b, from: called, when: on_hold, to: escalated, do: [{assign: carla}, {notify: finanse-lead}], why: No.}
  - {id: c, from: called, when: on_hold, do: [{call: colection}, {notify: cfo@hill.example}], why: So.}
  - {id: d, from: called, when: on_hold, do: [{call: carla}, {notify: lead}, {send: letter}, {tag: nobody}], why: So.}
"""


def _said(connection: Connection, policy: str) -> list[str]:
    return [one.sentence for one in receivers.missing(connection, [load_policy(policy, file="p")])]


def test_a_name_that_nobody_has_is_told_with_its_rules(connection: Connection) -> None:
    """A person has no calls of a queue; an address and a role need nobody of that name."""
    queues.add(connection, name="collections")
    users.add(connection, name="carla", roles=["caller"])
    assert [
        "nobody here is called `colection` (did you mean `collections`?), to whom rule `a` and 1 more of `p` give work",
        "nobody here is called `finanse-lead` (did you mean `finance-lead`?), to whom rule `b` of `p` gives work",
        "nobody here is called `carla`, to whom rule `d` of `p` gives work",
    ] == _said(connection, RULES)


def test_who_has_left_is_not_here(connection: Connection) -> None:
    assigned = RULES.replace("call: carla", "assign: carla")
    carla: User = users.add(connection, name="carla", roles=["caller"])
    assert not any("`carla`" in one for one in _said(connection, assigned))
    users.disable(connection, carla.name)
    assert any("`carla`" in one for one in _said(connection, assigned))


def test_the_sample_company_has_everybody_whom_the_standard_policies_name(connection: Connection) -> None:
    for one in PEOPLE:
        users.add(connection, name=one.name, roles=[one.role])
    for name, (title, members) in QUEUES.items():
        queues.add(connection, name=name, title=title, members=members)
    assert [] == receivers.missing(connection, [standard(name) for name in STANDARD])
