"""One account's life: wakes, sendings and causes in their order, each with its pass (contract, sections 3 and 4)."""

import datetime as dt
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, EffectStatus, Ledger
from arflow.accounts.events import Event
from arflow.accounts.facts import Snapshot
from arflow.accounts.promises import Terms
from arflow.errors import Refused
from arflow.evolving import evolve
from arflow.life import gates, passes
from arflow.life.lateness import names_payer, rewound, with_books, with_last_words
from arflow.life.present import Present, reading
from arflow.life.records import Entry, Part, World
from arflow.life.sendings import drop_waiting, is_freed, release, send_due, settle_notice
from arflow.life.waking import next_wake, wake_after_holding
from arflow.rules.calendar import Calendar, instant
from arflow.rules.decide import Situation
from arflow.rules.policy import Policy
from arflow.vocabulary import State

__all__ = ["GO_LIVE", "PAYER", "POLICY", "WAKE", "Life", "reading"]

WAKE, POLICY, PAYER = "wake", "policy", "payer"
GO_LIVE, RETRY, DISCARD = "go_live", "retry", "discard"


class Life:
    """Carries one account from cause to cause. `account` is the present value, `entries` what has been recorded."""

    def __init__(self, account: Account, world: World) -> None:
        self._here = Present(account, world)

    @property
    def account(self) -> Account:
        """The account as it now is."""
        return self._here.account

    @property
    def entries(self) -> list[Entry]:
        """What has been recorded, in order."""
        return self._here.entries

    @property
    def world(self) -> World:
        """What the account lives in."""
        return self._here.world

    @world.setter
    def world(self, world: World) -> None:
        self._here.world = world

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def policy(self) -> Policy | None:
        """The policy that had the account at its last pass, if it is still active."""
        return self._here.policy

    @property
    def terms(self) -> Terms:
        """How promises are judged: as its policy says, else as the first policy in its currency does."""
        return self._here.terms

    def calendar(self) -> Calendar:
        """The calendar the account lives by: its policy's, else that of the first policy in its currency."""
        return self._here.calendar()

    def zone(self) -> ZoneInfo:
        """The zone the account lives in."""
        return self._here.zone()

    def local(self, at: dt.datetime) -> dt.datetime:
        """`at` on the account's own clock."""
        return self._here.local(at)

    def policy_day(self, at: dt.datetime) -> dt.date:
        """The account's policy day at `at`; it never decreases."""
        return self._here.policy_day(at)

    def facts_at(self, at: dt.datetime) -> Snapshot:
        """The facts to be shown at `at`, without attributes that are not of the type that its policy declares."""
        return self._here.readable(self.policy_day(at))

    def situation(self, policy: Policy, now: Snapshot, visited: frozenset[str] = frozenset()) -> Situation:
        """What a decision depends on besides the facts."""
        return passes.situation(self._here, policy, now, visited)

    def instant_of(self, part: Part) -> dt.datetime:
        """The instant of a part: its local time in the account's zone, never before the account's latest instant."""
        zone = self.zone() if self.account.born else self._zone_given(part)
        return max(instant(zone, part.on, part.clock), self.account.last_instant)

    def _zone_given(self, part: Part) -> ZoneInfo:
        """The zone of an account that is born with `part`."""
        given = [event.text("timezone") for event in part.events if "timezone" in event.data]
        return self.calendar().zone(given[-1]) if given else self.zone()

    def next_due(self) -> dt.datetime | None:
        """When the account is due by itself: its wake or its next sending, whichever comes first."""
        account = self.account
        moments = [effect.due_at for effect in account.waiting if effect.due_at is not None]
        if account.wake is not None:
            moments.append(account.wake)
        return self._here.not_before(min(moments)) if moments else None

    @property
    def unknown_results(self) -> int:
        """How many of its messages have left without a word of their delivery."""
        return sum(message.status is EffectStatus.SENT for message in self.account.messages)

    def kept_back(self, at: dt.datetime) -> str:
        """Why messages and calls of the account do not leave at `at`; empty when nothing keeps them."""
        found = gates.wait(self._here, max(at, self.account.last_instant))
        return found.reason if found else ""

    @property
    def waits_for_release(self) -> bool:
        """Whether something waits without a moment of its own, for another reason than a hold."""
        return not self.account.on_hold and any(effect.due_at is None for effect in self.account.waiting)

    def is_freed(self, at: dt.datetime) -> bool:
        """Whether something waits without a moment of its own that, at `at`, nothing keeps any more for ever."""
        return is_freed(self._here, max(at, self.account.last_instant))

    def release(self, at: dt.datetime) -> None:
        """Let go at `at` what waited because something kept it back that is gone."""
        self._here.stand_at(at)
        release(self._here, self.account.last_instant)

    def discard(self, at: dt.datetime, decided_by: dt.datetime, actor: str, reason: str) -> None:
        """Drop at `at` what waits and was decided up to `decided_by`, as a person chose."""
        here = self._here
        here.stand_at(at)
        here.actor = actor
        drop_waiting(here, self.account.last_instant, DISCARD, reason, decided_by)
        here.actor = ""

    def place(self, to: State, at: dt.datetime, actor: str, reason: str) -> bool:
        """Begin in `to` at `at`, as people chose before anything left; gives False when the machine refuses it.

        What waits is dropped, no rule is asked and no effect happens; the rules go on from there.
        """
        here = self._here
        here.stand_at(at)
        here.reach(at)
        here.actor, here.reason = actor, reason
        placed = passes.place(here, self.account.last_instant, GO_LIVE, to)
        if placed:
            drop_waiting(here, self.account.last_instant, GO_LIVE, "the account was placed by hand")
            here.account = evolve(self.account, parked=None)
            here.account = evolve(self.account, wake=next_wake(here, self.account.last_instant))
        here.actor = here.reason = ""
        return placed

    def run_until(self, limit: dt.datetime) -> None:
        """Run every wake and sending that falls due up to `limit`, in order."""
        while self.run_next(limit):
            pass

    def run_next(self, limit: dt.datetime, *, inclusive: bool = True) -> bool:
        """Run what falls due next, a wake and sendings of one instant; False when nothing does up to `limit`."""
        due = self.next_due()
        if due is None or due > limit or (due == limit and not inclusive):
            return False
        if self.account.wake is not None and self.account.wake <= due:
            passes.run_pass(self._here, due, WAKE)
        else:
            self._here.reach(due)
        self._go_on(due, WAKE)
        return True

    def sleep_on(self, now: dt.datetime) -> None:
        """Pass over the mornings after `now` on which the same moves would be held back again, to look ahead."""
        self._here.account = evolve(self.account, wake=wake_after_holding(self._here, now))

    def _go_on(self, now: dt.datetime, cause: str) -> None:
        """Let what is due leave, and derive the wake anew."""
        here = self._here
        send_due(here, now, cause)
        wake = next_wake(here, now)
        if wake != here.account.wake:
            here.account = evolve(here.account, wake=wake)

    # --- causes -------------------------------------------------------------------------------------------------------

    def absorb(self, parts: Sequence[Part], now: dt.datetime | None = None, actor: str = "") -> bool:
        """Apply all of `parts`, recorded by `actor`, and run one pass, at `now` or at the instant of the last part.

        Gives whether they were a cause: False when all of them were passed over. Raises Refused, placed at the event's
        line, when an event contradicts what is recorded.
        """
        events = [event for part in parts for event in self._applied(part, self.instant_of(part))]
        if events:
            names = "+".join(dict.fromkeys(event.kind for event in events))
            self._cause(now or self.account.last_instant, names, _last_forced(events), actor)
        return bool(events)

    def relive(self, history: Sequence[Part], fresh: Sequence[Part], now: dt.datetime, actor: str = "") -> bool:
        """Fold the books anew from their whole `history`, because `fresh` parts of it came late; then run one pass.

        The state, the stay and what was put out stay as they are: history is never acted out again. Gives whether they
        were a cause.
        """
        blank = Account(id=self.account.id, currency=self.account.currency, policy_version=self.account.policy_version)
        told, late = _events_of(history), _events_of(fresh)
        books = self._folded(blank, history)
        known = with_books(self.account, books, has_paid_through=names_payer(told, late))
        return self._come_late(with_last_words(known, books, told, late), late, now, actor)

    def has_lived_past(self, part: Part) -> bool:
        """Whether the account has lived through more than the local time of `part`."""
        return instant(self.zone(), part.on, part.clock) < self.account.last_instant

    def add(self, fresh: Sequence[Part], now: dt.datetime, actor: str = "") -> bool:
        """Fold `fresh` parts into the books, each as of its own time, after which nothing else has been applied.

        As `relive`, without the whole history: only time has passed since then. They are the last to speak of the owner
        and of tags.
        """
        account = self.account
        at = max(instant(self.zone(), fresh[0].on, fresh[0].clock), account.last_recorded)
        books = self._folded(rewound(account, at), fresh)
        known = with_books(account, books, has_paid_through=account.pays_through is not None)
        return self._come_late(evolve(known, owner=books.owner, tags=books.tags), _events_of(fresh), now, actor)

    def _folded(self, account: Account, parts: Sequence[Part]) -> Account:
        """What the books of `account` come to with `parts`, each at its own time."""
        life = Life(account, self.world)
        for part in parts:
            life._applied(part, life.instant_of(part))  # another life, the same class
        return life.account

    def _come_late(self, account: Account, late: Sequence[Event], now: dt.datetime, actor: str) -> bool:
        """Stand at `now` as `account`, which is what it would be had `late` events been known; then run one pass."""
        was_on_hold, before = self.account.on_hold, self.account.book
        self._here.account = account
        self._take_payer(now)
        events = [event for event in late if self._touches_up(event, now)]
        if was_on_hold and not self.account.on_hold:
            release(self._here, now)
        self._here.fall_due(now)
        self._here.settle_episode(before, now)
        if events:
            self._cause(now, "+".join(dict.fromkeys(event.kind for event in events)), _last_forced(events), actor)
        return bool(events)

    def _touches_up(self, event: Event, now: dt.datetime) -> bool:
        """Do what a late event does outside the books to what was put out; gives whether it counts."""
        here = self._here
        if event.kind in ("notice_delivered", "notice_failed"):
            return settle_notice(here, event.text("notice"), now, delivered=event.kind == "notice_delivered")
        if event.kind == "contact" and event.text("channel") == "call":
            here.account = evolve(here.account, call_open=False)
        return True

    def payer_changed(self, ledger: Ledger, at: dt.datetime) -> None:
        """Take over the payer's ledger after a cause of the payer at `at`, and run a pass."""
        before = self.account.book
        self._here.reach(at)
        self._here.account = evolve(self.account, payer_ledger=ledger)
        self._here.settle_episode(before, at)
        self._cause(at, PAYER)

    def policies_changed(self, policies: tuple[Policy, ...], at: dt.datetime) -> None:
        """Live under `policies` from `at` on, and run a pass."""
        self._here.reach(at)
        self.world = replace(self.world, policies=policies)
        self._cause(at, POLICY)

    def retry(self, at: dt.datetime, actor: str) -> None:
        """Run a pass again at `at`, because `actor` asked for it."""
        self._here.reach(at)
        self._cause(max(at, self.account.last_instant), RETRY, actor=actor)

    def _cause(self, now: dt.datetime, cause: str, forced: Event | None = None, actor: str = "") -> None:
        here = self._here
        here.stand_at(now)
        was = here.account.parked
        if was is not None:
            here.account = evolve(here.account, parked=None)
        here.actor = actor
        if forced is not None:
            here.actor, here.reason = forced.text("actor") or actor, forced.text("reason")
        passes.run_pass(here, now, cause, State(forced.text("to")) if forced else None)
        here.actor = here.reason = ""
        if was is not None and here.account.parked is not None:
            here.account = evolve(here.account, parked=here.account.parked.since(was))
        self._go_on(now, cause)

    # --- events -------------------------------------------------------------------------------------------------------

    def _applied(self, part: Part, at: dt.datetime) -> list[Event]:
        """Apply the events of one part; gives those that were not passed over."""
        first = self._next_place(at)
        if self.account.born:
            self._here.reach(at)
        before = self.account.book
        counted = [event for place, event in enumerate(part.events, first) if self._apply(event, at, place)]
        self._here.stand_at(at)
        self._here.settle_episode(before, at)
        return counted

    def _next_place(self, at: dt.datetime) -> int:
        """The place of the next event at `at`: behind those of earlier parts that came to the same instant.

        Two local times are one instant in the night when clocks go forward, or once the account has moved east; and all
        that people say on one day of a stepped clock.
        """
        return self.account.last_place(at) + 1 if at == self.account.last_instant else 0

    def _apply(self, event: Event, at: dt.datetime, place: int) -> bool:
        """Apply one event; gives whether it counts. Raises Refused, placed at its line."""
        here = self._here
        if event.kind in ("notice_delivered", "notice_failed"):
            return settle_notice(here, event.text("notice"), at, delivered=event.kind == "notice_delivered")
        if not here.account.born:
            here.account = evolve(here.account, born=True, entered_on=event.on, entered_at=at)
        try:
            here.account = apply(here.account, event, (at, place))
            if event.kind == "account":
                self._take_payer(at)
        except Refused as refused:
            raise Refused(refused.reason, file=refused.file, line=event.line or None) from None
        if event.kind == "hold_released":
            release(here, at)
        return True

    def _take_payer(self, at: dt.datetime) -> None:
        account, payer = self.account, self.account.pays_through
        if payer is None:
            self._here.account = evolve(account, payer_ledger=None)
            return
        if payer == account.id:
            raise Refused(f"account `{payer}` pays through itself")
        theirs = self.world.ledgers.get(payer)
        if theirs is None:
            raise Refused(f"account `{account.id}` pays through `{payer}`, which is unknown or pays through another")
        if theirs.currency not in ("", account.currency):
            raise Refused(f"account `{account.id}` is in {account.currency}, and `{payer}` in {theirs.currency}")
        self._here.account = evolve(account, payer_ledger=theirs.before(at))


def _events_of(parts: Iterable[Part]) -> list[Event]:
    return [event for part in parts for event in part.events]


def _last_forced(events: Sequence[Event]) -> Event | None:
    return next((event for event in reversed(events) if event.kind == "forced"), None)
