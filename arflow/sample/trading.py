"""Invoices, and how they are paid: late or in time, whole or in parts, too little, too much, bounced, or not at all."""

import datetime as dt
from collections.abc import Callable
from functools import partial

from arflow.sample import habits
from arflow.sample.agenda import BOOKING, OFFICE, WHOLE_DAY, Action, working, working_before
from arflow.sample.habits import Payer, Style
from arflow.sample.story import Story

Watcher = Callable[[str, dt.date], None]
"""Is told of each new invoice, with each of its due dates."""

_PATIENCE = dt.timedelta(days=75)
"""How long a customer who has stopped paying is still supplied."""

_SMALL = 1500
"""A rest of so many minor units at most is given up."""


class Trading:
    """Writes one account's invoices and payments."""

    def __init__(self, story: Story) -> None:
        self.watchers: list[Watcher] = []
        self._story, self._dice, self._agenda = story, story.dice, story.agenda
        self._expected: dict[str, list[dt.date]] = {}

    def start(self) -> None:
        """Plan the first invoice, and the end of a customer who stops paying."""
        self._agenda.plan_in(1, self._story.customer.segment.gap[0], BOOKING, self.bill)
        stops_on = self._story.customer.stops_on
        if stops_on is not None and self._dice.chance(650):
            self._agenda.plan(stops_on + dt.timedelta(days=self._dice.between(170, 240)), OFFICE, self.write_off)

    # --- invoices ---------------------------------------------------------------------------------------------------

    def bill(self) -> None:
        """Write an invoice and plan what becomes of it, then the next one."""
        if self._has_stopped() and self._is_too_old():
            return
        self._agenda.plan_in(*self._story.customer.segment.gap, BOOKING, self.bill)
        if self._dice.chance(habits.CREDIT_NOTE):
            self._credit_note()
        self._invoice(self._dice.low_between(*self._story.customer.segment.amount))

    def _has_stopped(self) -> bool:
        stops_on = self._story.customer.stops_on
        return stops_on is not None and self._story.today >= stops_on

    def _is_too_old(self) -> bool:
        oldest = self._story.book.oldest_due()
        return oldest is not None and self._story.today - oldest > _PATIENCE

    def _invoice(self, amount: int) -> None:
        story, key = self._story, self._new_number()
        items = self._items(amount)
        story.book.bill(key, items)
        parts = [{"due": due.isoformat(), "amount": story.show(part)} for due, part in items]
        instalments = parts if len(parts) > 1 else None
        story.tell("invoice", id=key, amount=story.show(amount), due=items[-1][0].isoformat(), instalments=instalments)
        for due, part in items:
            self._plan_payment(key, due, part, is_whole=part == amount)
            for watcher in self.watchers:
                watcher(key, due)
        self._plan_credit(key, amount)

    def _new_number(self) -> str:
        return f"{self._story.customer.index + 1:04}-{self._story.new_id('')}"

    def _items(self, amount: int) -> list[tuple[dt.date, int]]:
        first = self._story.today + dt.timedelta(days=self._story.customer.terms)
        if not self._dice.chance(habits.INSTALMENTS):
            return [(first, amount)]
        count = self._dice.between(2, 4)
        dues = [first + dt.timedelta(days=30 * at) for at in range(count)]
        return [(due, amount // count + (amount % count if due == dues[-1] else 0)) for due in dues]

    def _credit_note(self) -> None:
        """Write a negative invoice, a bonus on what is open."""
        story, oldest = self._story, self._story.book.next_to_pay()
        amount = story.payable(oldest) // 5 if oldest else 0
        if amount:
            story.book.take(amount, None)
            story.tell("invoice", id=self._new_number(), amount=story.show(-amount), due=story.today.isoformat())

    def _plan_credit(self, invoice: str, amount: int) -> None:
        if self._dice.chance(habits.CANCELLED):
            self._agenda.plan_in(1, 9, OFFICE, partial(self.credit, invoice, None))
        elif self._dice.chance(habits.CREDITED):
            part = amount * self._dice.between(5, 30) // 100
            self._agenda.plan_in(1, 12, OFFICE, partial(self.credit, invoice, part))

    def credit(self, invoice: str, amount: int | None) -> None:
        """Credit `amount` of the invoice, or all that is open; nothing when that is no longer open or in dispute."""
        story, still_open = self._story, self._story.payable(invoice)
        if still_open == 0 or invoice in story.contested or (amount is not None and amount > still_open):
            return
        story.book.take(still_open if amount is None else amount, invoice)
        shown = None if amount is None else story.show(amount)
        story.tell("credit", id=story.new_id("C"), invoice=invoice, amount=shown)

    # --- payments ---------------------------------------------------------------------------------------------------

    def _plan_payment(self, invoice: str, due: dt.date, amount: int, *, is_whole: bool) -> None:
        day, style = self._payment_day(due), self._dice.weighted(habits.STYLES)
        if not is_whole or style is Style.FULL:
            self.expect(invoice, day, amount)
        elif style is Style.PARTS:
            first = amount * self._dice.between(35, 65) // 100
            self.expect(invoice, day, first)
            self.expect(invoice, day + dt.timedelta(days=self._dice.between(7, 25)), amount - first)
        elif style is Style.SHORT:
            rest = min(amount // 20, self._dice.between(50, _SMALL))
            self.expect(invoice, day, amount - rest)
            given_up = day + dt.timedelta(days=self._dice.between(40, 70))
            self._agenda.plan(given_up, OFFICE, partial(self.write_off, invoice))
        else:
            extra = self._dice.between(10, 300) * 100 if style is Style.UP else amount
            self._plan_expected(invoice, day, partial(self._pay_too_much, invoice, extra, style))

    def _payment_day(self, due: dt.date) -> dt.date:
        """A day after `due`, or a working day not after it."""
        payer = self._story.customer.payer
        if self._dice.chance(habits.LATE[payer]):
            return due + dt.timedelta(days=self._dice.along(habits.LATE_DAYS))
        return working_before(due - dt.timedelta(days=self._dice.along(habits.EARLY_DAYS)))

    def expect(self, invoice: str, day: dt.date, amount: int) -> None:
        """Let the customer pay `amount` on `day`, or what of it is still to be paid then."""
        self._plan_expected(invoice, day, partial(self.pay, invoice, amount))

    def _plan_expected(self, invoice: str, day: dt.date, action: Action) -> None:
        self._expected.setdefault(invoice, []).append(working(day))
        self._agenda.plan(day, WHOLE_DAY, action)

    def expected_on(self, invoice: str) -> dt.date | None:
        """The next day on which the customer means to pay something of `invoice`; None when it pays no more."""
        if self._has_stopped():
            return None
        return min((day for day in self._expected.get(invoice, []) if day > self._story.today), default=None)

    def pay(self, invoice: str, amount: int) -> None:
        """Pay up to `amount` of what can be paid of the invoice; nothing when the customer pays no more."""
        due_now = min(amount, self._story.payable(invoice))
        if due_now and not self._has_stopped():
            self._book_payment(invoice, due_now)

    def _book_payment(self, invoice: str, amount: int) -> str:
        story, key = self._story, self._story.new_id("P")
        named = None if self._goes_there_anyway(invoice) and self._dice.chance(habits.NO_REFERENCE) else invoice
        story.book.take(amount, named, key)
        story.tell("payment", id=key, amount=story.show(amount), invoice=named)
        if self._dice.chance(habits.BOUNCED):
            self._agenda.plan_in(3, 6, OFFICE, partial(self.bounce, invoice, key, amount))
        return key

    def _goes_there_anyway(self, invoice: str) -> bool:
        return self._story.book.next_to_pay() == invoice and not self._story.contested

    def bounce(self, invoice: str, key: str, amount: int) -> None:
        """Let the bank take a payment back; most customers pay again within weeks."""
        self._story.book.give_back(key)
        self._story.tell("payment_reversed", payment=key)
        if self._dice.chance(900):
            self.expect(invoice, self._story.in_days(3, 18), amount)

    def _pay_too_much(self, invoice: str, extra: int, style: Style) -> None:
        payable, contested = self._story.payable(invoice), invoice in self._story.contested
        if payable == 0 or self._has_stopped():
            return
        if contested or style is Style.TWICE:
            self.pay(invoice, payable)
        if style is Style.TWICE and not contested:
            self._agenda.plan_in(1, 5, WHOLE_DAY, partial(self._pay_again, invoice, extra))
        if style is Style.UP and not contested:
            self._surplus(invoice, payable + extra)

    def _pay_again(self, invoice: str, amount: int) -> None:
        if self._story.book.open_of(invoice) == 0:
            self._surplus(invoice, amount)

    def _surplus(self, invoice: str, amount: int) -> None:
        """Book a payment that is larger than what it pays; nearly always it is sent back some weeks later."""
        story, key, before = self._story, self._story.new_id("P"), self._story.book.open_of(invoice)
        story.book.take(amount, invoice, key)
        story.tell("payment", id=key, amount=story.show(amount), invoice=invoice)
        if self._dice.chance(700):
            self._agenda.plan_in(8, 25, OFFICE, partial(self._send_back, invoice, key, before))

    def _send_back(self, invoice: str, key: str, used: int) -> None:
        """Return a payment that was too large, and book what was meant in its place."""
        story = self._story
        story.book.give_back(key)
        story.tell("payment_reversed", payment=key)
        if used:
            story.book.take(used, invoice, again := story.new_id("P"))
            story.tell("payment", id=again, amount=story.show(used), invoice=invoice)

    # --- write-offs -------------------------------------------------------------------------------------------------

    def write_off(self, invoice: str | None = None) -> None:
        """Give up a small rest of `invoice`, or all that is overdue of a customer who pays no more."""
        story = self._story
        overdue = story.book.overdue_invoices(story.today)
        for key in overdue if invoice is None else [key for key in overdue if key == invoice]:
            if key not in story.contested and (invoice is None or story.book.open_of(key) <= _SMALL):
                self._write_off_one(key)

    def _write_off_one(self, invoice: str) -> None:
        story = self._story
        lost = story.book.open_of(invoice)
        story.book.take(lost, invoice, f"off {invoice}")
        story.tell("write_off", invoice=invoice)
        if story.customer.payer is Payer.NEVER and self._dice.chance(120):
            self._agenda.plan_in(30, 60, OFFICE, partial(self._recover, invoice, lost))

    def _recover(self, invoice: str, amount: int) -> None:
        """An administrator pays after all: the debt comes back, and is paid."""
        story, key = self._story, self._story.new_id("P")
        story.book.give_back(f"off {invoice}")
        story.tell("write_off_reversed", invoice=invoice)
        story.book.take(amount, invoice, key)
        story.tell("payment", id=key, amount=story.show(amount), invoice=invoice)
