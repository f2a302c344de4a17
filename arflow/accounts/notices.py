"""The messages of an episode: what was sent, failed or is pending, and whether a harsher step has to wait for one.

A message belongs to the episode that runs when it is sent; one that still waits belongs to the running one.
"""

import datetime as dt

from msgspec import Struct

from arflow.accounts.entries import Account, EffectStatus, Episode, Outgoing
from arflow.vocabulary import EffectKind


class Notices(Struct, frozen=True, kw_only=True):
    """Counts of the running episode, and the state of its deliveries; all empty outside an episode."""

    sent: int = 0
    failed: int = 0
    pending: bool = False
    delivered_today: bool = False
    undelivered: bool = False


_NONE = Notices()


def notices(account: Account, episode: Episode | None, day: dt.date) -> Notices:
    """The messages of `episode` as they stand on the policy day `day`."""
    if episode is None or not account.outgoing:
        return _NONE
    mine = [m for m in account.messages if m.sent_at is not None and episode.was_running_at(m.sent_at)]
    waiting = any(effect.kind is EffectKind.SEND for effect in account.waiting)
    delivered = [m.settled_day for m in mine if m.status is EffectStatus.DELIVERED and m.settled_day]
    return Notices(
        sent=len(mine),
        failed=sum(m.status is EffectStatus.FAILED for m in mine),
        pending=waiting or any(m.status is EffectStatus.SENT for m in mine),
        delivered_today=bool(delivered) and max(delivered) == day,
        undelivered=_undelivered(account, mine),
    )


def _undelivered(account: Account, mine: list[Outgoing]) -> bool:
    """Whether a delivery failed, and neither a later message was delivered nor a contact recorded since."""
    failed = [at for at, message in enumerate(mine) if message.status is EffectStatus.FAILED]
    if not failed:
        return False
    if any(message.status is EffectStatus.DELIVERED for message in mine[failed[-1] :]):
        return False
    since = mine[failed[-1]].settled_at
    return not any(since is not None and contact.recorded[0] >= since for contact in account.contacts)
