"""How values look on pages: money, days, instants, states and outcomes. Text only; the words are those of the house."""

import datetime as dt
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask
from markupsafe import Markup, escape

from arflow import money
from arflow.desk import wording
from arflow.reports import kpi
from arflow.web import worded

_TONES = {
    "current": "calm",
    "resolved": "good",
    "reminded": "mild",
    "called": "warm",
    "promised": "good",
    "disputed": "odd",
    "escalated": "hot",
}


def amount(minor: int | None, currency: str) -> Markup:
    """Exact money: `1,234.50 USD`, all decimals of the currency, digits of one width."""
    if minor is None:
        return Markup("")
    figures = money.grouped(minor, currency)
    return Markup('<span class="money">{}&nbsp;<small>{}</small></span>').format(figures, currency)


def day(date: dt.date | None) -> Markup:
    """A date: `1 Mar 2026`."""
    if date is None:
        return Markup("")
    return Markup('<time datetime="{}">{}</time>').format(date.isoformat(), wording.day(date))


def instant(at: dt.datetime | None, zone: str = "UTC") -> Markup:
    """An instant in a zone: `1 Mar 2026, 14:05 UTC`. An unknown zone is shown as UTC."""
    if at is None:
        return Markup("")
    try:
        local = at.astimezone(ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        local = at.astimezone(dt.UTC)
    text = f"{wording.day(local)}, {local:%H:%M} {local.tzname()}"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), text)


def span(length: dt.timedelta | None) -> str:
    """A length of time in its largest unit: `3 minutes`."""
    if length is None:
        return ""
    seconds = int(length.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}{'s' if seconds >= 2 * size else ''}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def badge(word: str, tone: str = "") -> Markup:
    """A state or another word as a label; its colour only adds to what it says."""
    return Markup('<span class="badge tone-{}">{}</span>').format(tone or _TONES.get(word, "calm"), words(word))


def words(code: str) -> str:
    """A code as words: `policy_owner` is `policy owner`."""
    return code.replace("_", " ")


def ticked(text: str) -> Markup:
    """A sentence of the house, whose words of others stand in backticks: shown as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one is left open: it is none of ours
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def count(number: int) -> str:
    """A number of things: `12,345`."""
    return f"{number:,}"


def tenths(value: Fraction, times: int = 1) -> str:
    """A number with one decimal: `41.3`; as per cent with `times` a hundred."""
    return kpi.rounded(value * times) or ""


def teach(app: Flask) -> None:
    """Let the templates of `app` show values so."""
    app.jinja_env.filters.update(
        money=amount,
        figures=money.grouped,
        day=day,
        instant=instant,
        span=span,
        badge=badge,
        words=words,
        count=count,
        tenths=tenths,
        ticked=ticked,
        worded=worded.worded,
    )
    app.jinja_env.globals.update(worded=worded)
