"""The account itself: its first record, and what people change on it later (holds, tags, a new risk grade)."""

import datetime as dt
from functools import partial

from arflow.sample.agenda import OFFICE
from arflow.sample.story import Story

_HOLDS = ("contract is being renewed", "waiting for a corrected order", "sales asked for patience", "merger under way")
_TAGS = ("seasonal", "strategic", "prefers-email", "new-finance-team")
_WORSE = {"A": "B", "B": "C", "C": "D", "D": "E", "E": "E"}


class Records:
    """Writes one account's own record."""

    def __init__(self, story: Story) -> None:
        self._story, self._dice, self._agenda = story, story.dice, story.agenda

    def start(self, days: int) -> None:
        """Write the account's first record, and plan what people will change during its `days`."""
        customer = self._story.customer
        self._story.tell("account", **customer.record, pays_through=customer.pays_through)
        if customer.holds:
            self._agenda.plan(self._day_within(days), OFFICE, self.hold)
        if customer.tagged:
            self._agenda.plan(self._day_within(days), OFFICE, self.tag)
        if customer.payer.is_risky and self._dice.chance(300):
            self._agenda.plan(self._day_within(days), OFFICE, self.downgrade)

    def _day_within(self, days: int) -> dt.date:
        return self._story.in_days(days // 10, days * 8 // 10)

    def hold(self) -> None:
        """Put the account on hold for some weeks."""
        self._story.on_hold = True
        self._story.tell("hold", reason=self._dice.one_of(_HOLDS))
        self._agenda.plan_in(7, 40, OFFICE, self.release)

    def release(self) -> None:
        """Let the account go on."""
        self._story.on_hold = False
        self._story.tell("hold_released", reason="settled")

    def tag(self) -> None:
        """Put a tag on the account; a third of them come off again."""
        tag = self._dice.one_of(_TAGS)
        self._story.tell("tag", tag=tag)
        if self._dice.chance(330):
            self._agenda.plan_in(20, 120, OFFICE, partial(self._story.tell, "untag", tag=tag))

    def downgrade(self) -> None:
        """Lower the risk grade by one."""
        self._story.tell("account", risk_grade=_WORSE[str(self._story.customer.record["risk_grade"])])
