"""Many lives from their timelines: own events, payers' causes and policy changes of each account in one order."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from arflow.accounts.entries import Account, Ledger
from arflow.accounts.timeline import Moment
from arflow.life.life import Life
from arflow.life.records import Entry, LedgerHistory, Part, World
from arflow.rules.calendar import instant
from arflow.rules.policy import Policy

_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """From a local date and time on, `policies` are the active ones."""

    on: dt.date
    clock: dt.time
    policies: tuple[Policy, ...]


@dataclass(frozen=True, kw_only=True)
class Lived:
    """What came of one life: the account at its end, its entries, and its ledger after each of its causes."""

    life: Life
    ledgers: LedgerHistory

    @property
    def account(self) -> Account:
        """The account at the end."""
        return self.life.account

    @property
    def entries(self) -> list[Entry]:
        """What was recorded, in order."""
        return self.life.entries


@dataclass
class _Script:
    """What is still to come for one account. Each call of `next` gives the earliest cause and takes it off."""

    life: Life
    moments: list[Moment]
    changes: list[PolicyChange] = field(default_factory=list)
    payer: list[tuple[dt.datetime, Ledger]] = field(default_factory=list)

    def run(self, until: dt.date) -> Lived:
        ledgers: list[tuple[dt.datetime, Ledger]] = []
        while (at := self._next_instant(until)) is not None:
            self.life.run_until(at)
            self._cause(at)
            ledgers.append((at, self.life.account.ledger))
        self.life.run_until(self.end_of(until), inclusive=False)
        return Lived(life=self.life, ledgers=LedgerHistory(changes=tuple(ledgers)))

    def end_of(self, day: dt.date) -> dt.datetime:
        return instant(self.life.zone(), day + _ONE_DAY, dt.time(0))

    def _next_instant(self, until: dt.date) -> dt.datetime | None:
        found = [self.life.instant_of(part) for part in self._local(until)]
        if self.payer and self.payer[0][0] < self.end_of(until):
            found.append(max(self.payer[0][0], self.life.account.last_instant))
        return min(found, default=None)

    def _local(self, until: dt.date) -> Iterator[Part]:
        for source in (self.changes, self.moments):
            if source and source[0].on <= until:
                events = source[0].events if isinstance(source[0], Moment) else ()
                yield Part(on=source[0].on, clock=source[0].clock, events=events)

    def _cause(self, at: dt.datetime) -> None:
        """At one instant a policy change comes first, then the account's own events, then its payer's."""
        life = self.life
        if self.changes and self._comes_at(self.changes[0], at):
            change = self.changes.pop(0)
            life.policies_changed(change.policies, at)
        elif self.moments and self._comes_at(self.moments[0], at):
            moment = self.moments.pop(0)
            life.absorb([Part(on=moment.on, clock=moment.clock, events=moment.events)])
        else:
            _, ledger = self.payer.pop(0)
            if life.account.payer_ledger is not None:
                life.payer_changed(ledger, at)

    def _comes_at(self, what: Moment | PolicyChange, at: dt.datetime) -> bool:
        events = what.events if isinstance(what, Moment) else ()
        return self.life.instant_of(Part(on=what.on, clock=what.clock, events=events)) == at


def live(
    account: Account, moments: Sequence[Moment], world: World, until: dt.date, changes: Sequence[PolicyChange] = ()
) -> Lived:
    """The life of `account` through the end of `until`. Raises Refused, placed at an event's line."""
    first = moments[0]
    early = [change for change in changes if (change.on, change.clock) <= (first.on, first.clock)]
    if early:
        world = replace(world, policies=early[-1].policies)
    script = _Script(Life(account, world), list(moments), list(changes[len(early) :]))
    payer = _payer_of(moments)
    if payer in world.ledgers:
        script.payer = list(world.ledgers[payer].changes)
    return script.run(until)


def _payer_of(moments: Sequence[Moment]) -> str:
    named = [event.text("pays_through") for moment in moments for event in moment.events]
    return next((name for name in named if name), "")


def payers(moments: Mapping[str, Sequence[Moment]]) -> dict[str, str]:
    """Who pays through whom, by account id."""
    found = {account: _payer_of(timeline) for account, timeline in moments.items()}
    return {account: payer for account, payer in found.items() if payer}
