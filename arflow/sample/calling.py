"""Calls to customers who are far overdue, what they say, and what becomes of their promises."""

import datetime as dt
from functools import partial

from arflow.isodates import ONE_DAY
from arflow.sample import habits
from arflow.sample.agenda import OFFICE, working, working_before
from arflow.sample.habits import Fate
from arflow.sample.story import Story
from arflow.sample.trading import Trading

_MOST_CALLS = 14
_REST_DAYS = 3
_FAR = 21
"""Nobody promises to pay in more than so many days."""


class Calling:
    """Writes one account's calls and promises."""

    def __init__(self, story: Story, trading: Trading) -> None:
        self._story, self._dice, self._trading = story, story.dice, trading
        self._calls = 0
        self._last_contact = dt.date.min
        self._asleep_until = dt.date.min

    def watch(self, invoice: str, due: dt.date) -> None:
        """Let somebody look at the invoice when it is far overdue."""
        day = due + dt.timedelta(days=self._dice.between(14, 24))
        self._story.agenda.plan(day, OFFICE, partial(self.chase, invoice))

    def chase(self, invoice: str) -> None:
        """Call about the invoice unless there is no need, or wait for a better moment."""
        story = self._story
        if self._calls >= _MOST_CALLS or story.flags or not story.book.overdue_of(invoice, story.today):
            return
        if self._must_wait(invoice):
            story.agenda.plan_in(4, 9, OFFICE, partial(self.chase, invoice))
            return
        self._calls += 1
        self._last_contact = story.today
        if self._dice.chance(habits.REACHED):
            self._talk(invoice)
        else:
            story.tell("contact", channel="call", direction="out", outcome=self._dice.weighted(habits.NOT_REACHED))
            story.agenda.plan_in(3, 6, OFFICE, partial(self.chase, invoice))

    def _must_wait(self, invoice: str) -> bool:
        story = self._story
        rests = (story.today - self._last_contact).days < _REST_DAYS
        overdue = story.book.overdue_invoices(story.today)
        return rests or story.on_hold or invoice in story.contested or self._sleeps() or overdue[0] != invoice

    def _sleeps(self) -> bool:
        return self._story.today <= self._asleep_until

    def _talk(self, invoice: str) -> None:
        story, expected = self._story, self._trading.expected_on(invoice)
        says = self._dice.weighted(habits.NEVER_SAYS if story.customer.stops_on else habits.SAYS)
        if expected is not None and (expected - story.today).days <= 2:  # noqa: PLR2004  # it is on its way
            says = "says_paid"
        story.tell("contact", channel="call", direction="out", outcome=says)
        if says == "promised":
            self._promise(invoice, expected or self._agreed(invoice))
        elif says in habits.RED_FLAGS:
            story.flags.add(habits.RED_FLAGS[says])
            story.tell("tag", tag=habits.RED_FLAGS[says])
        elif says == "needs_documents":
            story.agenda.plan_in(1, 2, OFFICE, self._send_documents)
        story.agenda.plan_in(8, 14, OFFICE, partial(self.chase, invoice))

    def _agreed(self, invoice: str) -> dt.date | None:
        """The day on which a customer who meant to pay nothing more now will, unless it pays nobody any more."""
        overdue = self._story.book.overdue_of(invoice, self._story.today)
        self._trading.expect(invoice, self._story.in_days(3, 14), overdue)
        return self._trading.expected_on(invoice)

    def _send_documents(self) -> None:
        self._last_contact = self._story.today
        self._story.tell("contact", channel="email", direction="out")

    # --- promises ---------------------------------------------------------------------------------------------------

    def _promise(self, invoice: str, expected: dt.date | None) -> None:
        fate = self._fate(expected)
        due = self._due(fate, expected)
        self._asleep_until = due + 3 * ONE_DAY
        amount, key = self._story.book.overdue_of(invoice, self._story.today), self._story.new_id("R")
        named = [invoice] if self._dice.chance(500) else None
        self._story.tell("promise", id=key, amount=self._story.show(amount), due=due.isoformat(), invoices=named)
        if fate is Fate.PARTLY:
            self._trading.expect(invoice, working_before(due), amount * self._dice.between(25, 70) // 100)
        if fate is Fate.CANCELLED:
            self._story.agenda.plan(self._story.in_days(2, 4), OFFICE, partial(self._cancel, key))

    def _fate(self, expected: dt.date | None) -> Fate:
        """What becomes of a promise; only who means to pay soon can keep it."""
        fate = self._dice.weighted(habits.FATES)
        if expected is None:
            return Fate.CANCELLED if fate is Fate.CANCELLED else Fate.BROKEN
        if fate is Fate.KEPT and (expected - self._story.today).days > _FAR:
            return Fate.PARTLY
        return fate

    def _due(self, fate: Fate, expected: dt.date | None) -> dt.date:
        """When the money is promised for: after it will come, well before that, or any day soon."""
        today = self._story.today
        if fate is Fate.KEPT and expected is not None:
            return working(expected + self._dice.below(4) * ONE_DAY)
        if fate is Fate.BROKEN:
            longest = 12 if expected is None else max(3, min(12, (expected - today).days - 5))
            return working(today + self._dice.between(3, longest) * ONE_DAY)
        return working(self._story.in_days(6, 12))

    def _cancel(self, key: str) -> None:
        self._asleep_until = self._last_contact = self._story.today
        self._story.tell("contact", channel="email", direction="in")
        self._story.tell("promise_cancelled", id=key)
