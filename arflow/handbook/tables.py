"""The tables of the handbook: what the catalogue, the vocabulary, the events and the limits of the code say."""

from collections.abc import Mapping
from types import MappingProxyType

from arflow.accounts.events import KINDS
from arflow.handbook.markdown import code, code_list, table
from arflow.machines.diagram import ORDER
from arflow.machines.states import GUARDS, MEANING, rank
from arflow.rules.catalogue import CATALOGUE, ByTime, FactSpec
from arflow.rules.laws import LAWS
from arflow.rules.loader import MAX_BYTES, MAX_NAME, MAX_ORDER_COMPARISONS, MAX_RULES
from arflow.rules.templates import KNOWN
from arflow.vocabulary import NEVER, OUTCOMES, TIMED_EFFECTS, EffectKind

_BY_TIME: Mapping[ByTime, str] = MappingProxyType(
    {
        ByTime.CONSTANT: "stays",
        ByTime.AGE: "+1 a day",
        ByTime.COUNTDOWN: "-1 a day",
        ByTime.WINDOW: "falls as entries leave the window",
        ByTime.SCHEDULE: "jumps on due dates and promise ends",
    }
)

_EFFECTS: Mapping[EffectKind, tuple[str, str]] = MappingProxyType(
    {
        EffectKind.SEND: ("a template", "sends the customer a message; one a day at most"),
        EffectKind.CALL: ("a queue", "raises a call task for callers, unless one is open for the account"),
        EffectKind.ASSIGN: ("a queue or a user", "gives the account to somebody"),
        EffectKind.NOTIFY: ("a role or an address", "tells somebody in the house"),
        EffectKind.TAG: ("a tag", "puts a tag on the account"),
        EffectKind.UNTAG: ("a tag", "takes a tag off the account"),
    }
)

_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "account": "what is known of the customer; only what is named changes, `null` clears it",
        "invoice": "what the customer owes; `issued` is the event's date unless given; negative: a credit note",
        "payment": "money that came; without `invoice` it goes to the oldest debt",
        "payment_reversed": "a payment that went back; `payment` is its id",
        "credit": "what need not be paid of an invoice; without `amount` all that is open",
        "write_off": "an invoice that is given up",
        "write_off_reversed": "a written-off invoice that is taken up again",
        "promise": "what the customer promised to pay by `due`; with `invoices` only towards these",
        "promise_cancelled": "a promise that is off; `id` is the promise's",
        "dispute": "what the customer contests of an invoice; without `amount` all that is open",
        "dispute_closed": "what came of a dispute: `upheld`, `partly_upheld` (with `credit`), `rejected`, `withdrawn`",
        "contact": "a person's `call`, `email`, `letter` or `sms`; `direction` is `out` unless given",
        "notice_delivered": "a message arrived; `notice` is its template",
        "notice_failed": "a message did not arrive",
        "hold": "the ladder may not climb",
        "hold_released": "the ladder may climb again",
        "tag": "a tag is put on",
        "untag": "a tag is taken off",
        "forced": "a move that a person makes, to or from `escalated`",
    }
)


def facts() -> str:
    """Every fact: its type, how time alone changes it, what it means."""
    return table(["fact", "type", "with time it", "meaning"], [_fact(spec) for spec in CATALOGUE.values()])


def _fact(spec: FactSpec) -> tuple[str, str, str, str]:
    meaning = f"{spec.meaning}: {code_list(spec.values)}" if spec.values else spec.meaning
    return code(spec.name), spec.type.value, ", ".join(_BY_TIME[way] for way in spec.by_time), meaning


def states() -> str:
    """Every state: its rank, what it means, when the machine refuses it."""
    refused = {state: reason for state, (reason, _) in GUARDS.items()}
    rows = [(code(state), str(rank(state)), MEANING[state], refused.get(state, "")) for state in ORDER]
    return table(["state", "rank", "an account stands here while", "refused while"], rows)


def effects() -> str:
    """Every effect: what it names, what it does, when it leaves."""
    rows = [
        (code(f"{kind}: ..."), *_EFFECTS[kind], "in working hours" if kind in TIMED_EFFECTS else "at once")
        for kind in EffectKind
    ]
    return table(["effect", "names", "does", "leaves"], rows)


def events() -> str:
    """Every event of an account: the fields it needs, those it may have, what it records."""
    rows = []
    for kind, fields in KINDS.items():
        if kind == "policy":  # of no account, and only where a replay reads events
            continue
        needed = code_list(name for name, field in fields.items() if field.required)
        optional = code_list(name for name, field in fields.items() if not field.required)
        rows.append((code(kind), needed, optional, _EVENTS[kind]))
    return table(["event", "needs", "may have", "records"], rows)


def outcomes() -> str:
    """Every outcome of a contact: whether it is a conversation, and whether an outbound call with it is an attempt."""
    rows = [
        (code(outcome.code), _yes(holds=outcome.is_conversation), _yes(holds=outcome.is_attempt))
        for outcome in OUTCOMES.values()
    ]
    return table(["outcome", "a conversation", "an attempt, as an outbound call"], rows)


def laws() -> str:
    """What proofs take for granted of the facts of every account."""
    rows = [(code(law.given_text) if law.given_text else "", code(law.then_text), law.why) for law in LAWS]
    return table(["while", "it is true that", "because"], rows)


def _yes(*, holds: bool) -> str:
    return "yes" if holds else "no"


def templates() -> str:
    """The templates that `send` may name."""
    return code_list(sorted(KNOWN))


def limits() -> str:
    """What is too much for a policy."""
    rows = [
        ("a document", f"{MAX_BYTES:,} bytes"),
        ("rules in a policy", f"{MAX_RULES:,}"),
        ("order comparisons (`<` and its like) on one fact in one state", str(MAX_ORDER_COMPARISONS)),
        ("the name of a template, queue, role or tag", f"{MAX_NAME} characters"),
        ("a number of days", f"0 to {NEVER}"),
    ]
    return table(["what", "at most"], rows)
