"""A sample ledger with the habits of real payers, made from a seed: events of the contract's section 7.

The habits are figures of the mission: about a third of the invoices are paid late, with a median of 8 days; a fifth of
the customers ever dispute; some promises are broken or partly kept; a few customers never pay. There are part payments,
over-payments, payments without a reference, bounced ones, credits, write-offs, holds, instalments and tags; four
countries, three currencies. The rates of those are our own estimates and stand in `habits.py`.

The same arguments give the same events, byte for byte, under every Python version. No two events of an account share
a date and time unless they belong together, so that the order of lines cannot matter.
"""

import datetime as dt
import json
from collections.abc import Iterator

from arflow.sample.agenda import Agenda, working
from arflow.sample.calling import Calling
from arflow.sample.customers import Customer, Span, customer
from arflow.sample.dice import Dice
from arflow.sample.disputing import Disputing
from arflow.sample.records import Records
from arflow.sample.story import Event, Story
from arflow.sample.trading import Trading

__all__ = ["as_line", "generate"]
_MONTHS = 12


def generate(*, seed: int, accounts: int, months: int, until: dt.date) -> Iterator[Event]:
    """The events of `accounts` accounts in the `months` up to and including `until`.

    They come account by account, each in the order of time; amounts are decimal strings, dates ISO.
    """
    span = Span(start=working(_months_before(until, months)), until=until)
    for index in range(accounts):
        dice = Dice(f"{seed}:account:{index}")
        yield from _events(customer(seed, index, span, dice), dice, span)


def as_line(event: Event) -> str:
    """An event as one line of an events file."""
    return json.dumps(event, ensure_ascii=False) + "\n"


def _events(who: Customer, dice: Dice, span: Span) -> list[Event]:
    """The whole story of one account."""
    story = Story(customer=who, dice=dice, agenda=Agenda(dice, who.first_day))
    Records(story).start((span.until - who.first_day).days)
    if who.pays_through is None:
        trading = Trading(story)
        trading.watchers += [Disputing(story, trading).watch, Calling(story, trading).watch]
        trading.start()
    story.agenda.run(span.until)
    return story.events


def _months_before(day: dt.date, months: int) -> dt.date:
    """The first day of the span of `months` that ends with `day`."""
    count = day.year * _MONTHS + day.month - 1 - months
    first = dt.date(count // _MONTHS, count % _MONTHS + 1, 1)
    return first + dt.timedelta(days=min(day.day, 28))
