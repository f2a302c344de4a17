"""Who the customers of the sample are: everything about an account that is settled before its first invoice."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from arflow.sample import habits
from arflow.sample.agenda import working
from arflow.sample.countries import Country, country_at, plain
from arflow.sample.dice import Dice, percentile
from arflow.sample.habits import Payer, Segment

Fields = dict[str, object]
_SPREAD = 157
"""A prime, so that neighbours in the list of accounts have names that differ in both words."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One account of the sample. `stops_on` is the day from which a NEVER pays nothing any more."""

    index: int
    id: str
    country: Country
    payer: Payer
    segment: Segment
    terms: int
    first_day: dt.date
    stops_on: dt.date | None
    disputes: bool
    holds: bool
    tagged: bool
    pays_through: str | None
    record: Fields
    """The fields of its first event."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The days of the sample, both included."""

    start: dt.date
    until: dt.date

    def day_at(self, permille: int) -> dt.date:
        """The day that lies `permille` parts of 1,000 along."""
        return self.start + (self.until - self.start) * permille // 1000


def customer(seed: int, index: int, span: Span, dice: Dice) -> Customer:
    """Account number `index`."""
    head = index - 1 if _is_branch(seed, index) else None
    country = _country(seed, index if head is None else head)
    payer, segment = _payer(seed, index), dice.weighted(habits.SEGMENTS)
    stops_on = span.day_at(dice.between(250, 650)) if payer is Payer.NEVER else None
    return Customer(
        index=index,
        id=_id(country, index),
        country=country,
        payer=payer,
        segment=segment,
        terms=dice.one_of(country.terms),
        first_day=span.start if head is not None or dice.chance(800) else working(span.day_at(dice.between(0, 550))),
        stops_on=stops_on,
        disputes=percentile(seed, "disputes", index) < habits.DISPUTING_PERCENT,
        holds=percentile(seed, "holds", index) < habits.HOLDING_PERCENT,
        tagged=percentile(seed, "tags", index) < habits.TAGGED_PERCENT,
        pays_through=None if head is None else _id(country, head),
        record=_record(country, payer, segment, _name(country, index, head, dice), dice),
    )


def _is_branch(seed: int, index: int) -> bool:
    """Whether an account pays through the one before it, which pays for itself."""
    return index > 0 and _wants_head(seed, index) and not _is_branch(seed, index - 1)


def _wants_head(seed: int, index: int) -> bool:
    return percentile(seed, "branches", index) < habits.BRANCH_PERCENT


def _country(seed: int, index: int) -> Country:
    return country_at(percentile(seed, "countries", index))


def _id(country: Country, index: int) -> str:
    return f"{country.code}-{index + 1:04}"


def _payer(seed: int, index: int) -> Payer:
    place = percentile(seed, "payers", index)
    for share, payer in habits.PAYERS:
        if place < share:
            return payer
        place -= share
    raise AssertionError("the shares add up to 100")


def _name(country: Country, index: int, head: int | None, dice: Dice) -> str:
    """A name that none of the other first 400 accounts has; a branch adds its head office."""
    trades = len(country.trades)
    town, trade = divmod(_SPREAD * index % (len(country.towns) * trades), trades)
    name = f"{country.towns[town]} {country.trades[trade]}"
    return f"{name} ({_id(country, head)})" if head is not None else f"{name} {dice.one_of(country.forms)}"


def _record(country: Country, payer: Payer, segment: Segment, name: str, dice: Dice) -> Fields:
    region, zone = dice.one_of(country.regions)
    low, high = segment.credit_limit
    owner = dice.weighted(habits.OWNERS)
    roles = ("accounts payable", "finance")[: dice.between(1, 2)]
    return {
        "name": name,
        "currency": country.currency,
        "timezone": zone,
        "country": country.code,
        "language": country.language,
        "segment": segment.name,
        "risk_grade": dice.weighted(habits.GRADES[payer]),
        "debtor_kind": "natural_person_business" if segment.name == "small" and dice.chance(250) else "company",
        "collector_role": "first_party",
        "credit_limit": f"{dice.between(low, high) * 1000}.00",
        **({"owner": owner} if owner else {}),
        "contacts": _contacts(country, name, roles, dice),
        "tags": ["key-account"] if segment.name == "enterprise" and dice.chance(400) else [],
        "attributes": {"region": region},
    }


def _contacts(country: Country, company: str, roles: Sequence[str], dice: Dice) -> list[Fields]:
    """One person for each of `roles`; whoever would be there twice has the next family name instead."""
    found: dict[str, Fields] = {}
    for role in roles:
        first, last = dice.one_of(country.first_names), dice.one_of(country.last_names)
        while f"{first} {last}" in found:
            last = country.last_names[(country.last_names.index(last) + 1) % len(country.last_names)]
        phone = "".join(str(dice.below(10)) if char == "#" else char for char in country.phone)
        email = f"{plain(first)}.{plain(last)}@{plain(company)}.example"
        found[f"{first} {last}"] = {"name": f"{first} {last}", "email": email, "phone": phone, "role": role}
    return list(found.values())
