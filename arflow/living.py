"""The accounts of one transaction, with all that was read for them at once, lived together with the pure core.

Reads in a fixed number of statements, and writes nothing: what came of each life is handed back. A family is lived
payer first, and on a stepped clock none of it outruns another that waits for the result of a delivery.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Container, Iterator, Sequence
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from arflow import causes
from arflow.accounts.entries import Account
from arflow.clock import Now
from arflow.evolving import evolve
from arflow.isodates import ONE_DAY
from arflow.life.life import Life
from arflow.life.lives import Batch, Limit, Lived, PayerCause, PolicyChange, Script, payer_causes, payers_of
from arflow.life.records import CashMark, Entry, LedgerHistory, Part, Results, World
from arflow.rules.calendar import instant
from arflow.rules.decide import Evaluator
from arflow.rules.policy import Policy
from arflow.store import events, journal, policies, reading, remembered
from arflow.store.accounts import Changed, Stored
from arflow.store.events import StoredEvent
from arflow.store.fuse import Fuse
from arflow.store.reading import Present
from arflow.store.rows import Row
from arflow.store.switch import Turn
from arflow.vocabulary import State

_MOMENT = dt.timedelta(microseconds=1)
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
_NOBODY = frozenset[str]()


class Engineering(Struct, frozen=True, kw_only=True):
    """How decisions are made: the evaluator, and how deliveries become known (`instant` or `recorded`)."""

    evaluator: Evaluator
    delivery: str = "instant"


class InPlace(Struct, frozen=True, kw_only=True):
    """A policy in the place of all stored versions of its name, as if it had been activated as `number` at `since`.

    Without `since` it always was, and `number` is 0.
    """

    policy: Policy
    since: Now | None
    number: int

    def among(self, others: tuple[Policy, ...]) -> tuple[Policy, ...]:
        """The policies that are active with it, the highest precedence first."""
        return tuple(sorted([self.policy, *others], key=lambda one: (-one.precedence, one.name)))


class Living:
    """The accounts of one transaction, with everything that was read for them at once."""

    meets_everybody = True
    """Whether people are read of all accounts."""

    def __init__(self, connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering) -> None:
        self.connection, self.now, self.engineering = connection, now, engineering
        present = self._read(ids)
        self.activations = present.activations
        self.policy_names = {activation.version: activation.name for activation in self.activations}
        self._latest_activation = max((activation.id for activation in self.activations), default=0)
        self.applied: list[int] = []
        self.retried: dict[str, str] = {}
        self.placed: dict[str, tuple[State, str, str]] = {}
        self.switch, self.fuses = present.switch, present.fuses
        self._cash: tuple[CashMark, ...] | None = present.marks
        self._real = engineering.delivery == "recorded"
        self._delivering = not self._real or (self.switch is not None and self.switch.is_on)
        self._results = Results.AWAITED if self._real and now.at is None else Results.COME_LATER
        self._present, self._works_at = now, now.at
        self._arrives: Callable[[Account], bool] = lambda _: True
        self._ids = ids
        self._is_anew = False
        self._histories: dict[str, list[StoredEvent]] | None = None
        self._ledgers: dict[str, LedgerHistory] = {}
        self._policies: dict[int, tuple[Policy, ...]] = {}
        self._worlds: dict[int, World] = {}
        self._in_place: InPlace | None = None
        self._unheard: dict[str, frozenset[str]] = {}

    def _read(self, ids: Sequence[str]) -> Present:
        """Read the accounts, and what is recorded of them that they have not lived through; gives what holds now."""
        found = reading.load(self.connection, ids, self.now.last_day, everybody=self.meets_everybody)
        self.stored, self.pending, self.later = found.stored, found.pending, found.later
        return found.present

    def forget(self) -> None:
        """Take every account back to its beginning, with everything recorded still to come, each at its own moment."""
        self._works_at, self._is_anew = None, True
        self._worlds.clear()
        everything = events.of_accounts(self.connection, self._ids)
        self.pending = {key: [replace(e, applied=False, was=None) for e in found] for key, found in everything.items()}
        self._histories = self.pending
        self.stored = {key: _blank(stored) for key, stored in self.stored.items()}

    def look_ahead(self, present: Now, arrives: Callable[[Account], bool]) -> None:
        """Live on as if delivery were on from `present`, and payments complete.

        Messages of accounts that it `arrives` at are delivered.
        """
        self._delivering, self._results, self._present, self._arrives = True, Results.GOOD, present, arrives
        self._cash, self._works_at = None, present.at
        self._worlds.clear()

    def keep_nothing_back(self) -> None:
        """Live as in a replay: no fuse is blown, and payments are complete."""
        self.fuses, self._cash = [], None
        self._worlds.clear()

    def under(self, policy: Policy, since: Now | None = None) -> None:
        """Live with `policy`, which need not be stored, in the place of every stored version of its name.

        Activated at `since`, it is a cause of each account, as it would be had it been activated then: what was active
        before stays so until then. Without `since` it is in force from the beginning of every account, so that no
        activation of its name is a cause. Policies of other names are active, and become so, as they are stored.
        """
        if since is None:
            self.activations = [one for one in self.activations if one.name != policy.name]
        else:
            self._latest_activation += 1
        self._in_place = InPlace(policy=policy, since=since, number=self._latest_activation if since else 0)
        self._policies.clear()
        self._worlds.clear()

    def standing(self, key: str) -> Life:
        """One account as it stands."""
        stored = self.stored[key]
        return Life(self._with_payer(stored.account), self._world(stored.policy_seen))

    def live(self) -> list[tuple[Changed, Lived]]:
        """Every account's life up to now, payers first."""
        found = [self.stored[key] for key in self._ids if key in self.stored]
        in_order = sorted(found, key=self._level)
        if self._results is not Results.AWAITED:
            return [self._live(stored, self.now.limit) for stored in in_order]
        families: dict[str, list[Stored]] = {}
        for stored in in_order:
            families.setdefault(self.stored[stored.account.id].family, []).append(stored)
        return [pair for family in families.values() for pair in self._live_together(family)]

    def _level(self, stored: Stored) -> int:
        """How many accounts are to be lived before this one: the one it pays through, and that one's own of before."""
        theirs = [self.stored[payer] for payer in self._payers(stored) if payer in self.stored]
        return 1 + any(self._payers(payer) for payer in theirs) if theirs else 0

    def _live_together(self, family: Sequence[Stored]) -> list[tuple[Changed, Lived]]:
        """A family's lives on a stepped clock: none outruns another that waits for the result of a delivery."""
        applied = len(self.applied)
        lived = [self._live(stored, self.now.limit) for stored in family]
        waiting = [one.account.last_instant for change, one in lived if change.is_paused]
        if not waiting:
            return lived
        if len(family) > 1:
            del self.applied[applied:]
            stop = min(waiting)
            behind = self._kept_back([one.account for change, one in lived if change.is_paused], stop)
            lived = [self._live(stored, stop - (stored.account.id in behind) * _MOMENT) for stored in family]
        return [(self._stopped(change, one.life), one) for change, one in lived]

    def _kept_back(self, waiting: Sequence[Account], stop: dt.datetime) -> frozenset[str]:
        """Those of whom nothing is heard yet at `stop`, where a family stands still: they stay a moment before it.

        Whoever waits hears of nothing more, not even of what its payer does at that very instant, and would never hear
        of it later: the causes of payers are kept nowhere. All others live through `stop`, for what they did then may
        be why somebody waits; kept back as well, they would come there again and again, and no letter would leave.
        """
        return _NOBODY.union(*(self._unheard.get(one.id, _NOBODY) for one in waiting if one.last_instant == stop))

    def _stopped(self, change: Changed, life: Life) -> Changed:
        """Not due until a result is recorded; one that is dated ahead, across the date line, is taken in on its day."""
        due = self._later(life)
        return replace(change, next_due=due, due_on=self._due_on(life, due))

    def _live(self, stored: Stored, limit: Limit) -> tuple[Changed, Lived]:
        life = Life(self._with_payer(self._placed(stored)), self._world(stored.policy_seen))
        self._begin(life)
        script = self._script(life, stored)
        told = tuple(script.payer)
        lived = script.run(self._own(stored, limit))
        if script.payer and not script.is_paused and limit == self.now.limit:
            script.run(script.payer[-1].at)  # its payer's day ends later than its own; its causes are not told twice
        if told:
            self._unheard[stored.account.id] = _unheard(told, len(told) - len(script.payer), life.account.last_instant)
        self._note_ledgers(stored, lived)
        self._note_applied(stored, script.done)
        due = _earliest(life.next_due(), script.next_cause(), self._later(life))
        changed = Changed(
            before=stored,
            account=lived.account,
            next_due=due,
            due_on=self._due_on(life, due),
            is_paused=script.is_paused,
            applied_to=self._applied_to(life, stored, script.done),
            journal_length=stored.journal_length,
            journal_head=stored.journal_head,
            policy_seen=max(stored.policy_seen, self._latest_activation),
            folded_anew=any(batch.history for batch in script.done),
        )
        return changed, lived

    def _own(self, stored: Stored, limit: Limit) -> Limit:
        """How far an account lives: never less far than it was, so that what it is told now counts.

        It was farther if the real clock went back, or if a family stands still for one in whose zone it is earlier.
        """
        return max(limit, stored.account.last_instant) if isinstance(limit, dt.datetime) else limit

    def _begin(self, life: Life) -> None:
        """What comes before anything else: the end of a time without delivery, a placing, a retry."""
        key = life.account.id
        self._discard(life)
        if life.is_freed(self._at(life)):
            life.release(self._freed(life))
        if key in self.placed:
            life.place(self.placed[key][0], self._at(life), *self.placed[key][1:])
        if key in self.retried:
            life.retry(self._at(life), self.retried[key])

    def _at(self, life: Life) -> dt.datetime:
        """The present instant of an account."""
        return causes.known(life, self._present.at, self._present.day)

    def _freed(self, life: Life) -> dt.datetime:
        """The instant since which nothing keeps back what waits: delivery is on, a fuse mended, payments complete."""
        if self._results is Results.GOOD:
            return self._at(life)
        mended = [one for one in self.fuses if one.mended_at and life.policy and one.policy == life.policy.name]
        turns, marks = [self.switch] if self.switch else [], self._cash or ()
        words: list[Turn | Fuse | CashMark] = [*turns, *mended[-1:], *marks[-1:]]
        return max((causes.known(life, word.known_at, word.known_on) for word in words), default=self._at(life))

    def _discard(self, life: Life) -> None:
        """Drop what waited when people discarded it after a fuse had blown."""
        for one in self.fuses:
            if one.is_released is False and life.policy and one.policy == life.policy.name and life.waits_for_release:
                at = causes.known(life, one.known_at, one.known_on)
                life.discard(at, at, one.actor, one.reason)

    def _due_on(self, life: Life, due: dt.datetime | None) -> dt.date | None:
        """The local date of `due`; never a day that has been lived through."""
        if due is None:
            return None
        on = life.local(due).date()
        return on if self.now.day is None else max(on, self.now.day + ONE_DAY)

    # --- what an account lives in ------------------------------------------------------------------------------------

    def _world(self, seen: int) -> World:
        """The world of an account that has lived through the activations up to `seen`."""
        if seen not in self._worlds:
            self._worlds[seen] = self._made_world(seen)
        return self._worlds[seen]

    def _made_world(self, seen: int) -> World:
        return World(
            policies=self._active(seen),
            evaluator=self.engineering.evaluator,
            delivery=self.engineering.delivery,
            delivering=self._delivering,
            blown=frozenset(one.policy for one in self.fuses if one.mended_at is None),
            cash=self._cash,
            present=self._works_at,
            results=self._results,
            arrives=self._arrives,
            ledgers=self._ledgers,
        )

    def policies(self) -> tuple[Policy, ...]:
        """The policies that are active now."""
        return self._active(self._latest_activation)

    def _active(self, upto: int) -> tuple[Policy, ...]:
        if upto not in self._policies:
            known, other = self.activations, self._in_place
            if other is not None and upto >= other.number:
                stay = [one for one in known if one.name != other.policy.name]
                self._policies[upto] = other.among(policies.active(self.connection, stay, upto))
            else:
                self._policies[upto] = policies.active(self.connection, known, upto)
        return self._policies[upto]

    def _placed(self, stored: Stored) -> Account:
        """The account; one that is still to come in the zone in which it begins."""
        if stored.account.born:
            return stored.account
        first = causes.beginning(self.pending.get(stored.account.id, ()))
        zones = (event.text("timezone") for event in first if "timezone" in event.data)
        return evolve(stored.account, timezone=next(zones, stored.account.timezone))

    def _with_payer(self, account: Account) -> Account:
        payer = account.pays_through
        if payer is None or payer not in self.stored:
            return account
        return evolve(account, payer_ledger=self.stored[payer].account.ledger)

    def _note_ledgers(self, stored: Stored, lived: Lived) -> None:
        """Keep a payer's ledger as it was and as it became, for those who pay through it."""
        before = (_LONG_AGO, stored.account.ledger)
        self._ledgers[stored.account.id] = replace(lived.ledgers, changes=(before, *lived.ledgers.changes))

    def _script(self, life: Life, stored: Stored) -> Script:
        payers = self._payers(stored)
        theirs = [cause for cause in payer_causes(self._ledgers, payers) if cause.at > _LONG_AGO] if payers else []
        script = Script(life, self._batches(life, stored), self._changes(life, stored), theirs)
        if self._is_anew:
            script.moved = lambda script: self._tell_anew(script, stored)
        return script

    def _tell_anew(self, script: Script, stored: Stored) -> None:
        """Tell what is still to come as it became known: to an account that was in its new zone by then."""
        script.batches = self._batches(script.life, stored, script.done)
        script.changes = self._changes(script.life, stored)[-len(script.changes) :] if script.changes else []

    def _payers(self, stored: Stored) -> frozenset[str]:
        """Every account through which this one pays, or will as far as is known.

        Where books are folded anew it takes those through which it once paid as well; it is of the family of one then.
        """
        now, pending = stored.account.pays_through, self.pending.get(stored.account.id)
        if now is None and not pending:
            return _NOBODY
        told = self._history(stored.account.id) if pending and stored.family != stored.account.id else pending or ()
        return payers_of(event.event for event in told) | ({now} if now else _NOBODY)

    def _changes(self, life: Life, stored: Stored) -> list[PolicyChange]:
        """The activations that this account has not lived through yet, as causes."""
        if stored.policy_seen >= self._latest_activation:
            return []
        told = [(one.id, one.known_at, one.known_on) for one in self.activations]
        if self._in_place is not None and self._in_place.since is not None:
            told.append((self._in_place.number, self._in_place.since.at, self._in_place.since.day))
        found = []
        for number, known_at, known_on in told:
            if number > stored.policy_seen:
                at = causes.known(life, known_at, known_on)
                found.append(PolicyChange(on=at.date(), clock=at.time(), policies=self._active(number), at=at))
        return found

    # --- events as causes --------------------------------------------------------------------------------------------

    def _batches(self, life: Life, stored: Stored, done: Sequence[Batch] = ()) -> list[Batch]:
        """The pending events as causes: what became known late is one cause at that moment, the rest at their own.

        Those of the batches `done` are pending no more.
        """
        pending = self.pending.get(stored.account.id)
        if pending and done:
            gone = {id(event) for batch in done for part in batch.parts for event in part.events}
            pending = [event for event in pending if id(event.event) not in gone]
        if not pending:
            return []
        late: dict[dt.datetime, list[StoredEvent]] = {}
        own: list[StoredEvent] = []
        for event in pending:
            known = causes.known(life, event.known_at, event.known_on)
            (late.setdefault(known, []) if causes.is_late(life, event) else own).append(event)
        found = [(at, Batch(parts=tuple(events.parts_of(group)), at=at)) for at, group in late.items()]
        parts = events.parts_of(own)
        instants = itertools.accumulate(map(life.instant_of, parts), max)  # never earlier, whatever zone one names
        found += [(at, Batch(parts=(part,))) for at, part in zip(instants, parts, strict=True)]
        actors = {id(event.event): event.actor for event in pending if event.actor}
        in_order = [batch for _, batch in sorted(found, key=lambda pair: pair[0])]
        whole = self._with_histories(life, stored, in_order, done)
        return [replace(batch, actor=causes.actors_of(batch, actors)) for batch in whole]

    def _with_histories(
        self, life: Life, stored: Stored, batches: Sequence[Batch], done: Sequence[Batch]
    ) -> Iterator[Batch]:
        """`batches`, in order after `done`, each that comes late with all events that are applied once it is."""
        known = {id(event.event): event for event in self.pending[stored.account.id]}
        applied_to = self._applied_to(life, stored, done)
        rows = {known[id(event)].row for batch in done for part in batch.parts for event in part.events}
        for batch in batches:
            group = [known[id(event)] for part in batch.parts for event in part.events]
            rows.update(event.row for event in group)
            comes_late = batch.at is not None and causes.comes_late(life, group, applied_to)
            yield replace(batch, history=self._applied_with(stored.account.id, rows)) if comes_late else batch
            latest = causes.own_instant(life, group[-1])
            applied_to = latest if applied_to is None else max(applied_to, latest)

    def _applied_with(self, account: str, rows: Container[int]) -> tuple[Part, ...]:
        """What is applied of an account, and the events in `rows`.

        With it what waits to be corrected, as it will be: its old content is no event any more.
        """
        found = [e for e in self._history(account) if e.applied or e.was is not None or e.row in rows]
        return tuple(events.parts_of(found))

    def _history(self, account: str) -> list[StoredEvent]:
        if self._histories is None:
            self._histories = events.of_accounts(self.connection, self._ids)
        return self._histories.get(account, [])

    def _later(self, life: Life) -> dt.datetime | None:
        """The instant of the first event that is still too far ahead to have been read."""
        if life.account.id not in self.later:
            return None
        on, time = self.later[life.account.id]
        return life.instant_of(Part(on=on, clock=time, events=()))

    def _note_applied(self, stored: Stored, done: Sequence[Batch]) -> None:
        taken = {id(event) for batch in done for part in batch.parts for event in part.events}
        for event in self.pending.get(stored.account.id, ()):
            if id(event.event) in taken:
                self.applied.append(event.row)

    def _applied_to(self, life: Life, stored: Stored, done: Sequence[Batch]) -> dt.datetime | None:
        zone = life.zone()
        found = [instant(zone, part.on, part.clock) for batch in done for part in batch.parts]
        return max([*found, *([stored.applied_to] if stored.applied_to else [])], default=None)

    # --- the journal -------------------------------------------------------------------------------------------------

    def journal_rows(self, changed: Changed, lived: Lived) -> list[Row]:
        """The rows that this life adds to the account's journal."""
        stored = changed.before
        entries = [*self._corrections(stored, lived), *lived.entries]
        return journal.chained(entries, stored.journal_length, stored.journal_head)

    @cached_property
    def _applied_rows(self) -> frozenset[int]:
        """What was applied, once all have lived."""
        return frozenset(self.applied)

    def _corrections(self, stored: Stored, lived: Lived) -> Iterator[Entry]:
        for event in self.pending.get(stored.account.id, ()):
            if event.was is not None and event.row in self._applied_rows:
                yield causes.correction(event, lived.life)


class Advancing(Living):
    """The accounts of one transaction that live on: people are read of those only whom an event may give others."""

    meets_everybody = False


class Looking(Living):
    """The accounts of one transaction that are only looked at: nothing that is still to come is read of them.

    Those through which they pay are read as well, and none anew that stands as it did when it was last looked at.
    """

    def _read(self, ids: Sequence[str]) -> Present:
        found = remembered.load(self.connection, ids)
        named = {stored.account.pays_through for stored in found.values()} - set(found)
        payers = sorted(payer for payer in named if payer)
        self.stored = found | remembered.load(self.connection, payers) if payers else found
        self.pending, self.later = {}, {}
        return reading.present(self.connection)


def _unheard(told: Sequence[PayerCause], taken: int, at: dt.datetime) -> frozenset[str]:
    """The payers whose causes of the instant `at` are told and none of them taken, when `taken` of all of them are."""
    heard = {cause.payer for cause in told[:taken] if cause.at == at}
    return frozenset(cause.payer for cause in told[taken:] if cause.at == at) - heard


def _blank(stored: Stored) -> Stored:
    account = Account(id=stored.account.id, currency=stored.account.currency)
    return replace(
        stored, account=account, version=0, journal_length=0, journal_head=None, applied_to=None, policy_seen=0
    )


def _earliest(*instants: dt.datetime | None) -> dt.datetime | None:
    return min((at for at in instants if at is not None), default=None)
