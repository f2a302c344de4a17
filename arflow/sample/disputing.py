"""Disputes: a fifth of the customers contest an invoice now and then, and somebody finds out who is right."""

import datetime as dt
from functools import partial

from arflow.sample import habits
from arflow.sample.agenda import OFFICE
from arflow.sample.story import Story
from arflow.sample.trading import Trading


class Disputing:
    """Writes one account's disputes."""

    def __init__(self, story: Story, trading: Trading) -> None:
        self._story, self._dice, self._trading = story, story.dice, trading
        self._wait_for = story.dice.below(3)
        """How many invoices pass before the next one that is contested."""

    def watch(self, invoice: str, _: dt.date) -> None:
        """Let the customer look at a new invoice, early enough that it is not yet paid."""
        if not self._story.customer.disputes:
            return
        if self._wait_for:
            self._wait_for -= 1
            return
        self._story.agenda.plan_in(1, 6, OFFICE, partial(self.dispute, invoice))
        self._wait_for = self._dice.between(5, 14)

    def dispute(self, invoice: str) -> None:
        """Contest the invoice or a part of it; the next one when this one is paid already."""
        story, still_open = self._story, self._story.payable(invoice)
        if still_open == 0 or invoice in story.contested:
            self._wait_for = 0
            return
        part = still_open * self._dice.between(15, 70) // 100 if self._dice.chance(450) else None
        key = story.new_id("D")
        story.contested[invoice] = still_open if part is None else part
        story.tell("contact", channel=self._dice.one_of(("call", "email")), direction="in", outcome="disputes")
        amount = None if part is None else story.show(part)
        story.tell("dispute", id=key, invoice=invoice, amount=amount, reason=self._dice.weighted(habits.REASONS))
        longest = 30 if self._dice.chance(850) else 75
        story.agenda.plan_in(4, longest, OFFICE, partial(self.close, key, invoice))

    def close(self, key: str, invoice: str) -> None:
        """Settle the dispute; the customer then pays what is left."""
        story, outcome = self._story, self._dice.weighted(habits.OUTCOMES)
        contested = min(story.contested.pop(invoice), story.book.open_of(invoice))
        credit = contested * self._dice.between(20, 80) // 100 if outcome == "partly_upheld" else 0
        if outcome == "partly_upheld" and credit == 0:
            outcome = "rejected"
        story.book.take(contested if outcome == "upheld" else credit, invoice)
        story.tell("dispute_closed", id=key, outcome=outcome, credit=story.show(credit) if credit else None)
        self._trading.expect(invoice, story.in_days(2, 16), contested)
