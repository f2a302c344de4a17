"""From a policy document to a policy: what is read, what it is when left out, and where the limits lie (section 2)."""

import datetime as dt
import hashlib

import pytest

from arflow.errors import NotEnforcedYet, Refused
from arflow.rules.calendar import Calendar
from arflow.rules.loader import MAX_BYTES, MAX_RULES, load_policy
from arflow.rules.policy import CatchUp, Policy, Rule
from arflow.vocabulary import Effect, EffectKind, State

HEAD = "policy: trade-us\ncurrency: USD\n"
RULE = "  - {id: first, from: current, when: days_overdue >= 3, to: reminded, why: Late.}\n"
PLAIN = f"{HEAD}rules:\n{RULE}"
OPEN = frozenset(State) - {State.CURRENT, State.RESOLVED}


def load(text: str | bytes = PLAIN, *, templates: list[str] | None = None) -> Policy:
    return load_policy(text, file="p.yaml", templates=templates)


def rule(text: str) -> Rule:
    return load(f"{HEAD}rules:\n  - {{{text}}}\n").rules[0]


def refusal(text: str | bytes, *, templates: list[str] | None = None) -> Refused:
    with pytest.raises(Refused) as refused:
        load(text, templates=templates)
    return refused.value


def test_what_is_left_out_has_its_default() -> None:
    policy = load()
    found = (policy.title, policy.precedence, policy.catch_up, policy.grace_days, policy.tolerance, policy.calendar)
    assert found == ("trade-us", 0, CatchUp.NOTICE_REQUIRED, 0, 0, Calendar())
    assert (policy.applies_to, policy.never, policy.examples, policy.attributes) == (None, (), (), {})
    expected = ("UTC", "UTC", dt.time(8), dt.time(18), "", frozenset({5, 6}))
    calendar = policy.calendar
    assert expected == (
        *(calendar.timezone, calendar.default_timezone, calendar.act_at, calendar.act_until),
        *(calendar.holidays, calendar.weekend),
    )


def test_a_whole_document_is_read() -> None:
    policy = load(
        """
policy: trade-jp
title: Trade customers, Japan
currency: JPY
applies_to: country == "JP"
precedence: -10
attributes: {region: text, limit: amount}
calendar:
  {timezone: account, default_timezone: Asia/Tokyo, act_at: "09:30", act_until: "17:00", holidays: JP, weekend: sun}
catch_up: one_step
promises: {grace_days: 2, tolerance: 100}
rules:
  - id: first
    from: [current, resolved]
    when: days_overdue >= 3 and attr_limit > 5000
    to: reminded
    do: [{send: friendly}, {tag: late}, {notify: lead@example.com}]
    why: Late.
never:
  - {id: no-early, to: escalated, when: days_overdue < 30}
examples:
  - name: pays
    account: {country: JP, credit_limit: 5000}
    events: [{date: 2026-01-05, event: invoice, id: I1, amount: 500, due: 2026-02-03}]
    expect: [{date: 2026-02-06, state: reminded}, {date: 2026-02-07, state: reminded, account: B}]
"""
    )
    assert (policy.title, policy.precedence, policy.grace_days, policy.tolerance) == (
        "Trade customers, Japan",
        -10,
        2,
        100,
    )
    assert policy.calendar == Calendar(
        timezone="account",
        default_timezone="Asia/Tokyo",
        act_at=dt.time(9, 30),
        act_until=dt.time(17),
        holidays="JP",
        weekend=frozenset({6}),
    )
    assert policy.rules[0].states == {State.CURRENT, State.RESOLVED}
    assert policy.rules[0].do == (
        Effect(kind=EffectKind.SEND, name="friendly"),
        Effect(kind=EffectKind.TAG, name="late"),
        Effect(kind=EffectKind.NOTIFY, name="lead@example.com"),
    )
    assert (policy.rules[0].line, policy.never[0].id, policy.never[0].to) == (13, "no-early", State.ESCALATED)
    example = policy.examples[0]
    assert example.account == {"country": "JP", "credit_limit": "5000"}
    assert example.events == (
        {"date": "2026-01-05", "event": "invoice", "id": "I1", "amount": "500", "due": "2026-02-03"},
    )
    days = (dt.date(2026, 2, 6), dt.date(2026, 2, 7))
    assert example.expect == ((days[0], "A", State.REMINDED), (days[1], "B", State.REMINDED))


def test_any_and_open_leave_out_the_state_they_lead_to() -> None:
    assert rule("id: a, from: any, when: on_hold, to: called").states == frozenset(State) - {State.CALLED}
    assert rule("id: a, from: open, when: on_hold, to: called").states == OPEN - {State.CALLED}
    assert rule("id: a, from: open, when: on_hold, to: resolved").states == OPEN
    assert rule("id: a, from: any, when: on_hold, do: [{tag: x}]").states == frozenset(State)


def test_moves_come_before_acts_and_both_keep_their_order() -> None:
    rules = "".join(
        f"  - {{id: {name}, from: any, when: on_hold, {what}}}\n"
        for name, what in (("a", "do: [{tag: x}]"), ("b", "to: called"), ("c", "do: [{tag: x}]"), ("d", "to: reminded"))
    )
    policy = load(f"{HEAD}rules:\n{rules}")
    assert [one.id for one in policy.rules_in(State.CURRENT)] == ["b", "d", "a", "c"]
    assert [one.id for one in policy.rules_in(State.CALLED)] == ["d", "a", "c"]


def test_a_version_is_named_by_the_hash_of_its_document() -> None:
    """Whatever is different, a comment too, is another version."""
    assert load().version == hashlib.sha256(PLAIN.encode()).hexdigest()
    assert load(PLAIN.encode()).version == load(b"\xef\xbb\xbf" + PLAIN.encode()).version == load().version
    assert load(f"{PLAIN}# later\n").version != load().version
    assert load().source == PLAIN


def test_missing_reasons_and_unapplied_money_are_warned_of() -> None:
    """A rule that writes or calls should look at money that stands against no invoice."""
    rules = (
        "  - {id: a, from: current, when: on_hold, to: called}\n"
        "  - {id: b, from: current, when: on_hold, do: [{send: x}], why: So.}\n"
        "  - {id: c, from: current, when: on_hold and unapplied_amount == 0, do: [{call: x}], why: So.}\n"
        "  - {id: d, from: current, when: on_hold, do: [{tag: x}], why: So.}\n"
    )
    assert load(f"{HEAD}rules:\n{rules}").warnings == (
        "line 4: rule `a` has no `why`",
        "line 5: rule `b` writes or calls without looking at `unapplied_amount`",
    )


def test_effects_that_come_to_one_are_warned_of() -> None:
    """A customer gets one letter a day, and one call; whoever has an account is one."""
    rules = (
        "  - {id: a, from: current, when: unapplied_amount == 0, do: [{send: x}, {call: q}, {send: y}], why: So.}\n"
        "  - {id: b, from: current, when: unapplied_amount == 0, do: [{call: q}, {call: r}, {call: s}], why: So.}\n"
        "  - {id: c, from: current, when: on_hold, do: [{assign: x}, {tag: t}, {tag: u}, {assign: y}], why: So.}\n"
        "  - {id: d, from: current, when: on_hold, do: [{notify: x}, {notify: y}, {assign: x}], why: So.}\n"
    )
    assert load(f"{HEAD}rules:\n{rules}").warnings == (
        "line 4: rule `a` has `send` 2 times; an account gets one a day, so the others follow on later working days",
        "line 5: rule `b` has `call` 3 times; an account has one call to make, so the others do nothing",
        "line 6: rule `c` has `assign` 2 times; an account has one owner, the last",
    )


def test_a_text_that_is_cut_at_a_comment_is_warned_of() -> None:
    """YAML takes what follows a space and `#` for a comment, and says nothing."""
    rules = (
        "  - id: a  # the first\n    from: current  ## none\n    when: on_hold #and is_payer\n    to: called\n"
        '    why: Case #4 of ours.\n  - {id: b, from: current, when: on_hold, do: [{tag: x}], why: "No #5."} #6\n'
    )
    assert load(f"{HEAD}rules:\n{rules}").warnings == (
        "line 6: `#and is_payer` is a comment and not read; quote the text that it belongs to",
        "line 8: `#4 of ours.` is a comment and not read; quote the text that it belongs to",
    )


def test_templates_are_known_where_they_are_given() -> None:
    """A replay takes any name."""
    text = f"{HEAD}rules:\n  - {{id: a, from: current, when: on_hold, do: [{{send: frendly}}]}}\n"
    assert load(text).rules[0].do[0].name == "frendly"
    assert load(text, templates=["frendly"]).rules[0].do[0].name == "frendly"
    refused = refusal(text, templates=["friendly", "final"])
    assert (refused.line, "did you mean `friendly`" in refused.reason) == (4, True)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f"{PLAIN}titel: x\n", 5, "unknown key `titel` in the policy (did you mean `title`?)"),
        ("policy: p\nrules:\n" + RULE, 1, "the policy needs `currency`"),
        (f"{HEAD}rules: []\n", 3, "at least one rule"),
        (f"{HEAD}rules: {{}}\n", 3, "must be a list, not a mapping"),
        (f"{HEAD}rules:\n  - id: a\n    from: current\n    when: days_overdue >\n    to: called\n", 6, "compared with"),
        (
            f"{HEAD}rules:\n  - id: a\n    from: curent\n    when: on_hold\n    to: called\n",
            5,
            "did you mean `current`?",
        ),
        (f"{PLAIN}{RULE}", 5, "the id `first` is there twice (first at line 4)"),
        (f"{PLAIN}never:\n" + "  - {id: a, to: called, when: on_hold}\n" * 2, 7, "twice (first at line 6)"),
        (f"{PLAIN}never:\n  - {{id: a, to: called}}\n", 6, "needs `when`"),
        (f"{PLAIN}promises: {{grace_days: -1}}\n", 5, "must be from 0 to 366"),
        (f"{PLAIN}promises: {{tolerance: -1.00}}\n", 5, "below zero"),
        (f"{PLAIN}promises: {{tolerance: 1.001}}\n", 5, "more decimals than USD"),
        (f"{PLAIN}attributes: {{Region: text}}\n", 5, "no attribute name"),
        (f"{PLAIN}attributes: {{region: txt}}\n", 5, "did you mean `text`?"),
        (f"{PLAIN}calendar: {{act_at: 8:00}}\n", 5, "no time of day"),
        (f"{PLAIN}calendar: {{act_at: 800}}\n", 5, "must be text"),
        (f'{PLAIN}calendar: {{act_at: "18:01"}}\n', 5, "`act_until` (18:00) is before `act_at` (18:01)"),
        (f"{PLAIN}calendar: {{timezone: Europe/Berlyn}}\n", 5, "no time zone"),
        (f"{PLAIN}calendar: {{default_timezone: account}}\n", 5, "no time zone"),
        (f"{PLAIN}calendar: {{weekend: [sat, sunday]}}\n", 5, "unknown day `sunday` (did you mean `sun`?)"),
        (f"{PLAIN}calendar: {{weekend: [mon, tue, wed, thu, fri, sat, sun]}}\n", 5, "no working day"),
        (f"{PLAIN}calendar: {{act_at: 0٣:00}}\n", 5, "no time of day"),
        (f"{PLAIN}calendar: {{holidays: XX}}\n", 5, "`XX` is no country of the holidays library, such as `US`"),
        (f"{PLAIN}calendar: {{holidays: de}}\n", 5, "such as `US` (did you mean `DE`?)"),
        *(
            (f"{PLAIN}calendar: {{holidays: {name}}}\n", 5, f"`{name}` is no country of the holidays library")
            for name in ("utils", "helpers", "registry", "constants", "calendars", "HolidayBase")
        ),
        (f"{PLAIN}catch_up: jmp\n", 5, "did you mean `jump`?"),
        (f"{PLAIN}precedence: high\n", 5, "must be a whole number"),
        (f"{PLAIN}precedence: 1.5\n", 5, "must be a whole number"),
        ("policy: my policy\ncurrency: USD\nrules:\n" + RULE, 1, "is no name"),
        (f"{HEAD}rules:\n  - {{id: a, from: current, when: on_hold, do: []}}\n", 4, "`do` is empty"),
        (f"{HEAD}rules:\n  - {{id: a, from: current, when: on_hold, do: [{{sned: x}}]}}\n", 4, "did you mean `send`?"),
        (f"{HEAD}rules:\n  - {{id: a, from: current, when: on_hold, do: [{{send: x, tag: y}}]}}\n", 4, "one pair"),
        (f"{HEAD}rules:\n  - {{id: a, from: [], when: on_hold, do: [{{tag: y}}]}}\n", 4, "names no state"),
        (f"{HEAD}rules:\n  - {{id: a, from: [any], when: on_hold, do: [{{tag: y}}]}}\n", 4, "stand alone"),
        (f"{HEAD}rules:\n  - {{id: a b, from: any, when: on_hold, to: called}}\n", 4, "is no id"),
        (
            f"{HEAD}rules:\n  - {{id: a, from: any, when: on_hold, do: [{{tag: x}}], repeat_after_days: 36501}}\n",
            4,
            "36,500",
        ),
        (
            f"{PLAIN}examples: [{{name: x, events: [], expect: [{{date: 2026-02-30, state: called}}]}}]\n",
            5,
            "not exist",
        ),
    ],
)
def test_a_mistake_is_refused_at_its_line(text: str, line: int, reason: str) -> None:
    refused = refusal(text)
    assert ("p.yaml", line) == (refused.file, refused.line)
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{PLAIN}at_least: []\n", 5),
        (f"{PLAIN}authority: {{}}\n", 5),
        (f"{HEAD}rules:\n  - {{id: a, from: any, when: on_hold, do: [{{handoff: agency}}]}}\n", 4),
    ],
)
def test_what_is_not_enforced_is_refused(text: str, line: int) -> None:
    """Accepting it would be a lie."""
    refused = refusal(text)
    assert isinstance(refused, NotEnforcedYet)
    assert (refused.line, "not enforced yet" in refused.reason) == (line, True)


def test_a_document_may_have_two_thousand_rules() -> None:
    rules = [f"  - {{id: r{at}, from: current, when: on_hold, to: called, why: So.}}\n" for at in range(MAX_RULES + 1)]
    assert len(load(f"{HEAD}rules:\n{''.join(rules[:-1])}").rules) == 2_000
    refused = refusal(f"{HEAD}rules:\n{''.join(rules)}")
    assert (refused.line, "2,000 rules at most" in refused.reason) == (2_004, True)


def test_a_document_may_have_a_million_bytes() -> None:
    """The hash counts bytes, and so does the limit."""
    full = PLAIN + "#" * (MAX_BYTES - len(PLAIN))
    assert load(full).name == "trade-us"
    assert "1,000,000 bytes" in refusal(f"{full}#").reason
    assert "1,000,000 bytes" in refusal(PLAIN + "#" + "ü" * (MAX_BYTES // 2)).reason


def _ordered(count: int, fact: str) -> str:
    return " or ".join(f"{fact} > {at}" for at in range(count))


def test_a_state_may_have_sixty_four_order_comparisons_on_a_fact() -> None:
    """Over all its rules; equality, other facts and other states do not count."""
    first = f"  - {{id: a, from: current, when: {_ordered(40, 'days_overdue')}, to: called}}\n"
    rest = f"  - {{id: b, from: current, when: {_ordered(24, 'days_overdue')}, to: called}}\n"
    calm = f"  - {{id: c, from: current, when: {_ordered(24, 'days_in_state')} or days_overdue == 7, to: called}}\n"
    other = f"  - {{id: d, from: reminded, when: {_ordered(64, 'days_overdue')}, to: called}}\n"
    assert len(load(f"{HEAD}rules:\n{first}{rest}{calm}{other}").rules) == 4
    more = "  - {id: e, from: any, when: days_overdue <= 99, to: called}\n"
    refused = refusal(f"{HEAD}rules:\n{first}{rest}{calm}{more}")
    assert (refused.line, "64 order comparisons on `days_overdue` in `current`" in refused.reason) == (7, True)


def test_never_and_applies_to_have_the_same_limit() -> None:
    never = f"{PLAIN}never: [{{id: n, to: called, when: {_ordered(65, 'days_overdue')}}}]\n"
    applies = f"{PLAIN}applies_to: {_ordered(65, 'days_overdue')}\n"
    assert [(one.line, "64 order" in one.reason) for one in (refusal(never), refusal(applies))] == [(5, True)] * 2


def test_a_fact_may_be_compared_with_any_number_of_values() -> None:
    """The contract limits order comparisons only; the engine cuts long lists."""
    countries = ", ".join(f"'{at}'" for at in range(1500))
    assert (
        len(load(f'{HEAD}rules:\n  - {{id: a, from: any, when: "country in ({countries})", to: called}}\n').rules) == 1
    )
