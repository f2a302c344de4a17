"""Random policies for the tests that compare two ways to the same answer: documents, as an owner would write them.

Every fact and operator of the language comes up, and the literals lie where random ledgers cross them.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from random import Random

from arflow.rules.catalogue import CATALOGUE, ByTime, FactSpec, FactType, attribute
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.vocabulary import NEVER, State

Document = dict[str, object]

ZONES = (
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Europe/Berlin",
    "Pacific/Honolulu",
    "UTC",
)
TAGS = ("vip", "late", "x.y", "Grüße", "a:b")
TEMPLATES = ("friendly", "second", "final")
ATTRIBUTES = {"region": "text", "size": "int", "cap": "amount", "big": "bool"}
AMOUNTS = ("0.00", "10.00", "25.00", "50.00", "75.00", "100.00", "150.00", "300.00", "600.00")
TEXTS = {
    "country": ("US", "DE", ""),
    "segment": ("retail", "branch", ""),
    "risk_grade": ("A", "B", ""),
    "debtor_kind": ("consumer", "business", ""),
    "collector_role": ("senior", ""),
    "currency": ("USD", "EUR"),
    "attr_region": ("north", "south", ""),
}
CATALOGUE_AND_ATTRIBUTES: dict[str, FactSpec] = dict(CATALOGUE) | {
    f"attr_{name}": attribute(name, kind) for name, kind in ATTRIBUTES.items()
}
LIVELY = tuple(spec.name for spec in CATALOGUE_AND_ATTRIBUTES.values() if spec.by_time != (ByTime.CONSTANT,))
"""The facts that time alone moves."""
_GUARDED = {"promised": "has_open_promise", "disputed": "has_open_dispute", "resolved": "gross_overdue_amount == 0"}
_ACT_TIMES = ("00:00", "00:30", "02:00", "02:30", "08:00", "08:00", "12:00", "23:30")


def loaded(document: Document) -> Policy:
    """The policy of a document."""
    return _loaded(json.dumps(document))


@lru_cache(maxsize=100)
def _loaded(text: str) -> Policy:
    return load_policy(text, file="policy.yaml")


def random_document(rng: Random, facts: Sequence[str] = LIVELY, *, quiet: bool = False) -> Document:
    """A policy document with every key that decides anything; most of its clauses are about `facts`.

    A quiet one has few rules and nothing else, so that little looks at the account.
    """
    if quiet:
        return _head(rng) | {"rules": [_rule(rng, f"r{at}", facts) for at in range(rng.randint(1, 2))]}
    document = _head(rng) | {"rules": _rules(rng, facts)}
    if rng.random() < 0.25:
        document["applies_to"] = " or ".join(random_clause(rng, facts) for _ in range(2))
    if rng.random() < 0.3:
        document["never"] = [_never(rng, f"n{at}", facts) for at in range(rng.randint(1, 2))]
    return document


def _head(rng: Random) -> Document:
    return {
        "policy": f"p{rng.randrange(10)}",
        "title": str(rng.random()),
        "currency": "USD",
        "attributes": dict(ATTRIBUTES),
        "calendar": _calendar(rng),
        "catch_up": rng.choice(("jump", "one_step", "notice_required")),
        "promises": {"grace_days": rng.choice((0, 0, 1, 3)), "tolerance": rng.choice(("0.00", "10.00"))},
    }


def _never(rng: Random, name: str, facts: Sequence[str]) -> Document:
    when = " and ".join(random_clause(rng, facts) for _ in range(2))
    return {"id": name, "to": _state(rng), "when": when}


def _calendar(rng: Random) -> Document:
    act_at = rng.choice(_ACT_TIMES)
    calendar: Document = {
        "timezone": rng.choice(("account", "account", *ZONES)),
        "default_timezone": rng.choice(ZONES),
        "act_at": act_at,
        "act_until": rng.choice([clock for clock in ("02:45", "12:00", "18:00", "23:59") if clock >= act_at]),
        "weekend": rng.choice((["sat", "sun"], ["fri"], ["mon", "tue", "wed", "thu", "fri", "sat"])),
    }
    country = rng.choice(("", "US", "DE"))
    return calendar | ({"holidays": country} if country else {})


def _state(rng: Random) -> str:
    return rng.choice([state.value for state in State])


def _rules(rng: Random, facts: Sequence[str]) -> list[Document]:
    rules = [_rule(rng, f"r{at}", facts) for at in range(rng.randint(2, 8))]
    if rng.random() < 0.8:
        rules += _ladder(rng)
    rng.shuffle(rules)
    return rules


def _ladder(rng: Random) -> list[Document]:
    """The rungs that most policies have, so that random lives get somewhere."""
    days = sorted(rng.sample(range(1, 40), 3))
    return [
        {"id": "paid-up", "from": "open", "when": "gross_overdue_amount == 0", "to": "resolved"},
        {
            "id": "quiet",
            "from": "resolved",
            "when": f"days_overdue >= 1 or days_in_state >= {days[2]}",
            "to": "current",
        },
        {"id": "covered", "from": "any", "when": "has_open_promise and overdue_amount == 0", "to": "promised"},
        {"id": "broken", "from": "promised", "when": 'promise_status in ("broken", "partly_kept")', "to": "called"},
        {
            "id": "first",
            "from": "current",
            "when": f"days_overdue >= {days[0]}",
            "to": "reminded",
            "do": [{"send": "friendly"}],
        },
        {
            "id": "phone",
            "from": "reminded",
            "when": f"days_overdue >= {days[1]}",
            "to": "called",
            "do": [{"call": "q"}],
        },
    ]


def _rule(rng: Random, name: str, facts: Sequence[str]) -> Document:
    when = random_expression(rng, rng.choice((1, 1, 2, 3)), facts)
    if rng.random() < 0.55:
        return _move(rng, name, when)
    rule: Document = {"id": name, "from": _from(rng, ""), "when": when, "do": _effects(rng)}
    return rule | ({"repeat_after_days": rng.choice((1, 2, 3, 7, 30))} if rng.random() < 0.6 else {})


def _move(rng: Random, name: str, when: str) -> Document:
    to = _state(rng)
    if to in _GUARDED and rng.random() < 0.85:
        when = f"{_GUARDED[to]} and ({when})"
    rule: Document = {"id": name, "from": _from(rng, to), "when": when, "to": to}
    return rule | ({"do": _effects(rng)} if rng.random() < 0.5 else {})


def _from(rng: Random, to: str) -> object:
    if rng.random() < 0.35:
        return rng.choice(("any", "open"))
    others = [state.value for state in State if state.value != to]
    return rng.sample(others, rng.randint(1, 4))


def _effects(rng: Random) -> list[Document]:
    return [_effect(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]


def _effect(rng: Random) -> Document:
    kind = rng.choice(("send", "send", "send", "call", "tag", "untag", "assign", "notify"))
    names = {
        "send": TEMPLATES,
        "call": ("q", "q2"),
        "tag": TAGS,
        "untag": TAGS,
        "assign": ("ann",),
        "notify": ("lead",),
    }
    return {kind: rng.choice(names[kind])}


# --- expressions ------------------------------------------------------------------------------------------------------


def random_expression(rng: Random, size: int, facts: Sequence[str]) -> str:
    """The text of an expression of `size` clauses, most of them about `facts`."""
    if size <= 1:
        clause = random_clause(rng, facts)
        return f"not {clause}" if rng.random() < 0.15 else clause
    left = rng.randint(1, size - 1)
    parts = random_expression(rng, left, facts), random_expression(rng, size - left, facts)
    joined = rng.choice((" and ", " or ")).join(parts)
    return rng.choice((joined, f"({joined})", f"not ({joined})"))


def random_clause(rng: Random, facts: Sequence[str]) -> str:
    """The text of one comparison, most often about one of `facts`."""
    spec = CATALOGUE_AND_ATTRIBUTES[rng.choice(facts if rng.random() < 0.8 else list(CATALOGUE_AND_ATTRIBUTES))]
    if spec.type is FactType.SET:
        return f'"{rng.choice(TAGS)}" {rng.choice(("in", "not in"))} {spec.name}'
    if spec.type is FactType.BOOL and rng.random() < 0.5:
        return spec.name
    operators = ["==", "!="] + (["<", "<=", ">", ">="] * 2 if spec.is_ordered else [])
    if rng.random() < 0.15:
        literals = ", ".join(_literal(rng, spec) for _ in range(rng.randint(1, 4)))
        return f"{spec.name} {rng.choice(('in', 'not in'))} ({literals})"
    return f"{spec.name} {rng.choice(operators)} {_literal(rng, spec)}"


def _literal(rng: Random, spec: FactSpec) -> str:
    match spec.type:
        case FactType.TEXT:
            return f'"{rng.choice(spec.values or TEXTS[spec.name])}"'
        case FactType.BOOL:
            return rng.choice(("true", "false"))
        case FactType.AMOUNT:
            return rng.choice(AMOUNTS)
        case FactType.COUNT:
            return str(rng.choice((0, 0, 1, 1, 2, 3, 5, 10, 50, 100)))
        case _:
            return str(_days(rng))


def _days(rng: Random) -> int:
    return rng.choice((rng.randint(0, 5), rng.randint(0, 20), rng.randint(0, 60), rng.randint(85, 95), 365, NEVER))


# --- policies that are nearly sound -----------------------------------------------------------------------------------

_GUARDS: tuple[Document, ...] = (
    {},
    {"fresh_cash": {"hold_if_unapplied_covers": True}},
    {"fresh_cash": {"hold_if_unapplied_covers": True, "hold_steps": True}},
    {"fresh_cash": {"max_age_hours": 48, "hold_steps": True}},
)
_NARROW = (
    "",
    "gross_overdue_amount < 1000.00",
    'overdue_amount <= 100.00 or country == "US"',
    '"vip" in tags',
    '"vip" in tags or "late" in tags',
    '"vip" not in tags and gross_overdue_amount <= 600.00',
    "days_overdue < 60",
)


def narrowed(rng: Random, document: Document) -> Document:
    """`document` with amounts or tags by which it has its accounts, and guards that keep back where money has come."""
    applies_to, guards = rng.choice(_NARROW), rng.choice(_GUARDS)
    found = document | ({"applies_to": applies_to} if applies_to else {})
    return found | ({"guards": guards} if guards else {})


def random_ladder(rng: Random) -> Document:
    """A short policy under which most claims of a proof hold, and now and then one does not for a single reason."""
    rules = [rule for place in _PLACES if (rule := rng.choice(place))]
    if rng.random() < 0.3:
        rng.shuffle(rules)
    document: Document = {
        "policy": "ladder",
        "currency": "USD",
        "attributes": dict(ATTRIBUTES),
        "catch_up": rng.choice(("jump", "one_step", "notice_required")),
        "rules": rules,
    }
    return narrowed(rng, document)


def _moves(name: str, state: object, when: str, to: str, *do: Document) -> Document:
    return {"id": name, "from": state, "when": when, "to": to} | ({"do": list(do)} if do else {})


def _acts(name: str, state: object, when: str, repeat: int, *do: Document) -> Document:
    return {"id": name, "from": state, "when": when, "do": list(do)} | ({"repeat_after_days": repeat} if repeat else {})


_PAID = _moves("paid", "open", "gross_overdue_amount == 0", "resolved")
_RESTING = ["current", "resolved", "promised", "disputed"]
_LATE = "days_overdue >= 5 and overdue_amount >= 25.00"
_CALLING: Document = {"call": "q"}
_LETTER: Document = {"send": "friendly"}
_TELLING: Document = {"notify": "lead"}
_PLACES: tuple[tuple[Document | None, ...], ...] = (
    (_PAID, _PAID, _PAID, _PAID | {"when": "gross_overdue_amount == 0 and not on_hold"}),
    (None, None, _moves("vip", "open", '"vip" in tags and days_overdue < 9', "current")),
    (None, None, None, _moves("in", ["current", "called"], "has_open_dispute and dispute_age >= 3", "disputed")),
    (None, None, None, _moves("out", "disputed", "on_hold", "current")),
    (
        _moves("write", _RESTING, _LATE, "reminded", _LETTER),
        _moves("write", _RESTING, _LATE, "reminded", _LETTER),
        _moves("write", _RESTING, f"{_LATE} and unapplied_amount == 0", "reminded", _LETTER),
        _moves("write", _RESTING, _LATE, "reminded"),
    ),
    (
        _moves("phone", "reminded", "days_overdue >= 20", "called", _CALLING),
        _moves("phone", "reminded", "days_overdue >= 20", "called", _CALLING),
        _moves("phone", "reminded", "notices_sent >= 1", "called", _CALLING),
        _moves("phone", "reminded", 'days_overdue >= 20 and "late" not in tags', "called"),
    ),
    (None, _acts("letter", "reminded", "days_overdue >= 9", 0, _LETTER)),
    (
        _acts("again", "called", "days_since_contact >= 3", 3, _CALLING),
        _acts("again", "called", "overdue_amount > 0", 5, _LETTER),
        _acts("again", "called", "overdue_amount > 0", 5, _TELLING),
        _acts("again", "any", "overdue_amount >= 25.00", 7, _LETTER, _TELLING),
        _acts("again", "any", "notices_failed >= 1 or unapplied_amount > 0 or days_in_state > 40", 7, _TELLING),
        _acts("again", "called", "overdue_amount > 0 and gross_overdue_amount < 600.00", 5, _CALLING),
    ),
    (
        None,
        None,
        None,
        _moves("down", "called", "days_in_state >= 30", "reminded"),
        _moves("down", "called", "notice_pending", "reminded"),
    ),
)
