"""How effects take hold: most at once; messages and calls at their moment, looked at again (contract, section 4)."""

import datetime as dt

from msgspec.structs import replace

from arflow.accounts.entries import EffectStatus, Outgoing
from arflow.evolving import evolve
from arflow.life import gates
from arflow.life.present import Present
from arflow.life.records import EntryKind
from arflow.vocabulary import TIMED_EFFECTS, Effect, EffectKind


def put_out(here: Present, effect: Effect, rule: str, now: dt.datetime, cause: str) -> None:
    """Let an effect take hold, or put it on the list of those that wait for their moment."""
    if effect.kind in TIMED_EFFECTS:
        _wait(here, effect, rule, now)
        send_due(here, now, cause)
        return
    account = here.account
    match effect.kind:
        case EffectKind.ASSIGN:
            here.account = evolve(account, owner=effect.name)
        case EffectKind.TAG:
            here.account = evolve(account, tags=account.tags | {effect.name})
        case EffectKind.UNTAG:
            here.account = evolve(account, tags=account.tags - {effect.name})
    here.record_effect(EntryKind.EFFECT, now, cause, effect=effect.kind.value, name=effect.name, rule=rule)


def send_due(here: Present, now: dt.datetime, cause: str) -> None:
    """Look again at everything whose moment has come, in the order of decision."""
    for effect in here.account.waiting:
        if effect.due_at is not None and effect.due_at <= now:
            _look_again(here, effect, now, cause)


def release(here: Present, at: dt.datetime) -> None:
    """Look at everything that waited without a moment of its own at once; it leaves if nothing keeps it any more."""
    here.update(replace(effect, due_at=at) for effect in here.account.waiting if effect.due_at is None)


def is_freed(here: Present, at: dt.datetime) -> bool:
    """Whether something waits without a moment of its own although nothing keeps it any more, or not without an end."""
    if all(effect.due_at is not None for effect in here.account.waiting):
        return False
    kept = gates.wait(here, at)
    return kept is None or kept.until is not None


def drop_waiting(
    here: Present, now: dt.datetime, cause: str, reason: str, decided_by: dt.datetime | None = None
) -> None:
    """Drop everything that waits, or what waits without a moment of its own and was decided up to `decided_by`."""
    for effect in here.account.waiting:
        if decided_by is None or (effect.due_at is None and effect.decided_at <= decided_by):
            here.update([replace(effect, status=EffectStatus.DROPPED, settled_at=now)])
            _record(here, EntryKind.DROPPED, effect, now, cause, reason=reason)


def settle_notice(here: Present, name: str, at: dt.datetime, *, delivered: bool) -> bool:
    """Record a delivery result on the oldest message of that name still unknown; False when there is none."""
    unknown = [m for m in here.account.messages if m.name == name and m.status is EffectStatus.SENT]
    if here.world.delivery != "recorded" or not unknown:
        return False
    status = EffectStatus.DELIVERED if delivered else EffectStatus.FAILED
    here.update([replace(unknown[0], status=status, settled_at=at, settled_day=here.policy_day(at))])
    return True


def _wait(here: Present, effect: Effect, rule: str, now: dt.datetime) -> None:
    account, number = here.account, here.account.effects_decided + 1
    waiting = Outgoing(
        number=number,
        kind=effect.kind,
        name=effect.name,
        rule=rule,
        stay=account.stay,
        overdue_then=account.book.gross_overdue(account.policy_day) > 0,
        decided_at=now,
        decided_on=here.local(now).date(),
        due_at=_moment(here, effect.kind, now),
    )
    fired = dict(account.fired)
    if rule in fired:
        fired[rule] = replace(fired[rule], outgoing=(*fired[rule].outgoing, number))
    here.account = evolve(account, outgoing=(*account.outgoing, waiting), effects_decided=number, fired=fired)


def _moment(here: Present, kind: EffectKind, now: dt.datetime) -> dt.datetime | None:
    """The first moment at which an effect may leave, None: when what keeps it is gone.

    A message never leaves on a date on which one has left.
    """
    held = gates.wait(here, now)
    if held is not None:
        return held.until
    written_on = {message.sent_on for message in here.account.messages} if kind is EffectKind.SEND else ()
    return here.calendar().earliest_sending(here.zone(), here.not_before(now), not_on=written_on)


def _look_again(here: Present, effect: Outgoing, now: dt.datetime, cause: str) -> None:
    if here.account.on_hold:
        here.update([replace(effect, due_at=None)])
        return
    dropped = _why_dropped(here, effect, now)
    if dropped is not None:
        here.update([replace(effect, status=EffectStatus.DROPPED, settled_at=now)])
        _record(here, EntryKind.DROPPED, effect, now, cause, reason=dropped)
        return
    due = _moment(here, effect.kind, now)
    if due is None or due > now:
        here.update([replace(effect, due_at=due)])
        return
    _leave(here, effect, now, cause)


def _why_dropped(here: Present, effect: Outgoing, now: dt.datetime) -> str | None:
    if effect.stay != here.account.stay:
        return "the account has left the state"
    if effect.overdue_then and not here.account.book.gross_overdue(here.policy_day(now)):
        return "nothing is overdue any more"
    return None


def _leave(here: Present, effect: Outgoing, now: dt.datetime, cause: str) -> None:
    sent = replace(effect, status=EffectStatus.SENT, sent_at=now, sent_on=here.local(now).date())
    if effect.kind is EffectKind.SEND and here.world.delivery == "instant":
        sent = replace(sent, status=EffectStatus.DELIVERED, settled_at=now, settled_day=here.policy_day(now))
    here.update([sent])
    if effect.kind is EffectKind.CALL:
        if here.account.call_open:
            return
        here.account = evolve(here.account, call_open=True)
    _record(here, EntryKind.EFFECT, effect, now, cause)


def _record(
    here: Present, kind: EntryKind, effect: Outgoing, now: dt.datetime, cause: str, *, reason: str = ""
) -> None:
    here.record_effect(
        kind,
        now,
        cause,
        effect=effect.kind.value,
        name=effect.name,
        rule=effect.rule,
        number=effect.number,
        reason=reason,
    )
