"""Before go-live: the old debts that may begin in a state of a person's choice, counted before anybody decides."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, Subquery, case, cast, func, select

from arflow.life.passes import NO_POLICY
from arflow.machines.states import is_harsher
from arflow.store import accounts, desk_tables, policies, tables
from arflow.vocabulary import EffectKind, State

BEGIN_IN = (State.REMINDED, State.CALLED, State.ESCALATED)
"""The states in which an old debt can begin."""

_LEFT_ALONE = (State.PROMISED, State.DISPUTED)
_account, _item = tables.account, tables.item


@dataclass(frozen=True, kw_only=True)
class Old:
    """Accounts of one currency that now stand in `state`, and what they have overdue."""

    currency: str
    state: str
    has_policy: bool
    """False: no active policy is for them, so they stay where they are."""

    accounts: int
    gross: int


def _oldest(day: dt.date) -> Subquery:
    return (
        select(
            _item.c.account_id,
            func.min(_item.c.due).label("oldest"),
            cast(func.sum(_item.c.open), BigInteger).label("gross"),
        )
        .where(_item.c.open > 0, _item.c.due < day)
        .group_by(_item.c.account_id)
        .subquery()
    )


def _has_policy() -> ColumnElement[bool]:
    return func.coalesce(_account.c.parked["reason"].astext, "") != NO_POLICY


def _which(oldest: Subquery, older_than: dt.date, to: State) -> tuple[ColumnElement[bool], ...]:
    below = _account.c.state.in_([str(state) for state in _below(to)])
    book = func.coalesce(_account.c.pays_through, _account.c.id)  # the rules look at the payer's debts
    return oldest.c.account_id == book, oldest.c.oldest < older_than, below


def _below(to: State) -> list[State]:
    """From where an account is taken to `to`: only up, or a second choice would take back what the first one did."""
    return [state for state in State if is_harsher(state, to) and state not in _LEFT_ALONE]


def old_debts(connection: Connection, day: dt.date, older_than: dt.date, to: State) -> list[Old]:
    """The accounts whose oldest overdue instalment was due before `older_than`, by currency and present state.

    Who pays through another has that one's debts. Those that stand in `to` already or above it, and those with a
    promise or a dispute over all they owe, are not among them.
    """
    oldest = _oldest(day)
    gross = case((_account.c.pays_through.is_(None), oldest.c.gross), else_=0)  # money counts once, with its payer
    each = (
        select(_account.c.currency, _account.c.state, _has_policy().label("has_policy"), gross.label("gross"))
        .where(*_which(oldest, older_than, to))
        .subquery()
    )
    key = each.c.currency, each.c.state, each.c.has_policy
    total = cast(func.sum(each.c.gross), BigInteger).label("gross")
    rows = connection.execute(select(*key, func.count().label("accounts"), total).group_by(*key)).mappings()
    found = [Old(**row) for row in rows]
    return sorted(found, key=lambda one: (not one.has_policy, one.currency, list(State).index(State(one.state))))


def ids_of_old_debts(connection: Connection, day: dt.date, older_than: dt.date, to: State) -> Sequence[str]:
    """The ids of those accounts that have a policy, in order."""
    oldest = _oldest(day)
    query = select(_account.c.id).where(*_which(oldest, older_than, to), _has_policy()).order_by(_account.c.id)
    return list(connection.execute(query).scalars())


def still_below(connection: Connection, ids: Collection[str], to: State) -> list[str]:
    """Those of `ids` that nobody has meanwhile taken to `to` or above it, in order."""
    below = _account.c.state.in_([str(state) for state in _below(to)])
    query = select(_account.c.id).where(_account.c.id.in_(accounts.listed(list(ids))), below).order_by(_account.c.id)
    return list(connection.execute(query).scalars())


def without_policy(connection: Connection) -> int:
    """How many accounts no active policy is for."""
    query = select(func.count()).select_from(_account).where(~_has_policy())
    return int(connection.execute(query).scalar_one())


def without_people(connection: Connection) -> list[str]:
    """What active policies call on or assign to although nobody works there: no user, or a queue without any."""
    found = policies.active_now(connection)
    effects = (effect for policy in found for rule in policy.rules for effect in rule.do)
    named = {effect.name for effect in effects if effect.kind in (EffectKind.CALL, EffectKind.ASSIGN)}
    user, member = desk_tables.user, desk_tables.queue_member
    here = select(user.c.name).where(user.c.disabled_at.is_(None))
    worked = select(member.c.queue).where(member.c.user_name.in_(here))
    return sorted(named - set(connection.execute(here.union_all(worked)).scalars()))


def without_address(connection: Connection, ids: Collection[str]) -> int:
    """How many of `ids` have no contact with an e-mail address."""
    person = tables.person
    written = select(person.c.account_id).where(person.c.account_id == _account.c.id, person.c.email.like("%_@_%"))
    chosen = _account.c.id.in_(accounts.listed(list(ids)))
    return int(
        connection.execute(select(func.count()).select_from(_account).where(chosen, ~written.exists())).scalar_one()
    )


def messages_to_hand_over(connection: Connection) -> int:
    """How many messages have left their accounts and wait to be handed over, until delivery is on."""
    message = desk_tables.message
    query = select(func.count()).select_from(message).where(message.c.settled_at.is_(None))
    return int(connection.execute(query).scalar_one())
