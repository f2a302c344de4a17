"""When an episode begins, ends and goes on (contract, section 4): as long as gross overdue is above zero."""

import datetime as dt
from collections.abc import Callable

from msgspec.structs import replace

from arflow.accounts.entries import Account, Episode, Ledger
from arflow.evolving import evolve
from arflow.isodates import ONE_DAY

ActInstant = Callable[[dt.date], dt.datetime]


def fallen_due(account: Account, day: dt.date, act_instant: ActInstant) -> Account:
    """`account` with the episode that time alone has begun by the policy day `day`: on the day after a due date."""
    begun = upcoming(account, day, act_instant)
    return account if begun is None else evolve(account, episodes=(*account.episodes, begun))


def upcoming(account: Account, day: dt.date, act_instant: ActInstant) -> Episode | None:
    """The episode that runs on the policy day `day` if nothing is recorded until then, and does not run yet."""
    if account.episode is not None:
        return None
    oldest = account.book.oldest_due
    if oldest is None or oldest >= day:
        return None
    started_on = oldest + ONE_DAY
    return Episode(started_on=started_on, spans=((act_instant(started_on), None),))


def after_events(account: Account, before: Ledger, day: dt.date, now: dt.datetime) -> Account:
    """`account` after events at `now`, on its own clock, that turned the ledger `before` into the present one."""
    overdue = account.book.gross_overdue(day) > 0
    running = account.episode
    if overdue and running is None:
        return _begun(account, before, now)
    if not overdue and running is not None:
        return evolve(account, episodes=(*account.episodes[:-1], _ended(running, now)))
    return account


def _ended(episode: Episode, now: dt.datetime) -> Episode:
    start, _ = episode.spans[-1]
    return replace(episode, spans=(*episode.spans[:-1], (start, now)))


def _begun(account: Account, before: Ledger, now: dt.datetime) -> Account:
    old = _reopened(account, before)
    if old is None:
        new = Episode(started_on=now.date(), spans=((now, None),))
        return evolve(account, episodes=(*account.episodes, new))
    others = tuple(episode for episode in account.episodes if episode is not old)
    return evolve(account, episodes=(*others, replace(old, spans=(*old.spans, (now, None)))))


def _reopened(account: Account, before: Ledger) -> Episode | None:
    """The episode that was running when what has just been reversed was recorded, the latest such one first."""
    reversed_now = [
        clearing.recorded[0]
        for key, clearing in account.book.clearings.items()
        if clearing.reversed_on and key in before.clearings and not before.clearings[key].reversed_on
    ]
    for recorded in sorted(reversed_now, reverse=True):
        for episode in reversed(account.episodes):
            if episode.was_running_at(recorded):
                return episode
    return None
