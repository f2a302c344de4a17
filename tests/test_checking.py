"""A check tells all that is wrong, plays the examples, and ends in time whatever the document holds."""

import signal
import subprocess
import sys
import time

import pytest

from arflow import checking
from arflow.checking import check, known
from arflow.errors import Refused
from arflow.examples import Failure, failures
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy, version_of
from arflow.rules.prove_compile import MOST_MEMORY, in_own_process, prove_compile
from arflow.rules.reference import Reference

HEAD = "policy: p\ncurrency: USD\nrules:\n"
RULES = """\
  - {id: write, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: ring, from: reminded, when: days_overdue >= 14, to: called, do: [{call: collections}], why: Later.}
"""
EXAMPLE = """\
  - name: %s
    events: [{date: 2026-02-01, event: invoice, id: I1, amount: "50.00", due: 2026-03-01}]
    expect: [{date: %s, state: %s}]
"""
GOOD = HEAD + RULES + "examples:\n" + EXAMPLE % ("is called", "2026-03-15", "called")


def test_a_good_document_is_ready_with_its_warnings_and_examples() -> None:
    found = check(GOOD)
    assert found.is_sound
    assert found.is_ready
    assert 2 == len(found.warnings)
    assert [("is called", True)] == [(tried.name, tried.passes) for tried in found.examples]
    assert GOOD == found.require_ready().source


def test_all_refusals_are_told_with_their_lines() -> None:
    text = GOOD.replace("send: first-reminder", "send: frist-reminder").replace("days_overdue >= 14", "days >= 14")
    found = check(text)
    assert not found.is_sound
    assert [4, 5] == [refused.line for refused in found.refusals]
    assert "did you mean `first-reminder`?" in found.refusals[0].reason
    with pytest.raises(Refused, match="frist-reminder"):
        found.require_ready()


def test_an_example_that_fails_says_how_and_what_happened_instead() -> None:
    text = GOOD + EXAMPLE % ("is called early", "2026-03-11", "called")
    found = check(text)
    assert found.is_sound
    assert not found.is_ready
    (failed,) = found.failing
    assert ("on 2026-03-11 account `A` is reminded, expected called",) == failed.wrong
    assert [("step", "write"), ("effect", "write")] == [(line["kind"], line["rule"]) for line in failed.story]
    with pytest.raises(Refused, match=r"1 of 2 examples do not come out \(`is called early`\)"):
        found.require_ready()


def test_an_example_whose_events_contradict_each_other_fails_with_the_reason() -> None:
    text = GOOD.replace('id: I1, amount: "50.00", due: 2026-03-01', 'id: P1, amount: "50.00", invoice: I9')
    text = text.replace("event: invoice", "event: payment")
    (failed,) = check(text).failing
    assert "I9" in failed.wrong[0]


@pytest.mark.parametrize(
    "part",
    [
        "    events: [{date: 2026-02-01, event: policy, file: nowhere.yaml}]\n",
        "    events: [{date: 2026-02-01, event: policy}]\n",
        "    account: {event: policy, file: nowhere.yaml}\n    events: [{date: 2026-02-01, event: hold}]\n",
    ],
)
def test_an_example_with_another_policy_fails_in_its_line(part: str) -> None:
    """There is no such file, and it would not be read if there were."""
    policy = load_policy(f"{HEAD}{RULES}examples:\n  - name: other\n{part}    expect: []\n", file="p.yaml")
    failure = Failure(example="other", line=8, what="an example has one policy, and no event `policy`")
    assert [failure] == failures(policy, Reference())


STORY = """\
  - name: told in lines
    account:
      segment: shop
    events:
      - {date: 2026-02-01, event: invoice, id: I1, amount: "50.00", due: 2026-03-01}
      - date: 2026-03-02
        event: payment
        id: P1
        amount: "5.00"
      - {date: 2026-03-03, event: payment, id: P2, amount: "5.00"}
    expect: [{date: 2026-03-05, state: reminded}]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "line", "what"),
    [
        ("segment: shop", "segmnet: shop", 9, "unknown field `segmnet` (did you mean `segment`?)"),
        ("event: payment\n", "event: paid\n", 12, 'unknown event "paid"'),
        (
            "id: P1",
            "id: P1\n        invoice: I9",
            12,
            "payment `P1` names invoice `I9`, which account `A` does not have on 2026-03-02",
        ),
        ("id: P2", "id: P1, invoice: I1", 16, "payment `P1` of account `A` is there with other content (line 12)"),
        ("date: 2026-02-01", "date: 2026-02-30", 11, "`date` `2026-02-30` does not exist"),
        ("2026-03-03", "2026-02-30", 16, "`date` `2026-02-30` does not exist"),
        ("state: reminded", "state: called", 7, "on 2026-03-05 account `A` is reminded, expected called"),
    ],
)
def test_what_is_wrong_with_an_event_of_an_example_is_told_at_its_line(
    right: str, wrong: str, line: int, what: str
) -> None:
    """The example's name is told once, beside its mistake; what does not come out is the whole example's."""
    text = HEAD + RULES + "examples:\n" + STORY.replace(right, wrong)
    (failure,) = failures(load_policy(text, file="p.yaml"), Reference())
    (failed,) = check(text).failing
    assert ("told in lines", line, what) == (failure.example, failure.line, failure.what)
    assert ("told in lines", line, (what,)) == (failed.name, failed.line, failed.wrong)


def test_a_text_that_json_has_escaped_is_compared_as_the_one_it_is() -> None:
    """json.dumps writes an emoji as two halves; a fact has it whole."""
    text = GOOD.replace("when: days_overdue >= 14", r"""when: "segment == '\ud83c\udf5e'" """)
    given = text.replace("    events:", "    account: {segment: \U0001f35e}\n    events:")
    assert check(given).is_ready
    assert not check(text).is_ready


def test_two_examples_of_one_name_are_two() -> None:
    text = GOOD + EXAMPLE % ("is called", "2026-03-11", "called") + EXAMPLE % ("is called", "2026-03-12", "escalated")
    found = failures(load_policy(text, file="p.yaml"), Reference())
    assert [("is called", 1, 10), ("is called", 2, 13)] == [(one.example, one.place, one.line) for one in found]


def test_an_example_that_expects_nothing_is_refused_but_read_where_it_is_kept() -> None:
    """It would pass whatever the rules do. Earlier releases took it, and what they kept must be readable for good."""
    text = GOOD.replace("expect: [{date: 2026-03-15, state: called}]", "expect: []")
    (refused,) = check(text).refusals
    assert 9 == refused.line
    assert "`expect` is empty, so the example tests nothing; say a date and a state" == refused.reason
    assert text == load_policy(text, file="version").source


def test_an_example_whose_account_is_parked_says_why() -> None:
    """An attribute that is of another type than it is declared parks its account, which is no fault of the rules."""
    head = HEAD.replace("rules:", "attributes: {grade: int}\nrules:")
    text = head + RULES + "examples:\n" + EXAMPLE % ("late", "2026-03-15", "called")
    (failed,) = check(text.replace("    events:", '    account: {attributes: {grade: "5"}}\n    events:')).failing
    said = "on 2026-03-15 account `A` is current, expected called; it is parked: "
    said += "attribute `grade` of account `A` is `5`, which is no int (`attr_grade` of policy `p`)"
    assert (said,) == failed.wrong


@pytest.mark.parametrize("name", ["credit", "amount", "credit_limit", "grade"])
@pytest.mark.parametrize(("kind", "written"), [("int", "5"), ("amount", "5"), ("amount", "5.00")])
def test_an_attribute_of_an_example_is_what_it_is_declared_whatever_its_name(
    name: str, kind: str, written: str
) -> None:
    """Only `credit`, `amount` and `credit_limit` of the account and its events are amounts by their name."""
    head = HEAD.replace("rules:", f"attributes: {{{name}: {kind}}}\nrules:")
    text = head + RULES.replace("days_overdue >= 14", f"attr_{name} == 5") + "examples:\n"
    text += EXAMPLE % ("late", "2026-03-15", "called")
    given = f"    account: {{attributes: {{{name}: {written}}}, credit_limit: 500}}\n    events:"
    policy = load_policy(text.replace("    events:", given), file="policy")
    assert [] == failures(policy, DurableRules())


def test_what_takes_too_long_is_ended_and_what_was_found_until_then_is_told() -> None:
    """An example that acts every day for three hundred years; the one before it was played."""
    forever = (
        "  - name: for ever\n"
        '    events: [{date: 1900-02-01, event: invoice, id: I1, amount: "50.00", due: 1900-03-01}]\n'
        "    expect: [{date: 2199-01-01, state: called}, {date: 2199-01-02, state: called}]\n"
    )
    act = "  - {id: again, from: called, when: on_hold == false, repeat_after_days: 1, do: [{tag: t}], why: x.}\n"
    text = HEAD + RULES + act + "examples:\n" + EXAMPLE % ("short", "2026-03-15", "called") + forever
    began = time.monotonic()
    found = check(text + EXAMPLE % ("after it", "2026-03-15", "called"), seconds=3)
    assert time.monotonic() - began < 20
    assert not found.is_over
    assert found.is_sound
    assert [True, False, False] == [tried.passes for tried in found.examples]
    assert "3 seconds" in found.examples[1].wrong[0]
    with pytest.raises(Refused, match="`for ever`, `after it`"):
        found.require_ready()


def test_a_document_that_is_too_large_is_refused() -> None:
    (refused,) = check(GOOD + "#" * 1_000_000).refusals
    assert "1,000,000 bytes" in refused.reason


def test_what_was_checked_is_known_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD + "# known\n"
    assert known(version_of(text)) is None
    first = check(text)
    assert first is known(version_of(text))
    assert first is check(text)


KILLED = "the check was ended by the system; try again"


@pytest.mark.parametrize("written", [b"", b'{"warnings": 2}\n', b'{"warnings": 2}\n{"compiles": true}\n'])
def test_a_check_that_the_system_has_ended_says_nothing_of_the_document(
    monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    """As when memory is short. It is not remembered, so that the next check is one."""
    text, real = GOOD + f"# ended after {len(written)}\n", subprocess.run
    ended = subprocess.CompletedProcess([], -signal.SIGKILL, written, b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    found = check(text)
    assert [KILLED] == [refused.reason for refused in found.refusals] or KILLED in found.failing[0].wrong[0]
    assert not found.is_ready
    assert known(version_of(text)) is None
    monkeypatch.setattr(subprocess, "run", real)
    assert check(text).is_ready


def test_rules_whose_compilation_the_system_has_ended_are_not_called_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess([], -signal.SIGKILL, b"", b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(Refused, match=f"^{KILLED}$"):
        prove_compile(load_policy(GOOD, file="p.yaml"))


def test_only_so_many_checks_run_at_once_and_a_further_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_WAIT_SECONDS", 0.01)
    for _ in range(checking.AT_ONCE):
        assert checking._turns.acquire(timeout=1)
    try:
        found = check(GOOD + "# busy\n")
    finally:
        for _ in range(checking.AT_ONCE):
            checking._turns.release()
    assert not found.is_sound
    assert "try again" in found.refusals[0].reason
    assert check(GOOD + "# busy\n").is_ready


def test_a_check_may_not_take_all_memory() -> None:
    """What a document asks of `durable_rules` is not known beforehand."""
    program = f"from arflow.rules.prove_compile import *; limit_memory(); bytearray({2 * MOST_MEMORY})"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert (1, "MemoryError") == (done.returncode, done.stderr.split()[-1])


def test_a_process_of_its_own_is_told_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the passwords among them: what it looks at is somebody's document. `code` runs what it reads."""
    monkeypatch.setenv("ARFLOW_SMTP_URL", "smtp://u:secret@h")
    monkeypatch.setenv("OTHER", "told")
    said = in_own_process("code", "import os; print([os.environ.get(n) for n in ('ARFLOW_SMTP_URL', 'OTHER')])\n", 30)
    assert b"[None, 'told']" in said.written
