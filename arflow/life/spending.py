"""Which acts have fired in this stay and may not fire again yet (contract, section 4)."""

import datetime as dt

from arflow.accounts.entries import Account, EffectStatus, Firing
from arflow.rules.policy import Policy, Rule


def spent(account: Account, policy: Policy, day: dt.date) -> frozenset[str]:
    """The ids of the acts that may not fire on the policy day `day`."""
    return frozenset([rule.id for rule in fired(account, policy) if _is_spent(account, rule, day)])


def fired(account: Account, policy: Policy) -> list[Rule]:
    """The acts of the account's state that have fired in this stay."""
    if not account.fired:
        return []
    return [rule for rule in policy.rules_in(account.state) if rule.to is None and rule.id in account.fired]


def repeat_ends(account: Account, rule: Rule) -> dt.date | None:
    """The policy day from which a fired act may fire again; None when it does not, or while its effects wait."""
    base = _fired_on(account, account.fired[rule.id])
    if rule.repeat_after_days is None or base is None:
        return None
    return base + dt.timedelta(days=rule.repeat_after_days)


def _is_spent(account: Account, rule: Rule, day: dt.date) -> bool:
    ends = repeat_ends(account, rule)
    return ends is None or day < ends


def _fired_on(account: Account, firing: Firing) -> dt.date | None:
    """The date from which a repeat counts: of its last sending, if it sends or calls."""
    put_out = [effect for effect in account.outgoing if effect.number in firing.outgoing]
    if any(effect.status is EffectStatus.WAITING for effect in put_out):
        return None
    return max((effect.sent_on for effect in put_out if effect.sent_on), default=firing.on)
