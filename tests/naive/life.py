"""The life of one account, walked from act_at to act_at and from cause to cause (contract, sections 1, 3 and 4)."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from arflow.accounts.events import Event
from arflow.rules.expressions import comparisons
from arflow.rules.policy import CatchUp, Policy, Rule
from arflow.vocabulary import Effect, EffectKind, FactValue
from tests.naive import clocks
from tests.naive.asking import holds
from tests.naive.book import Book, in_order, listed
from tests.naive.facts import Known, Message, attributes_of, facts_of, wrong_attributes
from tests.naive.ledger import Ledger
from tests.naive.promises import Order, Promise, judge

Line = dict[str, object]
AFTER_ALL = 10**9
RANK = {"reminded": 1, "called": 2, "escalated": 3}
"""How harsh a state is; all others are 0."""


@dataclass
class Episode:
    """A time in which something is overdue. It has several spans when a reversal lets it go on."""

    number: int
    begun: dt.date
    spans: list[tuple[dt.datetime, dt.datetime | None]] = field(default_factory=list)


@dataclass(frozen=True)
class Heard:
    """A cause that an account was told of, for those who pay through it; `count`: how many causes it then had."""

    at: dt.datetime
    on: dt.date
    events: tuple[Event, ...]
    count: int


@dataclass
class Fired:
    """When an act was last decided, and the messages and calls that it decided then."""

    on: dt.date
    sendings: list[Message] = field(default_factory=list)


class Life:
    """What happens to one account, and the lines that tell it."""

    def __init__(self, book: Book, payers: "Mapping[str, Life]", *, recorded_delivery: bool) -> None:
        self.book, self.payers, self.recorded_delivery = book, payers, recorded_delivery
        self.told_of: list[Heard] = []
        self.lines: list[tuple[dt.datetime, Line]] = []
        self.count = 0
        self.payer_seen: set[tuple[str, int]] = set()
        self.heard: list[Event] = []
        self.state, self.stay, self.since = "current", 0, book.causes[0].on
        self.tags: set[str] = set()
        self.on_hold = False
        self.is_parked = True  # nothing wakes it before its first pass
        self.day = dt.date.min
        self.had_by: Policy | None = None
        self.promises: list[Promise] = []
        self.messages: list[Message] = []
        self.fired: dict[str, Fired] = {}
        self.open_task = False
        self.harsher_on: dt.date | None = None
        self.spoken = 0
        self.told_times = 0
        self.episode: Episode | None = None
        self.episodes = 0
        self.running: dict[tuple[str, str, str], Episode | None] = {}

    # --- the walk -----------------------------------------------------------------------------------------------------

    def live(self, until: dt.date) -> None:
        """Go on to the end of `until`."""
        now = self.ended = self.book.causes[0].at
        self._causes(now)
        while True:
            now = self._next(now)
            if clocks.wall(self.zone, now).date() > until:
                self.ended = clocks.instant(self.zone, until + clocks.DAY, dt.time(0)) - clocks.MINUTE
                self.day = max(self.day, until)
                return
            if self._is_act_at(now):
                self._see(now)
                if not self.is_parked:
                    self._pass(now, "wake", None)
            self._send_due(now)
            self._causes(now)

    @property
    def policy(self) -> Policy:
        return self.book.policy(self.count)

    @property
    def zone(self) -> ZoneInfo:
        return self.book.zone(self.count)

    @property
    def payer(self) -> "Life | None":
        name = self.book.record(self.count).get("pays_through")
        return self.payers[str(name)] if name else None

    def _next(self, now: dt.datetime) -> dt.datetime:
        """The next `act_at`, or an earlier cause or moment of a message."""
        causes = [cause.at for cause in self.book.causes[self.count : self.count + 1]]
        if self.payer:
            causes += [heard.at for heard in self.payer.told_of if heard.at > now][:1]
        dues = [one.due for one in self.messages if one.waits and one.due and one.due > now]
        return min([clocks.next_act(self.zone, self.policy.calendar.act_at, now), *causes, *dues])

    def _is_act_at(self, now: dt.datetime) -> bool:
        act_at = self.policy.calendar.act_at
        return clocks.next_act(self.zone, act_at, now - clocks.MINUTE) == now

    def _causes(self, now: dt.datetime) -> None:
        """All that is recorded at `now`: a new policy, then the account's own events, then its payer's."""
        while self.count < len(self.book.causes) and self.book.causes[self.count].at == now:
            cause = self.book.causes[self.count]
            events = tuple(event for event in cause.events if self._is_heard(event))
            self.count += 1
            if cause.policy:
                if self.told_of:  # else it is not there yet
                    self._cause(now, (), "policy")
            elif events:
                self.since = self.since if self.told_of else cause.on
                self.told_of.append(Heard(now, cause.on, events, self.count))
                self._cause(now, events, "+".join(dict.fromkeys(event.kind for event in events)))
        for heard in self.payer.told_of if self.payer else ():
            if heard.at == now:
                self.payer_seen.add((heard.events[0].account, heard.count))
                self._cause(now, heard.events, "payer")

    def _is_heard(self, event: Event) -> bool:
        """Whether it says anything: a delivery is passed over that names no open message."""
        if not event.kind.startswith("notice_"):
            return True
        return self.recorded_delivery and self._unknown(event.text("notice")) is not None

    def _unknown(self, name: str) -> Message | None:
        """The oldest message of that name whose delivery is not known."""
        known = [one for one in self.messages if one.kind == "send" and one.name == name and one.sent_on]
        return next((one for one in known if one.delivery == "unknown"), None)

    def _cause(self, now: dt.datetime, events: Sequence[Event], name: str) -> None:
        forced = None
        for event in in_order(events):
            if name == "payer":
                continue
            self._hear(event, now)
            if event.kind == "forced":
                forced = event.text("to")
        was = self.episode
        self._see(now, [event for event in events if event.kind.endswith("_reversed")])
        self._note_running(events, was or self.episode)
        self._pass(now, name, forced)
        if any(event.kind == "hold_released" for event in events) and name != "payer":
            self._release(now)

    def _hear(self, event: Event, now: dt.datetime) -> None:
        """Take in what concerns the account itself."""
        match event.kind:
            case "account" if "tags" in event.data:
                self.tags = set(listed(event, "tags"))
            case "tag":
                self.tags.add(event.text("tag"))
            case "untag":
                self.tags.discard(event.text("tag"))
            case "hold" | "hold_released":
                self.on_hold = event.kind == "hold"
            case "promise":
                self._promise(event, now)
            case "promise_cancelled":
                promise = next(one for one in self.promises if one.id == event.text("id"))
                promise.cancelled = (now, event.line)
            case "contact":
                self._contact(event)
            case "notice_delivered" | "notice_failed":
                self._delivery(event, now)

    def _promise(self, event: Event, now: dt.datetime) -> None:
        ledger, _ = self._ledger(now)
        names = listed(event, "invoices")
        amount = ledger.parsed(event.text("amount"))
        made = Promise(event.text("id"), event.on, event.day("due"), amount, names, (now, event.line))
        self.promises.append(made)

    def _contact(self, event: Event) -> None:
        self.heard.append(event)
        self.told_times += 1
        self.spoken = self.told_times
        if event.text("channel") == "call":
            self.open_task = False

    def _delivery(self, event: Event, now: dt.datetime) -> None:
        message = self._unknown(event.text("notice"))
        if message is None:
            return
        self._delivered(message, now, is_good=event.kind == "notice_delivered")

    def _delivered(self, message: Message, now: dt.datetime, *, is_good: bool) -> None:
        self.told_times += 1
        message.delivery, message.told = "delivered" if is_good else "failed", self.told_times
        message.told_on = self._day(now)

    # --- what is known ------------------------------------------------------------------------------------------------

    def _day(self, now: dt.datetime) -> dt.date:
        """The policy day, which never decreases. What no policy has keeps none: the next one begins with its own."""
        day = max(self.day, clocks.policy_day(self.zone, self.policy.calendar.act_at, now))
        if self.had_by is self.policy:
            self.day = day
        return day

    def _ledger(self, now: dt.datetime) -> tuple[Ledger, list[Order]]:
        """The ledger of the account, or of its payer: what that one records at an instant comes after its own."""
        if self.payer is None:
            return self.book.ledger(self.count)
        name = self.payer.book.name
        counts = [one.count for one in self.payer.told_of if one.at < now or (name, one.count) in self.payer_seen]
        ledger, recorded = self.payer.book.ledger(max(counts, default=0))
        return ledger, [(at, line + AFTER_ALL) for at, line in recorded]

    def _note_running(self, events: Sequence[Event], running: Episode | None) -> None:
        """Remember which episode ran, or began, when something was recorded that may be reversed."""
        for event in events:
            if event.kind in ("payment", "write_off"):
                name = event.text("id" if event.kind == "payment" else "invoice")
                self.running[event.account, event.kind, name] = running

    def _see(self, now: dt.datetime, reversals: Sequence[Event] = ()) -> None:
        """Begin, end or go on with an episode."""
        ledger, _ = self._ledger(now)
        is_overdue = ledger.gross(self._day(now)) > 0
        if self.episode is not None and not is_overdue:
            begun, _ = self.episode.spans.pop()
            self.episode.spans.append((begun, now))
            self.episode = None
        if self.episode is None and is_overdue:
            self.episode = self._reopened(reversals) or self._new_episode(now)
            self.episode.spans.append((now.astimezone(self.zone), None))
            for message in self.messages:
                if message.sent_at == now:
                    message.episode = self.episode.number

    def _reopened(self, reversals: Sequence[Event]) -> Episode | None:
        """The episode that ran when what is reversed was recorded."""
        found = None
        for event in reversals:
            kind = event.kind.removesuffix("_reversed")
            name = event.text("payment" if kind == "payment" else "invoice")
            found = self.running.get((event.account, kind, name)) or found
        return found

    def _new_episode(self, now: dt.datetime) -> Episode:
        self.episodes += 1
        return Episode(self.episodes, clocks.wall(self.zone, now).date())

    def known(self, now: dt.datetime) -> Known:
        """All that the facts are made of."""
        ledger, recorded = self._ledger(now)
        policy, day = self.policy, self._day(now)
        promises = [
            Promise(one.id, one.on, one.due, one.amount, one.invoices, one.made, one.cancelled) for one in self.promises
        ]
        judge(promises, ledger, recorded, day, policy.grace_days, policy.tolerance)
        episode = self.episode
        in_episode = [
            one for one in promises if episode and any(self._is_open_in(one, *span) for span in episode.spans)
        ]
        return Known(
            day=day, policy=policy, state=self.state, since=self.since, record=self.book.record(self.count),
            tags=frozenset(self.tags), on_hold=self.on_hold, ledger=ledger, promises=promises, contacts=self.heard,
            messages=self.messages, episode=episode.number if episode else None,
            episode_from=episode.begun if episode else None, promises_in_episode=in_episode,
        )  # fmt: skip

    def _is_open_in(self, promise: Promise, begun: dt.datetime, ended: dt.datetime | None) -> bool:
        """Whether a promise was made or still open in this span."""
        if ended and promise.made[0] >= ended:
            return False
        if promise.made[0] >= begun or promise.over_on is None:
            return True
        if promise.over_at is not None:
            return promise.over_at > begun
        return dt.datetime.combine(promise.over_on, self.policy.calendar.act_at) > begun.replace(tzinfo=None)

    def facts(self, now: dt.datetime) -> dict[str, FactValue]:
        known = self.known(now)
        return facts_of(known) | attributes_of(known)

    # --- a pass -------------------------------------------------------------------------------------------------------

    def _pass(self, now: dt.datetime, cause: str, forced: str | None) -> None:
        self.is_parked = False
        policy = self.policy
        known = self.known(now)
        facts = facts_of(known)
        if policy.currency != facts["currency"]:
            self._park(now, None, None, cause, "no policy")
            return
        wrong = wrong_attributes(known)
        asked = {clause.fact for clause in comparisons(policy.applies_to)} if policy.applies_to else set()
        if not asked & wrong and policy.applies_to and not holds(policy.applies_to, self.facts(now)):
            self._park(now, None, None, cause, "no policy")
            return
        if wrong:
            self._park(now, None, None, cause, "an attribute of the wrong type")
            return
        self.had_by = policy
        chosen: list[tuple[str, Effect]] = []
        if forced is not None:
            self._force(now, forced, facts, cause)
        else:
            chosen = self._moves(now, cause)
        if not self.is_parked:
            chosen += self._acts(now)
        for rule, effect in chosen:
            self._effect(now, rule, effect)

    def _force(self, now: dt.datetime, to: str, facts: dict[str, FactValue], cause: str) -> None:
        if to == self.state:
            return
        is_allowed = "escalated" in (to, self.state)
        if not is_allowed or self._machine_refuses(to, facts):
            self._park(now, None, to, cause, "forced")
            return
        self._move(now, to, None, cause)

    def _moves(self, now: dt.datetime, cause: str) -> list[tuple[str, Effect]]:
        """Go where the rules lead; gives the effects of the last move."""
        visited: set[str] = {self.state}
        effects: list[tuple[str, Effect]] = []
        while True:
            facts = self.facts(now)
            rule = self._first(facts, visited)
            if rule is None:
                return effects
            to = str(rule.to)
            refused = self._refusal(rule, to, facts)
            if refused:
                self._park(now, refused, to, cause, "refused")
                return effects
            self._move(now, to, rule.id, cause)
            effects = [(rule.id, effect) for effect in rule.do]
            visited.add(to)
            if self.policy.catch_up is not CatchUp.JUMP:
                return effects

    def _first(self, facts: dict[str, FactValue], visited: set[str]) -> Rule | None:
        for rule in self.policy.rules:
            if rule.to is None or self.state not in rule.states or rule.to in visited:
                continue
            if holds(rule.when, facts) and not self._is_held(str(rule.to), facts):
                return rule
        return None

    def _is_held(self, to: str, facts: dict[str, FactValue]) -> bool:
        """Whether a move is harsher and must wait."""
        if RANK.get(to, 0) <= RANK.get(self.state, 0):
            return False
        mode = self.policy.catch_up
        if self.on_hold:
            return True
        if mode is not CatchUp.JUMP and self.harsher_on == self.day:
            return True
        if mode is not CatchUp.NOTICE_REQUIRED:
            return False
        return bool(facts["notice_pending"]) or self._is_undelivered()

    def _is_undelivered(self) -> bool:
        """Whether a message of this episode was delivered on this policy day, or has failed and nothing came after."""
        known = [
            one for one in self.messages if self.episode and one.kind == "send" and one.episode == self.episode.number
        ]
        good = [one for one in known if one.delivery == "delivered"]
        if any(one.told_on == self.day for one in good):
            return True
        heard = max([self.spoken, *(one.told for one in good)])
        return any(one.delivery == "failed" and one.told > heard for one in known)

    def _refusal(self, rule: Rule, to: str, facts: dict[str, FactValue]) -> str | None:
        """The id of the rule that is refused here, if it is."""
        if self._machine_refuses(to, facts):
            return rule.id
        is_never = any(never.to == to and holds(never.when, facts) for never in self.policy.never)
        return rule.id if is_never else None

    def _machine_refuses(self, to: str, facts: dict[str, FactValue]) -> bool:
        needed = {
            "promised": facts["has_open_promise"],
            "disputed": facts["has_open_dispute"],
            "resolved": facts["gross_overdue_amount"] == 0,
        }
        return not needed.get(to, True)

    def _acts(self, now: dt.datetime) -> Iterator[tuple[str, Effect]]:
        facts = self.facts(now)
        for rule in self.policy.rules:
            if rule.to is None and self.state in rule.states and holds(rule.when, facts) and self._may_fire(rule):
                self.fired[rule.id] = Fired(clocks.wall(self.zone, now).date())
                yield from [(rule.id, effect) for effect in rule.do]

    def _may_fire(self, rule: Rule) -> bool:
        fired = self.fired.get(rule.id)
        if fired is None:
            return True
        if rule.repeat_after_days is None or any(one.waits for one in fired.sendings):
            return False
        latest = max((one.sent_on for one in fired.sendings if one.sent_on), default=fired.on)
        return (self.day - latest).days >= rule.repeat_after_days

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def _move(self, now: dt.datetime, to: str, rule: str | None, cause: str) -> None:
        self._tell(now, {"kind": "step", "from": self.state, "to": to, "rule": rule, "cause": cause})
        if RANK.get(to, 0) > RANK.get(self.state, 0):
            self.harsher_on = self._day(now)
        self.state, self.since = to, clocks.wall(self.zone, now).date()
        self.stay += 1
        self.fired = {}
        self.open_task = False

    def _park(self, now: dt.datetime, rule: str | None, to: str | None, cause: str, reason: str) -> None:
        self.is_parked = True
        self._tell(now, {"kind": "parked", "rule": rule, "to": to, "cause": cause, "reason": reason})

    def _effect(self, now: dt.datetime, rule: str, effect: Effect) -> None:
        """Let an effect take hold; a message or call goes when all have gone that were decided before it."""
        if effect.kind in (EffectKind.SEND, EffectKind.CALL):
            made = Message(effect.kind, effect.name, rule, self.stay, self.episode is not None)
            self.messages.append(made)
            if rule in self.fired:
                self.fired[rule].sendings.append(made)
            made.due = self._moment(now, made)
            self._send_due(now)
            return
        if effect.kind is EffectKind.TAG:
            self.tags.add(effect.name)
        if effect.kind is EffectKind.UNTAG:
            self.tags.discard(effect.name)
        self._tell_effect(now, effect.kind, effect.name, rule)

    def _send_due(self, now: dt.datetime) -> None:
        """Look at all that falls due, in the order in which it was decided."""
        for message in self.messages:
            if message.waits and message.due and message.due <= now:
                self._look(now, message)

    def _moment(self, now: dt.datetime, message: Message) -> dt.datetime | None:
        """When it may go, from `now` on. On hold it has no moment, it waits for the release."""
        if self.on_hold:
            return None
        written = {one.sent_on for one in self.messages if one.kind == message.kind == "send"}
        if clocks.is_open(self.policy, self.zone, now) and clocks.wall(self.zone, now).date() not in written:
            return now
        while True:
            now = clocks.next_act(self.zone, self.policy.calendar.act_at, now)
            day = clocks.wall(self.zone, now).date()
            if clocks.is_working(self.policy, day) and day not in written:
                return now

    def _look(self, now: dt.datetime, message: Message) -> None:
        """Let a message or call go, drop it, or let it wait on."""
        if self.on_hold:
            message.due = None
            return
        if message.stay != self.stay or (message.was_overdue and self.episode is None):
            message.is_dropped = True
            return
        message.due = self._moment(now, message)
        if message.due == now:
            self._go(now, message)

    def _go(self, now: dt.datetime, message: Message) -> None:
        message.sent_on, message.sent_at = clocks.wall(self.zone, now).date(), now
        if message.kind == "call":
            if not self.open_task:
                self._tell_effect(now, message.kind, message.name, message.rule)
            self.open_task = True
            return
        message.episode = self.episode.number if self.episode else None
        self._tell_effect(now, message.kind, message.name, message.rule)
        if not self.recorded_delivery:
            self._delivered(message, now, is_good=True)

    def _release(self, now: dt.datetime) -> None:
        """What waited for the release may go."""
        for message in self.messages:
            if message.waits and message.due is None:
                message.due = now
        self._send_due(now)

    def _tell_effect(self, now: dt.datetime, kind: str, name: str, rule: str) -> None:
        self._tell(now, {"kind": "effect", "effect": str(kind), "name": name, "rule": rule})

    def _tell(self, now: dt.datetime, line: Line) -> None:
        shown = clocks.wall(self.zone, now)
        told = {"date": shown.date().isoformat(), "time": shown.strftime("%H:%M"), "account": self.book.name}
        self.lines.append((now, line | told))
