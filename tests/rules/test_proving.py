"""Proofs about policies: what is proved never happens in lives, and what fails can be shown to happen."""

import datetime as dt
import json
from collections.abc import Iterator
from itertools import chain, combinations, pairwise
from pathlib import Path
from random import Random

import pytest

import arflow.rules
from arflow.accounts.events import parse
from arflow.errors import Refused
from arflow.life.records import Entry, EntryKind
from arflow.machines.states import GUARDS
from arflow.replay import Request, lives
from arflow.rules.decide import Situation, acts, next_move
from arflow.rules.findings import Finding, Kind, Verdict, Witness, in_words
from arflow.rules.firing import GUARDS as GUARD_CONDITIONS
from arflow.rules.firing import Firing
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.proving import asked, prove
from arflow.rules.reference import Reference, holds
from arflow.vocabulary import Facts, State
from tests.life.stories import Story, lived, random_story
from tests.random_policies import loaded, random_document
from tests.rules.test_laws import facts_of_lives
from tests.sizes import size

STORIES = size(32, 5_000)
POLICIES = size(10, 400)
STANDARD = sorted(Path(arflow.rules.__file__).parent.glob("standard-*.yaml"))


def policy(*rules: str, more: str = "") -> Policy:
    lines = "\n".join(f"  - {rule}" for rule in rules)
    return load_policy(f"policy: p\ncurrency: USD\n{more}\nrules:\n{lines}\n", file="p.yaml")


def findings(read: Policy, *claims: tuple[State | None, str]) -> dict[Kind, Finding]:
    """What comes of each kind of claim; of several of a kind the last."""
    return {found.kind: found for found in prove(read, [asked(read, to, text) for to, text in claims])}


OWED = {"event": "invoice", "id": "I1", "amount": "900.00", "due": "2026-01-05"}
HOLD = {"event": "hold", "reason": "r"}


def played(read: Policy, *events: dict[str, str], delivery: str = "instant", until: str = "2026-06-30") -> list[Entry]:
    """What comes of an account of which `events` are recorded, on 2 January 2026 where they say no date."""
    told = tuple(parse({"account": "A", "date": "2026-01-02", **event}) for event in events)
    asked_for = Request(events=told, policy=read, until=dt.date.fromisoformat(until), delivery=delivery)
    return [entry for life in lives(asked_for, Reference()) for entry in life.entries]


def standard(path: Path) -> Policy:
    return load_policy(path.read_text(), file=path.name)


# --- the conditions under which rules fire, held against lives --------------------------------------------------------


def firings(story: Story) -> Iterator[tuple[Policy, str, State, Facts]]:
    """Every rule that fired in a story, the state in which it did, and the facts that it went by."""
    policies = [*story.policies, *(document for change in story.changes for document in change.policies)]
    by_version = {read.version: read for read in map(loaded, policies)}
    moved_at = None
    for entry in lived(story, every_day=False).entries:
        is_day_before = entry.at == moved_at and _days_in_state(entry) > 0
        moved_at = entry.at if entry.kind is EntryKind.STEP else moved_at
        if entry.facts is not None and entry.policy_version in by_version and not is_day_before:
            yield from ((by_version[entry.policy_version], rule, state, entry.facts) for rule, state in _fired(entry))


def _days_in_state(entry: Entry) -> int:
    """Above 0 right after a move where the account came into a zone with an earlier date: docs/policies.md says so."""
    return entry.facts.days_in_state if entry.facts else 0


def _fired(entry: Entry) -> Iterator[tuple[str, State]]:
    state = State(entry.facts.state) if entry.facts else State.CURRENT
    if entry.kind in (EntryKind.STEP, EntryKind.PARKED) and entry.rule is not None:
        yield entry.rule, state
    if entry.kind is EntryKind.ACTS:
        yield from ((rule, state) for rule in entry.rules)


def test_whatever_fires_meets_the_condition_under_which_it_fires() -> None:
    """So what is proved of these conditions holds of everything that any life can come to."""
    count = 0
    for seed in range(STORIES):
        for read, name, state, facts in firings(random_story(seed)):
            rule = next(rule for rule in read.rules if rule.id == name)
            assert holds(Firing(read).fires_in(rule, state), facts), f"seed {seed}: {name} in {state}: {facts}"
            count += 1
    assert count > STORIES


def test_the_guards_are_those_of_the_machine() -> None:
    assert set(GUARD_CONDITIONS) == set(GUARDS)
    for _, facts in facts_of_lives(range(10)):
        for state, (_, is_open) in GUARDS.items():
            assert holds(GUARD_CONDITIONS[state], facts) is is_open(facts)


# --- what fails, held against the engine ------------------------------------------------------------------------------


def comes_true(read: Policy, witness: Witness) -> bool:
    """Whether the engine lets the rule of a witness fire on its facts, in some situation."""
    return any(_fires(read, witness, situation) for situation in _situations(read, witness.facts))


def _fires(read: Policy, witness: Witness, situation: Situation) -> bool:
    move = next_move(Reference(), read, witness.facts, situation).rule
    if witness.rule is not None and witness.rule.to is not None:
        return move is not None and move.id == witness.rule.id
    fired = [rule.id for rule in acts(Reference(), read, witness.facts, situation)]
    return witness.rule is not None and witness.rule.id in fired and (move is None or witness.facts.days_in_state == 0)


def _situations(read: Policy, facts: Facts) -> Iterator[Situation]:
    """Every situation in which an account with these facts can be; one that came on in this pass has visited others."""
    others = [state.value for state in State if state.value != facts.state] if facts.days_in_state == 0 else []
    visits = chain.from_iterable(combinations(others, count) for count in range(len(others) + 1))
    for visited in visits if read.catch_up == "jump" else [()]:
        for harsher_today in (False, True):
            yield Situation(
                visited=frozenset({facts.state, *visited}), harsher_today=harsher_today, awaiting=facts.notice_pending
            )


@pytest.mark.parametrize("batch", range(5))
def test_what_fails_can_happen(batch: int) -> None:
    """Of random policies: each account by which a claim about rules fails is one that the engine lets them act on."""
    shown = 0
    for seed in range(batch, POLICIES, 5):
        rng = Random(seed)
        read = loaded(random_document(rng))
        claims = [asked(read, to, "days_overdue < 20") for to in State] + [asked(read, None, "overdue_amount < 25.00")]
        for found in prove(read, claims):
            assert found.verdict is not Verdict.UNDECIDED or found.because == NOBODY
            for witness in found.witnesses:
                assert in_words(witness, read)
                if witness.rule is not None:
                    shown += 1
                    assert comes_true(read, witness), f"seed {seed}: {found.says}: {in_words(witness, read)}"
    assert shown > 0


@pytest.mark.parametrize("batch", range(2))
def test_what_is_proved_does_not_happen(batch: int) -> None:
    """Of random stories: no account is parked by what was proved never to park one, and no idle rule fires."""
    proved = 0
    for seed in range(batch, STORIES // 4, 2):
        story = random_story(seed)
        entries = lived(story, every_day=False).entries
        for read in map(loaded, story.policies):
            mine = [entry for entry in entries if entry.policy_version == read.version]
            reasons = {entry.reason for entry in mine if entry.kind is EntryKind.PARKED}
            for found in prove(read):
                if found.verdict is Verdict.PROVED and found.kind in (Kind.NEVER, Kind.REFUSED):
                    what = f"`never` forbids it: {found.id}" if found.kind is Kind.NEVER else "the machine refuses it"
                    assert not any(reason.startswith(what) for reason in reasons), f"seed {seed}: {found.says}"
                    proved += 1
    assert proved > 0


def _is_forced(before: Entry | None, entry: Entry) -> bool:
    """Whether people have led the account to where `entry` happens in the pass of `entry`, after `before`."""
    is_move = before is not None and before.kind is EntryKind.STEP and before.rule is None
    return is_move and before is not None and before.at == entry.at


def test_a_rule_that_is_said_to_be_idle_never_fires() -> None:
    """Acts that follow a move of people in the same pass are none of it."""
    idle = 0
    for seed in range(STORIES // 10):
        story = random_story(seed)
        entries = lived(story, every_day=False).entries
        fired = {
            (entry.policy_version, rule)
            for before, entry in pairwise([None, *entries])
            if entry is not None and entry.facts is not None and entry.kind is not EntryKind.PARKED
            if not _is_forced(before, entry)
            for rule, _ in _fired(entry)
        }
        for read in map(loaded, story.policies):
            said = next(found for found in prove(read) if found.kind is Kind.FIRES)
            for rule in read.rules:
                if any(line.startswith(f"`{rule.id}` ") for line in said.because):
                    idle += 1
                    assert (read.version, rule.id) not in fired, f"seed {seed}: {said.because}"
    assert idle > 0


# --- the policies that come along -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", STANDARD, ids=lambda path: path.stem)
def test_all_that_a_standard_policy_should_keep_is_proved(path: Path) -> None:
    """Also what its first lines say: who has one of four tags, or is on hold, is neither written to nor called."""
    read = standard(path)
    tags = ("insolvent", "represented", "deceased", "stop-contact")
    claims = [asked(read, None, text) for text in ("on_hold", *(f'"{tag}" in tags' for tag in tags))]
    assert [(found.says, found.verdict) for found in prove(read, claims) if found.verdict is not Verdict.PROVED] == []


# --- one claim at a time ----------------------------------------------------------------------------------------------

PAID = "{id: paid, from: open, when: gross_overdue_amount == 0, to: resolved, why: W}"


def test_never_fails_by_the_rule_that_breaks_it() -> None:
    read = policy(
        "{id: early, from: called, when: days_overdue >= 20, to: escalated, why: W}",
        "{id: late, from: called, when: days_overdue >= 30, to: escalated, why: W}",
        more="never: [{id: not-early, to: escalated, when: days_overdue < 30}]",
    )
    found = findings(read)[Kind.NEVER]
    assert (found.id, found.verdict) == ("not-early", Verdict.FAILS)
    assert [in_words(witness, read) for witness in found.witnesses] == [
        (
            "rule `early` (line 5) leads it to `escalated`: an account in `called` with open_amount 0.01, "
            "gross_overdue_amount 0.01, overdue_amount 0.01, days_overdue 20"
        )
    ]


def test_an_earlier_rule_can_be_why_never_holds() -> None:
    """What comes first is made first; unless it may be held back, and the later one not."""
    later = "{id: out, from: called, when: on_hold, to: current, why: W}"
    milder = "{id: rest, from: called, when: on_hold and days_overdue < 30, to: reminded, why: W}"
    harsher = "{id: up, from: called, when: on_hold and days_overdue < 30, to: escalated, why: W}"
    never = "never: [{id: n, to: current, when: days_overdue < 30}]"
    assert findings(policy(milder, later, more=never))[Kind.NEVER].verdict is Verdict.PROVED
    assert findings(policy(later, milder, more=never))[Kind.NEVER].verdict is Verdict.FAILS
    assert findings(policy(harsher, later, more=never))[Kind.NEVER].verdict is Verdict.FAILS


def test_with_jump_an_account_may_come_from_where_an_earlier_rule_leads() -> None:
    back = "{id: back, from: called, when: days_overdue >= 1, to: reminded, why: W}"
    on = "{id: on, from: called, when: days_overdue >= 5, to: escalated, why: W}"
    climb = "{id: climb, from: reminded, when: days_overdue >= 5, to: called, why: W}"
    for mode, verdict in (("jump", Verdict.FAILS), ("one_step", Verdict.PROVED)):
        read = policy(
            back, on, climb, more=f"catch_up: {mode}\nnever: [{{id: n, to: escalated, when: days_overdue >= 0}}]"
        )
        assert findings(read)[Kind.NEVER].verdict is verdict, mode


def test_with_jump_a_harsher_move_may_lead_back_as_well() -> None:
    """From `escalated` down to `called`, where the way up is passed over, since this very pass has come from there."""
    back = "{id: back, from: escalated, when: days_overdue >= 1, to: called, why: W}"
    up = "{id: up, from: called, when: days_overdue >= 30, to: escalated, why: W}"
    down = "{id: down, from: called, when: days_overdue >= 30, to: reminded, why: W}"
    never = "never: [{id: n, to: reminded, when: days_overdue >= 30 and not on_hold}]"
    read = policy(back, up, down, more=f"catch_up: jump\n{never}")
    found = findings(read)[Kind.NEVER]
    assert found.verdict is Verdict.FAILS
    assert all(comes_true(read, witness) for witness in found.witnesses)


def test_who_is_written_to_or_called_can_be_asked() -> None:
    act = "{id: ring, from: called, when: days_overdue >= 3, do: [{call: q}], why: W}"
    stop = "{id: stop, from: called, when: '\"quiet\" in tags', to: current, why: W}"
    claim = (None, '"quiet" in tags')
    assert findings(policy(act), claim)[Kind.ASKED].verdict is Verdict.FAILS
    found = findings(policy(act, stop), claim)[Kind.ASKED]
    assert found.witnesses[0].facts.days_in_state == 0  # the act comes before the next move, which stops it
    assert findings(policy(act.replace("when: d", "when: days_in_state > 2 and d"), stop), claim)[
        Kind.ASKED
    ].verdict is (Verdict.PROVED)


def test_an_act_of_a_guarded_state_follows_only_a_move_that_the_machine_permits() -> None:
    """Where debt comes back the move away is first: an account with debt has not just been resolved."""
    back = "{id: back, from: resolved, when: gross_overdue_amount > 0, to: current, why: W}"
    letter = "{id: letter, from: resolved, when: open_amount > 0, do: [{send: first-reminder}], why: W}"
    claim = (None, "gross_overdue_amount > 0")
    assert findings(policy(back, letter), claim)[Kind.ASKED].verdict is Verdict.PROVED
    assert findings(policy(letter), claim)[Kind.ASKED].verdict is Verdict.FAILS


REACHED = "{id: reach, from: called, when: days_overdue >= 3, to: reminded, why: W}"
AWAY = "{id: away, from: reminded, when: days_overdue >= 3, to: current, why: W}"
WRITE = "{id: write, from: reminded, when: days_overdue >= 3, do: [{send: first-reminder}], why: W}"
UP = "{id: up, from: current, when: days_overdue >= 3, to: called, why: W}"


@pytest.mark.parametrize(
    ("mode", "rules", "fires"),
    [
        ("one_step", [AWAY, WRITE, REACHED], True),  # acts come before the next move in the pass that leads it there
        ("jump", [AWAY, WRITE, REACHED], False),
        ("jump", [AWAY, WRITE, REACHED, UP], True),  # `current` is passed over: it has just come from there
        ("one_step", [AWAY, WRITE, REACHED.replace(">=", "<"), UP], False),  # what leads there does so too early
        ("one_step", [AWAY, WRITE, UP], False),  # only people lead there
    ],
)
def test_an_act_fires_before_the_next_move_only_where_a_rule_has_just_led_there(
    mode: str, rules: list[str], *, fires: bool
) -> None:
    read = policy(*rules, more=f"catch_up: {mode}")
    idle = "`write` (line 6) cannot: `away`, which comes first, is true whenever it is"
    assert findings(read)[Kind.FIRES].because == (() if fires else (idle,))
    assert any("write" in entry.rules for entry in played(read, OWED)) is (fires and UP in rules)


def test_with_jump_only_a_state_that_leads_there_may_have_been_left_in_this_pass() -> None:
    out = "{id: out, from: called, when: days_overdue >= 1, to: reminded, why: W}"
    up = "{id: up, from: called, when: days_overdue >= 5, to: escalated, why: W}"
    read = policy(out, up, more="catch_up: jump")
    assert findings(read)[Kind.FIRES].because == (
        "`up` (line 6) cannot: `out`, which comes first, is true whenever it is",
    )


def test_a_claim_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Refused, match=r"unknown fact `days_overdu` \(did you mean `days_overdue`\?\)"):
        asked(policy(PAID), None, "days_overdu > 3")


NOBODY = ("this is about no account that the policy can have, so nothing is proved of any",)


def test_of_a_condition_that_no_account_meets_nothing_is_proved() -> None:
    """It protects nobody: most likely it is a slip."""
    never = "never: [{id: n, to: escalated, when: overdue_amount == 0 and days_overdue > 3}]"
    found = findings(policy(PAID, more=never), (None, "overdue_amount == 0 and days_overdue > 3"))
    assert [(found[kind].verdict, found[kind].because) for kind in (Kind.NEVER, Kind.ASKED)] == [
        (Verdict.UNDECIDED, NOBODY)
    ] * 2
    abroad = findings(policy(PAID, more='applies_to: country == "US"'), (None, 'country == "DE"'))
    assert (abroad[Kind.ASKED].verdict, abroad[Kind.ASKED].because) == (Verdict.UNDECIDED, NOBODY)


def test_of_a_policy_that_has_no_account_nothing_is_proved() -> None:
    found = findings(policy(*LADDER, more="applies_to: overdue_amount > 0 and days_overdue == 0"), (None, "on_hold"))
    assert found.pop(Kind.FIRES).verdict is Verdict.FAILS
    assert {(one.verdict, one.because) for one in found.values()} == {(Verdict.UNDECIDED, NOBODY)}


@pytest.mark.parametrize(
    ("applies_to", "nobody"),
    [
        ("overdue_amount > 0", {Kind.PAID}),
        ("days_overdue < 60", {Kind.FORGOTTEN, Kind.UNMATCHED}),  # whose debt grows old leaves it
        ("on_hold", {Kind.FORGOTTEN, Kind.UNMATCHED}),
        ("unapplied_amount == 0", {Kind.UNMATCHED}),
        ("has_open_promise", {Kind.FORGOTTEN, Kind.UNMATCHED, Kind.CIRCLE}),
        ('state == "current"', {Kind.PAID}),
        ('gross_overdue_amount < 1000.00 and country != "US"', set()),
    ],
)
def test_nothing_is_proved_of_accounts_that_the_policy_does_not_have(applies_to: str, nobody: set[Kind]) -> None:
    found = findings(policy(*LADDER, more=f"catch_up: one_step\napplies_to: {json.dumps(applies_to)}"))
    assert {kind for kind, one in found.items() if one.because == NOBODY} == nobody
    assert {found[kind].verdict for kind in nobody} <= {Verdict.UNDECIDED}


@pytest.mark.parametrize("applies_to", ["state == current", "not (state != current)"])
def test_what_comes_right_after_a_move_comes_whatever_the_policy_has_afterwards(applies_to: str) -> None:
    """Whether it has an account is asked before any move of a pass, so acts come where no account of it stands."""
    quoted = applies_to.replace("current", '"current"')
    write = "{id: recall, from: reminded, when: overdue_amount > 0, do: [send: friendly], why: W}"
    read = policy(*LADDER, write, more=f"catch_up: one_step\napplies_to: {json.dumps(quoted + ' and not on_hold')}")
    acts_by = [entry for entry in played(read, OWED) if entry.kind is EntryKind.ACTS]
    assert [rule for entry in acts_by for rule in entry.rules if entry.facts and entry.facts.state == "reminded"]
    found = findings(read, (None, 'state == "reminded"'))[Kind.ASKED]
    assert [(one.rule.id, one.facts.state) for one in found.witnesses if one.rule] == [("recall", "reminded")]
    assert findings(read, (None, 'state == "reminded" and on_hold'))[Kind.ASKED].verdict is not Verdict.FAILS


def test_a_move_that_the_machine_refuses() -> None:
    read = policy("{id: hope, from: called, when: promised_amount == 0, to: promised, why: W}", PAID)
    found = findings(read)[Kind.REFUSED]
    assert [witness.rule.id for witness in found.witnesses if witness.rule] == ["hope"]
    careful = policy("{id: hope, from: called, when: promised_amount > 0, to: promised, why: W}", PAID)
    assert findings(careful)[Kind.REFUSED].verdict is Verdict.PROVED


@pytest.mark.parametrize(
    ("rules", "because"),
    [
        (["{id: a, from: current, when: days_overdue > 3 and overdue_amount == 0, to: called, why: W}"],
         "`a` (line 5) cannot: no account ever meets its condition"),
        (["{id: a, from: current, when: days_overdue > 3, to: called, why: W}",
          "{id: b, from: current, when: days_overdue > 5, to: reminded, why: W}"],
         "`b` (line 6) cannot: `a`, which comes first, is true whenever it is"),
        (["{id: a, from: current, when: days_overdue > 3, to: called, why: W}",
          "{id: b, from: current, when: days_overdue > 2 and days_overdue != 3, to: reminded, why: W}"],
         "`b` (line 6) cannot: `a`, which comes first, is true whenever it is"),
        (["{id: a, from: current, when: days_overdue > 9, to: called, why: W}",
          "{id: b, from: current, when: days_overdue > 3 and days_overdue < 10, to: called, why: W}",
          "{id: c, from: current, when: days_overdue > 3, to: reminded, why: W}"],
         "`c` (line 7) cannot: rules that come first are true whenever it is"),
        (["{id: a, from: current, when: on_hold, to: reminded, why: W}"],
         "`a` (line 5) cannot: it leads up the ladder, and is held back whenever its condition is true"),
        (["{id: a, from: current, when: days_overdue > 3, to: resolved, why: W}"],
         "`a` (line 5) cannot: it is refused each time, by the machine or by `never`"),
    ],
)  # fmt: skip
def test_rules_that_never_fire(rules: list[str], because: str) -> None:
    assert findings(policy(*rules))[Kind.FIRES].because[-1:] == (because,)


def test_who_owes_nothing_is_let_go() -> None:
    kept = policy("{id: paid, from: open, when: gross_overdue_amount == 0 and not on_hold, to: resolved, why: W}")
    found = findings(kept)[Kind.PAID]
    assert [(w.facts.state, w.facts.on_hold) for w in found.witnesses] == [
        ("reminded", True), ("called", True), ("promised", True), ("disputed", True)
    ]  # fmt: skip
    assert findings(policy(PAID))[Kind.PAID].verdict is Verdict.PROVED


def test_who_owes_nothing_is_not_led_on_to_other_callers() -> None:
    """The move that lets it go is true, but others come first, and one after the other lead round."""
    contested = "has_open_dispute and overdue_amount == 0"
    dispute = f"{{id: in-dispute, from: [reminded, called], when: {contested}, to: disputed, why: W}}"
    old = "{id: too-old, from: disputed, when: has_open_dispute and dispute_age >= 14, to: called, why: W}"
    found = findings(policy(dispute, old, PAID))[Kind.PAID]
    assert [witness.rule.id for witness in found.witnesses if witness.rule] == ["in-dispute", "in-dispute", "too-old"]
    assert findings(policy(PAID, dispute, old))[Kind.PAID].verdict is Verdict.PROVED


LADDER = [
    PAID,
    (
        "{id: write, from: [current, resolved, promised, disputed], when: days_overdue >= 5 and overdue_amount >= 25.00"
        ", to: reminded, do: [{send: first-reminder}], why: W}"
    ),
    "{id: phone, from: reminded, when: days_overdue >= 20, to: called, do: [{call: q}], why: W}",
    "{id: again, from: called, when: days_since_contact >= 3, do: [{call: q}], repeat_after_days: 3, why: W}",
]


def test_a_debt_is_not_forgotten() -> None:
    found = findings(policy(*LADDER, more="catch_up: one_step"))[Kind.FORGOTTEN]
    assert (found.verdict, found.because) == (Verdict.PROVED, ("one of 24.99 can, in `current`",))


def test_where_only_people_lead_it_is_told() -> None:
    """Whoever takes an account back from `escalated` may put it where no rule looks."""
    rules = [LADDER[0], LADDER[1], LADDER[3].replace("called", "reminded")]
    found = findings(policy(*rules, more="catch_up: one_step"))[Kind.FORGOTTEN]
    assert (found.verdict, found.because[1:]) == (Verdict.PROVED, ("in `called`, to which only people lead, it does",))


@pytest.mark.parametrize("left_out", [1, 2, 3])
def test_a_debt_that_is_forgotten(left_out: int) -> None:
    """The state in which nothing more happens is named."""
    rules = [rule for at, rule in enumerate(LADDER) if at != left_out]
    found = findings(policy(*rules))[Kind.FORGOTTEN]
    assert found.verdict is Verdict.FAILS
    assert ["current", "reminded", "called"][left_out - 1] in [witness.facts.state for witness in found.witnesses]


def test_what_happens_once_is_no_help_for_good() -> None:
    once = LADDER[3].replace("repeat_after_days: 3, ", "")
    assert findings(policy(*LADDER[:3], once))[Kind.FORGOTTEN].verdict is Verdict.FAILS


def test_a_letter_that_was_counted_in_an_earlier_episode_is_none_of_this_one() -> None:
    """Nothing leads a paid account out of `current`, so the act stays over, and the new episode has no letter."""
    letter = "{id: letter, from: current, when: days_overdue >= 5, do: [{send: first-reminder}], why: W}"
    phone = "{id: phone, from: current, when: days_overdue >= 20 and notices_sent >= 1, to: called, why: W}"
    again = "{id: back, from: resolved, when: gross_overdue_amount > 0, to: current, why: W}"
    found = findings(policy(PAID, again, phone, letter, LADDER[3], more="catch_up: one_step"))[Kind.FORGOTTEN]
    assert [(w.facts.state, w.facts.notices_sent) for w in found.witnesses] == [("current", 0)]


def test_any_number_of_letters_of_a_stay_is_counted() -> None:
    letters = [
        f"{{id: l{day}, from: reminded, when: days_overdue >= {day}, do: [{{send: first-reminder}}], why: W}}"
        for day in (10, 20, 30, 40, 50)
    ]
    rules = [
        *LADDER[:2],
        "{id: phone, from: reminded, when: notices_sent >= 5, to: called, why: W}",
        LADDER[3],
        *letters,
    ]
    assert findings(policy(*rules, more="catch_up: one_step"))[Kind.FORGOTTEN].verdict is Verdict.PROVED


def test_money_that_stands_against_no_invoice_must_not_end_it() -> None:
    careful = [rule.replace(", to:", " and unapplied_amount == 0, to:") for rule in LADDER]
    found = findings(policy(*careful, more="catch_up: one_step"))
    assert (found[Kind.FORGOTTEN].verdict, found[Kind.UNMATCHED].verdict) == (Verdict.PROVED, Verdict.FAILS)
    tell = "{id: tell, from: any, when: unapplied_amount > 0, do: [{notify: lead}], repeat_after_days: 7, why: W}"
    assert findings(policy(*careful, tell, more="catch_up: one_step"))[Kind.UNMATCHED].verdict is Verdict.PROVED


ONLY = "catch_up: one_step\napplies_to: {}"
UP_TO = "the policy never has so large a debt for good: this is about those above 25.00"
TAGGED = "this is about accounts with any of the tags that `applies_to` names"
VIP = '{id: vip, from: open, when: \'"vip" in tags and "x" not in tags\', to: current, why: W}'


@pytest.mark.parametrize(
    ("applies_to", "rules", "because"),
    [
        ("gross_overdue_amount < 1000.00", [], (UP_TO,)),
        ("overdue_amount <= 900.00 or days_overdue < 30", [], (UP_TO,)),
        ("'\"vip\" in tags'", [], ()),  # no rule asks for it
        ("'\"vip\" in tags'", [VIP.replace("vip, from: open", "vip, from: disputed")], (TAGGED,)),
        ('\'"vip" in tags or "x" in tags\'', [VIP.replace("vip, from: open", "vip, from: disputed")], (TAGGED,)),
        ("'\"vip\" not in tags and credit_limit > 5000.00'", [], ()),
    ],
)
def test_a_debt_is_forgotten_of_accounts_that_the_policy_has(
    applies_to: str, rules: list[str], because: tuple[str, ...]
) -> None:
    """Which may be small, or all bear a tag: in `called` nothing more happens to any."""
    read = policy(*LADDER[:3], *rules, more=ONLY.format(applies_to))
    for kind in (Kind.FORGOTTEN, Kind.UNMATCHED):
        found = findings(read)[kind]
        assert (found.verdict, found.because) == (Verdict.FAILS, because)
        assert "called" in {witness.facts.state for witness in found.witnesses}
        assert all(holds(read.applies_to, witness.facts) for witness in found.witnesses if read.applies_to)
    mended = policy(*LADDER, *rules, more=ONLY.format(applies_to))
    assert findings(mended)[Kind.UNMATCHED].verdict is Verdict.PROVED
    assert findings(mended)[Kind.FORGOTTEN].because[: len(because)] == because


def test_such_a_debt_is_forgotten_in_a_life() -> None:
    read = policy(*LADDER[:3], more=ONLY.format("gross_overdue_amount < 1000.00"))
    steps = [entry.rule for entry in played(read, OWED) if entry.kind is EntryKind.STEP]
    assert (steps, left_of(played(read, OWED))) == (["write", "phone"], [])


KEEPING = "guards: {fresh_cash: {hold_if_unapplied_covers: true}}"
WAITING = "guards: {fresh_cash: {hold_if_unapplied_covers: true, hold_steps: true}}"
COVERED = [
    OWED | {"id": "I2", "amount": "10.00", "due": "2027-01-01"},
    {"event": "payment", "id": "P", "invoice": "I2", "amount": "2000.00"},
]
"""More than is owed, on an invoice that is not the one that is overdue."""


def left_of(entries: list[Entry], *, after: str = "2026-02-28") -> list[Entry]:
    """What happens after a day."""
    return [entry for entry in entries if entry.on > dt.date.fromisoformat(after)]


@pytest.mark.parametrize(
    ("mode", "guards", "stuck"),
    [
        ("jump", "", set()),
        ("jump", KEEPING, {"called"}),  # the call waits, and is not asked for again
        ("jump", WAITING, {"current", "reminded", "called", "resolved"}),
        ("notice_required", KEEPING, {"reminded", "called"}),  # the letter waits, and the next step for the letter
    ],
)
def test_money_that_covers_a_debt_keeps_steps_letters_and_calls_back(mode: str, guards: str, stuck: set[str]) -> None:
    read = policy(*LADDER, more=f"catch_up: {mode}\n{guards}")
    found = findings(read)[Kind.UNMATCHED]
    assert {witness.facts.state for witness in found.witnesses} == stuck
    assert all(w.facts.unapplied_amount >= w.facts.overdue_amount for w in found.witnesses)
    assert findings(read)[Kind.FORGOTTEN].verdict is Verdict.PROVED
    assert bool(left_of(played(read, OWED, *COVERED))) is not bool(stuck)


def test_a_letter_that_is_kept_back_is_none_that_was_sent() -> None:
    """The move that waits for it never comes."""
    phone = "{id: phone, from: reminded, when: notices_sent >= 1, to: called, why: W}"
    letter = "{id: letter, from: reminded, when: days_overdue >= 9, do: [{send: first-reminder}], why: W}"
    tell = "{id: tell, from: called, when: overdue_amount > 0, do: [{notify: lead}], repeat_after_days: 3, why: W}"
    rules = [*LADDER[:2], phone, letter, tell]
    assert findings(policy(*rules, more="catch_up: jump"))[Kind.UNMATCHED].verdict is Verdict.PROVED
    read = policy(*rules, more=f"catch_up: jump\n{KEEPING}")
    found = findings(read)[Kind.UNMATCHED]
    assert [(w.facts.state, w.facts.notices_sent) for w in found.witnesses] == [("reminded", 0)]
    assert left_of(played(read, OWED, *COVERED)) == []


def test_a_step_that_always_waits_for_money_is_idle() -> None:
    """Where it may have come it waits; a rule that asks for just such accounts never leads anywhere."""
    rule = (
        "{id: up, from: current, when: overdue_amount > 0 and overdue_amount < 9.00 and unapplied_amount > 9.00"
        ", to: called, why: W}"
    )
    assert findings(policy(rule, more=KEEPING))[Kind.FIRES].because == ()
    (said,) = findings(policy(rule, more=WAITING))[Kind.FIRES].because
    assert said.endswith("cannot: it leads up the ladder, and is held back whenever its condition is true")
    never = "never: [{id: n, to: called, when: unapplied_amount > 9.00}]"
    assert findings(policy(rule, more=f"{KEEPING}\n{never}"))[Kind.NEVER].verdict is Verdict.FAILS
    assert findings(policy(rule, more=f"{WAITING}\n{never}"))[Kind.NEVER].verdict is Verdict.PROVED


def test_another_dispute_must_not_end_it() -> None:
    """One that covers something else, while the debt itself is collectible."""
    rules = [rule.replace("when: days_overdue", "when: not has_open_dispute and days_overdue") for rule in LADDER]
    found = findings(policy(*rules, more="catch_up: one_step"))[Kind.FORGOTTEN]
    assert {witness.facts.has_open_dispute for witness in found.witnesses} == {True}


def test_a_letter_that_failed_must_not_end_it() -> None:
    """Under `notice_required` harsher moves wait for somebody; so a rule must see to it that somebody is in contact."""
    found = findings(policy(*LADDER))[Kind.UNDELIVERED]
    assert (found.verdict, {w.facts.state for w in found.witnesses}) == (
        Verdict.FAILS,
        {"current", "reminded", "resolved"},
    )
    ring = "{id: ring, from: any, when: notices_failed >= 1, do: [{call: q}], repeat_after_days: 7, why: W}"
    assert findings(policy(*LADDER, ring))[Kind.UNDELIVERED].verdict is Verdict.PROVED
    assert Kind.UNDELIVERED not in findings(policy(*LADDER, more="catch_up: jump"))


def test_nobody_goes_round_in_circles() -> None:
    down = "{id: down, from: called, when: days_in_state >= 90, to: reminded, why: W}"
    read = policy(*LADDER, down)
    found = findings(read)[Kind.CIRCLE]
    assert [(w.facts.state, w.rule.id if w.rule else "") for w in found.witnesses] == [
        ("reminded", "phone"), ("called", "down")
    ]  # fmt: skip
    assert findings(policy(*LADDER))[Kind.CIRCLE].verdict is Verdict.PROVED


def test_an_open_dispute_may_lead_round_every_morning() -> None:
    into = "{id: in-dispute, from: called, when: has_open_dispute and overdue_amount == 0, to: disputed, why: W}"
    out = "{id: too-old, from: disputed, when: dispute_age >= 30, to: called, why: W}"
    found = findings(policy(into, out))[Kind.CIRCLE]
    assert [w.facts.state for w in found.witnesses] == ["called", "disputed"]


def test_tags_that_rules_put_on_and_take_off_may_lead_round() -> None:
    up = "{id: up, from: reminded, when: '\"tried\" not in tags', to: called, do: [{tag: tried}], why: W}"
    down = "{id: down, from: called, when: '\"tried\" in tags', to: reminded, do: [{untag: tried}], why: W}"
    assert findings(policy(up, down))[Kind.CIRCLE].verdict is Verdict.FAILS
    by_people = [rule.replace("tag: tried", "tag: other") for rule in (up, down)]
    assert findings(policy(*by_people))[Kind.CIRCLE].verdict is Verdict.PROVED


def test_an_account_on_hold_may_go_round() -> None:
    """A hold keeps harsher moves back, and no others."""
    into = "{id: into, from: current, when: on_hold and has_open_dispute, to: disputed, why: W}"
    out = "{id: out, from: disputed, when: on_hold, to: current, why: W}"
    read = policy(into, out)
    life = played(read, OWED, {"event": "dispute", "id": "D", "invoice": "I1", "reason": "r"}, HOLD)
    assert [entry.rule for entry in life if entry.kind is EntryKind.STEP][:4] == ["into", "out", "into", "out"]
    found = findings(read)[Kind.CIRCLE]
    assert [(w.facts.state, w.facts.on_hold) for w in found.witnesses] == [("current", True), ("disputed", True)]


def test_letters_of_which_nobody_hears_may_lead_round() -> None:
    up = "{id: up, from: reminded, when: overdue_amount > 0, to: called, do: [{send: first-reminder}], why: W}"
    down = "{id: down, from: called, when: notice_pending, to: reminded, why: W}"
    begin = "{id: begin, from: current, when: overdue_amount > 0, to: reminded, why: W}"
    read = policy(begin, up, down, more="catch_up: one_step")
    life = played(read, OWED, delivery="recorded")
    assert [entry.rule for entry in life if entry.kind is EntryKind.STEP][:4] == ["begin", "up", "down", "up"]
    assert findings(read)[Kind.CIRCLE].verdict is Verdict.FAILS


def test_two_conditions_that_no_account_meets_in_turn_are_no_circle() -> None:
    up = "{id: up, from: reminded, when: 'country == \"US\"', to: called, why: W}"
    down = "{id: down, from: called, when: 'country == \"DE\"', to: reminded, why: W}"
    assert findings(policy(up, down))[Kind.CIRCLE].verdict is Verdict.PROVED
