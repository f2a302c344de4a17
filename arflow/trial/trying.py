"""Lives the accounts twice for each question, batch by batch, until all of them are lived or the time is up."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from arflow import clock
from arflow.advance import Engineering, ahead_under, past_under
from arflow.clock import Now
from arflow.isodates import ONE_DAY
from arflow.rules.policy import Policy
from arflow.store import policies, tables
from arflow.trial import families
from arflow.trial.sides import Asked
from arflow.trial.told import Trial

PAST, AHEAD, ACCOUNTS, DIFFERENCES = 90, 14, 2_000, 20
"""How many days are looked at, back and ahead, of how many accounts, and how many that differ are told."""

WEEK = 7
"""How many days of the past are counted together."""

_BATCH = 100

Progress = Callable[[str, float], None]


def tried(
    connection: Connection,
    policy: Policy,
    engineering: Engineering,
    *,
    past: int = PAST,
    ahead: int = AHEAD,
    most: int = ACCOUNTS,
    differences: int = DIFFERENCES,
    seconds: float | None = None,
    progress: Progress = lambda *_: None,
) -> Trial:
    """Try a checked policy on up to `most` accounts, in the past days and in those ahead; 0 days leave that out.

    After `seconds` no further accounts are begun with. `connection` should see one moment of the database.
    """
    begun, now = time.monotonic(), clock.read(connection)
    active = policies.active_one(connection, policy.name)
    stands = policies.named(connection, active.version) if active else None
    currencies = sorted({policy.currency, *([stands.currency] if stands else [])})
    since = _recorded_since(connection)
    two = _Two(connection=connection, now=now, engineering=engineering, stands=stands, policy=policy, since=since)
    asked = ({"past": two.past(past)} if past else {}) | ({"ahead": two.ahead(ahead)} if ahead else {})
    found = families.chosen(connection, currencies, most)
    all_of_them, too_large, smallest = families.sizes(connection, currencies, most)
    wanted, done = sum(size for _, size in found), 0
    for at in range(0, len(found), _BATCH):
        if done and seconds is not None and time.monotonic() - begun > seconds:
            break
        progress("trying", done / wanted)
        batch = found[at : at + _BATCH]
        for one in asked.values():
            one.ask(connection, [head for head, _ in batch])
        done += sum(size for _, size in batch)
    told = {name: one.told(differences) for name, one in asked.items()}
    return Trial(
        policy=policy.name,
        version=policy.version,
        active=stands.version if stands else None,
        currencies=tuple(currencies),
        today=now.today,
        recorded_since=since,
        accounts=done,
        of=all_of_them,
        most=most,
        too_large=too_large,
        smallest=smallest,
        is_cut=done < wanted,
        past=told.get("past"),
        ahead=told.get("ahead"),
    )


@dataclass(frozen=True, kw_only=True)
class _Two:
    """What is compared: what is active, by the version that `stands` or without any of its name, and `policy`."""

    connection: Connection
    now: Now
    engineering: Engineering
    stands: Policy | None
    policy: Policy
    since: dt.date | None
    """The day on which the first event became known."""

    def past(self, days: int) -> Asked:
        """What happened in so many days until today, asked of no account yet; not before there is a past."""
        start = self.now.today - dt.timedelta(days=days - 1)
        if self.since is not None and self.since <= self.now.today:
            start = max(start, self.since - ONE_DAY)  # it may be yesterday elsewhere
        return Asked(
            start=start,
            until=self.now.today,
            periods=_periods(start, self.now.today, WEEK),
            is_past=True,
            lives=(
                lambda ids: past_under(self.connection, ids, self.now, self.engineering, policy=self.stands),
                lambda ids: past_under(self.connection, ids, self.now, self.engineering, policy=self.policy),
            ),
        )

    def ahead(self, days: int) -> Asked:
        """What happens today and in so many days after, asked of no account yet."""
        until = self.now.today + dt.timedelta(days=days)
        return Asked(
            start=self.now.today,
            until=until,
            periods=_periods(self.now.today, until, 1),
            is_past=False,
            lives=(
                lambda ids: ahead_under(self.connection, ids, self.now, until, self.engineering),
                lambda ids: ahead_under(self.connection, ids, self.now, until, self.engineering, policy=self.policy),
            ),
        )


def _periods(start: dt.date, until: dt.date, length: int) -> tuple[dt.date, ...]:
    """The first days of periods of so many days, counted back from `until`; the first may be shorter."""
    first, found = until + ONE_DAY, list[dt.date]()
    while first > start:
        first = max(start, first - dt.timedelta(days=length))
        found.append(first)
    return tuple(reversed(found))


def _recorded_since(connection: Connection) -> dt.date | None:
    event = tables.event.c
    first = connection.execute(select(event.known_on, event.known_at).order_by(event.id).limit(1)).first()
    if first is None:
        return None
    return first.known_on or (first.known_at.date() if first.known_at else None)
