"""How the running system stands: what is due, what waits, what failed, who was seen. Numbers only, no customer data."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, ScalarSelect, case, func, literal, select

from arflow import clock
from arflow.life.records import CashMark
from arflow.store import accounts, cash, fuse, leases, policies, switch
from arflow.store.desk_tables import MESSAGE_STATUSES, blown_fuse, delivery_switch, heartbeat, message
from arflow.store.fuse import Fuse
from arflow.store.tables import account, effect, policy_version

_LATELY = dt.timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class System:
    """What stands in the database about the work that is to be done."""

    now: clock.Now
    accounts: int
    due: int
    oldest_due: dt.datetime | None
    """The instant since which the account that waits longest is due."""

    late_by: dt.timedelta | None
    """How long it waits by the business clock; None on a stepped clock, where that says nothing."""

    parked: int
    behind_policy: int
    """Accounts that have not moved to the latest activated policy versions yet."""

    is_delivering: bool
    kept_back: int
    """How many messages and calls wait at their accounts for something other than their moment."""

    blown: Sequence[Fuse]
    waits_for_payments: str
    """Why a policy keeps messages back until payments are complete; empty when none does."""

    messages: Mapping[str, int]
    """How many messages stand at each status."""

    failed_lately: int
    """How many messages failed in the last seven days."""

    oldest_queued: dt.timedelta | None
    """How long the message waits to be handed over that waits longest for nothing else than that."""

    seen: Mapping[str, dt.timedelta]
    """How long ago each process that beats was seen."""


def read(connection: Connection) -> System:
    """The numbers of this moment."""
    now = clock.read(connection)
    due, oldest = _due(connection, now)
    return System(
        now=now,
        accounts=_accounts(connection),
        due=due,
        oldest_due=oldest,
        late_by=now.at - oldest if now.at and oldest else None,
        parked=_accounts(connection, accounts.is_parked()),
        behind_policy=_accounts(connection, account.c.policy_seen < policies.latest_activation(connection)),
        is_delivering=switch.is_on(connection),
        kept_back=kept_back(connection),
        blown=fuse.blown(connection),
        waits_for_payments=_waits_for_payments(connection, now),
        messages=_messages(connection),
        failed_lately=_failed_lately(connection),
        oldest_queued=_oldest_queued(connection),
        seen=_seen(connection),
    )


def kept_back(connection: Connection, policy: str | None = None) -> int:
    """How many messages and calls wait at their accounts without a moment of their own, perhaps of one policy only."""
    query = select(func.count()).select_from(effect).where(effect.c.status == "waiting", effect.c.due_at.is_(None))
    if policy is not None:
        named = select(policy_version.c.version).where(policy_version.c.name == policy)
        of_policy = account.c.policy_version.in_(named)
        query = query.join(account, account.c.id == effect.c.account_id).where(of_policy)
    return connection.execute(query).scalar_one()


def payments_age(connection: Connection) -> dt.timedelta | None:
    """How old complete payments may be for the strictest active policy; None when none asks for it."""
    gates = [one.guards.fresh_cash for one in policies.active_now(connection)]
    hours = [gate.max_age_hours for gate in gates if gate is not None and gate.max_age_hours is not None]
    return dt.timedelta(hours=min(hours)) if hours else None


def _waits_for_payments(connection: Connection, now: clock.Now) -> str:
    age, zone = payments_age(connection), ZoneInfo("UTC")
    last = next(reversed(cash.marks(connection)), None)
    if age is None:
        return ""
    if last is None:
        return "nobody has said yet that payments are complete"
    present = CashMark(known_at=now.at, known_on=now.day).known(zone)
    return (
        f"payments are complete until {last.until(zone):%Y-%m-%d %H:%M} only"
        if present - last.until(zone) > age
        else ""
    )


def _accounts(connection: Connection, *which: object) -> int:
    query = select(func.count()).select_from(account).where(*which)  # type: ignore[arg-type]  # conditions
    return connection.execute(query).scalar_one()


def _due(connection: Connection, now: clock.Now) -> tuple[int, dt.datetime | None]:
    query = select(func.count().label("due"), func.min(account.c.next_due).label("oldest"))
    row = connection.execute(query.where(accounts.due(now.latest, now.day))).one()
    return row.due, row.oldest


def _failed_lately(connection: Connection) -> int:
    lately = message.c.settled_at > func.now() - literal(_LATELY)
    query = select(func.count()).select_from(message).where(message.c.status == "failed", lately)
    return connection.execute(query).scalar_one()


def _messages(connection: Connection) -> Mapping[str, int]:
    rows = connection.execute(select(message.c.status, func.count().label("messages")).group_by(message.c.status))
    return dict.fromkeys(MESSAGE_STATUSES, 0) | {row.status: row.messages for row in rows}


def _oldest_queued(connection: Connection) -> dt.timedelta | None:
    """Since when a message is ready, or is tried again and again: what a mail server or a worker is to blame for.

    What is put off until its hold, its fuse or the night is over waits for that, also if it was tried before. Neither
    is to blame for the time while delivery was off, or the fuse blown.
    """
    is_tried = leases.is_tried() & (message.c.not_before < func.now() + literal(_NEXT_ATTEMPT))
    held = select(account.c.id).where(account.c.id == message.c.account_id, account.c.on_hold).exists()
    is_held = message.c.number.is_not(None) & held
    since_ready = func.greatest(message.c.queued_at, message.c.not_before, message.c.leased_until)
    since = case((leases.is_tried(), message.c.tried_from), else_=since_ready)
    waits = select((func.now() - func.min(func.greatest(since, *_let_go()))).label("waits")).where(
        message.c.settled_at.is_(None), leases.is_ready() | is_tried, ~leases.is_stopped(), ~is_held
    )
    found: dt.timedelta | None = connection.execute(waits).one().waits
    return found


def _let_go() -> tuple[ScalarSelect[dt.datetime], ...]:
    """When delivery was turned last, and the fuse of a message's policy mended last; null where that never was."""
    turned = select(func.max(delivery_switch.c.at)).scalar_subquery()
    of_policy = blown_fuse.c.policy == message.c.policy
    mended = select(func.max(blown_fuse.c.mended_at)).where(of_policy).correlate(message).scalar_subquery()
    return turned, mended


_NEXT_ATTEMPT = dt.timedelta(seconds=1.2 * leases.LONGEST_PAUSE)
"""How long the longest pause between two attempts may come to: it varies by a fifth."""


def _seen(connection: Connection) -> Mapping[str, dt.timedelta]:
    rows = connection.execute(select(heartbeat.c.name, (func.now() - heartbeat.c.seen_at).label("ago")))
    return {row.name: row.ago for row in rows}
