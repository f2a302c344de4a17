"""To whom accounts can be given: people who work accounts, and queues."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, literal, or_, select, union_all

from arflow.errors import Refused, did_you_mean
from arflow.rules.policy import Policy
from arflow.store.accounts import listed
from arflow.store.desk_tables import queue, user
from arflow.store.tables import account
from arflow.vocabulary import EffectKind, State

_WORKS = ("caller", "lead")


@dataclass(frozen=True, kw_only=True)
class Assignee:
    """A user or a queue to whom an account can be given."""

    name: str
    shown: str
    is_queue: bool


def assignees(connection: Connection) -> list[Assignee]:
    """Everybody to whom an account can be given: queues first, then the callers and leads who are not disabled."""
    people = select(user.c.name, user.c.full_name.label("title"), literal(False).label("is_queue")).where(
        user.c.disabled_at.is_(None), or_(*(user.c.roles.any_() == role for role in _WORKS))
    )
    queues = select(queue.c.name, queue.c.title, literal(True).label("is_queue"))
    found = union_all(queues, people).subquery()
    rows = connection.execute(select(found).order_by(found.c.is_queue.desc(), found.c.name))
    return [Assignee(name=row.name, shown=row.title or row.name, is_queue=row.is_queue) for row in rows]


def seniors(connection: Connection, policy: Policy | None) -> list[Assignee]:
    """To whom the rules of a policy give accounts that they escalate, those of them who are here, in their order.

    A person who escalates one says what happened; who works it then is what the rules say, whoever escalates.
    """
    rules = policy.rules if policy is not None else ()
    given = [effect for rule in rules if rule.to is State.ESCALATED for effect in rule.do]
    names = dict.fromkeys(effect.name for effect in given if effect.kind is EffectKind.ASSIGN)
    here = {one.name: one for one in assignees(connection)} if names else {}
    return [here[name] for name in names if name in here]


def check(connection: Connection, name: str) -> None:
    """Raise Refused when accounts cannot be given to `name`; to nobody, by an empty name, they can."""
    known = [assignee.name for assignee in assignees(connection)]
    if name and name not in known:
        raise Refused(f"`{name[:80]}` is no caller, lead or queue{did_you_mean(name, known)}")


def owners(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Who owns each of the accounts `ids`, by id."""
    query = select(account.c.id, account.c.owner).where(account.c.id.in_(listed(ids))).order_by(account.c.id)
    return {row.id: row.owner for row in connection.execute(query)}


def shown_names(connection: Connection, of: Iterable[str] | None = None) -> dict[str, str]:
    """What every user and queue, also a disabled one, is called; or those of them that `of` names."""
    names = union_all(select(user.c.name, user.c.full_name.label("title")), select(queue.c.name, queue.c.title))
    found = names.subquery()
    wanted = select(found) if of is None else select(found).where(found.c.name.in_(listed(sorted(set(of)))))
    return {row.name: row.title or row.name for row in connection.execute(wanted)}
