"""The messages of an episode: what was sent, failed or is pending, and what a harsher step has to wait for."""

import datetime as dt

import pytest
from msgspec.structs import replace

from arflow.accounts.entries import Account, Contact, EffectStatus, Episode, Outgoing
from arflow.accounts.notices import Notices, notices
from arflow.vocabulary import EffectKind

DAY = dt.date(2026, 3, 10)
NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)
EPISODE = Episode(started_on=dt.date(2026, 3, 2), spans=((NOON - 8 * A_DAY, None),))
SENT, DELIVERED, FAILED = EffectStatus.SENT, EffectStatus.DELIVERED, EffectStatus.FAILED


def message(days_ago: int, status: EffectStatus, settled: int | None = None, number: int = 1) -> Outgoing:
    """A message sent so many days ago whose delivery became known `settled` days ago."""
    sent = NOON - days_ago * A_DAY
    known, gone = status in (DELIVERED, FAILED), status not in (EffectStatus.WAITING, EffectStatus.DROPPED)
    settled_days = days_ago if settled is None else settled
    return Outgoing(
        number=number,
        kind=EffectKind.SEND,
        name="friendly",
        rule="first",
        stay=1,
        overdue_then=True,
        decided_at=sent,
        decided_on=sent.date(),
        due_at=sent,
        status=status,
        sent_at=sent if gone else None,
        sent_on=sent.date() if gone else None,
        settled_at=NOON - settled_days * A_DAY if known else None,
        settled_day=DAY - settled_days * A_DAY if known else None,
    )


def seen(*messages: Outgoing, contacts: tuple[Contact, ...] = (), episode: Episode | None = EPISODE) -> Notices:
    return notices(Account(id="A", currency="USD", outgoing=messages, contacts=contacts), episode, DAY)


def contact(days_ago: int) -> Contact:
    at = NOON - days_ago * A_DAY
    return Contact(channel="email", direction="out", outcome=None, on=at.date(), recorded=(at, 0))


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((), Notices()),
        ((message(3, DELIVERED),), Notices(sent=1)),
        ((message(3, SENT),), Notices(sent=1, pending=True)),
        ((message(3, EffectStatus.WAITING),), Notices(pending=True)),
        ((message(3, EffectStatus.DROPPED),), Notices()),
        ((message(3, FAILED),), Notices(sent=1, failed=1, undelivered=True)),
        ((message(0, DELIVERED),), Notices(sent=1, delivered_today=True)),
        ((message(3, DELIVERED, settled=0),), Notices(sent=1, delivered_today=True)),
        ((message(3, DELIVERED), message(2, DELIVERED, number=2)), Notices(sent=2)),
        ((message(9, DELIVERED),), Notices()),
        ((message(9, SENT),), Notices()),
    ],
    ids=[
        "none",
        "done",
        "unknown",
        "waiting",
        "dropped",
        "failed",
        "today",
        "known today",
        "two",
        "old",
        "old unknown",
    ],
)
def test_messages_count_in_the_episode_in_which_they_were_sent(
    messages: tuple[Outgoing, ...], expected: Notices
) -> None:
    assert expected == seen(*messages)


def test_outside_an_episode_there_is_nothing_to_wait_for() -> None:
    assert seen(message(3, SENT), message(2, FAILED), episode=None) == Notices()


def test_a_call_is_no_message() -> None:
    call = replace(message(0, SENT), kind=EffectKind.CALL)
    assert seen(call) == Notices()


@pytest.mark.parametrize(
    ("messages", "contacts", "expected"),
    [
        ((message(5, FAILED), message(3, DELIVERED, number=2)), (), False),
        ((message(5, DELIVERED), message(3, FAILED, number=2)), (), True),
        ((message(5, FAILED, settled=1), message(3, DELIVERED, number=2)), (), False),
        ((message(5, FAILED), message(3, SENT, number=2)), (), True),
        ((message(5, FAILED),), (contact(2),), False),
        ((message(5, FAILED),), (contact(5),), False),
        ((message(5, FAILED),), (contact(6),), True),
        ((message(5, FAILED, settled=1),), (contact(2),), True),
    ],
    ids=[
        "written again",
        "failed last",
        "known late",
        "not known",
        "spoken",
        "at once",
        "before",
        "before it was known",
    ],
)
def test_a_failed_delivery_stands_until_a_later_one_arrives_or_somebody_is_in_contact(
    messages: tuple[Outgoing, ...], contacts: tuple[Contact, ...], expected: bool
) -> None:
    """A message sent later than the failed one, or a contact recorded after the failure became known."""
    assert expected is seen(*messages, contacts=contacts).undelivered


def test_the_latest_delivery_decides_whether_it_was_today() -> None:
    assert seen(message(5, DELIVERED, settled=0), message(3, DELIVERED, number=2)).delivered_today
    assert not seen(message(5, DELIVERED, settled=2), message(3, DELIVERED, settled=1, number=2)).delivered_today
