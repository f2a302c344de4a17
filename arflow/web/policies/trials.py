"""A version tried on the accounts that there are: what it would have done, and what it will do if it is activated.

Living a thousand accounts four times takes seconds to a minute, so it is done in a process of its own
(`arflow.trial.apart`), once for everybody who looks at the same version on the same business day, and one after the
other.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import render_template
from sqlalchemy import Connection

from arflow import clock
from arflow.errors import NotNow
from arflow.reports import days
from arflow.reports.shared import Shared, Told
from arflow.store import policies
from arflow.trial import apart
from arflow.trial.apart import Order
from arflow.trial.told import CALL, PARKED, SEND, STEP, UNKNOWABLE, Question, Sum, Trial
from arflow.web import bars
from arflow.web.pages import Pages
from arflow.web.policies import starts
from arflow.web.transactions import connection

ACCOUNTS, SECONDS = 1_000, 45.0
"""On how many accounts a version is tried at most, and after how many seconds no more are begun with."""

_PATIENCE = 1.0
"""Seconds that a page waits for an answer."""

_MOST_TIMES = 20
"""For how many times as long as it took an answer is shown."""

_KINDS = (SEND, CALL, STEP, PARKED)

pages = Pages("trials", __name__, roles={"policy_owner", "admin"}, url_prefix="/policies")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is tried: a version beside the active one of its name, on a business day.

    No day while the clock of a demo runs: its days are over before a trial is.
    """

    version: str
    active: str | None
    today: dt.date | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it, or why nothing did."""

    trial: Trial | None = None
    trouble: str = ""


class _Behind(Shared[Asked, Answer]):
    """Answers that are worked out behind the pages, however few accounts there are."""

    def ask_soon(self, connection: Connection, key: Asked) -> Told[Answer] | None:
        """The answer; None while it is being worked out."""
        return self._of(connection.engine).ask_soon(connection.engine, key)


def _answered(connection: Connection, asked: Asked) -> Sequence[Answer]:
    url = connection.engine.url.render_as_string(hide_password=False)
    connection.close()  # the process has one of its own; this one need not wait for it
    try:
        return [Answer(trial=apart.in_process(Order(url=url, version=asked.version, most=ACCOUNTS, seconds=SECONDS)))]
    except NotNow as trouble:
        return [Answer(trouble=str(trouble))]


_answers = _Behind(_answered, _MOST_TIMES)


@pages.get("/version/<version>/trial")
def tried(version: str) -> str | tuple[str, HTTPStatus]:
    """What a kept version would have done, and will do, beside the active one; 202 while that is being worked out."""
    kept = starts.kept_version(connection(), version)
    active = policies.active_one(connection(), kept.name)
    asked = Asked(version=kept.version, active=active.version if active else None, today=_today(connection()))
    told = _answers.ask_within(connection(), asked, _PATIENCE)
    if told is None:
        return render_template("policies/trial.html", kept=kept, is_underway=True), HTTPStatus.ACCEPTED
    (answer,) = told.lines
    return render_template(
        "policies/trial.html",
        kept=kept,
        is_underway=False,
        is_active=asked.active == kept.version,
        age=told.age,
        answer=answer,
        trial=answer.trial,
        unknowable=UNKNOWABLE,
        shown=list(_questions(answer.trial)) if answer.trial and answer.trial.accounts else [],
    )


def _today(connection: Connection) -> dt.date | None:
    demo = clock.demo(connection)
    return None if demo is not None and demo.is_running else days.today(connection)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows of one question: its periods as rows of figures, and messages and calls as a picture."""

    name: str
    found: Question
    rows: Sequence[tuple[dt.date, Sequence[Sum]]]
    picture: bars.Picture


def _questions(found: Trial) -> Iterator[Shown]:
    for name, question in (("past", found.past), ("ahead", found.ahead)):
        if question is not None:
            yield _shown(name, question)


def _shown(name: str, found: Question) -> Shown:
    columns = [found.by_period(kind) for kind in _KINDS]
    rows = [(day, [column[at] for column in columns]) for at, day in enumerate(found.periods)]
    return Shown(name=name, found=found, rows=rows, picture=bars.picture(_bars(rows)))


def _bars(rows: Sequence[tuple[dt.date, Sequence[Sum]]]) -> Sequence[tuple[str, Sequence[tuple[str, int]], str]]:
    """Two bars for each period, one under the other: as it is, and as it is tried."""
    found = []
    for day, (sent, calls, *_) in rows:
        now, tried = (sent.now, calls.now), (sent.tried, calls.tried)
        for label, (messages, called) in ((f"{day.day} {day:%b}  now", now), ("tried", tried)):
            pieces = [(SEND, messages), (CALL, called)]
            found.append((label, pieces, f"{messages:,} + {called:,}" if messages or called else ""))
    return found
