"""PURE. What late events change of an account: its books are folded anew, and of the rest only what nothing later says.

Rules put on tags and assign owners too, and no history of events holds that. So a fold alone never takes it back: only
a late event that is still the last to speak of an owner or a tag has its say.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from arflow.accounts.clearing import list_of
from arflow.accounts.entries import Account
from arflow.accounts.events import Event
from arflow.evolving import evolve


def names_payer(history: Iterable[Event], late: Sequence[Event]) -> bool:
    """Whether an event of `history`, those that came `late` left out, names one through whom the account pays."""
    return any(event.text("pays_through") and event not in late for event in history)


def rewound(account: Account, at: dt.datetime) -> Account:
    """`account` as its books stood at an instant since which no event of its own was applied.

    Only time has passed since then: it may have begun an episode, or its payer has.
    """
    begun_since = account.payer_ledger is None and account.episode is not None and account.episode.spans[-1][0] > at
    episodes = account.episodes[:-1] if begun_since else account.episodes
    return evolve(account, last_instant=at, policy_day=dt.date.min, episodes=episodes)


def with_books(account: Account, books: Account, *, has_paid_through: bool) -> Account:
    """`account` with everything that a fold of the recorded events alone gives; the rest is the machine's.

    The episodes of who has paid through another are no fold of its own events: its payer's made them.
    """
    return evolve(
        account,
        name=books.name,
        timezone=books.timezone,
        country=books.country,
        language=books.language,
        segment=books.segment,
        risk_grade=books.risk_grade,
        debtor_kind=books.debtor_kind,
        collector_role=books.collector_role,
        credit_limit=books.credit_limit,
        pays_through=books.pays_through,
        people=books.people,
        attributes=books.attributes,
        on_hold=books.on_hold,
        ledger=books.ledger,
        promises=books.promises,
        contacts=books.contacts,
        episodes=account.episodes if has_paid_through else books.episodes,
        born=True,
    )


def with_last_words(account: Account, books: Account, history: Iterable[Event], late: Sequence[Event]) -> Account:
    """`account` with the owner and the tags that `late` events of its `history` give it, where none later speaks of it.

    `books` is what the events alone come to.
    """
    owner, of_tags = _last_words(history)
    speaking = [event for event in late if _speaks(event)]
    retold = {tag for tag, event in of_tags.items() if event in speaking}
    return evolve(
        account,
        owner=books.owner if owner in speaking else account.owner,
        tags=(account.tags - retold) | (books.tags & retold),
    )


def _speaks(event: Event) -> bool:
    return event.kind in ("tag", "untag") or (event.kind == "account" and not event.data.keys().isdisjoint(_SPOKEN_OF))


_SPOKEN_OF = frozenset({"owner", "tags"})


def _last_words(history: Iterable[Event]) -> tuple[Event | None, dict[str, Event]]:
    """The last event that speaks of the owner, and of each tag that any event speaks of."""
    owner, of_tags = None, dict[str, Event]()
    for event in history:
        if event.kind in ("tag", "untag"):
            of_tags[event.text("tag")] = event
        elif event.kind == "account":
            owner = event if "owner" in event.data else owner
            if "tags" in event.data:  # all of them, so of those that it does not name as well
                of_tags |= dict.fromkeys({*of_tags, *list_of(event, "tags")}, event)
    return owner, of_tags
